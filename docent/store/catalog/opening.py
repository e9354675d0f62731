"""The catalog that the settings name: a file in storage/, or a database in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from docent.postgres import require_packages
from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.store.protocols import Catalog


def open_catalog(folder: Path, database_url: str) -> Catalog:
    """Open the catalog of a storage/, in PostgreSQL where a URL names a database."""
    if not database_url:
        return SqliteCatalog(folder / "index" / "catalog.db")
    require_packages()
    from docent.store.catalog.postgres_catalog import PostgresCatalog  # not installed by default

    return PostgresCatalog(database_url)
