"""Versions of a file: the older one answers until the newer one is complete, then the newer one.

A path names the document that answers for it, and perhaps the `next` one; both in one row, so that the
change from one to the other is one statement.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from docent.types import ANSWERING, SourceFile, State

FINISHED = (State.READY, State.PARTIAL)
READ = ", ".join(f"'{state}'" for state in sorted(ANSWERING))
"""The states of documents that were read, as an SQL list."""


def was_read(db: sqlite3.Connection, document: int) -> bool:
    (state,) = db.execute("SELECT state FROM documents WHERE n = ?", (document,)).fetchone()
    return State(state) in ANSWERING


def is_waiting(db: sqlite3.Connection, document: int) -> bool:
    """Return True if an older version answers in its place."""
    return db.execute("SELECT 1 FROM paths WHERE next = ?", (document,)).fetchone() is not None


def point(db: sqlite3.Connection, library: int, file: SourceFile, document: int) -> None:
    """Let a path name a document: at once, or once it is complete if an older version answers now."""
    (state,) = db.execute("SELECT state FROM documents WHERE n = ?", (document,)).fetchone()
    older = db.execute(
        "SELECT d.n FROM paths p JOIN documents d ON d.n = p.document WHERE p.library = ? AND p.path = ? "
        f"AND d.n <> ? AND d.state IN ({READ})",
        (library, file.path, document),
    ).fetchone()
    now, later = (older[0], document) if older and state not in FINISHED else (document, None)
    db.execute(
        "INSERT OR REPLACE INTO paths (library, path, document, bytes, modified_ns, next) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (library, file.path, now, file.bytes, file.modified_ns, later),
    )
    if later is None:
        db.execute("UPDATE documents SET visible = 1 WHERE n = ?", (document,))


def finish(db: sqlite3.Connection, documents: Sequence[int]) -> None:
    """Count the vectors of these documents; those that have all of them become ready and take over."""
    some = (json.dumps(documents),)
    db.execute(
        "UPDATE documents SET embedded = (SELECT count(*) FROM chunks c JOIN vectors v ON v.chunk = c.n "
        "WHERE c.document = documents.n) WHERE n IN (SELECT value FROM json_each(?))",
        some,
    )
    whole = db.execute(
        f"UPDATE documents SET state = iif(unread_pages, '{State.PARTIAL}', '{State.READY}') "
        f"WHERE n IN (SELECT value FROM json_each(?)) AND state = '{State.SEARCHABLE}' AND embedded = chunks "
        "RETURNING n",
        some,
    ).fetchall()
    for (n,) in whole:
        db.execute("UPDATE paths SET document = next, next = NULL WHERE next = ?", (n,))
        db.execute("UPDATE documents SET visible = 1 WHERE n = ?", (n,))


def withdraw(db: sqlite3.Connection, document: int) -> None:
    """Remove a document from all paths; where an older version answers, it goes on."""
    # The date is reset, so that the next ingest reads that file again.
    db.execute("UPDATE paths SET next = NULL, modified_ns = 0 WHERE next = ?", (document,))
    db.execute("DELETE FROM paths WHERE document = ?", (document,))


NAMELESS = (
    "NOT EXISTS (SELECT 1 FROM paths p WHERE p.document = d.n) "
    "AND NOT EXISTS (SELECT 1 FROM paths p WHERE p.next = d.n)"
)
"""A condition for documents that no path names any more."""
