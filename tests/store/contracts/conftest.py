"""Fixtures that run the contract suite through every implementation in implementations.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.contracts.implementations import (
    CATALOGS,
    DERIVED,
    FILES,
    INDEXES,
    postgres_catalog,
    s3_files,
    sqlite_catalog,
)

TABLES: dict[str, dict[str, Any]] = {
    "catalog_factory": CATALOGS,
    "index_factory": INDEXES,
    "derived_factory": DERIVED,
    "files_factory": FILES,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes factories with every implementation of each."""
    for name, table in TABLES.items():
        if name in metafunc.fixturenames:
            # A property test opens hundreds; the first implementation of each is enough.
            most = 1 if getattr(metafunc.function, "is_hypothesis_test", False) else len(table)
            ids = list(table)[:most]
            metafunc.parametrize(name, [table[key] for key in ids], ids=ids, scope="session")


@pytest.fixture
def catalog(catalog_factory, tmp_path, request):
    """One process's view of a new catalog; `catalog_factory(tmp_path)` is another's."""
    if catalog_factory is postgres_catalog:
        request.getfixturevalue("postgres_url")
    catalog = catalog_factory(tmp_path)
    yield catalog
    catalog.close()


@pytest.fixture
def other(catalog, catalog_factory, tmp_path):
    """Another process's view of the same catalog."""
    other = catalog_factory(tmp_path)
    yield other
    other.close()


@pytest.fixture
def files(files_factory, tmp_path, request):
    if files_factory is s3_files:
        request.getfixturevalue("s3_url")
    sqlite_catalog(tmp_path).close()  # made before several open it at once
    return files_factory(tmp_path)
