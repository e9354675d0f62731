"""Rows of the catalog as values, and values as rows; paths and owners of what readers share."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, count
from typing import Any

from docent.errors import StoreError
from docent.messages import Message, joined, restored, stored
from docent.store.packing import PAGE_COLUMNS, pack_page, unpack_text
from docent.types import (
    ANSWERING,
    NOTHING_TO_SEARCH,
    Chunk,
    Document,
    SourceFile,
    State,
    StoredDocument,
    private_library,
)

DOCUMENTS = "documents d JOIN libraries l ON l.n = d.library"
CHUNKS = f"chunks c JOIN {DOCUMENTS.replace('documents d', 'documents d ON d.n = c.document')}"
CHUNKS_WITH_TEXT = (
    'SELECT c.id, d.id, c.page, c.start, c."end", c.header, c.heading, c.tokens, g.text '
    f"FROM {CHUNKS} JOIN pages g ON g.document = d.n AND g.number = c.page"
)
"""Rows for `chunks_of`."""
MOST_DOCUMENTS = 20_000  # cached with their rows; some 40 MB
EMPTY = joined((NOTHING_TO_SEARCH, Message("Read it again to hear why.")), " ")
"""The reason for an empty document that was read before reasons were noted."""
OUTDATED = Message("a newer version is being read; until it is ready, this one answers")


def keys_of(chunk_ids: Sequence[str]) -> tuple[list[bytes], str]:
    """Return chunk ids as the catalog stores them, and as many question marks."""
    return [bytes.fromhex(chunk_id) for chunk_id in chunk_ids], ", ".join("?" * len(chunk_ids))


def library_row(db: sqlite3.Connection, name: str, owner: str | None = None) -> int:
    """Return the row of a library, made if it is missing.

    Raises StoreError for a missing private library without owner, which would be shared with everybody.
    """
    if owner is not None or "/" not in name:  # names by private_library have a slash
        db.execute(
            "INSERT OR IGNORE INTO libraries (name, owner, added) VALUES (?, ?, ?)", (name, owner, now())
        )
    row = db.execute("SELECT n FROM libraries WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise StoreError(
            "{name!r} is a private library whose owner is not known. Hand the file in again.", name=name
        )
    return int(row[0])


def document_row(db: sqlite3.Connection, document_id: str) -> int | None:
    row = db.execute("SELECT n FROM documents WHERE id = ?", (document_id,)).fetchone()
    return int(row[0]) if row else None


def insert_document(
    db: sqlite3.Connection,
    new: str,
    library: int,
    file: SourceFile,
    document: Document,
    chunks: Sequence[Chunk],
) -> int:
    """Insert a document that was read as searchable by words; versions.py decides when it answers."""
    db.execute(
        "INSERT OR IGNORE INTO documents (id, library, sha256, name, added, bytes, state, visible) "
        "VALUES (?, ?, ?, ?, ?, ?, 'loading', 0)",
        (new, library, document.sha256, document.name, now(), file.bytes),
    )
    n = document_row(db, new)
    assert n is not None
    unread = document.unread
    db.execute(
        "UPDATE documents SET title = ?, kind = ?, language = ?, date = ?, state = ?, reason = ?, pages = ?, "
        "unread_pages = ?, chunks = ?, loader = ? WHERE n = ?",
        (
            document.title, document.kind, document.language,
            document.created or datetime.date.fromtimestamp(file.modified_ns / 1e9).isoformat(),
            State.SEARCHABLE, stored(document.shortfall(len(chunks))), len(document.pages), len(unread),
            len(chunks), document.loader, n,
        ),
    )  # fmt: skip
    marks = ", ".join("?" * (PAGE_COLUMNS.count(",") + 2))
    db.executemany(
        f"INSERT INTO pages (document, {PAGE_COLUMNS}) VALUES ({marks})",
        ((n, *pack_page(page)) for page in document.pages),
    )
    db.executemany(
        'INSERT INTO chunks (id, document, page, start, "end", header, heading, tokens) '
        "VALUES (?,?,?,?,?,?,?,?)",
        (
            (
                bytes.fromhex(chunk.id), n, chunk.page, chunk.start, chunk.end, chunk.header, chunk.heading,
                chunk.tokens,
            )
            for chunk in chunks
        ),
    )  # fmt: skip
    return n


def copy_document(
    db: sqlite3.Connection, old: str, new: str, library: int, chunk_ids: Mapping[str, str]
) -> None:
    """Copy a document to another id in another library; `chunk_ids` maps old to new."""
    row = document_row(db, old)
    same = (
        "sha256, name, title, kind, language, date, added, bytes, state, reason, pages, unread_pages, "
        "chunks, embedded, loader"
    )
    copy = db.execute(
        f"INSERT INTO documents (id, library, visible, {same}) SELECT ?, ?, 0, {same} FROM documents "
        "WHERE n = ?",
        (new, library, row),
    ).lastrowid
    db.execute(
        f"INSERT INTO pages (document, {PAGE_COLUMNS}) SELECT ?, {PAGE_COLUMNS} FROM pages "
        "WHERE document = ?",
        (copy, row),
    )
    chunks = db.execute("SELECT n, id FROM chunks WHERE document = ? ORDER BY n", (row,)).fetchall()
    same = 'page, start, "end", header, heading, tokens'
    for n, key in chunks:
        chunk = db.execute(
            f"INSERT INTO chunks (id, document, {same}) SELECT ?, ?, {same} FROM chunks WHERE n = ?",
            (bytes.fromhex(chunk_ids[key.hex()]), copy, n),
        ).lastrowid
        db.execute("INSERT INTO vectors SELECT ?, data FROM vectors WHERE chunk = ?", (chunk, n))


def clear_document(db: sqlite3.Connection, n: int) -> None:
    """Delete the pages, chunks and vectors of a document."""
    db.execute("DELETE FROM vectors WHERE chunk IN (SELECT n FROM chunks WHERE document = ?)", (n,))
    for table in ("chunks", "pages"):
        db.execute(f"DELETE FROM {table} WHERE document = ?", (n,))


def rename(db: sqlite3.Connection, n: int) -> None:
    """Name a document after a file that is still there, once the one it was named after is gone."""
    names = [
        str(path).rpartition("/")[2]
        for (path,) in db.execute("SELECT path FROM paths WHERE document = ? ORDER BY path", (n,))
    ]
    (name,) = db.execute("SELECT name FROM documents WHERE n = ?", (n,)).fetchone()
    if names and name not in names:
        db.execute("UPDATE documents SET name = ? WHERE n = ?", (names[0], n))


@lru_cache(maxsize=MOST_DOCUMENTS)
def document_of(names: tuple[str, ...], values: tuple[Any, ...]) -> StoredDocument:
    """Return a row as a document; cached, as most rows are the same after a change."""
    row = dict(zip(names, values, strict=True))
    is_empty = not row["chunks"] and row["state"] in ANSWERING
    same = ("id", "name", "title", "kind", "sha256", "pages", "unread_pages", "chunks", "embedded", "loader")
    return StoredDocument(
        **{key: row[key] for key in (*same, "bytes", "language", "date", "added", "owner")},
        library=row["library_name"],
        paths=tuple(json.loads(row["paths"])),
        state=State(row["state"]),
        reason=restored(row["reason"]) or (OUTDATED if row["outdated"] else EMPTY if is_empty else ""),
    )


def chunks_of(rows: Iterable[Sequence[Any]]) -> list[Chunk]:
    """Return chunks with their text, unpacking each page once."""
    texts: dict[tuple[str, int], str] = {}
    found = []
    for key, document, page, start, end, header, heading, tokens, packed in rows:
        if (document, page) not in texts:
            texts[document, page] = unpack_text(packed)
        text = texts[document, page][start:end]
        found.append(Chunk(key.hex(), document, page, start, end, text, header, heading, tokens))
    return found


def named(rows: sqlite3.Cursor) -> Iterator[Mapping[str, Any]]:
    names = [column[0] for column in rows.description]
    for row in rows:
        yield dict(zip(names, row, strict=True))


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


UPLOADED = ".uploaded/"
"""The start of the path of a file from no folder; no path below data/ begins with a dot."""

NAMED = """
SELECT (SELECT COUNT(*) FROM libraries WHERE owner = :owner)
    + (SELECT COUNT(*) FROM paths WHERE substr(path, 1, length(:start)) = :start)
"""


def brought_by(reader: str) -> str:
    """Return the start of the paths of what a reader shared, so that they can take it back."""
    return f"{UPLOADED}{private_library(reader, '')}"


def forget_name(db: sqlite3.Connection, reader: str) -> None:
    """Delete a reader's empty libraries, and their name from the paths of what they shared."""
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
    """Return a path for a shared file: its name, numbered if another document has that name."""
    stem, dot, suffix = name.rpartition(".")
    numbered = (f"{stem} ({n}){dot}{suffix}" if stem else f"{name} ({n})" for n in count(2))
    for own in chain([name], numbered):
        row = db.execute(
            "SELECT document FROM paths WHERE library = ? AND path = ?", (library, below + own)
        ).fetchone()
        if row is None or row[0] == document:
            break
    return below + own
