"""A Scope as an SQL condition: the one place that decides who sees which document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from docent.store.catalog.dialect import among, like
from docent.types import Scope

ANSWERS = "d.visible = 1 AND r.n IS NOT NULL"
"""A condition for documents that may answer: not waiting to replace an older version, and read."""


def known_in(generation: int) -> str:
    """Return a FROM clause: every document with its library and, if there is one, its reading."""
    return read_in(generation).replace("JOIN readings", "LEFT JOIN readings")


def read_in(generation: int) -> str:
    """Return a FROM clause: the documents that were read, with their library and reading."""
    return (
        "documents d JOIN libraries l ON l.n = d.library "
        f"JOIN readings r ON r.document = d.n AND r.generation = {generation}"
    )


def in_scope(scope: Scope) -> tuple[str, list[Any]]:
    """Return a scope as a condition, and its parameters; nothing else decides who sees what."""
    visible, values = visible_to(scope.reader)
    parts = [visible]
    for column, wanted in (("l.name", scope.libraries), ("d.id", scope.documents), ("r.kind", scope.kinds)):
        if wanted:
            condition, value = among(column, wanted)
            parts.append(condition)
            values.append(value)
    if scope.folder.strip("/"):
        parts.append(
            "EXISTS (SELECT 1 FROM paths p WHERE p.document = d.n AND substr(p.path, 1, length(?)) = ?)"
        )
        values += [scope.folder.strip("/") + "/"] * 2
    # Dates may be as short as a year: "2023" as a limit includes all of 2023.
    for limit, sign in ((scope.since, ">="), (scope.until, "<=")):
        if limit:
            parts.append(f"r.date <> '' AND substr(r.date, 1, length(?)) {sign} ?")
            values += [limit] * 2
    return " AND ".join(parts), values


def visible_to(reader: str | None) -> tuple[str, list[Any]]:
    """Return a condition for the libraries `l` that a reader may see, and its parameters."""
    if reader is None:
        return "l.owner IS NULL", []
    condition = (
        "(l.owner = ? OR (l.owner IS NULL AND (l.restricted = 0 OR l.n IN (SELECT a.library "
        "FROM access a JOIN members m ON m.group_name = a.group_name WHERE m.member = ?))))"
    )
    return condition, [reader, reader]


def is_narrow(scope: Scope) -> bool:
    """Return True if the scope picks documents inside libraries, rather than whole libraries."""
    return bool(scope.documents or scope.folder or scope.kinds or scope.since or scope.until)


def holds_words(search: str, states: Sequence[str]) -> tuple[str, list[Any]]:
    """Return a condition for documents whose names or paths hold every word, in one of the states."""
    parts: list[str] = ["d.visible = 1"]
    values: list[Any] = []
    for word in search.split():
        parts.append(
            f"({like('d.name')} OR {like('r.title')} OR EXISTS "
            f"(SELECT 1 FROM paths p WHERE p.document = d.n AND {like('p.path')}))"
        )
        values += ["%" + re.sub("[!%_]", r"!\g<0>", word) + "%"] * 3
    if states:
        parts.append(f"coalesce(r.state, d.state) IN ({', '.join('?' * len(states))})")
        values += states
    return " AND ".join(parts), values
