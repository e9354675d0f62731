"""Statements on libraries, documents and their files.

A path names the document that answers for it, and perhaps the `next` one; both in one row, so that the
change from one version of a file to the other is one statement.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, count
from typing import Any

from docent.errors import StoreError, UnknownDocument
from docent.messages import Message, joined, restored, stored
from docent.store.catalog.dialect import as_list, ignoring_case, listed, number
from docent.store.catalog.scoping import in_scope, known_in, visible_to
from docent.store.protocols import CatalogConnection, KnownFile
from docent.types import (
    ANSWERING,
    NOTHING_TO_SEARCH,
    Scope,
    SourceFile,
    State,
    StoredDocument,
    private_library,
)

COLUMNS = f"""
d.id, l.name, l.owner, d.name, d.sha256, d.bytes, d.added, coalesce(r.state, d.state),
coalesce(r.reason, d.reason), coalesce(r.title, ''), coalesce(r.kind, ''), coalesce(r.language, ''),
coalesce(r.date, ''), coalesce(r.pages, 0), coalesce(r.unread_pages, 0), coalesce(r.chunks, 0),
coalesce(r.embedded, 0), coalesce(r.loader, 0),
EXISTS (SELECT 1 FROM paths p WHERE p.document = d.n AND p.next IS NOT NULL),
(SELECT {listed("path")} FROM paths p WHERE p.document = d.n OR p.next = d.n)
"""
NAMELESS = "d.visible = 0 AND NOT EXISTS (SELECT 1 FROM paths p WHERE p.next = d.n)"
"""A condition for documents that no path names any more; no path answers with one that is not visible."""
UPLOADED = ".uploaded/"
"""The start of the path of a file from no folder; no path below data/ begins with a dot."""
SORTED = {
    "": "l.name {way}, d.name {way}",
    "name": f"{ignoring_case('d.name')} {{way}}",
    "library": "l.name {way}, d.name",
    "state": "coalesce(r.state, d.state) {way}, d.name",
    "pages": "coalesce(r.pages, 0) {way}, d.name",
    "size": "d.bytes {way}, d.name",
    "added": "d.added {way}, d.name",
}
"""Orders of a list, by the name of the column that a person sorts by."""
MOST_DOCUMENTS = 20_000  # cached with their rows; some 40 MB
EMPTY = joined((NOTHING_TO_SEARCH, Message("Read it again to hear why.")), " ")
"""The reason for an empty document that was read before reasons were noted."""
GONE = Message("This document is not here any more. `python -m docent list` shows what is.")
OUTDATED = Message("a newer version is being read; until it is ready, this one answers")


def documents_where(
    db: CatalogConnection,
    generation: int,
    condition: str,
    *values: Any,
    order: str = "l.name, d.name",
    limit: int | None = None,
    offset: int = 0,
) -> list[StoredDocument]:
    """Return documents of all readers."""
    known = known_in(generation)
    if limit is not None:  # else SQLite reads the paths of every document before it sorts
        chosen = f"SELECT d.n FROM {known} WHERE {condition} ORDER BY {order}, d.n LIMIT ? OFFSET ?"
        condition, values = f"d.n IN ({chosen})", (*values, limit, offset)
    rows = db.execute(f"SELECT {COLUMNS} FROM {known} WHERE {condition} ORDER BY {order}, d.n", tuple(values))
    return [_document_of(row) for row in rows]


def document_in(db: CatalogConnection, generation: int, scope: Scope, document_id: str) -> StoredDocument:
    """Return one document, also one that waits to replace an older version. Raises UnknownDocument."""
    where, values = in_scope(scope)
    known = documents_where(db, generation, f"d.id = ? AND {where}", document_id, *values)
    if not known:
        raise UnknownDocument(GONE)
    return known[0]


def count_where(db: CatalogConnection, generation: int, condition: str, *values: Any) -> int:
    return number(db, f"SELECT count(*) FROM {known_in(generation)} WHERE {condition}", values)


@lru_cache(maxsize=MOST_DOCUMENTS)
def _document_of(row: tuple[Any, ...]) -> StoredDocument:
    """Return a row as a document; cached, as most rows are the same after a change."""
    key, library, owner, name, sha256, size, added, state, reason, *facts, outdated, paths = row
    title, kind, language, date, pages, unread, chunks, embedded, loader = facts
    is_empty = not chunks and state in ANSWERING
    return StoredDocument(
        id=key,
        library=library,
        name=name,
        title=title,
        kind=kind,
        sha256=sha256,
        paths=tuple(as_list(paths)),
        state=State(state),
        reason=restored(reason) or (OUTDATED if outdated else EMPTY if is_empty else ""),
        pages=pages,
        unread_pages=unread,
        chunks=chunks,
        embedded=embedded,
        bytes=size,
        language=language,
        date=date,
        added=added,
        owner=owner,
        loader=loader,
    )


def library_row(db: CatalogConnection, name: str, owner: str | None = None) -> int:
    """Return the row of a library, made if it is missing.

    Raises StoreError for a missing private library without owner, which would be shared with everybody.
    """
    if owner is not None or "/" not in name:  # names by private_library have a slash
        db.execute(
            "INSERT INTO libraries (name, owner, added) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
            (name, owner, now()),
        )
    if not (row := number(db, "SELECT n FROM libraries WHERE name = ?", [name])):
        raise StoreError(
            "{name!r} is a private library whose owner is not known. Hand the file in again.", name=name
        )
    return row


def document_row(db: CatalogConnection, document_id: str) -> int | None:
    return number(db, "SELECT n FROM documents WHERE id = ?", [document_id]) or None


def queue_document(
    db: CatalogConnection,
    document_id: str,
    library: int,
    sha256: str,
    *,
    name: str,
    size: int,
    added: str = "",
) -> int:
    """Insert a document that is to be read, or queue one again that failed; return its row."""
    db.execute(
        "INSERT INTO documents (id, library, sha256, name, added, bytes, state, visible) "
        f"VALUES (?, ?, ?, ?, ?, ?, '{State.QUEUED}', 0) ON CONFLICT (id) DO UPDATE "
        f"SET state = '{State.QUEUED}', reason = '', name = excluded.name "
        f"WHERE documents.state = '{State.FAILED}'",
        (document_id, library, sha256, name, added or now(), size),
    )
    row = document_row(db, document_id)
    assert row is not None
    return row


def is_read(db: CatalogConnection, document: int, generation: int) -> bool:
    reading = "SELECT n FROM readings WHERE document = ? AND generation = ?"
    return bool(number(db, reading, [document, generation]))


def point(db: CatalogConnection, generation: int, library: int, file: SourceFile, document: int) -> None:
    """Let a path name a document: at once, or once it is complete if an older version answers now."""
    db.execute("DELETE FROM failures WHERE library = ? AND path = ?", (library, file.path))
    older, read = db.execute(
        "SELECT p.document, r.n FROM paths p LEFT JOIN readings r ON r.document = p.document "
        "AND r.generation = ? WHERE p.library = ? AND p.path = ? AND p.document <> ?",
        (generation, library, file.path, document),
    ).fetchone() or (None, None)
    complete = number(
        db,
        "SELECT n FROM readings WHERE document = ? AND generation = ? AND state <> 'searchable'",
        [document, generation],
    )
    now, later = (older, document) if read and not complete else (document, None)
    db.execute(
        "INSERT INTO paths (library, path, document, bytes, modified_ns, next) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (library, path) DO UPDATE SET document = excluded.document, bytes = excluded.bytes, "
        "modified_ns = excluded.modified_ns, next = excluded.next",
        (library, file.path, now, file.bytes, file.modified_ns, later),
    )
    _note_visible(db, [older, document])


def _note_visible(db: CatalogConnection, documents: Iterable[int | None]) -> None:
    """Note which of these documents a path answers with now; the others wait, or are removed."""
    db.executemany(
        "UPDATE documents SET visible = CASE WHEN EXISTS "
        "(SELECT 1 FROM paths p WHERE p.document = documents.n) THEN 1 ELSE 0 END WHERE n = ?",
        [(document,) for document in documents],
    )


def finish_complete(db: CatalogConnection, generation: int, *, serving: bool) -> None:
    """Make the documents ready that have all their vectors; in the serving generation they take over."""
    complete = db.execute(
        f"UPDATE readings SET state = CASE WHEN unread_pages > 0 THEN '{State.PARTIAL}' ELSE "
        f"'{State.READY}' END WHERE generation = ? AND state = '{State.SEARCHABLE}' AND embedded = chunks "
        "RETURNING document",
        (generation,),
    ).fetchall()
    if serving and complete:
        take_over(db, generation)


def take_over(db: CatalogConnection, generation: int) -> None:
    """Let each document answer that is complete, and was to replace an older version of its file."""
    pairs = db.execute(
        "SELECT p.document, p.next FROM paths p JOIN readings r ON r.document = p.next "
        "AND r.generation = ? WHERE p.next IS NOT NULL AND r.state <> 'searchable'",
        (generation,),
    ).fetchall()
    for pair in pairs:
        db.execute("UPDATE paths SET document = next, next = NULL WHERE next = ?", pair[1:])
        _note_visible(db, pair)


def begin_reading(db: CatalogConnection, document_id: str) -> None:
    """Note that a queued document is being read."""
    db.execute(
        f"UPDATE documents SET state = '{State.LOADING}' WHERE id = ? AND state = '{State.QUEUED}'",
        (document_id,),
    )


def give_up(db: CatalogConnection, document: int, reason: str) -> None:
    """Mark a document as failed; an older version of it goes on answering."""
    db.execute(
        f"UPDATE documents SET state = '{State.FAILED}', reason = ? WHERE n = ?", (stored(reason), document)
    )
    if number(db, "SELECT next FROM paths WHERE next = ?", [document]):
        withdraw(db, document)


def any_complete(db: CatalogConnection, generation: int) -> bool:
    """Return True if `finish_complete` has something to do."""
    complete = "SELECT n FROM readings WHERE generation = ? AND state = 'searchable' AND embedded = chunks"
    return bool(number(db, f"{complete} LIMIT 1", [generation]))


def withdraw(db: CatalogConnection, document: int) -> None:
    """Remove a document from all paths; where an older version answers, it goes on."""
    # The date is reset, so that the next ingest reads that file again.
    db.execute("UPDATE paths SET next = NULL, modified_ns = 0 WHERE next = ?", (document,))
    db.execute("DELETE FROM paths WHERE document = ?", (document,))
    _note_visible(db, [document])


def rename(db: CatalogConnection, document: int) -> None:
    """Name a document after a file that is still there, once the one it was named after is gone."""
    names = [
        str(path).rpartition("/")[2]
        for (path,) in db.execute("SELECT path FROM paths WHERE document = ? ORDER BY path", (document,))
    ]
    (name,) = db.execute("SELECT name FROM documents WHERE n = ?", (document,)).fetchone()
    if names and name not in names:
        db.execute("UPDATE documents SET name = ? WHERE n = ?", (names[0], document))


def known_files(db: CatalogConnection, generation: int, library: str) -> list[KnownFile]:
    """Return every file of a library's folder that was looked at before, read or not."""
    rows = db.execute(
        "SELECT p.path, p.bytes, p.modified_ns, d.sha256 FROM paths p JOIN libraries l ON l.n = p.library "
        "JOIN documents d ON d.n = coalesce(p.next, p.document) "
        "JOIN readings r ON r.document = d.n AND r.generation = ? "
        "WHERE l.name = ? AND substr(p.path, 1, length(?)) <> ?",
        (generation, library, UPLOADED, UPLOADED),
    ).fetchall()
    read = [KnownFile(library, *row) for row in rows]
    return read + [file for file in failures(db) if file.library == library]


def failures(db: CatalogConnection, reader: str | None = None) -> list[KnownFile]:
    """Return the files of folders that could not be read, of the libraries that a reader may see."""
    visible, values = visible_to(reader)
    rows = db.execute(
        "SELECT l.name, f.path, f.bytes, f.modified_ns, f.reason FROM failures f "
        f"JOIN libraries l ON l.n = f.library WHERE l.owner IS NULL AND {visible} ORDER BY l.name, f.path",
        values,
    ).fetchall()
    return [KnownFile(library, path, size, at, "", restored(why)) for library, path, size, at, why in rows]


def note_failure(db: CatalogConnection, file: SourceFile, reason: str) -> None:
    db.execute(
        "INSERT INTO failures (library, path, bytes, modified_ns, reason, at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (library, path) DO UPDATE SET bytes = excluded.bytes, "
        "modified_ns = excluded.modified_ns, reason = excluded.reason, at = excluded.at",
        (library_row(db, file.library), file.path, file.bytes, file.modified_ns, stored(reason), now()),
    )


def forget_path(db: CatalogConnection, library: str, path: str) -> None:
    key = library_row(db, library)
    db.execute("DELETE FROM failures WHERE library = ? AND path = ?", (key, path))
    gone = db.execute(
        "DELETE FROM paths WHERE library = ? AND path = ? RETURNING document", (key, path)
    ).fetchall()
    for (document,) in gone:
        _note_visible(db, [document])
        rename(db, document)


def is_used(db: CatalogConnection, sha256: str, *, besides: str = "") -> bool:
    """Return True if a document was made of these bytes, besides the one named."""
    return bool(number(db, "SELECT n FROM documents WHERE sha256 = ? AND id <> ? LIMIT 1", [sha256, besides]))


def used_originals(db: CatalogConnection) -> set[str]:
    return {sha256 for (sha256,) in db.execute("SELECT sha256 FROM documents")}


def libraries_of(db: CatalogConnection, reader: str | None) -> list[str]:
    """Return the names of the libraries that a reader may see."""
    visible, values = visible_to(reader)
    rows = db.execute(f"SELECT l.name FROM libraries l WHERE {visible}", values)
    return sorted(str(name) for (name,) in rows)


def every_library(db: CatalogConnection) -> list[str]:
    return [str(name) for (name,) in db.execute("SELECT name FROM libraries ORDER BY name")]


def brought_by(reader: str) -> str:
    """Return the start of the paths of what a reader shared, so that they can take it back."""
    return f"{UPLOADED}{private_library(reader, '')}"


def is_from(document: StoredDocument, reader: str) -> bool:
    """Return True if a shared document was shared by this reader."""
    return document.owner is None and any(path.startswith(brought_by(reader)) for path in document.paths)


def is_named(db: CatalogConnection, reader: str) -> bool:
    """Return True if a reader owns a library, or is named in the path of what they shared."""
    start = brought_by(reader)
    owned = number(db, "SELECT count(*) FROM libraries WHERE owner = ?", [reader])
    return bool(
        owned or number(db, "SELECT count(*) FROM paths WHERE substr(path, 1, length(?)) = ?", [start, start])
    )


def forget_name(db: CatalogConnection, reader: str) -> None:
    """Delete a reader's empty libraries, and their name from groups and the paths of what they shared."""
    start = brought_by(reader)
    db.execute("DELETE FROM members WHERE member = ?", (reader,))
    db.execute(
        "DELETE FROM libraries WHERE owner = ? AND n NOT IN (SELECT library FROM documents)", (reader,)
    )
    shared = db.execute(
        "SELECT library, path, document FROM paths WHERE substr(path, 1, length(?)) = ?", (start, start)
    ).fetchall()
    for library, path, document in shared:
        free = free_path(db, library, path.removeprefix(start), document, below=UPLOADED)
        if number(db, "SELECT document FROM paths WHERE library = ? AND path = ?", [library, free]):
            # The same document is here under this name already.
            db.execute("DELETE FROM paths WHERE library = ? AND path = ?", (library, path))
        else:
            db.execute("UPDATE paths SET path = ? WHERE library = ? AND path = ?", (free, library, path))


def free_path(db: CatalogConnection, library: int, name: str, document: int, *, below: str) -> str:
    """Return a path for a shared file: its name, numbered if another document has that name."""
    stem, dot, suffix = name.rpartition(".")
    numbered = (f"{stem} ({n}){dot}{suffix}" if stem else f"{name} ({n})" for n in count(2))
    for own in chain([name], numbered):
        named = "SELECT document FROM paths WHERE library = ? AND path = ?"
        if number(db, named, [library, below + own]) in (0, document):
            break
    return below + own


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
