"""The tables of a document, read back from its pages: rows under the names of their columns.

A page of a CSV file or a sheet begins with the row that names the columns, and each row below
names them again ("Wine: Barolo | Year: 2019") or stands as it is ("Barolo | 2019").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from docent.types import Page

BETWEEN = " | "
KINDS = frozenset({"csv", "xlsx"})
"""Of documents that consist of tables."""
MOST_ROWS = 200_000
SHEET = re.compile(r"sheet '(?P<name>.+)', rows? [\d,–]+$")
AMOUNT = re.compile(
    r"(?P<before>[^\w.,+-]*?)(?P<sign>[-−+(]?)\s?(?P<money>[^\w\s.,+()-]?)\s?"
    r"(?P<digits>\d[\d.,'’ \u00a0\u202f]*?)\)?\s?(?P<after>%|[^\W\d]{1,3}|[^\w\s()]?)"
)
WHOLE = r"\d+|\d{1,3}(?:[.,'’ \u00a0\u202f]\d{3})+"
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with names that can be written in a query."""

    name: str
    title: str
    """As the document has it: the sheet, or the file."""
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    """INTEGER, REAL or TEXT, by column."""
    units: tuple[str, ...]
    """What stands with every number of a column: €, %, kg; or nothing."""
    rows: tuple[tuple[Value, ...], ...]


@dataclass(slots=True)
class _Found:
    title: str
    header: tuple[str, ...]
    rows: list[list[str]] = field(default_factory=list)


def tables_of(name: str, pages: Iterable[Page]) -> list[Table]:
    """Rows of one sheet under one header are one table, however many pages they take."""
    found: dict[tuple[str, tuple[str, ...]], _Found] = {}
    total = 0
    for page in pages:
        sheet = SHEET.search(page.place)
        title = sheet["name"] if sheet else name.rpartition(".")[0] or name
        for header, cells in _rows(page):
            if total < MOST_ROWS:
                found.setdefault((title, header), _Found(title, header)).rows.append(cells)
                total += 1
    taken: set[str] = set()
    return [_table(one, taken) for one in found.values()]


def _rows(page: Page) -> Iterable[tuple[tuple[str, ...], list[str]]]:
    """Each row with its header; a line on top with one cell is a title."""
    tops = {heading.start for heading in page.headings}
    header: tuple[str, ...] = ()
    at = 0
    for line in page.text.split("\n"):
        parts = line.split(BETWEEN)
        if at in tops and len(parts) > 1:
            header = tuple(part.strip() for part in parts)
        elif at not in tops and line.strip():
            yield header, _cells(parts, header)
        at += len(line) + 1


def _cells(parts: Sequence[str], header: Sequence[str]) -> list[str]:
    labels = [f"{name.rstrip(' :')}: " if name else "" for name in header]
    if not any(part.startswith(label) for part in parts for label in labels if label):
        return [part.strip() for part in parts]
    cells = [""] * len(header)
    column = -1
    for part in parts:
        after = range(column + 1, len(header))
        named = next((one for one in after if labels[one] and part.startswith(labels[one])), None)
        bare = next((one for one in after if not labels[one]), None)
        if named is not None:
            cells[named], column = part[len(labels[named]) :].strip(), named
        elif bare is not None:
            cells[bare], column = part.strip(), bare
        elif column >= 0:
            cells[column] += BETWEEN + part  # the sign between cells stood in this one
    return cells


def _table(found: _Found, taken: set[str]) -> Table:
    width = max(len(found.header), *(len(row) for row in found.rows))
    header = [*found.header, *[""] * (width - len(found.header))]
    names: set[str] = set()
    columns = tuple(written(name, names, otherwise=f"column_{n}") for n, name in enumerate(header, 1))
    rows = [[*row, *[""] * (width - len(row))] for row in found.rows]
    read = [_column([row[column] for row in rows]) for column in range(width)]
    return Table(
        name=written(found.title, taken, otherwise="rows"),
        title=found.title,
        columns=columns,
        kinds=tuple(kind for kind, _, _ in read),
        units=tuple(unit for _, unit, _ in read),
        rows=tuple(zip(*(values for _, _, values in read), strict=True)),
    )


def written(name: str, taken: set[str], *, otherwise: str) -> str:
    """A name that needs no quotation marks, and that nothing else has."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40] or otherwise
    taken_by_sql = plain[0].isdigit() or plain in RESERVED or plain.startswith("sqlite_")
    plain = f"t_{plain}" if taken_by_sql else plain
    numbered = (plain, *(f"{plain}_{n}" for n in range(2, len(taken) + 3)))
    chosen = next(one for one in numbered if one not in taken)
    taken.add(chosen)
    return chosen


RESERVED = frozenset(
    """add all alter and as between by case check column commit constraint create cross default delete
    desc distinct drop else end escape except exists for foreign from full group having in index inner
    insert intersect into is isnull join left like limit natural not null on or order outer primary
    references right rollback row rows select set table then to transaction union unique update using
    values when where with""".split()
)


def _column(cells: Sequence[str]) -> tuple[str, str, list[Value]]:
    """What kind it is, the unit, and the values: numbers where every cell is one, of one unit; else texts."""
    said = [cell for cell in cells if cell]
    amounts = [found for cell in said if (found := AMOUNT.fullmatch(cell))]
    units = {found["before"].strip() + found["money"] + found["after"] for found in amounts}
    texts: list[Value] = [cell or None for cell in cells]
    if not said or len(amounts) < len(said) or len(units) > 1 or any(map(_counts_nothing, said)):
        return "TEXT", "", texts
    point = _point([found["digits"] for found in amounts])
    numbers = [_number(found, point) for found in amounts]
    if None in numbers:
        return "TEXT", "", texts
    read = iter(numbers)
    values: list[Value] = [next(read) if cell else None for cell in cells]
    kind = "INTEGER" if all(isinstance(number, int) for number in numbers) else "REAL"
    return kind, units.pop(), values


def _counts_nothing(cell: str) -> bool:
    """Digits that are a date or a code: 00123 would lose its zeros."""
    return bool(DATE.fullmatch(cell) or re.fullmatch(r"0\d+", cell)) or len(re.sub(r"\D", "", cell)) > 15


def _point(digits: Sequence[str]) -> str:
    """Which sign divides the whole from its part in this column; empty: none does."""
    for sign, other in ((",", "."), (".", ",")):
        both = [one for one in digits if sign in one and other in one]
        if both and all(one.rindex(sign) > one.rindex(other) for one in both):
            return sign
    for sign in ".,":
        having = [one for one in digits if sign in one]
        grouped = all(re.fullmatch(rf"[1-9]\d{{0,2}}(?:\{sign}\d{{3}})+", one.strip()) for one in having)
        if having and not (grouped and (sign == "," or any(one.count(sign) > 1 for one in having))):
            return sign
    return ""


def _number(found: re.Match[str], point: str) -> int | float | None:
    """None where the digits stand in no order that a number has."""
    whole, _, part = found["digits"].partition(point) if point else (found["digits"], "", "")
    if not re.fullmatch(WHOLE, whole) or not re.fullmatch(r"\d*", part):
        return None
    digits = re.sub(r"\D", "", whole)
    number = float(f"{digits}.{part}") if point and point in found["digits"] else int(digits)
    return -number if found["sign"] in ("-", "−", "(") else number
