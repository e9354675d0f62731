"""SQL queries on the tables of a document, on a copy in memory that can be read and nothing else.

A query is written by a model that may have read a hostile document. SQLite is told to refuse everything
but reading: no other file or database, no writing, no recursion, few functions; and a query may take two
seconds and show a few rows.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from docent.answering.tools.sheet_tables import Table, Value
from docent.errors import InputError

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


@dataclass(frozen=True, slots=True)
class QueryResult:
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    more: bool
    """There are more rows than are shown."""


def query(sql: str, tables: Sequence[Table], *, most: int = MOST_SHOWN) -> QueryResult:
    """Run a query, and return its first rows. Raises InputError with the reason and the tables there are."""
    try:
        with closing(_copy(tables)) as copy:
            _restrict(copy)
            cursor = copy.execute(sql)
            rows = cursor.fetchmany(most + 1)
    except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
        raise InputError("{error}. {tables}", error=_reason(error), tables=described(tables)) from error
    if cursor.description is None:
        raise InputError("Only a SELECT is answered. {tables}", tables=described(tables))
    columns = tuple(str(column[0]) for column in cursor.description)
    return QueryResult(columns, tuple(rows[:most]), len(rows) > most)


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
