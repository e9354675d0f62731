"""Statements on the change log and on the generations of the index that follow it.

Every write appends its changes in its own transaction. The words and the vectors of a generation each keep
the position that they have reached, and catch up from there (docs/decisions/0018-change-log.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from docent.errors import StoreError
from docent.store.catalog.contents import delete_reading
from docent.store.catalog.dialect import number
from docent.store.catalog.documents import NAMELESS, document_row
from docent.store.protocols import CatalogConnection, Change, ChangeKind

AT_ONCE = 500  # changes that are read and applied together


class Generation(NamedTuple):
    """One index of the documents, by one embedding model and chunk size."""

    number: int
    fingerprint: str
    role: str
    """serving, previous or building, or removed, while it is."""


class Removed(NamedTuple):
    """A document that is gone from the catalog."""

    id: str
    library: str
    sha256: str


def append(
    db: CatalogConnection,
    generation: int,
    kind: ChangeKind,
    *,
    library: str,
    document_id: str = "",
    chunk_ids: Sequence[str] = (),
) -> None:
    db.execute(
        "INSERT INTO changes (generation, kind, document_id, library, chunks) VALUES (?, ?, ?, ?, ?)",
        (generation, kind, document_id, library, bytes.fromhex("".join(chunk_ids))),
    )


def after(db: CatalogConnection, generation: int, position: int) -> list[Change]:
    """Return the first changes of a generation after a position."""
    rows = db.execute(
        "SELECT position, kind, document_id, library, chunks FROM changes "
        "WHERE generation = ? AND position > ? ORDER BY position LIMIT ?",
        (generation, position, AT_ONCE),
    ).fetchall()
    return [
        Change(at, kind, document, library, tuple(ids[n : n + 16].hex() for n in range(0, len(ids), 16)))
        for at, kind, document, library, ids in rows
    ]


def drops_after(db: CatalogConnection, generation: int, position: int) -> bool:
    """Return True if something was deleted after a position, or may have been."""
    dropped = (
        "SELECT count(*) FROM changes WHERE generation = ? AND position > ? AND kind IN ('drop', 'library')"
    )
    return position < first_gap(db, generation) or bool(number(db, dropped, [generation, position]))


def last_position(db: CatalogConnection, generation: int) -> int:
    """Return the position of a generation's last change, also if that was removed since."""
    last = number(db, "SELECT max(position) FROM changes WHERE generation = ?", [generation])
    return last or first_gap(db, generation)


def first_gap(db: CatalogConnection, generation: int) -> int:
    """Return the position up to which changes were removed; who is behind it cannot catch up."""
    return number(db, "SELECT trimmed FROM generations WHERE n = ?", [generation])


def count_up_to(db: CatalogConnection, generation: int, position: int) -> int:
    followed = "SELECT count(*) FROM changes WHERE generation = ? AND position <= ?"
    return number(db, followed, [generation, position])


def trim(db: CatalogConnection, generation: int, position: int) -> None:
    """Remove changes that words and vectors have followed."""
    db.execute("DELETE FROM changes WHERE generation = ? AND position <= ?", (generation, position))
    db.execute(
        "UPDATE generations SET trimmed = ? WHERE n = ? AND trimmed < ?", (position, generation, position)
    )


def log_name(db: CatalogConnection) -> str:
    """Return the name of this log; a catalog that was put back from a snapshot has another one."""
    row = db.execute("SELECT value FROM meta WHERE key = 'log'").fetchone()
    return str(row[0])


def generations(db: CatalogConnection) -> dict[str, Generation]:
    """Return the generations by their roles."""
    return {one.role: one for one in _generations(db)}


def require(db: CatalogConnection, generation: int) -> None:
    """Raise StoreError for a generation that was removed while a process worked on it."""
    if not number(db, "SELECT n FROM generations WHERE n = ?", [generation]):
        raise StoreError(
            "The index that was being built is gone: another rebuild has ended meanwhile. Run this again "
            "if it is still wanted."
        )


def retire(db: CatalogConnection, generation: int) -> bool:
    """Let nobody go back to a generation that is to be removed; return False if it serves, or is gone."""
    removed = "UPDATE generations SET role = 'removed' WHERE n = ? AND role <> 'serving' RETURNING n"
    return bool(number(db, removed, [generation]))


def retired(db: CatalogConnection) -> list[Generation]:
    """Return the generations whose removal has begun."""
    return [one for one in _generations(db) if one.role == "removed"]


def _generations(db: CatalogConnection) -> list[Generation]:
    rows = db.execute("SELECT n, fingerprint, role FROM generations ORDER BY n").fetchall()
    return [Generation(*row) for row in rows]


def begin_generation(db: CatalogConnection, fingerprint: str, role: str) -> int:
    new = "INSERT INTO generations (fingerprint, role) VALUES (?, ?) RETURNING n"
    return number(db, new, [fingerprint, role])


def serve(db: CatalogConnection, generation: int) -> None:
    """Let a generation serve; the one that serves now becomes the previous one."""
    db.execute(
        "UPDATE generations SET role = CASE WHEN n = ? THEN 'serving' ELSE 'previous' END "
        "WHERE n = ? OR role = 'serving'",
        (generation, generation),
    )


def missing_in(db: CatalogConnection, generation: int, *, serving: int) -> list[str]:
    """Return the ids of the documents that were read in the serving generation and not yet in another."""
    rows = db.execute(
        "SELECT d.id FROM documents d JOIN readings r ON r.document = d.n AND r.generation = ? "
        "JOIN libraries l ON l.n = d.library WHERE NOT EXISTS "
        "(SELECT 1 FROM readings o WHERE o.document = d.n AND o.generation = ?) "
        "ORDER BY l.owner IS NULL, d.n",
        (serving, generation),
    )
    return [str(key) for (key,) in rows]


def delete_readings(db: CatalogConnection, generation: int, limit: int) -> bool:
    """Delete some of what was read in a generation, in the end itself; return True while there is more."""
    rows = db.execute("SELECT n FROM readings WHERE generation = ? LIMIT ?", (generation, limit)).fetchall()
    for (reading,) in rows:
        delete_reading(db, reading)
    if not rows:
        db.execute("DELETE FROM changes WHERE generation = ?", (generation,))
        db.execute("DELETE FROM generations WHERE n = ?", (generation,))
    return bool(rows)


def clear_readings(db: CatalogConnection, document: int, *, document_id: str, library: str) -> None:
    """Delete what was read of a document in every generation."""
    readings = db.execute("SELECT n, generation FROM readings WHERE document = ?", (document,)).fetchall()
    for reading, generation in readings:
        ids = delete_reading(db, reading)
        append(db, generation, "drop", library=library, document_id=document_id, chunk_ids=ids)


def nameless(db: CatalogConnection) -> list[Removed]:
    """Return the documents that no path names any more."""
    rows = db.execute(
        f"SELECT d.id, l.name, d.sha256 FROM documents d JOIN libraries l ON l.n = d.library WHERE {NAMELESS}"
    ).fetchall()
    return [Removed(*row) for row in rows]


def remove(db: CatalogConnection, documents: Sequence[Removed]) -> None:
    """Delete documents that no path names, with everything that was read of them."""
    for document in documents:
        n = document_row(db, document.id)
        assert n is not None
        clear_readings(db, n, document_id=document.id, library=document.library)
        db.execute("DELETE FROM documents WHERE n = ?", (n,))
