"""Run the tests of a module that says IN_BOTH_DATABASES with the catalog in SQLite and in PostgreSQL."""

from __future__ import annotations

import pytest

from tests.store.databases import DATABASE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if getattr(metafunc.module, "IN_BOTH_DATABASES", False):
        both = not metafunc.definition.get_closest_marker("sqlite_only")
        metafunc.parametrize("database", ["SQLite", "PostgreSQL"] if both else ["SQLite"], indirect=True)


@pytest.fixture(autouse=True)
def database(request, monkeypatch):
    """The name of the database of this test."""
    name = getattr(request, "param", "SQLite")
    if name == "PostgreSQL":
        monkeypatch.setenv(DATABASE, request.getfixturevalue("postgres_url"))
    return name
