"""The database of research tables: rows are written as they are filled, so that a table can be resumed.

A deleted document is erased from it, and a reader who is deleted takes their tables along.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from docent.errors import StoreError, UnknownTable
from docent.messages import Message, restored, stored
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

TABLES = "tables.db"
BUSY_SECONDS = 30.0
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
    """The research tables of a storage folder. Thread-safe; any number of processes may have it open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def create(
        self, reader: str | None, question: str, plan: TablePlan, documents: Sequence[str], *, model: str
    ) -> str:
        """Store a table of these documents, none of them read yet; return its id."""
        key = uuid.uuid4().hex
        with _opened(self._folder, create=True) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT INTO tables (id, reader, question, plan, state, model, created) "
                "VALUES (?,?,?,?,?,?,?)",
                (key, reader, question, json.dumps(asdict(plan)), "running", model, time.time()),
            )
            db.executemany(
                "INSERT INTO table_documents (table_id, position, document_id) VALUES (?, ?, ?)",
                [(key, position, document) for position, document in enumerate(documents)],
            )
            db.execute("COMMIT")
        self.started(key)
        return key

    def started(self, key: str) -> None:
        """Note that this process fills the table."""
        with self._lock:
            self._running.add(key)

    def finished(self, key: str, state: TableState, *, seconds: float) -> None:
        """Note how the filling ended, and the time that it took."""
        with self._lock:
            self._running.discard(key)
        with _opened(self._folder, create=True) as db:
            db.execute(
                "UPDATE tables SET state = ?, seconds = seconds + ? WHERE id = ?", (state, seconds, key)
            )

    def resumed(self, key: str) -> None:
        self.started(key)
        with _opened(self._folder, create=True) as db:
            db.execute("UPDATE tables SET state = 'running' WHERE id = ?", (key,))

    def is_running(self, key: str) -> bool:
        with self._lock:
            return key in self._running

    def get(self, key: str, reader: str | None) -> SavedTable:
        """Return a table of this reader. Raises UnknownTable for another's."""
        with _opened(self._folder) as db:
            row = (
                db
                and db.execute(
                    "SELECT question, plan, state, model, seconds, "
                    "(SELECT count(*) FROM table_documents WHERE table_id = id), "
                    "(SELECT count(row) FROM table_documents WHERE table_id = id) FROM tables "
                    "WHERE id = ? AND reader IS ?",
                    (key, reader),
                ).fetchone()
            )
        if not row:
            raise UnknownTable("There is no table {key!r} of yours. It may have been deleted.", key=key)
        question, plan, state, model, seconds, documents, read = row
        if state == "running" and not self.is_running(key):
            state = "stopped"  # the process that filled it has ended
        return SavedTable(key, question, _plan(json.loads(plan)), state, model, seconds, documents, read)

    def unread(self, key: str) -> list[tuple[int, str]]:
        """Return position and id of each document that is not read yet."""
        with _opened(self._folder) as db:
            return (
                []
                if db is None
                else db.execute(
                    "SELECT position, document_id FROM table_documents WHERE table_id = ? AND row IS NULL "
                    "ORDER BY position",
                    (key,),
                ).fetchall()
            )

    def add_rows(self, key: str, rows: Sequence[tuple[int, TableRow]]) -> None:
        """Store rows; those of a table or a document that was deleted meanwhile are left out."""
        with _opened(self._folder, create=True) as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "UPDATE table_documents SET row = ? WHERE table_id = ? AND position = ? AND document_id = ?",
                [(_row_text(row), key, position, row.document_id) for position, row in rows],
            )
            db.execute("COMMIT")

    def rows(self, key: str) -> Iterator[tuple[int, TableRow]]:
        """Yield the rows of a table that are filled, in the order of its documents, a few at a time."""
        with _opened(self._folder) as db:
            if db is None:
                return
            cursor = db.execute(
                "SELECT position, row FROM table_documents WHERE table_id = ? AND row IS NOT NULL "
                "ORDER BY position",
                (key,),
            )
            for position, text in cursor:
                yield position, _row(json.loads(text))

    def rows_at(self, key: str, positions: Sequence[int]) -> list[TableRow]:
        """Return the rows at these positions, in their order."""
        with _opened(self._folder) as db:
            if db is None:
                return []
            found = {
                position: text
                for start in range(0, len(positions), 500)
                for position, text in db.execute(
                    "SELECT position, row FROM table_documents WHERE table_id = ? AND position IN "
                    "(SELECT value FROM json_each(?)) AND row IS NOT NULL",
                    (key, json.dumps(list(positions[start : start + 500]))),
                )
            }
        return [_row(json.loads(found[position])) for position in positions if position in found]

    def row(self, key: str, document_id: str) -> TableRow | None:
        """Return the row of a document; None where it is not read, or not in the table."""
        with _opened(self._folder) as db:
            found = (
                db
                and db.execute(
                    "SELECT row FROM table_documents "
                    "WHERE document_id = ? AND table_id = ? AND row IS NOT NULL",
                    (document_id, key),
                ).fetchone()
            )
        return _row(json.loads(found[0])) if found else None

    def list(self, reader: str | None) -> list[SavedTable]:
        """Return the tables of a reader, the newest first."""
        with _opened(self._folder) as db:
            keys = (
                []
                if db is None
                else db.execute(
                    "SELECT id FROM tables WHERE reader IS ? ORDER BY created DESC", (reader,)
                ).fetchall()
            )
        return [self.get(key, reader) for (key,) in keys]

    def delete(self, key: str, reader: str | None) -> None:
        """Delete a table of this reader, with its rows. Raises UnknownTable."""
        self.get(key, reader)
        with _opened(self._folder, create=True) as db:
            db.execute("DELETE FROM tables WHERE id = ?", (key,))


def forget_documents(folder: Path, documents: Collection[str]) -> int:
    """Erase the rows of these documents from every table, and count them."""
    given = json.dumps(list(documents))
    with _opened(folder) as db:
        if db is None:
            return 0
        condition = "document_id IN (SELECT value FROM json_each(?))"
        (count,) = db.execute(
            f"SELECT count(row) FROM table_documents WHERE {condition}", (given,)
        ).fetchone()
        if db.execute(f"DELETE FROM table_documents WHERE {condition}", (given,)).rowcount:
            _overwrite(db)
        return int(count)


def count_rows(folder: Path, documents: Collection[str]) -> int:
    """Count the rows of these documents in all tables."""
    with _opened(folder) as db:
        if db is None:
            return 0
        (count,) = db.execute(
            "SELECT count(row) FROM table_documents WHERE document_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(documents)),),
        ).fetchone()
        return int(count)


def forget_reader(folder: Path, reader: str) -> None:
    """Delete every table of a reader."""
    with _opened(folder) as db:
        if db is not None and db.execute("DELETE FROM tables WHERE reader = ?", (reader,)).rowcount:
            _overwrite(db)


def _overwrite(db: sqlite3.Connection) -> None:
    """Write the file anew without what was deleted, and empty its log."""
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _opened(folder: Path, *, create: bool = False) -> Iterator[Any]:
    """Open the database; yield None where there is none and none is to be created."""
    path = folder / TABLES
    if not create and not path.exists():
        yield None
        return
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(SCHEMA)
            yield db
    except sqlite3.Error as error:
        raise StoreError(
            "The tables (tables.db) could not be read or changed ({error}). Nothing of this was stored. "
            "Check that the file may be written and that its disk has space.",
            error=str(error),
        ) from error


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
