"""PostgreSQL in place of SQLite files: connections, statements, and the tables.

Its modules are imported only where DOCENT_DATABASE_URL names a database.
"""

from __future__ import annotations

from importlib.util import find_spec

from docent.errors import StoreError

PACKAGES = ("psycopg", "alembic")


def require_packages() -> None:
    """Raise StoreError where the packages of the extra `cluster` are not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise StoreError(
            "DOCENT_DATABASE_URL names a database, which needs {missing}. Install it with: pip install "
            "'docent-rag[cluster]' (in a checkout: make install-cluster)",
            missing=" and ".join(missing),
        )
