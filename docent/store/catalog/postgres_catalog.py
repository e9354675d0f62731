"""The catalog in PostgreSQL: one database that processes on any number of machines share.

A reader's questions are read under row-level security: should a statement forget its scope, the database
still returns nothing of other people (docs/decisions/0031-postgresql.md).
"""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
from psycopg import sql

from docent.errors import StoreError
from docent.postgres.connections import PostgresConnection
from docent.postgres.listener import CHANNEL, Listener
from docent.postgres.migrating import open_pool
from docent.store.protocols import Catalog
from docent.types import Scope

POLL_SECONDS = 0.5
"""Between two looks at the catalog, in case a notification was lost."""
WRITING = 6_101_774_002
"""The advisory lock of who writes: one transaction at a time, as in SQLite."""
LIVE_SECONDS = 30
"""A process that was not heard of for so long holds nothing up, and writes its index anew once it is back."""
FORGOTTEN = "1 hour"
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITE = (
    # Each statement sees what was committed before it began, so also what the wait for the lock was for.
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '30s'; "
    f"SELECT pg_advisory_xact_lock({WRITING})"
)
VERSION = (
    # Another number once all changes are visible to who follows them: see the view `changes`.
    "SELECT n * 2 + CASE WHEN EXISTS (SELECT FROM change_log WHERE xid >= "
    "pg_snapshot_xmin(pg_current_snapshot())) THEN 1 ELSE 0 END FROM catalog_version"
)
CHANGED = (
    "WITH new AS (UPDATE catalog_version SET n = n + 1 WHERE pg_current_xact_id_if_assigned() IS NOT NULL "
    f"RETURNING n) SELECT pg_notify('{CHANNEL}', '') FROM new; COMMIT"
)
"""Ends each transaction that has changed something."""


class PostgresCatalog(Catalog):
    """Transactions on the catalog of one database. Thread-safe.

    No copy is kept beside it: who keeps the database backs it up. Dead rows and the write-ahead log keep
    deleted text until PostgreSQL uses their place again (docs/security.md).
    """

    def __init__(self, url: str) -> None:
        self._pool = open_pool(url)
        self._write_lock = threading.Lock()
        self._replica = uuid.uuid4().hex
        self._listener = Listener(self._pool)

    @property
    def version(self) -> int:
        row = self._pool.row(VERSION)
        assert row is not None
        return int(row[0])

    @contextmanager
    def read(self, scope: Scope | None = None) -> Iterator[PostgresConnection]:
        with self._pool.transaction(READ if scope is None else f"{READ}; {_as_reader(scope.reader)}") as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[PostgresConnection]:
        # Threads of this process wait here, with no connection of their own.
        with self._write_lock, self._pool.transaction(WRITE, end=CHANGED) as db:
            yield db

    def followed_by_all(self, generation: int, position: int) -> int:
        self._pool.row(
            "WITH forgotten AS (DELETE FROM replicas WHERE seen < now() - CAST(? AS interval)) "
            "INSERT INTO replicas (id, generation, host, position) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id, generation) DO UPDATE SET position = excluded.position, seen = now() "
            "RETURNING id",
            (FORGOTTEN, self._replica, generation, socket.gethostname(), position),
        )
        row = self._pool.row(
            "SELECT min(position) FROM replicas WHERE generation = ? "
            "AND seen > now() - make_interval(secs => ?)",
            (generation, LIVE_SECONDS),
        )
        assert row is not None
        return int(row[0])

    def wait_for_change(self) -> None:
        """Listen for the end of a transaction that changed something, in any process."""
        self._listener.wait(POLL_SECONDS)

    def stop_waiting(self) -> None:
        self._listener.wake()

    def shrink(self) -> None:
        """Let the place of deleted rows be used again."""
        with closing(self._pool.connect().raw) as raw:
            raw.execute("VACUUM (ANALYZE) readings, pages, chunks, vectors, change_log")

    def complaints(self) -> list[str]:
        """Return the indexes and constraints that do not hold; all others are checked with each write."""
        with self.read() as db:
            broken = db.execute(
                "SELECT CAST(CAST(indexrelid AS regclass) AS text) FROM pg_index i JOIN pg_class t "
                "ON t.oid = i.indrelid WHERE NOT indisvalid AND relnamespace = "
                "CAST(current_schema() AS regnamespace) UNION SELECT CAST(conname AS text) "
                "FROM pg_constraint WHERE NOT convalidated AND connamespace = "
                "CAST(current_schema() AS regnamespace)"
            ).fetchall()
        return [f"{name} is not valid" for (name,) in broken]

    def close(self) -> None:
        with self._write_lock:
            with suppress(StoreError, psycopg.Error):
                self._pool.row("DELETE FROM replicas WHERE id = ? RETURNING id", (self._replica,))
            self._listener.close()
            self._pool.close()


def _as_reader(reader: str | None) -> str:
    """Return statements after which a transaction sees what this reader may see, and writes nothing."""
    name = sql.Literal(reader or "").as_string(None)
    installation = "on" if reader is None else "off"  # which sees every shared library
    return (
        f"SET LOCAL ROLE docent_reader; SET LOCAL docent.reader = {name}; "
        f"SET LOCAL docent.installation = '{installation}'"
    )
