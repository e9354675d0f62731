"""Run the tests of a module that says IN_BOTH_DATABASES with the catalog in SQLite and in PostgreSQL."""

from __future__ import annotations

import pytest

from tests.store.databases import DATABASE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if getattr(metafunc.module, "IN_BOTH_DATABASES", False):
        both = not metafunc.definition.get_closest_marker("sqlite_only")
        names = ["SQLite", "PostgreSQL"] if both else ["SQLite"]
        metafunc.fixturenames.insert(0, "database")
        metafunc.parametrize("database", names, indirect=True)


@pytest.fixture
def database(request, monkeypatch):
    """The name of the database of this test."""
    if request.param == "PostgreSQL":
        monkeypatch.setenv(DATABASE, request.getfixturevalue("postgres_url"))
    return request.param
