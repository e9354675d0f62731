"""Connections to PostgreSQL, used in short blocks by any number of threads, and their errors in sentences."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import RawCursor
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg.types.string import StrDumperUnknown, TextBinaryLoader

from docent.errors import DatabaseUnreachable, StoreError
from docent.postgres.statements import rendered

log = logging.getLogger(__name__)
CONNECT_SECONDS = 10
NOTICE_LOSS = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"
"""Lets the database end the connection, with its locks, of a machine that is gone without a word."""
MOST_IDLE = 10
"""Connections that wait for their next use. More are opened while more threads ask at once."""


class _TextDumper(StrDumperUnknown):
    """Replace what a text in PostgreSQL cannot hold: NUL, and half of a surrogate pair."""

    def dump(self, obj: str) -> bytes:
        return obj.replace("\0", "\ufffd").encode("utf-8", "replace")


class PostgresConnection:
    """A connection that takes the statements that are written for SQLite."""

    def __init__(self, url: str) -> None:
        self.raw = psycopg.connect(
            url, autocommit=True, connect_timeout=CONNECT_SECONDS, cursor_factory=RawCursor
        )
        # One type for all numbers, or a statement is prepared again for each size of its parameters.
        for dumper in (Int8Dumper, Int8BinaryDumper):
            self.raw.adapters.register_dumper(int, dumper)
        self.raw.adapters.register_dumper(str, _TextDumper)
        self.raw.adapters.register_loader("json", TextBinaryLoader)  # as it was written, like SQLite's

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        return self.raw.execute(rendered(statement), values, binary=True)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        with self.raw.cursor(binary=True) as cursor:
            cursor.executemany(rendered(statement), rows)

    def run(self, script: str) -> None:
        """Execute statements without parameters, in one round trip."""
        self.raw.execute(script, prepare=False)


class PostgresPool:
    """Connections to one database. Thread-safe."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Last in, first out: the one used last has the most statements prepared.
        self._idle: deque[PostgresConnection] = deque()

    @contextmanager
    def transaction(self, begin: str, *, end: str = "COMMIT") -> Iterator[PostgresConnection]:
        """Run the block between two scripts; an error rolls everything back."""
        with self._translate_errors():
            connection = self._begun(begin)
            try:
                yield connection
                connection.run(end)
            except BaseException:
                if not connection.raw.closed and connection.raw.pgconn.transaction_status:
                    connection.run("ROLLBACK")
                raise
            finally:
                self._put_back(connection)

    def row(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row of a statement that is a transaction of its own."""
        with self._translate_errors():
            connection = self._begun("")
            try:
                row: tuple[Any, ...] | None = connection.execute(statement, values).fetchone()
                return row
            except psycopg.OperationalError:
                if not connection.raw.closed:
                    raise
                # The server was restarted while the connection was idle; those after it are closed as well.
                self.close()
                connection = PostgresConnection(self._url)
                row = connection.execute(statement, values).fetchone()
                return row
            finally:
                self._put_back(connection)

    def connect(self) -> PostgresConnection:
        """Return a new connection, to be held for long; it is the caller's to close."""
        with self._translate_errors():
            connection = PostgresConnection(self._url)
            connection.run(NOTICE_LOSS)
            return connection

    def close(self) -> None:
        while self._idle:
            self._idle.pop().raw.close()

    def _begun(self, begin: str) -> PostgresConnection:
        """Return a connection on which a transaction has begun."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            try:
                if begin:
                    connection.run(begin)
                return connection
            except psycopg.OperationalError:  # the server was restarted while it was idle
                connection.raw.close()
        connection = PostgresConnection(self._url)
        if begin:
            connection.run(begin)
        return connection

    def _put_back(self, connection: PostgresConnection) -> None:
        if connection.raw.closed or connection.raw.pgconn.transaction_status or len(self._idle) >= MOST_IDLE:
            connection.raw.close()
        else:
            self._idle.append(connection)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise database_error(error, self._url) from error


def database_error(error: psycopg.Error, url: str) -> Exception:
    """Return an error of the database as a sentence, where a person can do something about it."""
    said = " ".join(str(error).split())
    if isinstance(error, psycopg.errors.DiskFull):
        return StoreError(
            "The database of DOCENT_DATABASE_URL could not be written: its disk is full. Nothing stored "
            "before is lost. Free some space there and try again."
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return StoreError(
            "The database of DOCENT_DATABASE_URL refused this ({why}). Let its user own the tables, or run "
            "the command that failed as their owner.",
            why=said,
        )
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return StoreError(
            "The tables at {place} are not those of this Docent ({why}). Bring them up to date with: "
            "python -m docent migrate, or update Docent.",
            place=place(url),
            why=said,
        )
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return StoreError(
            "Somebody else was changing the same in the database ({why}). Nothing of this was stored or "
            "deleted. Try again.",
            why=said,
        )
    if isinstance(error, psycopg.OperationalError):
        return DatabaseUnreachable(
            "The database at {place} cannot be used ({why}). Nothing stored is lost. Start it, or correct "
            "DOCENT_DATABASE_URL, and try again.",
            place=place(url),
            why=said,
        )
    return error


def place(url: str) -> str:
    """Return the hosts and the name of a database, without user and password."""
    parts = urlsplit(url)
    hosts = (parts.netloc.rpartition("@")[2] or "localhost").split(",")  # a primary and its standbys
    return ",".join(host if re.search(r":\d+$", host) else f"{host}:5432" for host in hosts) + parts.path
