"""Statements as they are written for SQLite, in the words of PostgreSQL.

Docent's statements are one text for both databases. The few words that only SQLite knows come from
docent/store/catalog/dialect.py, in the forms that are replaced here (docs/decisions/0031-postgresql.md).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count

REPLACED = (
    # A list of values in one parameter, as JSON.
    (re.compile(r"json_each\(\?\)"), "jsonb_array_elements_text(CAST(? AS jsonb)) AS listed(value)"),
    # A list of a column's values, as JSON in a text.
    (re.compile(r"json_group_array\((\w+)\)"), r"coalesce(CAST(json_agg(\1 ORDER BY \1) AS text), '[]')"),
    # Without case: SQLite's LIKE, where both take the letters A to Z only.
    (re.compile(r" LIKE "), " ILIKE "),
    # The position of a text in another one.
    (re.compile(r"\binstr\("), "strpos("),
    # Equal, or both NULL.
    (re.compile(r" IS \?"), " IS NOT DISTINCT FROM ?"),
)
MARK = re.compile(r"\?")


@lru_cache(maxsize=1000)
def rendered(statement: str) -> str:
    """Return a statement as PostgreSQL takes it, with its parameters numbered."""
    for words, replacement in REPLACED:
        statement = words.sub(replacement, statement)
    numbers = count(1)
    return MARK.sub(lambda _: f"${next(numbers)}", statement)
