"""Fill a table, document by document: rows are stored as they come, so that it can be resumed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from docent.errors import DocentError, ModelError
from docent.messages import Message
from docent.research.arranging import arrange
from docent.research.document_pages import DocumentPages
from docent.research.model_cells import CellAsker
from docent.research.row_reading import read_row, row_title
from docent.saved_tables import SavedTable, SavedTables
from docent.store.protocols import Reader
from docent.types import (
    MOST_SHOWN,
    NOT_STATED,
    ResearchTable,
    Scope,
    StoredDocument,
    TableEvent,
    TableFilled,
    TablePlanned,
    TableProgress,
    TableRow,
    TableState,
)

SECONDS_PER_QUESTION = 10.0
"""Of a model, until the first documents have been asked."""
SAMPLED = 8
"""Documents that are read to estimate how many the model is asked about."""
BATCH_SECONDS = 0.3
"""Rows that are read in one go, between two events."""


@dataclass(frozen=True, slots=True)
class TableServices:
    """Everything that filling a table works with."""

    store: Reader
    saved: SavedTables
    asker: CellAsker | None = None
    """None: cells that rules cannot fill stay "not stated"."""


async def fill_table(
    key: str, *, reader: str | None, scope: Scope, services: TableServices
) -> AsyncGenerator[TableEvent, None]:
    """Read the documents of a stored table that are not read yet; the last event is `TableFilled`.

    Closing the generator cancels the table; what was read is kept.
    """
    saved = services.saved
    table = await asyncio.to_thread(saved.get, key, reader)
    documents = {
        document.id: document for document in await asyncio.to_thread(services.store.documents, scope)
    }
    unread = await asyncio.to_thread(saved.unread, key)
    began, done = time.perf_counter(), table.read
    finished = False
    try:
        rows = await asyncio.to_thread(_read_batch, unread, documents, table, services, scope)
        seconds = _estimate(time.perf_counter() - began, len(rows), unread, documents)
        seconds += await asyncio.to_thread(_asking, table, unread, documents, services, scope)
        announced = _announced(table, len(unread), seconds)
        yield TablePlanned(key, table.plan, table.documents, seconds, announced)
        waiting = list(unread)
        while waiting:
            if services.asker is not None:
                rows = [(position, await _asked(row, table, services.asker)) for position, row in rows]
            goes_on = await asyncio.to_thread(saved.add_rows, key, rows)
            done += len(rows)
            del waiting[: len(rows)]
            left = (time.perf_counter() - began) / (done - table.read) * len(waiting)
            yield TableProgress(key, done, table.documents, left)
            if not goes_on:
                break
            rows = await asyncio.to_thread(_read_batch, waiting, documents, table, services, scope)
        finished = not waiting
    finally:
        state: TableState = "done" if finished else "cancelled"
        saved.finished(key, state, seconds=time.perf_counter() - began)
    visible = frozenset(documents)
    filled = await asyncio.to_thread(table_as_shown, key, reader=reader, visible=visible, saved=saved)
    yield TableFilled(filled)


def _estimate(
    spent: float, read: int, unread: Sequence[tuple[int, str]], documents: Mapping[str, StoredDocument]
) -> float:
    """Return the seconds for all unread pages, from those that the first documents took."""
    pages = [documents[one].pages if one in documents else 0 for _, one in unread]
    return round(spent / max(sum(pages[:read]), 1) * sum(pages[read:]), 1)


def _asking(
    table: SavedTable,
    unread: Sequence[tuple[int, str]],
    documents: Mapping[str, StoredDocument],
    services: TableServices,
    scope: Scope,
) -> float:
    """Return the seconds of the questions to the model; a sample shows for how many documents it is asked."""
    if services.asker is None or not unread:
        return 0.0
    sample = unread[:: max(1, len(unread) // SAMPLED)]
    rows = [_read(one, documents.get(one), table, services, scope) for _, one in sample]
    asked = sum(bool(services.asker.missing(row, table.plan.columns)) for row in rows)
    return SECONDS_PER_QUESTION * len(unread) * asked / len(rows)


def _announced(table: SavedTable, unread: int, seconds: float) -> Message:
    columns = ", ".join(column.name for column in table.plan.columns)
    if seconds < 2:
        return Message("Reading {n} documents for: {columns}.", n=unread, columns=columns)
    if seconds < 90:
        return Message(
            "Reading {n} documents for: {columns}. This takes about {seconds:.0f} seconds.",
            n=unread, columns=columns, seconds=seconds,
        )  # fmt: skip
    return Message(
        "Reading {n} documents for: {columns}. This takes about {minutes:.0f} minutes; you can stop it "
        "and go on later.",
        n=unread, columns=columns, minutes=seconds / 60,
    )  # fmt: skip


def _read_batch(
    waiting: Sequence[tuple[int, str]],
    documents: Mapping[str, StoredDocument],
    table: SavedTable,
    services: TableServices,
    scope: Scope,
) -> list[tuple[int, TableRow]]:
    """Read documents until the time of a batch is over; one at least."""
    deadline = time.perf_counter() + (0.0 if services.asker is not None else BATCH_SECONDS)
    rows = []
    for position, document_id in waiting:
        rows.append((position, _read(document_id, documents.get(document_id), table, services, scope)))
        if time.perf_counter() >= deadline:
            break
    return rows


def _read(
    document_id: str,
    document: StoredDocument | None,
    table: SavedTable,
    services: TableServices,
    scope: Scope,
) -> TableRow:
    columns = table.plan.columns
    empty = (NOT_STATED,) * len(columns)
    if document is None:
        gone = Message("The document is not there any more.")
        return TableRow(document_id, "", "", "", empty, failed=gone)
    try:
        return read_row(document, columns, DocumentPages(document, columns, services.store, scope))
    except DocentError as error:
        return TableRow(
            document.id, document.name, document.library, row_title(document), empty, failed=error.message
        )


async def _asked(row: TableRow, table: SavedTable, asker: CellAsker) -> TableRow:
    """Return the row with what a model adds to it; that it gave no answer is said in the row."""
    try:
        return await asker.fill(row, table.plan.columns)
    except ModelError:  # its message names the server, and rows are stored
        return replace(row, failed=Message("The language model gave no answer about it."))


# --- as it is shown ---------------------------------------------------------------------------


def table_as_shown(
    key: str, *, reader: str | None, visible: Collection[str], saved: SavedTables
) -> ResearchTable:
    """Return a table as it is now: arranged, its first rows with numbered citations.

    Rows of documents that the reader may not see any more are left out.
    """
    table = saved.get(key, reader)
    arranged = arrange(table.plan, _visible(saved.rows(key), visible))
    rows = saved.rows_at(key, arranged.shown[:MOST_SHOWN])
    notes = list(arranged.notes)
    if table.state in ("cancelled", "stopped"):
        notes.insert(
            0, Message("Only {n} of {total} documents were read.", n=table.read, total=table.documents)
        )
    if failed := [row for row in rows if row.failed]:
        notes.append(
            Message("{n} documents could not be read to the end: {why}", n=len(failed), why=failed[0].failed)
        )
    return ResearchTable(
        id=key,
        question=table.question,
        plan=table.plan,
        state=table.state,
        rows=tuple(numbered(rows)),
        matching=len(arranged.positions),
        documents=table.documents,
        read=table.read,
        empty=arranged.empty,
        groups=arranged.groups,
        conclusion=arranged.conclusion,
        notes=tuple(notes),
        model=table.model,
        seconds=round(table.seconds, 2),
    )


def rows_in_order(
    key: str, *, reader: str | None, visible: Collection[str], saved: SavedTables
) -> tuple[SavedTable, Iterator[TableRow]]:
    """Return a table with all of its rows in their order, a few in memory at a time."""
    table = saved.get(key, reader)
    arranged = arrange(table.plan, _visible(saved.rows(key), visible))

    def each() -> Iterator[TableRow]:
        for start in range(0, len(arranged.positions), MOST_SHOWN):
            yield from saved.rows_at(key, arranged.positions[start : start + MOST_SHOWN])

    return table, each()


def _visible(
    rows: Iterator[tuple[int, TableRow]], visible: Collection[str]
) -> Iterator[tuple[int, TableRow]]:
    return ((position, row) for position, row in rows if row.document_id in visible)


def numbered(rows: Sequence[TableRow]) -> Iterator[TableRow]:
    """Yield the rows with the citations numbered from 1: those of a cell on one page share a number."""
    n = 0
    for row in rows:
        cells = []
        for cell in row.cells:
            numbers: dict[int, int] = {}
            for citation in cell.citations:
                if citation.page not in numbers:
                    numbers[citation.page] = n = n + 1
            citations = tuple(replace(one, n=numbers[one.page]) for one in cell.citations)
            cells.append(replace(cell, citations=citations))
        yield replace(row, cells=tuple(cells))
