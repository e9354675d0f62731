"""The conversations in PostgreSQL, for the statements that are written for storage/history.db.

Values are passed as SQLite takes them, and rows come back as SQLite returns them: JSON is text, and a number
or a truth value may be given for any column.
"""

from __future__ import annotations

import json
import re
import select
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from docent.errors import StoreError
from docent.postgres import HELD_LOCKS, open_schema
from docent.postgres.connections import PostgresConnection
from docent.postgres.statements import rendered

SCHEMA = "conversations"
WRITERS = 6_101_777
"""The class of the advisory locks that processes hold which write conversations."""
RUNNING = f"SELECT 1 AS runs FROM {HELD_LOCKS} AND classid = {WRITERS} AND objid = :writer"
WAIT = "SET LOCAL lock_timeout = '30s'"
TABLES = ("users", "threads", "steps", "elements", "feedbacks", "share_links")

# Inside the statement: as a function of the database it took seven times as long.
MAY_QUOTE = """EXISTS (
    SELECT FROM (SELECT CAST(s."metadata" AS jsonb) -> 'docent' AS saved OFFSET 0) AS answer,
    LATERAL (SELECT
        CASE jsonb_typeof(saved -> 'citations') WHEN 'array' THEN saved -> 'citations' ELSE '[]' END AS cited,
        CASE jsonb_typeof(saved -> 'receipt' -> 'sent') WHEN 'array' THEN saved -> 'receipt' -> 'sent'
            ELSE '[]' END AS sent
        OFFSET 0
    ) AS lists
    WHERE cited = '[]' OR sent = '[]'
    OR EXISTS (SELECT FROM jsonb_array_elements(cited) AS c (citation) WHERE citation ->> 'document_id'
        = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(:documents AS jsonb)))))
    OR EXISTS (SELECT FROM jsonb_array_elements_text(sent) AS s (chunk) WHERE chunk
        = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(:chunks AS jsonb)))))
)
"""

PARAMETER = re.compile(r"""'[^']*'|"[^"]*"|:(\w+)""")
"""A parameter, or a text or name in quotes, which is left as it is."""
NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

REPLACED = (
    # Texts are stored without case and accents as well, since no function of PostgreSQL folds as Python does.
    (re.compile(r'contains_folded\((\w+)\."\w+", (:\w+)\)'), r'strpos(\1."folded", \2) > 0'),
    # SQLite returns steps of the same time in the order in which they were written.
    (re.compile(r'ORDER BY s\."createdAt" ASC'), 'ORDER BY s."createdAt" ASC NULLS FIRST, s."n"'),
)


class ConversationTransaction:
    """A connection on which a transaction has begun."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._raw = connection.raw

    def execute(self, statement: str, values: Mapping[str, Any] | None = None, /) -> psycopg.Cursor[DictRow]:
        """Execute a statement with named parameters."""
        numbered, names = _numbered(statement)
        cursor = self._raw.cursor(binary=True, row_factory=dict_row)
        return cursor.execute(numbered, [_encode((values or {})[name]) for name in names])


class ConversationServer:
    """Transactions on the conversations of one database. Thread-safe."""

    may_quote = MAY_QUOTE
    to_change = 'ORDER BY s."id" FOR UPDATE'
    """Ends a statement whose rows must stay as they were read until they are changed."""
    stores_folded = True
    """A text that is searched is stored without case and accents as well, in the column `folded`."""

    def __init__(self, database_url: str) -> None:
        """Raises StoreError."""
        self._schema = open_schema(database_url, SCHEMA)

    @contextmanager
    def read(self) -> Iterator[ConversationTransaction]:
        with _errors_in_sentences(), self._schema.read() as connection:
            yield ConversationTransaction(connection)

    @contextmanager
    def write(self) -> Iterator[ConversationTransaction]:
        with _errors_in_sentences(), self._schema.write() as connection:
            connection.run(WAIT)
            yield ConversationTransaction(connection)

    def runs(self, writer: int) -> bool:
        """Return True while the process of a number runs, on whichever machine."""
        with self.read() as db:
            return db.execute(RUNNING, {"writer": writer}).fetchone() is not None

    def forget_deleted(self) -> None:
        """Let the place of deleted rows be used again; no statement overwrites it, nor the write-ahead log.

        A table that somebody else is cleaning is left to them.
        """
        tables = ", ".join(f"{SCHEMA}.{table}" for table in TABLES)
        try:
            with closing(self._schema.connect().raw) as raw:
                raw.execute(f"VACUUM (SKIP_LOCKED) {tables}")
        except psycopg.Error as error:
            raise StoreError(
                "It is deleted, but the place of its text in the database could not be freed ({error}). The "
                "next deletion, or the database by itself, does it.",
                error=" ".join(str(error).split()),
            ) from error


class WritingProcess:
    """A number by which other processes see that this one runs; they stop seeing it as soon as it ends."""

    def __init__(self, database_url: str) -> None:
        self.number = uuid.uuid4().int % 2**31
        self._schema = open_schema(database_url, SCHEMA)
        self._held: PostgresConnection | None = None

    def hold(self) -> None:
        """Hold the lock of the number, on a connection of its own; again after the database was restarted."""
        if self._held is not None:
            # Nothing is sent to it but the end of the connection.
            if not select.select([self._held.raw.fileno()], [], [], 0)[0]:
                return
            self._held.raw.close()
        self._held = self._schema.connect()
        with _errors_in_sentences():
            self._held.run(f"SELECT pg_advisory_lock({WRITERS}, {self.number})")

    def close(self) -> None:
        if self._held is not None:
            self._held.raw.close()


@contextmanager
def _errors_in_sentences() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(
            "The conversations in the database could not be read or changed ({said}). Nothing of this was "
            "stored or deleted. Try again; if that does not help, ask whoever keeps the database.",
            said=" ".join(str(error).split()),
        ) from error


@lru_cache(maxsize=1000)
def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement in the words of PostgreSQL, and the names of its parameters in their order."""
    for words, replacement in REPLACED:
        statement = words.sub(replacement, statement)
    names: list[str] = []

    def mark(match: re.Match[str]) -> str:
        if not match[1]:
            return match[0]
        names.append(match[1])
        return "?"

    return rendered(PARAMETER.sub(mark, statement)), tuple(names)


def _encode(value: Any) -> str | bytes | None:
    """Return a value as text, whose type PostgreSQL takes from where it stands."""
    match value:
        case None | str() | bytes():
            return value
        case list() | dict():
            # Without NUL, which no text in PostgreSQL holds.
            return NUL.sub(r"\1\\ufffd", json.dumps(value, ensure_ascii=False))
        case bool():
            return str(int(value))
    return str(value)
