"""Claims on jobs that any number of processes work on, and their progress, in PostgreSQL.

A claim is an advisory lock of a session, so it ends with the connection of a process that dies, and no
transaction is held while a file is read. Attempts and progress are rows, each written by itself
(docs/decisions/0037-workers.md).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from docent.errors import StoreError, UnknownDocument
from docent.postgres import HELD_LOCKS
from docent.postgres.connections import PostgresConnection, database_error
from docent.postgres.listener import CHANNEL, Listener
from docent.postgres.migrating import open_pool

CLASSES = {"read": 6101, "again": 6102, "embed": 6103, "duty": 6104}
"""The first number of an advisory lock, by the kind of job; the second is derived from its key."""
STANDING_BY = 6105
"""Held, shared, by each process that takes jobs."""
REPORT_SECONDS = 0.5  # between two reports of a file's progress
ASK_SECONDS = 0.05


class PostgresJobs:
    """Jobs of all processes that work with one database. Thread-safe."""

    shared = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = open_pool(url)
        self._listener = Listener(self._pool)
        self._claiming = threading.Lock()
        self._connection: PostgresConnection | None = None
        self._held: Counter[tuple[str, str]] = Counter()
        self._stands_by = False
        self._closed = False
        self._reported: dict[tuple[str, str], float] = {}
        """When a row of this process' own jobs was last written; without an entry the job is cancelled."""
        self._progress: dict[tuple[str, str], tuple[int, int]] = {}

    def claim(self, kind: str, key: str, *, seconds: float = 0.0) -> bool:
        until = time.monotonic() + seconds
        while not (claimed := self._claim(kind, key)) and time.monotonic() < until:
            time.sleep(ASK_SECONDS)
        return claimed

    def release(self, kind: str, key: str) -> None:
        with self._claiming:
            self._held[kind, key] -= 1
            if self._held[kind, key] > 0:
                return
            there = self._held.pop((kind, key)) == 0 and self._connection is not None
            if there:  # else the claim has ended with its connection
                with suppress(StoreError), self._claims() as connection:
                    connection.execute(
                        "SELECT pg_advisory_unlock(CAST(? AS INTEGER), CAST(? AS INTEGER))",
                        (CLASSES[kind], _number(key)),
                    )

    def begin(self, kind: str, document_id: str) -> int:
        row = self._row(
            "INSERT INTO jobs (kind, document, attempts) SELECT ?, id, 1 FROM documents WHERE id = ? "
            "ON CONFLICT (kind, document) DO UPDATE SET attempts = jobs.attempts + 1, pages = 0, "
            "expected = 0 RETURNING attempts",
            (kind, document_id),
        )
        if row is None:
            raise UnknownDocument("A document was deleted before it was read.")
        self._progress[kind, document_id] = (0, 0)
        self._reported[kind, document_id] = time.monotonic()
        return int(row[0])

    def report(self, kind: str, document_id: str, pages: int, expected: int) -> bool:
        job = (kind, document_id)
        last = self._reported.get(job)
        if last is None:
            return False
        self._progress[job] = (pages, expected)
        if time.monotonic() - last < REPORT_SECONDS:
            return True
        self._reported[job] = time.monotonic()
        updated = self._row(
            "UPDATE jobs SET pages = ?, expected = ? WHERE kind = ? AND document = ? RETURNING attempts",
            (pages, expected, *job),
        )
        return updated is not None

    def progress(self, kind: str, document_id: str) -> tuple[int, int] | None:
        own = self._progress.get((kind, document_id))
        return own or self._row(
            "SELECT pages, expected FROM jobs WHERE kind = ? AND document = ? AND reason = ''",
            (kind, document_id),
        )

    def cancel(self, document_id: str) -> None:
        self._forget("read", document_id)

    def drop(self, kind: str, document_id: str) -> None:
        self._forget(kind, document_id)
        self._row(
            "WITH left_over AS (UPDATE jobs SET attempts = attempts - 1 WHERE kind = ? AND document = ? "
            f"RETURNING kind) SELECT pg_notify('{CHANNEL}', '') FROM left_over",
            (kind, document_id),
        )

    def end(self, kind: str, document_id: str) -> None:
        self._forget(kind, document_id)
        self._row("DELETE FROM jobs WHERE kind = ? AND document = ? RETURNING attempts", (kind, document_id))

    def forget_done(self) -> None:
        self._row(
            "DELETE FROM jobs USING documents d JOIN readings r ON r.document = d.n JOIN generations g "
            "ON g.n = r.generation WHERE g.role = 'serving' AND d.id = jobs.document AND jobs.kind = 'read' "
            "RETURNING attempts",
            (),
        )

    def ask_again(self, document_id: str, reader: str | None) -> bool:
        asked = self._row(
            "INSERT INTO jobs (kind, document, reader) SELECT 'again', id, ? FROM documents WHERE id = ? "
            "ON CONFLICT (kind, document) DO UPDATE SET attempts = 0, reason = '', reader = excluded.reader "
            "WHERE jobs.reason <> '' RETURNING attempts",
            (reader, document_id),
        )
        if asked is not None:
            self._row(f"SELECT pg_notify('{CHANNEL}', '')", ())
        return asked is not None

    def asked_again(self) -> list[tuple[str, str | None]]:
        with self._pool.transaction("BEGIN READ ONLY") as db:
            return db.execute(
                "SELECT document, reader FROM jobs WHERE kind = 'again' AND reason = '' ORDER BY asked"
            ).fetchall()

    def fail_again(self, document_id: str, reason: str) -> None:
        self._forget("again", document_id)
        self._row(
            "UPDATE jobs SET reason = ?, reader = NULL WHERE kind = 'again' AND document = ? "
            "RETURNING attempts",
            (reason, document_id),
        )

    def failure(self, document_id: str) -> str:
        row = self._row("SELECT reason FROM jobs WHERE kind = 'again' AND document = ?", (document_id,))
        return str(row[0]) if row else ""

    def stand_by(self) -> None:
        with self._claiming:
            self._stands_by = True
            with self._claims() as connection:  # which takes the lock, now and after each loss of it
                connection.run("SELECT 1")  # a server that was restarted says so to whoever asks it only

    def workers(self) -> int:
        row = self._row(
            f"SELECT count(*) FROM {HELD_LOCKS} AND CAST(classid AS BIGINT) = ?",
            (STANDING_BY,),
        )
        return int(row[0]) if row else 0

    def wait(self, seconds: float) -> None:
        self._listener.wait(seconds)

    def wake(self) -> None:
        self._listener.wake()

    def close(self) -> None:
        with self._claiming:
            self._closed = True
            self._disconnect()
        self._listener.close()
        self._pool.close()

    def _claim(self, kind: str, key: str) -> bool:
        with self._claiming:
            if not self._held[kind, key]:
                with self._claims() as connection:
                    (claimed,) = connection.execute(
                        "SELECT pg_try_advisory_lock(CAST(? AS INTEGER), CAST(? AS INTEGER))",
                        (CLASSES[kind], _number(key)),
                    ).fetchone() or (False,)
                if not claimed:
                    del self._held[kind, key]
                    return False
            self._held[kind, key] += 1
            return True

    @contextmanager
    def _claims(self) -> Iterator[PostgresConnection]:
        """Yield the connection of this process' claims, which are gone where it was lost."""
        try:
            if self._closed:
                raise StoreError("Docent is being closed. Nothing stored is lost.")
            if self._connection is None:
                self._connection = self._pool.connect()
            if self._stands_by and not self._held["", ""]:
                self._connection.run(f"SELECT pg_try_advisory_lock_shared({STANDING_BY}, 0)")
                self._held["", ""] = 1
            yield self._connection
        except psycopg.Error as error:
            self._disconnect()
            raise database_error(error, self._url) from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.raw.close()
            self._connection = None
        self._held.clear()

    def _forget(self, kind: str, document_id: str) -> None:
        self._reported.pop((kind, document_id), None)
        self._progress.pop((kind, document_id), None)

    def _row(self, statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """Run a statement in a transaction of its own; a document that is deleted meanwhile has no row."""
        with suppress(psycopg.errors.ForeignKeyViolation):
            return self._pool.row(statement, values)
        return None


def _number(key: str) -> int:
    """Return the number of a key in an advisory lock. Jobs that share one wait for each other."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], signed=True)
