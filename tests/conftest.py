"""What every test may ask for, and an order by chance: `pytest --shuffle 7`."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

pytest_plugins = ["tests.fakes.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in the order of this seed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.getoption("--shuffle")
    if seed is None:
        return
    chance = random.Random(seed)
    files = [list(group) for _, group in groupby(items, lambda item: item.path)]
    chance.shuffle(files)  # the tests of a file stay together, since they share its servers
    for tests in files:
        chance.shuffle(tests)
    items[:] = [test for tests in files for test in tests]
