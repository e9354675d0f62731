"""A Scope as an SQL condition; no other module decides who sees which document."""

from __future__ import annotations

import json
from typing import Any

from docent.store.versions import READ
from docent.types import Scope

ANSWERS = f"d.visible AND d.state IN ({READ})"
"""Documents that may answer: not waiting to replace an older version, and searchable at least by words."""


def condition(scope: Scope) -> tuple[str, list[Any]]:
    """Return a condition on `documents d JOIN libraries l`, and its parameters."""
    parts = ["(l.owner IS NULL OR l.owner = ?)"]
    values: list[Any] = [scope.reader]
    for column, wanted in (("l.name", scope.libraries), ("d.id", scope.documents), ("d.kind", scope.kinds)):
        if wanted:
            parts.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(wanted))
    if scope.folder.strip("/"):
        parts.append(
            "EXISTS (SELECT 1 FROM paths p WHERE p.document = d.n AND substr(p.path, 1, length(?)) = ?)"
        )
        values += [scope.folder.strip("/") + "/"] * 2
    # Dates may be as short as a year: "2023" as a limit includes all of 2023.
    if scope.since:
        parts.append("d.date <> '' AND substr(d.date, 1, length(?)) >= ?")
        values += [scope.since] * 2
    if scope.until:
        parts.append("d.date <> '' AND substr(d.date, 1, length(?)) <= ?")
        values += [scope.until] * 2
    return " AND ".join(parts), values


def is_narrow(scope: Scope) -> bool:
    """Return True if the scope picks documents inside libraries, rather than whole libraries."""
    return bool(scope.documents or scope.folder or scope.kinds or scope.since or scope.until)
