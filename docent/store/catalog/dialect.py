"""Words of SQLite in the catalog's statements, and how they read one number.

All other words are understood by PostgreSQL as well. Another database needs these functions, its own tables
(schema.py) and its own transactions (sqlite_catalog.py). It must compare texts byte by byte, as in
PostgreSQL the collation "C" does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from docent.store.protocols import CatalogConnection


def number(db: CatalogConnection, statement: str, values: Sequence[Any] = ()) -> int:
    """Return the one number that a statement selects; 0 without a row, and for NULL."""
    row = db.execute(statement, values).fetchone()
    return int(row[0] or 0) if row else 0


def among(column: str, values: Collection[Any]) -> tuple[str, str]:
    """Return a condition that a column has one of these values, and its one parameter.

    One parameter, so that the statement is the same for any number of values.
    """
    return f"{column} IN (SELECT value FROM json_each(?))", _as_json(values)


def like(column: str) -> str:
    """Return a condition that a column is like a parameter, whatever the case of letters; ! escapes."""
    return f"{column} LIKE ? ESCAPE '!'"  # lower() on both sides would take half as long again


def is_same(column: str) -> str:
    """Return a condition that a column equals a parameter, which may be NULL."""
    return f"{column} IS ?"


def ignoring_case(column: str) -> str:
    """Return a column to sort by, whatever the case of letters."""
    return f"lower({column})"


def listed(column: str) -> str:
    """Return an aggregate that is a list of a column's values, to be read by `as_list`."""
    return f"json_group_array({column})"


def _as_json(values: Collection[Any]) -> str:
    """Return values as JSON of characters that every database takes."""
    text = json.dumps(list(values), ensure_ascii=False)
    return text.replace("\\u0000", "\ufffd")


def as_list(value: str) -> list[str]:
    return list(json.loads(value))
