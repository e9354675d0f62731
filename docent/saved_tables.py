"""Research tables at rest: rows are written as they are filled, so that a table can be resumed.

They are in storage/tables.db, or in PostgreSQL. A deleted document is erased from them, and a reader who is
deleted takes their tables along.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docent.errors import InputError, StoreError, UnknownTable
from docent.messages import Message, restored, stored
from docent.postgres import HELD_LOCKS, open_schema
from docent.types import (
    CellValue,
    Citation,
    TableCell,
    TableColumn,
    TableFilter,
    TableOrder,
    TablePlan,
    TableRow,
    TableState,
)
from docent.write_ahead import BUSY_SECONDS, write_ahead

if TYPE_CHECKING:
    from docent.postgres.connections import PostgresConnection
    from docent.postgres.server_schema import ServerSchema

TABLES = "tables.db"
AT_ONCE = 500
"""Rows that are read from the database in one go."""
FILLING = 6_101_775
"""The class of the advisory locks in PostgreSQL that say which tables are being filled."""
BEING_FILLED = Message("This table is being filled now. Wait for it, or stop it first.")
SCHEMA = """
CREATE TABLE IF NOT EXISTS tables (
    id TEXT PRIMARY KEY, reader TEXT, question TEXT NOT NULL, plan TEXT NOT NULL, state TEXT NOT NULL,
    model TEXT NOT NULL DEFAULT '', seconds REAL NOT NULL DEFAULT 0,
    created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS table_documents (
    table_id TEXT NOT NULL REFERENCES tables(id) ON DELETE CASCADE, position INTEGER NOT NULL,
    document_id TEXT NOT NULL, row TEXT, PRIMARY KEY (table_id, position)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS table_documents_by_document ON table_documents(document_id);
"""
THESE = "document_id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class SavedTable:
    """A table as it is stored, without its rows."""

    id: str
    question: str
    plan: TablePlan
    state: TableState
    model: str
    seconds: float
    documents: int
    read: int


class SavedTables:
    """The research tables of an installation. Thread-safe; any number of processes may have it open."""

    def __init__(self, folder: Path, *, database_url: str = "") -> None:
        self._database = open_schema(database_url, "research") if database_url else TableFile(folder)
        self._filling = Filling(self._database)

    def create(
        self, reader: str | None, question: str, plan: TablePlan, documents: Sequence[str], *, model: str
    ) -> str:
        """Store a table of these documents, none of them read yet; return its id."""
        key = uuid.uuid4().hex
        with self._database.write() as db:
            db.execute(
                "INSERT INTO tables (id, reader, question, plan, state, model, created) "
                "VALUES (?,?,?,?,?,?,?)",
                (key, reader, question, json.dumps(asdict(plan)), "running", model, time.time()),
            )
            db.executemany(
                "INSERT INTO table_documents (table_id, position, document_id) VALUES (?, ?, ?)",
                [(key, position, document) for position, document in enumerate(documents)],
            )
        self._filling.begin(key)
        return key

    def finished(self, key: str, state: TableState, *, seconds: float) -> None:
        """Note how the filling ended, and the time that it took."""
        self._filling.end(key)
        with self._database.write() as db:
            db.execute(
                "UPDATE tables SET state = ?, seconds = seconds + ? WHERE id = ?", (state, seconds, key)
            )

    def resumed(self, key: str) -> None:
        """Note that this process fills the table from now on. Raises InputError where one does already."""
        self._filling.begin(key)
        try:
            with self._database.write() as db:
                db.execute("UPDATE tables SET state = 'running' WHERE id = ?", (key,))
        except StoreError:
            self._filling.end(key)
            raise

    def stop(self, key: str) -> None:
        """Ask whoever fills the table to stop; that ends it before the next rows."""
        with self._database.write() as db:
            db.execute("UPDATE tables SET state = 'cancelled' WHERE id = ? AND state = 'running'", (key,))

    def get(self, key: str, reader: str | None) -> SavedTable:
        """Return a table of this reader. Raises UnknownTable for another's."""
        with self._database.read() as db:
            row = db.execute(
                "SELECT question, plan, state, model, seconds, "
                "(SELECT count(*) FROM table_documents WHERE table_id = id), "
                "(SELECT count(row) FROM table_documents WHERE table_id = id) FROM tables "
                "WHERE id = ? AND reader IS ?",
                (key, reader),
            ).fetchone()
        if not row:
            raise UnknownTable("There is no table {key!r} of yours. It may have been deleted.", key=key)
        question, plan, state, model, seconds, documents, read = row
        if state == "running" and not self._filling.is_under_way(key):
            state = "stopped"  # the process that filled it has ended
        return SavedTable(key, question, _plan(json.loads(plan)), state, model, seconds, documents, read)

    def unread(self, key: str) -> list[tuple[int, str]]:
        """Return position and id of each document that is not read yet."""
        with self._database.read() as db:
            return db.execute(
                "SELECT position, document_id FROM table_documents WHERE table_id = ? AND row IS NULL "
                "ORDER BY position",
                (key,),
            ).fetchall()

    def add_rows(self, key: str, rows: Sequence[tuple[int, TableRow]]) -> bool:
        """Store rows; return False if the table was stopped or deleted meanwhile.

        Rows of a table or a document that was deleted are left out.
        """
        with self._database.write() as db:
            db.executemany(
                "UPDATE table_documents SET row = ? WHERE table_id = ? AND position = ? AND document_id = ?",
                [(_row_text(row), key, position, row.document_id) for position, row in rows],
            )
            state = db.execute("SELECT state FROM tables WHERE id = ?", (key,)).fetchone()
        return state == ("running",)

    def rows(self, key: str) -> Iterator[tuple[int, TableRow]]:
        """Yield the rows of a table that are filled, in the order of its documents, some at a time."""
        last = -1
        while True:
            with self._database.read() as db:
                some = db.execute(
                    "SELECT position, row FROM table_documents WHERE table_id = ? AND position > ? "
                    f"AND row IS NOT NULL ORDER BY position LIMIT {AT_ONCE}",
                    (key, last),
                ).fetchall()
            for position, text in some:
                yield position, _row(json.loads(text))
                last = position
            if len(some) < AT_ONCE:
                return

    def rows_at(self, key: str, positions: Sequence[int]) -> list[TableRow]:
        """Return the rows at these positions, in their order."""
        with self._database.read() as db:
            found = {
                position: text
                for start in range(0, len(positions), AT_ONCE)
                for position, text in db.execute(
                    "SELECT position, row FROM table_documents WHERE table_id = ? AND position IN "
                    "(SELECT CAST(value AS INTEGER) FROM json_each(?)) AND row IS NOT NULL",
                    (key, json.dumps(list(positions[start : start + AT_ONCE]))),
                )
            }
        return [_row(json.loads(found[position])) for position in positions if position in found]

    def row(self, key: str, document_id: str) -> TableRow | None:
        """Return the row of a document; None where it is not read, or not in the table."""
        with self._database.read() as db:
            found = db.execute(
                "SELECT row FROM table_documents WHERE document_id = ? AND table_id = ? AND row IS NOT NULL",
                (document_id, key),
            ).fetchone()
        return _row(json.loads(found[0])) if found else None

    def list(self, reader: str | None) -> list[SavedTable]:
        """Return the tables of a reader, the newest first."""
        with self._database.read() as db:
            keys = db.execute(
                "SELECT id FROM tables WHERE reader IS ? ORDER BY created DESC", (reader,)
            ).fetchall()
        return [self.get(key, reader) for (key,) in keys]

    def delete(self, key: str, reader: str | None) -> None:
        """Delete a table of this reader, with its rows. Raises UnknownTable."""
        self.get(key, reader)
        with self._database.write() as db:
            db.execute("DELETE FROM tables WHERE id = ?", (key,))

    def count_rows(self, documents: Collection[str]) -> int:
        """Count the rows of these documents in all tables."""
        return self._count(documents)[1]

    def forget_documents(self, documents: Collection[str]) -> int:
        """Erase the rows of these documents from every table, and count them."""
        places, rows = self._count(documents)
        if places:
            with self._database.write() as db:
                db.execute(f"DELETE FROM table_documents WHERE {THESE}", (json.dumps(list(documents)),))
            self._overwrite()
        return rows

    def forget_reader(self, reader: str) -> None:
        """Delete every table of a reader."""
        with self._database.read() as db:
            known = db.execute("SELECT 1 FROM tables WHERE reader = ?", (reader,)).fetchone()
        if known:
            with self._database.write() as db:
                db.execute("DELETE FROM tables WHERE reader = ?", (reader,))
            self._overwrite()

    def _count(self, documents: Collection[str]) -> tuple[int, int]:
        """Count the places of these documents in all tables, and those that have been read."""
        given = json.dumps(list(documents))
        with self._database.read() as db:
            row = db.execute(
                f"SELECT count(*), count(row) FROM table_documents WHERE {THESE}", (given,)
            ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def _overwrite(self) -> None:
        if isinstance(self._database, TableFile):  # PostgreSQL overwrites nothing: docs/security.md
            self._database.overwrite()


class TableFile:
    """The file of tables in a storage folder; it is made when the first table is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / TABLES

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._opened(self._path if self._path.exists() else ":memory:") as db:
            yield db

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self._opened(self._path) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def overwrite(self) -> None:
        """Write the file anew without what was deleted, and empty its log."""
        with self._opened(self._path) as db:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @staticmethod
    @contextmanager
    def _opened(path: Path | str) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("PRAGMA secure_delete = ON")
                write_ahead(db)
                db.execute("PRAGMA synchronous = NORMAL")
                db.executescript(SCHEMA)
                yield db
        except sqlite3.Error as error:
            raise StoreError(
                "The tables (tables.db) could not be read or changed ({error}). Nothing of this was stored. "
                "Check that the file may be written and that its disk has space.",
                error=str(error),
            ) from error


class Filling:
    """The tables that are being filled: by this process, and in PostgreSQL by any.

    There each has an advisory lock on a connection of its own, which ends with the process that fills it.
    """

    def __init__(self, database: TableFile | ServerSchema) -> None:
        self._database = database
        self._claims: dict[str, PostgresConnection | None] = {}
        self._lock = threading.Lock()

    def begin(self, key: str) -> None:
        """Claim a table for this process. Raises InputError where it is claimed already."""
        claim = None
        if not isinstance(self._database, TableFile):
            claim = self._database.connect()
            locked = claim.execute(
                "SELECT pg_try_advisory_lock(CAST(? AS INTEGER), CAST(? AS INTEGER))", _lock(key)
            ).fetchone()
            if locked != (True,):
                claim.raw.close()
                raise InputError(BEING_FILLED)
        with self._lock:
            self._claims[key] = claim

    def end(self, key: str) -> None:
        with self._lock:
            claim = self._claims.pop(key, None)
        if claim is not None:
            claim.raw.close()

    def is_under_way(self, key: str) -> bool:
        with self._lock:
            if key in self._claims:
                return True
        if isinstance(self._database, TableFile):
            return False
        with self._database.read() as db:
            row = db.execute(
                f"SELECT count(*) FROM {HELD_LOCKS} "
                "AND CAST(classid AS BIGINT) = ? AND CAST(objid AS BIGINT) = ?",
                _lock(key),
            ).fetchone()
        return row != (0,)


def _lock(key: str) -> tuple[int, int]:
    """Return the two numbers of a table's lock, both below 2**31."""
    return FILLING, zlib.crc32(key.encode()) >> 1


def _row_text(row: TableRow) -> str:
    def plain(value: Any) -> Any:
        match value:
            case Decimal():
                return str(value)
            case Message():
                return stored(value)
            case dict():
                return {name: plain(one) for name, one in value.items()}
            case list() | tuple():
                return [plain(one) for one in value]
        return value

    return json.dumps(plain(asdict(row)), ensure_ascii=False)


def _row(values: Mapping[str, Any]) -> TableRow:
    cells = tuple(_cell(cell) for cell in values["cells"])
    failed = values["failed"]
    return TableRow(**{**values, "cells": cells, "failed": restored(failed) if failed else ""})


def _cell(values: Mapping[str, Any]) -> TableCell:
    number = values["value"]["number"]
    value = CellValue(**{**values["value"], "number": None if number is None else Decimal(number)})
    citations = tuple(Citation(**citation) for citation in values["citations"])
    cell = TableCell(**{**values, "value": value, "citations": citations})
    return replace(cell, note=restored(cell.note) if cell.note else "")


def _plan(values: Mapping[str, Any]) -> TablePlan:
    order = values["order"]
    return TablePlan(
        **{
            **values,
            "columns": tuple(
                TableColumn(**{**column, "terms": tuple(column["terms"])}) for column in values["columns"]
            ),
            "order": TableOrder(**order) if order else None,
            "filters": tuple(TableFilter(**one) for one in values["filters"]),
        }
    )
