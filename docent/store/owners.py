"""Whose a library is and who shared a document, as the catalog names them, and how a name goes out of it."""

from __future__ import annotations

import sqlite3
from itertools import chain, count

from docent.types import private_library

UPLOADED = ".uploaded/"
"""Begins the path of a file that came from no folder; no path below data/ begins with a dot."""

NAMED = """
SELECT (SELECT COUNT(*) FROM libraries WHERE owner = :owner)
    + (SELECT COUNT(*) FROM paths WHERE substr(path, 1, length(:start)) = :start)
"""


def brought_by(reader: str) -> str:
    """Begins the path of what a reader shared, so that they can take it back."""
    return f"{UPLOADED}{private_library(reader, '')}"


def forget_name(db: sqlite3.Connection, reader: str) -> None:
    """Remove a reader's empty libraries, and their name from the paths of what they shared."""
    start = brought_by(reader)
    db.execute(
        "DELETE FROM libraries WHERE owner = ? AND n NOT IN (SELECT library FROM documents)", (reader,)
    )
    shared = db.execute(
        "SELECT library, path, document FROM paths WHERE substr(path, 1, length(?1)) = ?1", (start,)
    ).fetchall()
    for library, path, document in shared:
        name = path.removeprefix(start)
        there = (library, path)
        free = free_path(db, library, name, document, below=UPLOADED)
        known = db.execute("SELECT 1 FROM paths WHERE library = ? AND path = ?", (library, free)).fetchone()
        if known:  # the same document is here under this name already
            db.execute("DELETE FROM paths WHERE library = ? AND path = ?", there)
        else:
            db.execute("UPDATE paths SET path = ? WHERE library = ? AND path = ?", (free, *there))


def free_path(db: sqlite3.Connection, library: int, name: str, document: int, *, below: str) -> str:
    """Where a shared file stands: under its name, or beside another of that name, never in its place."""
    stem, dot, suffix = name.rpartition(".")
    numbered = (f"{stem} ({n}){dot}{suffix}" if stem else f"{name} ({n})" for n in count(2))
    for own in chain([name], numbered):
        row = db.execute(
            "SELECT document FROM paths WHERE library = ? AND path = ?", (library, below + own)
        ).fetchone()
        if row is None or row[0] == document:
            break
    return below + own
