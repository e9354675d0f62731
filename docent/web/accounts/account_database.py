"""Open the database of users and keys: a file of storage/, or PostgreSQL; their statements are one text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from docent.postgres import open_schema
from docent.store.protocols import CatalogConnection
from docent.web.storage_files import opening

WAIT_SECONDS = 10
WRITING = 6_101_774_003
"""The advisory lock in PostgreSQL of who changes accounts."""


class AccountDatabase(Protocol):
    """Transactions on users or keys. A running server sees changes of other processes at once."""

    def read(self) -> AbstractContextManager[CatalogConnection]: ...

    def write(self) -> AbstractContextManager[CatalogConnection]:
        """Run the block in one transaction, alone in all processes: all of it happens, or none."""


def account_database(path: Path, tables: Sequence[str], database_url: str) -> AccountDatabase:
    """Open the database of users or of keys. Raises StoreError."""
    return account_server(database_url) if database_url else AccountFile(path, tables)


def account_server(database_url: str, *, write_lock: int = WRITING) -> AccountDatabase:
    return open_schema(database_url, "accounts", write_lock=write_lock)


class AccountFile:
    """A file of storage/ that only its user may read."""

    def __init__(self, path: Path, tables: Sequence[str]) -> None:
        self._path = path
        with opening(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.read() as database:
                for table in tables:
                    database.execute(table)
            path.chmod(0o600)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS)) as connection, connection:
            connection.execute("PRAGMA secure_delete = ON")  # a removed name is overwritten, not unlinked
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self.read() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection


def shared_secret(database_url: str, fresh: bytes) -> bytes:
    """Return the secret that is stored in PostgreSQL; a fresh one is stored where there is none."""
    with account_server(database_url).write() as database:
        database.execute("INSERT INTO secret VALUES (1, ?) ON CONFLICT (n) DO NOTHING", (fresh,))
        (secret,) = database.execute("SELECT value FROM secret").fetchone()
    return bytes(secret)
