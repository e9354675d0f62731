"""A schema of the database: tables beside the catalog, in place of a file of storage/."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from docent.postgres.connections import PostgresConnection, PostgresPool
from docent.postgres.migrating import open_pool

WAIT_SECONDS = 10
_pools: dict[str, PostgresPool] = {}
_opening = threading.Lock()


class ServerSchema:
    """Transactions on the tables of one schema. Thread-safe."""

    def __init__(self, database_url: str, schema: str, *, write_lock: int = 0) -> None:
        """Take the schema, and the advisory lock of those who write, where one at a time may."""
        self._pool = _pool(database_url)
        self._read = f"BEGIN READ ONLY; SET LOCAL search_path = {schema}"
        self._write = f"BEGIN; SET LOCAL search_path = {schema}"
        if write_lock:
            self._write += (
                f"; SET LOCAL lock_timeout = '{WAIT_SECONDS}s'; SELECT pg_advisory_xact_lock({write_lock})"
            )

    def read(self) -> AbstractContextManager[PostgresConnection]:
        return self._pool.transaction(self._read)

    def write(self) -> AbstractContextManager[PostgresConnection]:
        """Run the block in one transaction: all of it happens, or none."""
        return self._pool.transaction(self._write)

    def row(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a statement that names its schema and is a transaction of its own."""
        return self._pool.row(statement, values)

    def connect(self) -> PostgresConnection:
        """Return a connection for a lock that is held for long; it is the caller's to close."""
        return self._pool.connect()


def _pool(database_url: str) -> PostgresPool:
    """Return the connections that all schemas of this process share."""
    with _opening:
        if database_url not in _pools:
            _pools[database_url] = open_pool(database_url)
            atexit.register(_pools[database_url].close)
        return _pools[database_url]
