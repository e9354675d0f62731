"""The tables of a document, read back from its pages, with the place of every cell.

A page of a CSV file or a sheet begins with the row that names the columns, and each row below names them
again ("Wine: Barolo | Year: 2019") or stands as it is ("Barolo | 2019"). A row of totals at the end is no
row of the table: adding it up with the others would count everything twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from docent.answering.tools.written_dates import iso_dates
from docent.types import Page

BETWEEN = " | "
KINDS = frozenset({"csv", "xlsx", "ods"})
"""Kinds of document that consist of tables."""
MOST_ROWS = 200_000
SHEET = re.compile(r"sheet '(?P<name>.+)', rows? [\d,–]+$")
AMOUNT = re.compile(
    r"(?P<before>[^\w.,+-]*?)(?P<sign>[-−+(]?)\s?(?P<money>[^\w\s.,+()-]?)\s?"
    r"(?P<digits>\d[\d.,'’ \u00a0\u202f]*?)\)?\s?(?P<after>%|[^\W\d]{1,3}|[^\w\s()]?)"
)
WHOLE = r"\d+|\d{1,3}(?:[.,'’ \u00a0\u202f]\d{3})+"
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
TOTALS = re.compile(
    r"(?:grand |sub-?\s?|overall |sous-)?(?:totals?|totaux|sums?|sommes?|summe|gesamt|averages?|mean"
    r"|moyennes?)"
    r"(?: (?:general|général|\d{4}))?:?",
    re.IGNORECASE,
)
"""The first cell of a row that adds up the others."""

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row: its values by column, its cells as the page shows them, and where each stands on the page."""

    page: int
    values: tuple[Value, ...]
    cells: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    """Characters of the page's text; an empty cell has none, (0, 0)."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with names that can be written in a query."""

    name: str
    title: str
    """The name in the document: the sheet's, or the file's."""
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    """The names of the columns as they are written."""
    kinds: tuple[str, ...]
    """INTEGER, REAL or TEXT, by column."""
    units: tuple[str, ...]
    """The sign beside every number of a column: €, %, kg; or nothing."""
    dates: tuple[bool, ...]
    """The columns of dates, whose values are ISO dates however the cells are written."""
    placed: tuple[SheetRow, ...]
    totals: int = 0
    """Rows of totals, which are left out."""

    @property
    def rows(self) -> tuple[tuple[Value, ...], ...]:
        return tuple(row.values for row in self.placed)


Cell = tuple[str, int, int]
"""The text of a cell and its characters on the page."""


@dataclass(slots=True)
class _Rows:
    title: str
    header: tuple[str, ...]
    rows: list[tuple[int, list[Cell]]] = field(default_factory=list)


def tables_of(name: str, pages: Iterable[Page]) -> list[Table]:
    """Return the tables of pages; rows of one sheet under one header are one table on however many pages."""
    tables: dict[tuple[str, tuple[str, ...]], _Rows] = {}
    total = 0
    for page in pages:
        sheet = SHEET.search(page.place)
        title = sheet["name"] if sheet else name.rpartition(".")[0] or name
        for header, cells in _rows(page):
            if total < MOST_ROWS:
                tables.setdefault((title, header), _Rows(title, header)).rows.append((page.number, cells))
                total += 1
    taken: set[str] = set()
    return [_table(rows, taken) for rows in tables.values()]


def _rows(page: Page) -> Iterator[tuple[tuple[str, ...], list[Cell]]]:
    """Yield each row with its header; a line on top with one cell is a title."""
    tops = {heading.start for heading in page.headings}
    header: tuple[str, ...] = ()
    at = 0
    for line in page.text.split("\n"):
        parts = _parts(line, at)
        if at in tops and len(parts) > 1:
            header = tuple(text.strip() for text, _, _ in parts)
        elif at not in tops and line.strip():
            yield header, _cells(parts, header)
        at += len(line) + 1


def _parts(line: str, at: int) -> list[Cell]:
    parts = []
    for text in line.split(BETWEEN):
        parts.append((text, at, at + len(text)))
        at += len(text) + len(BETWEEN)
    return parts


@lru_cache(maxsize=64)
def _labels(header: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name.rstrip(' :')}: " if name else "" for name in header)


def _cells(parts: Sequence[Cell], header: tuple[str, ...]) -> list[Cell]:
    labels = _labels(header)
    if len(parts) == len(labels) and all(map(_begins, parts, labels)):
        return [
            _stripped((text[len(label) :], start + len(label), end))
            for (text, start, end), label in zip(parts, labels, strict=True)
        ]
    if not any(text.startswith(label) for text, _, _ in parts for label in labels if label):
        return [_stripped(part) for part in parts]
    cells: list[Cell] = [("", 0, 0)] * len(header)
    column = -1
    for text, start, end in parts:
        after = range(column + 1, len(header))
        named = next((at for at in after if labels[at] and text.startswith(labels[at])), None)
        bare = next((at for at in after if not labels[at]), None)
        if named is not None:
            label = len(labels[named])
            cells[named], column = _stripped((text[label:], start + label, end)), named
        elif bare is not None:
            cells[bare], column = _stripped((text, start, end)), bare
        elif column >= 0:  # the cell itself holds the sign between cells
            before, first, _ = cells[column]
            cells[column] = (before + BETWEEN + text, first, end)
    return cells


def _begins(part: Cell, label: str) -> bool:
    return bool(label) and part[0].startswith(label)


def _stripped(cell: Cell) -> Cell:
    text, start, end = cell
    bare = text.strip()
    if len(bare) < len(text):
        start += len(text) - len(text.lstrip())
        text = bare
    return (text, start, start + len(text)) if text else ("", 0, 0)


def _table(table: _Rows, taken: set[str]) -> Table:
    width = max(len(table.header), *(len(cells) for _, cells in table.rows))
    header = [*table.header, *[""] * (width - len(table.header))]
    names: set[str] = set()
    columns = tuple(_sql_name(name, names, otherwise=f"column_{n}") for n, name in enumerate(header, 1))
    rows = [(page, [*cells, *[("", 0, 0)] * (width - len(cells))]) for page, cells in table.rows]
    kept = [row for row in rows if not _is_total(row[1])] if len(rows) > 1 else rows
    read = [_column([cells[column][0] for _, cells in kept]) for column in range(width)]
    return Table(
        name=_sql_name(table.title, taken, otherwise="rows"),
        title=table.title,
        columns=columns,
        labels=tuple(header),
        kinds=tuple(kind for kind, _, _, _ in read),
        units=tuple(unit for _, unit, _, _ in read),
        dates=tuple(is_date for _, _, is_date, _ in read),
        placed=tuple(
            SheetRow(
                page,
                tuple(values[at] for _, _, _, values in read),
                tuple(text for text, _, _ in cells),
                tuple((start, end) for _, start, end in cells),
            )
            for at, (page, cells) in enumerate(kept)
        ),
        totals=len(rows) - len(kept),
    )


def _is_total(cells: Sequence[Cell]) -> bool:
    return bool(TOTALS.fullmatch(next((text for text, _, _ in cells if text), "")))


def _sql_name(name: str, taken: set[str], *, otherwise: str) -> str:
    """Return a name that needs no quotation marks in SQL and is not taken, and take it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40] or otherwise
    taken_by_sql = plain[0].isdigit() or plain in RESERVED or plain.startswith("sqlite_")
    plain = f"t_{plain}" if taken_by_sql else plain
    numbered = (plain, *(f"{plain}_{n}" for n in range(2, len(taken) + 3)))
    chosen = next(candidate for candidate in numbered if candidate not in taken)
    taken.add(chosen)
    return chosen


RESERVED = frozenset(
    """add all alter and as between by case check column commit constraint create cross default delete
    desc distinct drop else end escape except exists for foreign from full group having in index inner
    insert intersect into is isnull join left like limit natural not null on or order outer primary
    references right rollback row rows select set table then to transaction union unique update using
    values when where with""".split()
)


def _column(cells: Sequence[str]) -> tuple[str, str, bool, list[Value]]:
    """Return a column's kind, its unit, if it holds dates, and its values.

    Values are numbers where every cell is one, of one unit, ISO dates where every cell is a date, else texts.
    """
    filled = [cell for cell in cells if cell]
    texts: list[Value] = [cell or None for cell in cells]
    if filled and (dates := iso_dates(filled)):
        read_dates = iter(dates)
        return "TEXT", "", True, [next(read_dates) if cell else None for cell in cells]
    amounts = [amount for cell in filled if (amount := AMOUNT.fullmatch(cell))]
    units = {amount["before"].strip() + amount["money"] + amount["after"] for amount in amounts}
    if not filled or len(amounts) < len(filled) or len(units) > 1 or any(map(_is_code, filled)):
        return "TEXT", "", False, texts
    point = _point([amount["digits"] for amount in amounts])
    numbers = [_number(amount, point) for amount in amounts]
    if None in numbers:
        return "TEXT", "", False, texts
    read = iter(numbers)
    values: list[Value] = [next(read) if cell else None for cell in cells]
    kind = "INTEGER" if all(isinstance(number, int) for number in numbers) else "REAL"
    return kind, units.pop(), False, values


def _is_code(cell: str) -> bool:
    """Tell whether digits are a date or a code: 00123 would lose its zeros as a number."""
    return bool(DATE.fullmatch(cell) or re.fullmatch(r"0\d+", cell)) or len(re.sub(r"\D", "", cell)) > 15


def _point(digits: Sequence[str]) -> str:
    """Return the decimal sign of a column; empty where it has none."""
    for sign, other in ((",", "."), (".", ",")):
        both = [number for number in digits if sign in number and other in number]
        if both and all(number.rindex(sign) > number.rindex(other) for number in both):
            return sign
    for sign in ".,":
        signed = [number for number in digits if sign in number]
        grouped = all(
            re.fullmatch(rf"[1-9]\d{{0,2}}(?:\{sign}\d{{3}})+", number.strip()) for number in signed
        )
        if signed and not (grouped and (sign == "," or any(number.count(sign) > 1 for number in signed))):
            return sign
    return ""


def _number(amount: re.Match[str], point: str) -> int | float | None:
    """Return the number; None where the digits are not grouped as in a number."""
    whole, _, part = amount["digits"].partition(point) if point else (amount["digits"], "", "")
    if not re.fullmatch(WHOLE, whole) or not re.fullmatch(r"\d*", part):
        return None
    digits = re.sub(r"\D", "", whole)
    number = float(f"{digits}.{part}") if point and point in amount["digits"] else int(digits)
    return -number if amount["sign"] in ("-", "−", "(") else number
