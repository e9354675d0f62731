"""The database of the conversations: the threads that use it, and the tables of storage/history.db.

One thread writes in order, two read beside it. Through SQLAlchemy every statement took a connection
out of one pool: with fifty conversations at once its fifteen all waited for the one write lock, and
so did every request for a list (docs/decisions/0015-conversations-in-sqlite.md).

The tables are numbered migrations, with the columns that Chainlit names. A released migration is
never edited: the next change is the next number. `user_version` in the file counts those that ran.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from docent import conversations
from docent.errors import IndexMismatch
from docent.postgres import require_packages
from docent.web.storage_files import opening
from docent.write_ahead import BUSY_SECONDS, write_ahead

READERS = 2

Rows = list[dict[str, Any]]
Statement = tuple[str, Mapping[str, Any]]

JSON_COLUMNS = frozenset(
    f"{table}{column}"
    for table in ("", "thread_", "step_")
    for column in ("metadata", "tags", "generation", "modes")
)

OWN_COLUMNS = frozenset(("n", "folded"))
"""Columns in PostgreSQL that only its statements use."""

FIRST = """
CREATE TABLE users (
    "id" TEXT PRIMARY KEY,
    "identifier" TEXT NOT NULL UNIQUE,
    "metadata" TEXT NOT NULL DEFAULT '{}',
    "createdAt" TEXT NOT NULL
);

CREATE TABLE threads (
    "id" TEXT PRIMARY KEY,
    "createdAt" TEXT,           -- Chainlit's updates are inserts without it
    "name" TEXT,
    "userId" TEXT REFERENCES users ("id") ON DELETE CASCADE,
    "userIdentifier" TEXT,
    "tags" TEXT,
    "metadata" TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX threads_by_user ON threads ("userId");

CREATE TABLE steps (
    "id" TEXT PRIMARY KEY,
    "threadId" TEXT NOT NULL REFERENCES threads ("id") ON DELETE CASCADE,
    "parentId" TEXT,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "streaming" INTEGER NOT NULL DEFAULT 0,
    "waitForAnswer" INTEGER,
    "isError" INTEGER,
    "metadata" TEXT NOT NULL DEFAULT '{}',
    "tags" TEXT,
    "input" TEXT NOT NULL DEFAULT '',
    "output" TEXT NOT NULL DEFAULT '',
    "createdAt" TEXT,
    "start" TEXT,
    "end" TEXT,
    "generation" TEXT,
    "showInput" TEXT,
    "language" TEXT,
    "command" TEXT,
    "modes" TEXT,
    "defaultOpen" INTEGER,
    "autoCollapse" INTEGER
);
CREATE INDEX steps_by_thread ON steps ("threadId", "createdAt");

CREATE TABLE elements (
    "id" TEXT PRIMARY KEY,
    "threadId" TEXT REFERENCES threads ("id") ON DELETE CASCADE,
    "type" TEXT,
    "url" TEXT,
    "chainlitKey" TEXT,
    "name" TEXT NOT NULL,
    "display" TEXT,
    "objectKey" TEXT,
    "size" TEXT,
    "page" INTEGER,
    "language" TEXT,
    "forId" TEXT,
    "mime" TEXT,
    "props" TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX elements_by_thread ON elements ("threadId");
CREATE INDEX elements_by_step ON elements ("forId");

CREATE TABLE feedbacks (
    "id" TEXT PRIMARY KEY,
    "forId" TEXT NOT NULL UNIQUE REFERENCES steps ("id") ON DELETE CASCADE,
    "threadId" TEXT,
    "value" INTEGER NOT NULL,
    "comment" TEXT
);
"""

SECOND = """
-- Without a user: left by a page that was open while its user was removed. Nobody can open them.
DELETE FROM threads WHERE "userId" IS NULL;
"""

THIRD = """
-- Docent's own panel shows a citation; Chainlit would open its own for these.
UPDATE elements SET "display" = 'page' WHERE "display" = 'side';
"""

FOURTH = """
CREATE TABLE share_links (
    "threadId" TEXT PRIMARY KEY REFERENCES threads ("id") ON DELETE CASCADE,
    "digest" TEXT NOT NULL UNIQUE,   -- SHA-256 of the token in the link
    "createdAt" TEXT NOT NULL
);
"""

MIGRATIONS = (FIRST, SECOND, THIRD, FOURTH)


def prepare(path: Path) -> None:
    """Create the database, or bring it to the present schema. Raises IndexMismatch for a newer one."""
    with opening(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)) as connection:
            _migrate(connection, path)
        path.chmod(0o600)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    write_ahead(connection)
    conversations.configure(connection)
    connection.execute("BEGIN IMMEDIATE")  # before the version is read: two processes may start at once
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise IndexMismatch(
                "{path} was written by a newer Docent (schema {version}; this one knows schemas up to "
                "{latest}). Use the newer Docent, or move the file away to begin a new history.",
                path=path,
                version=version,
                latest=len(MIGRATIONS),
            )
        for migration in MIGRATIONS[version:]:
            for statement in migration.split(";\n"):  # executescript() would end the transaction
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    if version == 1:  # deleted text stayed in unused pages until the second schema
        conversations.forget_deleted(connection)


class HistoryBackend(Protocol):
    """A database of conversations: a file, or PostgreSQL. Its methods are called in threads."""

    stores_folded: bool
    """True if a text that is searched is stored by `fold` as well, in the column `folded`."""
    writer: int
    """The number of this process among those that write to the database; 0 where no other machine does."""

    def runs(self, writer: int) -> bool:
        """Return True while the process of a number runs, as far as can be told. Raises StoreError."""

    def run(self, statements: Sequence[Statement], deleted: Sequence[str]) -> Rows | int:
        """Run all statements or none; return the rows of the last one, or how many it changed.

        No later statement restores one of the deleted conversations. Raises StoreError.
        """

    def empty_log(self) -> None:
        """Remove deleted text from the write-ahead log, too, where that can be done. Raises StoreError."""

    def forget_deleted(self) -> None:
        """Leave as little of what was deleted as the database allows. Raises StoreError."""

    def close(self) -> None: ...


class HistoryDatabase:
    """Run statements in threads; writes happen in the order in which they were asked for."""

    def __init__(self, backend: HistoryBackend) -> None:
        self._backend = backend
        self._writer = ThreadPoolExecutor(1, "history-writer")
        self._readers = ThreadPoolExecutor(READERS, "history-reader")

    async def run(self, *statements: Statement, deleted: Sequence[str] = ()) -> Rows | int:
        """Run all statements or none; return the rows of the last one, or how many it changed.

        Lists and mappings are written as JSON and read back as what they were. Nothing that is written
        afterwards restores the deleted conversations. Raises StoreError.
        """
        executor = self._readers if only_read(statements) else self._writer
        run = partial(self._run, statements, deleted)
        return await asyncio.get_running_loop().run_in_executor(executor, run)

    def folded(self, text: str | None) -> dict[str, str]:
        """Return the column that a text is searched in, where the database stores one."""
        return {"folded": conversations.fold(text)} if self._backend.stores_folded and text else {}

    @property
    def writer(self) -> int:
        return self._backend.writer

    async def runs(self, writer: int) -> bool:
        """Return True while the process of a number runs, as far as can be told. Raises StoreError."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._backend.runs, writer)

    async def settle(self) -> None:
        """Wait until everything is written that was asked for before, also by tasks that just began."""
        await asyncio.sleep(0)  # they ask in their first step
        await asyncio.get_running_loop().run_in_executor(self._writer, lambda: None)

    async def empty_log(self) -> None:
        """Remove deleted text from the write-ahead log, too, where that can be done. Raises StoreError."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._backend.empty_log)

    async def forget_deleted(self) -> None:
        """Leave as little of what was deleted as the database allows. Raises StoreError."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._backend.forget_deleted)

    def close(self) -> None:
        """Finish what is being written, and close every connection."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._backend.close()

    def _run(self, statements: Sequence[Statement], deleted: Sequence[str]) -> Rows | int:
        result = self._backend.run(statements, deleted)
        if isinstance(result, int):
            return result
        return [{name: _decode(name, value) for name, value in row.items()} for row in result]


class HistoryFile:
    """The file storage/history.db, with a connection for each thread."""

    stores_folded = False  # its search calls `fold`
    writer = 0

    def __init__(self, path: Path) -> None:
        prepare(path)
        self._path = path
        self._deleted: set[str] = set()
        """Deleted conversations; an answer that is still being written in one is not saved."""
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    def runs(self, writer: int) -> bool:
        return False

    def run(self, statements: Sequence[Statement], deleted: Sequence[str]) -> Rows | int:
        try:
            with self._connection() as connection:  # a transaction: committed, or rolled back
                for query, parameters in statements:
                    cursor = connection.execute(query, _encode(parameters))
                names = [column[0] for column in cursor.description or ()]
                rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except sqlite3.Error as error:
            raise conversations.history_error(error) from error
        self._deleted.update(deleted)
        return rows if names else cursor.rowcount

    def empty_log(self) -> None:
        conversations.empty_log(self._connection())

    def forget_deleted(self) -> None:
        conversations.forget_deleted(self._connection())

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's own connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            timeout = BUSY_SECONDS
            connection = sqlite3.connect(self._path, timeout=timeout, check_same_thread=False)
            conversations.configure(connection)
            connection.create_function("contains_folded", 2, contains_folded)
            connection.create_function("merge_metadata", 2, merge_metadata)
            connection.create_function("deleted", 1, self._deleted.__contains__)
            self._local.connection = connection
            self._connections.append(connection)
        return connection


class HistoryServer:
    """The conversations in PostgreSQL, where processes on any number of machines share them."""

    stores_folded = True

    def __init__(self, database_url: str) -> None:
        require_packages()
        from docent.postgres.conversation_server import ConversationServer, WritingProcess

        self._server = ConversationServer(database_url)
        self._process = WritingProcess(database_url)
        self.writer = self._process.number

    def runs(self, writer: int) -> bool:
        return self._server.runs(writer)

    def run(self, statements: Sequence[Statement], deleted: Sequence[str]) -> Rows | int:
        reads = only_read(statements)
        if not reads:
            self._process.hold()
        with self._server.read() if reads else self._server.write() as db:
            for thread in sorted(deleted):
                db.execute("SELECT note_deleted(:id)", {"id": thread})
            for query, parameters in statements:
                cursor = db.execute(query, parameters)
            rows = cursor.fetchall() if cursor.description else None
        if rows is None:
            return int(cursor.rowcount)
        return [{name: value for name, value in row.items() if name not in OWN_COLUMNS} for row in rows]

    def empty_log(self) -> None:
        """Do nothing: PostgreSQL keeps its write-ahead log as whoever keeps the database has set it."""

    def forget_deleted(self) -> None:
        self._server.forget_deleted()

    def close(self) -> None:
        self._process.close()  # the other connections are shared with other parts of this process


def only_read(statements: Sequence[Statement]) -> bool:
    return all(query.lstrip()[:6].upper() == "SELECT" for query, _ in statements)


def _encode(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value) if isinstance(value, list | dict) else value
        for name, value in parameters.items()
    }


def _decode(name: str, value: Any) -> Any:
    return json.loads(value) if name in JSON_COLUMNS and isinstance(value, str) and value else value


def upsert(table: str, values: Mapping[str, Any]) -> str:
    """Return SQL that inserts a row into a thread that exists, or updates the row of this id in it.

    The column names must be ours, never a browser's.
    """
    names = ", ".join(f'"{name}"' for name in values)
    new = ", ".join(f":{name}" for name in values)
    updates = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in values if name != "id")
    return (
        f"INSERT INTO {table} ({names}) SELECT {new} "
        'WHERE EXISTS (SELECT 1 FROM threads WHERE "id" = :threadId) '
        f'ON CONFLICT ("id") DO UPDATE SET {updates} WHERE {table}."threadId" = EXCLUDED."threadId"'
    )


def merge_metadata(stored: str | None, changes: str) -> str:
    """Return a thread's metadata with changes applied, both as JSON; a key whose new value is null goes."""
    merged = {**json.loads(stored or "{}"), **json.loads(changes)}
    return json.dumps({name: value for name, value in merged.items() if value is not None})


def contains_folded(text: str | None, folded: str) -> bool:
    """Tell whether a text contains a word that was folded already."""
    return text is not None and folded in conversations.fold(text)
