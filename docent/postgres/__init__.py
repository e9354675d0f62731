"""PostgreSQL in place of SQLite files: connections, statements, and the tables.

Its modules are imported only where DOCENT_DATABASE_URL names a database.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from docent.errors import StoreError

if TYPE_CHECKING:
    from docent.postgres.server_schema import ServerSchema

PACKAGES = ("psycopg", "alembic")
HELD_LOCKS = (
    "pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""The advisory locks of two numbers that sessions of this database hold, to select from."""


def require_packages() -> None:
    """Raise StoreError where the packages of the extra `cluster` are not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise StoreError(
            "DOCENT_DATABASE_URL names a database, which needs {missing}. Install it with: pip install "
            "'docent-rag[cluster]' (in a checkout: make install-cluster)",
            missing=" and ".join(missing),
        )


def open_schema(database_url: str, schema: str, *, write_lock: int = 0) -> ServerSchema:
    """Open the tables of one schema; with a lock, who writes them does so alone. Raises StoreError."""
    require_packages()
    from docent.postgres.server_schema import ServerSchema

    return ServerSchema(database_url, schema, write_lock=write_lock)
