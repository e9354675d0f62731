"""Fixtures for all tests, and a random order of tests: `pytest --shuffle 7`."""

from __future__ import annotations

import random
from itertools import groupby

import hypothesis
import pytest

pytest_plugins = [
    "tests.fakes.plugin",
    "tests.fakes.postgres_server",
    "tests.fakes.real_model",
    "tests.fakes.s3_server",
]

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
        generator = random.Random(seed)
        generator.shuffle(files)  # the tests of a file stay together, since they share its servers
        for tests in files:
            if not getattr(getattr(tests[0], "module", None), "IN_ORDER", False):
                generator.shuffle(tests)
    elif hasattr(config, "workerinput"):  # one of several processes: slow files start first
        files.sort(key=lambda tests: not any(map(is_slow, tests)))
    items[:] = [test for tests in files for test in tests]


def is_slow(test: pytest.Item) -> bool:
    return any(test.get_closest_marker(name) for name in ("slow", "browser"))
