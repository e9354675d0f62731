"""A research table, ready for its template: columns to sort by, rows with cited cells, and its progress."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from docent.messages import Message
from docent.types import CellValue, ResearchTable, TableCell, TableProgress, TableRow
from docent.web.i18n import say

STEP = 200
"""Rows that are shown at first, and that each further press of the button adds."""
LONGEST_CONCLUSION = 320
"""Characters; of a longer one the first sentence is shown, and the others at a click."""
COLUMN = re.compile(r"-1|\d{1,2}", re.ASCII)
MOST_SORTED = 20_000
"""Rows that are sorted; a longer table is shown in its own order."""

Phase = Literal["planned", "running", "elsewhere", "incomplete", "done"]
"""planned: nothing was read yet; elsewhere: another process fills it."""


@dataclass(frozen=True, slots=True)
class TableQuery:
    """The part and the order of a table that its reader wants to see."""

    sort: int | None = None
    """The number of a column, -1 for the documents' titles; None: the table's own order."""
    descending: bool = False
    shown: int = STEP

    @classmethod
    def of(cls, values: Mapping[str, str]) -> TableQuery:
        """Read a query; what is no number of a column counts as not given."""
        sort, shown = values.get("sort", ""), values.get("shown", "")
        return cls(
            sort=int(sort) if COLUMN.fullmatch(sort) else None,
            descending=values.get("order") == "descending",
            shown=max(int(shown), STEP) if shown.isdecimal() and len(shown) < 6 else STEP,
        )


@dataclass(frozen=True, slots=True)
class HeadCell:
    """The head of a column, which sorts by it."""

    name: str
    number: int
    sorted: Literal["", "ascending", "descending"]
    next_order: Literal["ascending", "descending"]


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell: its text, and the address of its citation."""

    text: str
    cited: str = ""
    """Empty for a cell without a citation."""
    unclear: bool = False
    by_model: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    title: str
    file: str
    """Empty where the title is the name of the file."""
    cells: tuple[CellView, ...]
    failed: str = ""


@dataclass(frozen=True, slots=True)
class TableView:
    """A table, ready for the template."""

    table: ResearchTable
    phase: Phase
    progress: str
    """How far it is and how long it still takes; empty for a table that is done."""
    conclusion: str
    rest: str
    """What follows the first sentence of a long conclusion, which repeats the rows; else empty."""
    notes: tuple[str, ...]
    head: tuple[HeadCell, ...]
    rows: tuple[RowView, ...]
    more: int
    """Rows that are not shown."""
    query: TableQuery
    error: str = ""


def table_view(
    table: ResearchTable,
    rows: Sequence[TableRow],
    query: TableQuery,
    *,
    progress: TableProgress | None,
    is_filled_here: bool,
    error: str,
    language: str,
) -> TableView:
    """Return the view of a table; `rows` are those to be shown, in their order."""
    phase = _phase(table, is_filled_here=is_filled_here)
    conclusion, rest = say(table.conclusion, language) if table.read else "", ""
    if len(conclusion) > LONGEST_CONCLUSION and ". " in conclusion:
        first, _, rest = conclusion.partition(". ")
        conclusion = f"{first}."
    return TableView(
        table=table,
        phase=phase,
        progress=progress_text(table, progress, phase, language),
        conclusion=conclusion,
        rest=rest,
        # The first note of a table that is not complete says what its progress says.
        notes=tuple(say(note, language) for note in table.notes[table.is_resumable :]),
        head=_head(table, query, language),
        rows=tuple(_row(table, row, language) for row in rows),
        more=max(table.matching - len(rows), 0),
        query=query,
        error=error,
    )


def _phase(table: ResearchTable, *, is_filled_here: bool) -> Phase:
    if table.state == "done":
        return "done"
    if is_filled_here:
        return "running"
    if table.state == "running":
        return "elsewhere"
    return "incomplete" if table.read else "planned"


def _head(table: ResearchTable, query: TableQuery, language: str) -> tuple[HeadCell, ...]:
    order = table.plan.order
    sort, descending = query.sort, query.descending
    if sort is None and order is not None:
        sort, descending = order.column, order.descending
    names = [say("Document", language), *(say(column.name, language) for column in table.plan.columns)]
    head = []
    for number, name in enumerate(names, -1):
        is_sorted = number == sort
        head.append(
            HeadCell(
                name,
                number,
                ("descending" if descending else "ascending") if is_sorted else "",
                "descending" if is_sorted and not descending else "ascending",
            )
        )
    return tuple(head)


def _row(table: ResearchTable, row: TableRow, language: str) -> RowView:
    base = f"/tables/{table.id}/cited/{row.document_id}"
    return RowView(
        title=row.title,
        file="" if row.title == row.file else row.file,
        cells=tuple(_cell(cell, f"{base}/{n}", language) for n, cell in enumerate(row.cells, 1)),
        failed=say(row.failed, language),
    )


def _cell(cell: TableCell, address: str, language: str) -> CellView:
    if cell.state == "not_stated":
        return CellView("")
    said = {True: say("yes", language), False: say("no", language), None: ""}[cell.value.yes]
    if cell.state == "unclear" and not cell.note:
        said = say("in part", language)
    return CellView(
        text=f"{said}: {cell.text}" if said else cell.text,
        cited=address if cell.citations else "",
        unclear=cell.state == "unclear",
        by_model=cell.by_model,
        note=say(cell.note, language),
    )


# --- progress --------------------------------------------------------------------------------


def progress_text(table: ResearchTable, progress: TableProgress | None, phase: Phase, language: str) -> str:
    """Return how many documents were read, and how long the others take."""
    if phase in ("done", "planned"):
        return ""
    if phase == "incomplete":
        return say(
            "Incomplete: {done:,} of {total:,} documents were read.",
            language,
            done=table.read,
            total=table.documents,
        )
    if progress is None:
        return say("{done:,} of {total:,} documents", language, done=table.read, total=table.documents)
    return say(
        "{done:,} of {total:,} documents, {left}",
        language,
        done=progress.done,
        total=progress.total,
        left=time_left(progress.seconds_left),
    )


def time_left(seconds: float) -> Message:
    """Return a time as a person would estimate it."""
    if seconds < 10:
        return Message("a few seconds left")
    if seconds < 55:
        return Message("about {n} seconds left", n=10 * round(seconds / 10))
    minutes = round(seconds / 60)
    if minutes <= 1:
        return Message("about a minute left")
    if minutes < 90:
        return Message("about {n} minutes left", n=minutes)
    return Message("about {n} hours left", n=round(seconds / 3600))


# --- order -----------------------------------------------------------------------------------


def sort_rows(rows: Sequence[TableRow], query: TableQuery) -> list[TableRow]:
    """Return rows sorted by a column: what can be compared stays together, and empty cells come last."""
    sort = query.sort
    if sort is None:
        return list(rows)
    if sort < 0:
        return sorted(rows, key=lambda row: row.title.casefold(), reverse=query.descending)
    by_state: dict[str, list[TableRow]] = {"stated": [], "unclear": [], "not_stated": []}
    for row in rows:
        by_state[row.cells[sort].state].append(row)
    stated = by_state["stated"]
    sizes = Counter(_comparable(row.cells[sort].value)[0] for row in stated)
    stated.sort(key=lambda row: _sort_key(row.cells[sort]), reverse=query.descending)
    # Stable: the order within a unit stays. The commonest unit comes first.
    stated.sort(key=lambda row: (-sizes[unit := _comparable(row.cells[sort].value)[0]], unit))
    return [*stated, *by_state["unclear"], *by_state["not_stated"]]


def _comparable(value: CellValue) -> tuple[str, Decimal]:
    """Return the unit within which a number can be compared, and the number; a month is made a year."""
    number = value.number or Decimal()
    if value.period == "month":
        return f"{value.unit}/year", 12 * number
    return value.group, number


def _sort_key(cell: TableCell) -> tuple[int, object]:
    value = cell.value
    if value.number is not None:
        return 0, _comparable(value)[1]
    if value.date:
        return 1, value.date
    if value.yes is not None:
        return 2, not value.yes
    return 3, cell.text.casefold()
