"""SQL queries on the tables of a document, on a copy in memory that can be read and nothing else.

The tables are read back from the document's pages. A page of a CSV file or a
sheet begins with the row that names the columns, and each row below names them again ("Wine: Barolo |
Year: 2019") or stands as it is ("Barolo | 2019").

A query is written by a model that may have read a hostile document. SQLite is told to refuse everything
but reading: no other file or database, no writing, no recursion, few functions; and a query may take two
seconds and show a few rows.
"""

from __future__ import annotations

import re
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from docent.errors import InputError
from docent.types import Page

BETWEEN = " | "
KINDS = frozenset({"csv", "xlsx"})
"""Kinds of document that consist of tables."""
MOST_ROWS = 200_000
SHEET = re.compile(r"sheet '(?P<name>.+)', rows? [\d,–]+$")
AMOUNT = re.compile(
    r"(?P<before>[^\w.,+-]*?)(?P<sign>[-−+(]?)\s?(?P<money>[^\w\s.,+()-]?)\s?"
    r"(?P<digits>\d[\d.,'’ \u00a0\u202f]*?)\)?\s?(?P<after>%|[^\W\d]{1,3}|[^\w\s()]?)"
)
WHOLE = r"\d+|\d{1,3}(?:[.,'’ \u00a0\u202f]\d{3})+"
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")

SECONDS = 2.0
MOST_SHOWN = 50
LONGEST_CELL = 200
LONGEST_QUERY = 2000
STEPS = 100
"""Of SQLite's machine, between two looks at the clock; one step is a whole call of a function."""

READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})
FUNCTIONS = frozenset(
    """abs avg ceil ceiling coalesce count cume_dist date datetime dense_rank first_value floor glob
    group_concat ifnull iif instr julianday lag last_value lead length like lower ltrim max min mod nth_value
    ntile nullif percent_rank rank round row_number rtrim strftime substr substring sum time total trim
    typeof unicode upper""".split()
)
"""The functions of SQLite that are allowed: none reads files, loads code or makes much of little."""
TRIMMING: dict[str, Callable[[str, str], str]] = {"trim": str.strip, "ltrim": str.lstrip, "rtrim": str.rstrip}
"""SQLite's own take 13 seconds to trim 65,000 characters of as many, and nothing stops them."""
MOST_TRIMMED = 100
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 200_000,  # to look for half of it in the whole takes 0.2 s
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: LONGEST_QUERY,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 60,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 6,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with names that can be written in a query."""

    name: str
    title: str
    """The name in the document: the sheet's, or the file's."""
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    """INTEGER, REAL or TEXT, by column."""
    units: tuple[str, ...]
    """The sign beside every number of a column: €, %, kg; or nothing."""
    rows: tuple[tuple[Value, ...], ...]


@dataclass(slots=True)
class _Rows:
    title: str
    header: tuple[str, ...]
    rows: list[list[str]] = field(default_factory=list)


def tables_of(name: str, pages: Iterable[Page]) -> list[Table]:
    """Return the tables of pages; rows of one sheet under one header are one table on however many pages."""
    tables: dict[tuple[str, tuple[str, ...]], _Rows] = {}
    total = 0
    for page in pages:
        sheet = SHEET.search(page.place)
        title = sheet["name"] if sheet else name.rpartition(".")[0] or name
        for header, cells in _rows(page):
            if total < MOST_ROWS:
                tables.setdefault((title, header), _Rows(title, header)).rows.append(cells)
                total += 1
    taken: set[str] = set()
    return [_table(rows, taken) for rows in tables.values()]


def _rows(page: Page) -> Iterable[tuple[tuple[str, ...], list[str]]]:
    """Yield each row with its header; a line on top with one cell is a title."""
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
        named = next((at for at in after if labels[at] and part.startswith(labels[at])), None)
        bare = next((at for at in after if not labels[at]), None)
        if named is not None:
            cells[named], column = part[len(labels[named]) :].strip(), named
        elif bare is not None:
            cells[bare], column = part.strip(), bare
        elif column >= 0:
            cells[column] += BETWEEN + part  # the cell itself holds the sign between cells
    return cells


def _table(table: _Rows, taken: set[str]) -> Table:
    width = max(len(table.header), *(len(row) for row in table.rows))
    header = [*table.header, *[""] * (width - len(table.header))]
    names: set[str] = set()
    columns = tuple(_sql_name(name, names, otherwise=f"column_{n}") for n, name in enumerate(header, 1))
    rows = [[*row, *[""] * (width - len(row))] for row in table.rows]
    read = [_column([row[column] for row in rows]) for column in range(width)]
    return Table(
        name=_sql_name(table.title, taken, otherwise="rows"),
        title=table.title,
        columns=columns,
        kinds=tuple(kind for kind, _, _ in read),
        units=tuple(unit for _, unit, _ in read),
        rows=tuple(zip(*(values for _, _, values in read), strict=True)),
    )


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


def _column(cells: Sequence[str]) -> tuple[str, str, list[Value]]:
    """Return a column's kind, unit and values: numbers where every cell is one, of one unit; else texts."""
    filled = [cell for cell in cells if cell]
    amounts = [amount for cell in filled if (amount := AMOUNT.fullmatch(cell))]
    units = {amount["before"].strip() + amount["money"] + amount["after"] for amount in amounts}
    texts: list[Value] = [cell or None for cell in cells]
    if not filled or len(amounts) < len(filled) or len(units) > 1 or any(map(_is_code, filled)):
        return "TEXT", "", texts
    point = _point([amount["digits"] for amount in amounts])
    numbers = [_number(amount, point) for amount in amounts]
    if None in numbers:
        return "TEXT", "", texts
    read = iter(numbers)
    values: list[Value] = [next(read) if cell else None for cell in cells]
    kind = "INTEGER" if all(isinstance(number, int) for number in numbers) else "REAL"
    return kind, units.pop(), values


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


@dataclass(frozen=True, slots=True)
class QueryResult:
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    more: bool
    """There are more rows than are shown."""


def query(sql: str, tables: Sequence[Table]) -> QueryResult:
    """Run a query. Raises InputError with the reason and the tables that there are."""
    try:
        with closing(_copy(tables)) as copy:
            _restrict(copy)
            cursor = copy.execute(sql)
            rows = cursor.fetchmany(MOST_SHOWN + 1)
    except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
        raise InputError("{error}. {tables}", error=_reason(error), tables=described(tables)) from error
    if cursor.description is None:
        raise InputError("Only a SELECT is answered. {tables}", tables=described(tables))
    columns = tuple(str(column[0]) for column in cursor.description)
    return QueryResult(columns, tuple(rows[:MOST_SHOWN]), len(rows) > MOST_SHOWN)


def described(tables: Sequence[Table]) -> str:
    """Return the tables and their columns, as a query names them."""
    lines = []
    for table in tables:
        about = zip(table.columns, table.kinds, table.units, strict=True)
        columns = ", ".join(" ".join(filter(None, words)) for words in about)
        lines.append(f"{table.name}({columns}), {len(table.rows)} rows")
    return "Tables: " + "; ".join(lines) if lines else "There is no table in it."


def result_lines(result: QueryResult) -> str:
    """Return the rows, a line each, for the model to read."""
    rows = [result.columns, *result.rows]
    lines = [" | ".join("" if value is None else str(value)[:LONGEST_CELL] for value in row) for row in rows]
    return "\n".join([*lines, *(["and more rows; ask for fewer"] if result.more else [])])


def _copy(tables: Sequence[Table]) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None)
    for table in tables:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(table.columns, table.kinds, strict=True))
        copy.execute(f'CREATE TABLE "{table.name}" ({columns})')
        places = ", ".join("?" * len(table.columns))
        copy.executemany(f'INSERT INTO "{table.name}" VALUES ({places})', table.rows)
    return copy


def _restrict(copy: sqlite3.Connection) -> None:
    for limit, most in LIMITS.items():
        copy.setlimit(limit, most)
    for name, trim in TRIMMING.items():
        copy.create_function(name, 2, _trimming(trim), deterministic=True)
    copy.execute("PRAGMA query_only = ON")
    copy.set_authorizer(_allowed)
    end = time.monotonic() + SECONDS
    copy.set_progress_handler(lambda: time.monotonic() > end, STEPS)


def _trimming(trim: Callable[[str, str], str]) -> Callable[[Value, Value], str | None]:
    def trimmed(text: Value, signs: Value) -> str | None:
        return None if text is None or signs is None else trim(str(text), str(signs)[:MOST_TRIMMED])

    return trimmed


def _allowed(action: int, first: str | None, second: str | None, _base: str | None, _by: str | None) -> int:
    if action in READING or action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _reason(error: Exception) -> str:
    match str(error):
        case "interrupted":
            return f"The query took longer than {SECONDS:g} seconds; ask for less"
        case reason if "not authorized" in reason or "prohibited" in reason or "denied" in reason:
            return f"Only reading is allowed, one SELECT with common functions: {reason}"
        case reason:
            return f"The query cannot be answered: {reason}"
