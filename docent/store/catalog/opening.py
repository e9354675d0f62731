"""The catalog that the settings name: a file in storage/, or a database in PostgreSQL."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from docent.errors import StoreError
from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.store.protocols import Catalog


def open_catalog(folder: Path, database_url: str) -> Catalog:
    """Open the catalog of a storage/, in PostgreSQL where a URL names a database."""
    if not database_url:
        return SqliteCatalog(folder / "index" / "catalog.db")
    if find_spec("psycopg") is None or find_spec("alembic") is None:
        raise StoreError(
            "DOCENT_DATABASE_URL names a database, which needs the packages of the extra `cluster`. Install "
            "them with: pip install 'docent-rag[cluster]', or in a checkout: make install-cluster"
        )
    from docent.store.catalog.postgres_catalog import PostgresCatalog  # not installed by default

    return PostgresCatalog(database_url)
