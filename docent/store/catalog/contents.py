"""Statements on what was read of documents: readings with their pages, chunks and vectors, by generation.

Why they are text, and as portable as they can be: docs/decisions/0020-plain-sql.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from docent.messages import stored
from docent.store.catalog.dialect import number
from docent.store.catalog.packing import (
    PAGE_COLUMNS,
    as_vector,
    pack_page,
    pack_vectors,
    unpack_page,
    unpack_text,
    unpack_vectors,
)
from docent.store.catalog.scoping import read_in
from docent.store.protocols import CatalogConnection, Hit
from docent.types import Chunk, Document, Page, State

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEYS = 50  # in one statement, always as many, so that SQLite need not parse it again
NO_KEY = None
ROWS = 10_000  # with their vectors in memory at once
LAYOUT = ", ".join(f"g.{column}" for column in PAGE_COLUMNS.split(", "))
FACTS = "title, kind, language, date, state, reason, pages, unread_pages, chunks, embedded, loader"
CHUNK = 'id, reading, page, start, "end", header, heading, tokens'


def rows_among(db: CatalogConnection, statement: str, keys: Sequence[Any]) -> list[Any]:
    """Return the rows for these keys, by a statement that ends with IN."""
    rows: list[Any] = []
    marks = f"({', '.join('?' * KEYS)})"
    for at in range(0, len(keys), KEYS):
        some = list(keys[at : at + KEYS])
        rows += db.execute(f"{statement} {marks}", [*some, *[NO_KEY] * (KEYS - len(some))]).fetchall()
    return rows


def as_keys(chunk_ids: Iterable[str]) -> list[bytes]:
    """Return chunk ids as the catalog stores them."""
    return [bytes.fromhex(chunk_id) for chunk_id in chunk_ids]


def insert_reading(
    db: CatalogConnection,
    generation: int,
    document: int,
    read: Document,
    chunks: Sequence[Chunk],
    *,
    date: str,
) -> None:
    """Insert what was read of a document, searchable by words from now on."""
    (reading,) = db.execute(
        f"INSERT INTO readings (document, generation, {FACTS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,0,?) "
        "RETURNING n",
        (
            document,
            generation,
            *(read.title, read.kind, read.language, date, State.SEARCHABLE),
            *(stored(read.shortfall(len(chunks))), len(read.pages), len(read.unread), len(chunks)),
            read.loader,
        ),
    ).fetchone()
    # Without a reading in the generation that answers, as after a rollback, it waits to be read.
    db.execute(f"UPDATE documents SET state = '{State.QUEUED}', reason = '' WHERE n = ?", (document,))
    marks = ", ".join("?" * (PAGE_COLUMNS.count(",") + 2))
    db.executemany(
        f"INSERT INTO pages (reading, {PAGE_COLUMNS}) VALUES ({marks})",
        ((reading, *pack_page(page)) for page in read.pages),
    )
    db.executemany(
        f"INSERT INTO chunks ({CHUNK}) VALUES (?,?,?,?,?,?,?,?)",
        (
            (
                bytes.fromhex(chunk.id), reading, chunk.page, chunk.start, chunk.end, chunk.header,
                chunk.heading, chunk.tokens,
            )
            for chunk in chunks
        ),
    )  # fmt: skip


def copy_reading(
    db: CatalogConnection, generation: int, old: int, new: int, chunk_ids: Mapping[str, str]
) -> None:
    """Copy what was read of a document to another one; `chunk_ids` maps old to new."""
    source = number(db, "SELECT n FROM readings WHERE document = ? AND generation = ?", [old, generation])
    copy = number(
        db,
        f"INSERT INTO readings (document, generation, {FACTS}) SELECT ?, generation, {FACTS} FROM readings "
        "WHERE n = ? RETURNING n",
        [new, source],
    )
    db.execute(
        f"INSERT INTO pages (reading, {PAGE_COLUMNS}) SELECT ?, {PAGE_COLUMNS} FROM pages WHERE reading = ?",
        (copy, source),
    )
    same = CHUNK.removeprefix("id, reading, ")
    for n, key in db.execute("SELECT n, id FROM chunks WHERE reading = ? ORDER BY n", (source,)).fetchall():
        chunk = number(
            db,
            f"INSERT INTO chunks ({CHUNK}) SELECT ?, ?, {same} FROM chunks WHERE n = ? RETURNING n",
            [bytes.fromhex(chunk_ids[key.hex()]), copy, n],
        )
        db.execute("INSERT INTO vectors SELECT ?, data FROM vectors WHERE chunk = ?", (chunk, n))


def delete_reading(db: CatalogConnection, reading: int) -> list[str]:
    """Delete what was read of a document in one generation; return the ids of its chunks."""
    db.execute("DELETE FROM vectors WHERE chunk IN (SELECT n FROM chunks WHERE reading = ?)", (reading,))
    chunks = db.execute("DELETE FROM chunks WHERE reading = ? RETURNING id", (reading,)).fetchall()
    db.execute("DELETE FROM pages WHERE reading = ?", (reading,))
    db.execute("DELETE FROM readings WHERE n = ?", (reading,))
    return [key.hex() for (key,) in chunks]


def document_chunk_ids(db: CatalogConnection, document_id: str) -> list[str]:
    """Return the ids of a document's chunks in every generation."""
    rows = db.execute(
        "SELECT DISTINCT c.id FROM chunks c JOIN readings r ON r.n = c.reading "
        "JOIN documents d ON d.n = r.document WHERE d.id = ?",
        (document_id,),
    )
    return [key.hex() for (key,) in rows]


def count_of(db: CatalogConnection, document_id: str, chunk_ids: Sequence[str]) -> tuple[int, int]:
    """Count the pages of a document, and those of these chunks, that are left in any generation."""
    pages = number(
        db,
        "SELECT count(*) FROM pages g JOIN readings r ON r.n = g.reading "
        "JOIN documents d ON d.n = r.document WHERE d.id = ?",
        [document_id],
    )
    return pages, len(rows_among(db, "SELECT id FROM chunks WHERE id IN", as_keys(chunk_ids)))


def put_vectors(
    db: CatalogConnection, generation: int, chunk_ids: Sequence[str], vectors: NDArray[np.float32]
) -> dict[str, list[str]]:
    """Store vectors of those chunks that are still there; return their ids by library."""
    packed = dict(zip(chunk_ids, pack_vectors(vectors), strict=True))
    there = rows_among(
        db,
        "SELECT c.n, c.id, r.n, l.name FROM chunks c JOIN readings r ON r.n = c.reading AND "
        f"r.generation = {generation} JOIN documents d ON d.n = r.document "
        "JOIN libraries l ON l.n = d.library WHERE c.id IN",
        as_keys(packed),
    )
    db.executemany(
        "INSERT INTO vectors (chunk, data) VALUES (?, ?) "
        "ON CONFLICT (chunk) DO UPDATE SET data = excluded.data",
        [(n, packed[key.hex()]) for n, key, _, _ in there],
    )
    db.executemany(
        "UPDATE readings SET embedded = (SELECT count(*) FROM chunks c JOIN vectors v ON v.chunk = c.n "
        "WHERE c.reading = readings.n) WHERE n = ?",
        {(reading,) for _, _, reading, _ in there},
    )
    found: dict[str, list[str]] = {}
    for _, key, _, library in there:
        found.setdefault(library, []).append(key.hex())
    return found


def vectors_by_id(
    db: CatalogConnection, generation: int, chunk_ids: Sequence[str]
) -> tuple[list[str], NDArray[np.float32]]:
    """Return those of these chunks that have a vector, and the vectors."""
    rows = rows_among(
        db,
        "SELECT c.id, v.data FROM chunks c JOIN readings r ON r.n = c.reading "
        f"AND r.generation = {generation} JOIN vectors v ON v.chunk = c.n WHERE c.id IN",
        as_keys(chunk_ids),
    )
    return [key.hex() for key, _ in rows], unpack_vectors([data for _, data in rows])


def vectors_where(
    db: CatalogConnection, generation: int, condition: str, values: Sequence[Any], *, at_once: int = ROWS
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Yield the ids and vectors of chunks, so many at a time."""
    rows = db.execute(
        f"SELECT c.id, v.data FROM {read_in(generation)} JOIN chunks c ON c.reading = r.n "
        f"JOIN vectors v ON v.chunk = c.n WHERE {condition}",
        values,
    )
    while some := rows.fetchmany(at_once):
        yield [key.hex() for key, _ in some], unpack_vectors([data for _, data in some])


def vectors_of_library(
    db: CatalogConnection, generation: int, library: str, *, at_once: int = ROWS
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    return vectors_where(db, generation, "l.name = ?", [library], at_once=at_once)


def nearest_exactly(
    db: CatalogConnection, generation: int, library: str, vector: Sequence[float], limit: int
) -> list[Hit]:
    """Compare every vector of a library: 0.1 s for every 10,000 chunks."""
    return nearest_of(vectors_of_library(db, generation, library), vector, limit)


def nearest_of(
    blocks: Iterable[tuple[list[str], NDArray[np.float32]]], vector: Sequence[float], limit: int
) -> list[Hit]:
    """Return the nearest of these vectors, of equally near ones the first by id."""
    wanted, best = as_vector(vector), list[Hit]()
    for ids, vectors in blocks:
        scores = vectors @ wanted
        least = scores[scores.argsort()[-limit:][0]]
        best += [Hit(ids[at], float(scores[at])) for at in (scores >= least).nonzero()[0]]
    return sorted(best, key=lambda hit: (-hit.score, hit.id))[:limit]


def count_vectors(db: CatalogConnection, generation: int) -> dict[str, int]:
    """Count the vectors of each library that has documents."""
    rows = db.execute(f"SELECT l.name, sum(r.embedded) FROM {read_in(generation)} GROUP BY l.name")
    return dict(rows.fetchall())


def vector_bytes(db: CatalogConnection, generation: int) -> tuple[int, int]:
    """Return the number of vectors and the length of one."""
    return (
        number(db, "SELECT sum(embedded) FROM readings WHERE generation = ?", [generation]),
        number(
            db,
            "SELECT length(v.data) FROM vectors v JOIN chunks c ON c.n = v.chunk JOIN readings r "
            "ON r.n = c.reading WHERE r.generation = ? LIMIT 1",
            [generation],
        ),
    )


def count_chunks(db: CatalogConnection, generation: int) -> int:
    return number(db, "SELECT sum(chunks) FROM readings WHERE generation = ?", [generation])


def chunks_where(
    db: CatalogConnection, generation: int, condition: str, values: Sequence[Any]
) -> list[Chunk]:
    """Return chunks of all readers with their text, unpacking each page once."""
    rows = db.execute(
        'SELECT c.id, d.id, c.page, c.start, c."end", c.header, c.heading, c.tokens, g.text '
        f"FROM {read_in(generation)} JOIN chunks c ON c.reading = r.n "
        f"JOIN pages g ON g.reading = r.n AND g.number = c.page WHERE {condition}",
        values,
    )
    texts: dict[tuple[str, int], str] = {}
    chunks = []
    for key, document, page, start, end, header, heading, tokens, packed in rows:
        if (document, page) not in texts:
            texts[document, page] = unpack_text(packed)
        text = texts[document, page][start:end]
        chunks.append(Chunk(key.hex(), document, page, start, end, text, header, heading, tokens))
    return chunks


def chunks_by_id(
    db: CatalogConnection, generation: int, chunk_ids: Sequence[str], condition: str, values: Sequence[Any]
) -> dict[str, Chunk]:
    if not chunk_ids:
        return {}
    keys: list[bytes | None] = [*as_keys(chunk_ids)]
    keys += [NO_KEY] * (-len(keys) % KEYS)
    marks = ", ".join("?" * len(keys))
    found = chunks_where(db, generation, f"c.id IN ({marks}) AND {condition} ORDER BY c.n", [*keys, *values])
    return {chunk.id: chunk for chunk in found}


def words_of(db: CatalogConnection, generation: int, document_id: str) -> tuple[str, list[Chunk]] | None:
    """Return a document's language and its chunks; None when nothing was read of it, or it is gone."""
    row = db.execute(
        f"SELECT r.language FROM {read_in(generation)} WHERE d.id = ?", (document_id,)
    ).fetchone()
    return row and (str(row[0]), chunks_where(db, generation, "d.id = ? ORDER BY c.n", [document_id]))


def read_documents(db: CatalogConnection, generation: int) -> list[tuple[str, str]]:
    """Return id and library of every document that was read."""
    return db.execute(f"SELECT d.id, l.name FROM {read_in(generation)} ORDER BY l.name, d.n").fetchall()


def documents_without_vectors(db: CatalogConnection, generation: int) -> list[str]:
    """Return the documents whose chunks wait for vectors, in the order they came, private ones first."""
    waiting = db.execute(
        f"SELECT d.id FROM {read_in(generation)} WHERE r.state = '{State.SEARCHABLE}' "
        "ORDER BY l.owner IS NULL, d.n"
    ).fetchall()
    return [key for (key,) in waiting]


def without_vectors(
    db: CatalogConnection, generation: int, waiting: Sequence[str], limit: int, *, besides: Collection[str]
) -> list[Chunk]:
    """Return chunks of these documents that wait for vectors, in their order."""
    found: list[Chunk] = []
    for key in waiting:
        some = chunks_where(
            db,
            generation,
            "d.id = ? AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk = c.n) ORDER BY c.n LIMIT ?",
            [key, limit + len(besides)],
        )
        found += [chunk for chunk in some if chunk.id not in besides]
        if len(found) >= limit:
            break
    return found[:limit]


def count_without_vectors(db: CatalogConnection, generation: int) -> int:
    waiting = "SELECT sum(chunks - embedded) FROM readings WHERE generation = ? AND state = 'searchable'"
    return number(db, waiting, [generation])


def pages_where(db: CatalogConnection, generation: int, condition: str, values: Sequence[Any]) -> list[Page]:
    rows = db.execute(
        f"SELECT {LAYOUT} FROM {read_in(generation)} JOIN pages g ON g.reading = r.n WHERE {condition} "
        "ORDER BY g.number",
        values,
    )
    return [unpack_page(row) for row in rows]


def plain_pages(
    db: CatalogConnection,
    generation: int,
    wanted: Collection[tuple[str, int]],
    condition: str,
    values: Sequence[Any],
) -> dict[tuple[str, int], Page]:
    """Return pages with their text and names only."""
    pages = {}
    pairs = sorted(wanted)
    # CROSS JOIN keeps SQLite from reading every page first.
    statement = (
        "SELECT d.id, g.number, g.text, g.label, g.place "
        f"FROM (VALUES {', '.join(['(?, ?)'] * KEYS)}) w CROSS JOIN {read_in(generation)} "
        "JOIN pages g ON g.reading = r.n "
        f"WHERE d.id = w.column1 AND g.number = CAST(w.column2 AS INTEGER) AND {condition}"
    )
    for at in range(0, len(pairs), KEYS):
        some = [*pairs[at : at + KEYS], *[("", 0)] * KEYS][:KEYS]
        for document, page, text, label, place in db.execute(
            statement, [*(value for pair in some for value in pair), *values]
        ):
            pages[document, page] = Page(page, unpack_text(text), label, place)
    return pages


def every_chunk_id(db: CatalogConnection, generation: int) -> set[str]:
    rows = db.execute(f"SELECT c.id FROM {read_in(generation)} JOIN chunks c ON c.reading = r.n")
    return {key.hex() for (key,) in rows}


def embedded_chunk_ids(db: CatalogConnection, generation: int) -> dict[str, set[str]]:
    """Return the ids of the chunks that have a vector, by library."""
    rows = db.execute(
        f"SELECT l.name, c.id FROM {read_in(generation)} JOIN chunks c ON c.reading = r.n "
        "JOIN vectors v ON v.chunk = c.n"
    )
    found: dict[str, set[str]] = {}
    for library, key in rows:
        found.setdefault(library, set()).add(key.hex())
    return found


def read_whole(db: CatalogConnection, generation: int, document_id: str) -> Document | None:
    """Return a document as it was read, with its pages; None when it was not read, or is gone."""
    row = db.execute(
        "SELECT d.sha256, d.name, r.kind, r.title, r.language, r.date, r.loader "
        f"FROM {read_in(generation)} WHERE d.id = ?",
        (document_id,),
    ).fetchone()
    if row is None:
        return None
    sha256, name, kind, title, language, date, loader = row
    pages = tuple(pages_where(db, generation, "d.id = ?", [document_id]))
    return Document(sha256, name, kind, pages, title, language, date, loader)
