"""What every test may ask for, and an order by chance: `pytest --shuffle 7`."""

from __future__ import annotations

import random
from itertools import groupby

import hypothesis
import pytest

pytest_plugins = ["tests.fakes.plugin"]

# A busy machine is no failure: only wrong results are.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in the order of this seed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    files = [list(group) for _, group in groupby(items, lambda item: item.path)]
    seed = config.getoption("--shuffle")
    if seed is not None:
        chance = random.Random(seed)
        chance.shuffle(files)  # the tests of a file stay together, since they share its servers
        for tests in files:
            if not getattr(getattr(tests[0], "module", None), "IN_ORDER", False):
                chance.shuffle(tests)
    elif hasattr(config, "workerinput"):  # one of several processes: what takes long is not begun last
        files.sort(key=lambda tests: not any(map(takes_long, tests)))
    items[:] = [test for tests in files for test in tests]


def takes_long(test: pytest.Item) -> bool:
    return any(test.get_closest_marker(name) for name in ("slow", "browser"))
