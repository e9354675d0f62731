"""Reads within a scope: what the scope's reader may not see does not exist."""

from __future__ import annotations

import heapq
import json
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from docent.errors import UnknownDocument
from docent.store import languages
from docent.store.catalog import Catalog
from docent.store.originals import Originals
from docent.store.packing import PAGE_COLUMNS, as_vector, unpack_page, unpack_text, unpack_vectors
from docent.store.protocols import ChunkLocation, Hit, Listing
from docent.store.rows import CHUNKS_WITH_TEXT, DOCUMENTS, chunks_of, document_of, keys_of
from docent.store.scope_filter import ANSWERS, condition, is_narrow
from docent.store.vector_fallback import VectorFallback
from docent.store.word_index import WordIndex
from docent.types import ANSWERING, Chunk, Page, Scope, StoredDocument

Key = TypeVar("Key")
Value = TypeVar("Value")


class VersionedCache(Generic[Key, Value]):
    """Values read from one version of the catalog, about `most` of them. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: tuple[int, dict[Key, Value]] = (-1, {})

    def at(self, version: int) -> dict[Key, Value]:
        """Return the cached values of this version, to be looked up and added to; empty after any change."""
        # One tuple, so that no thread adds values of an earlier version to those of a later one.
        kept = self._kept
        if kept[0] != version or len(kept[1]) >= self._most:
            self._kept = kept = (version, {})
        return kept[1]


NO_VECTOR = -1.0
MOST_SCOPES = 100  # cached until the catalog changes
MOST_PLACES = 20_000  # some 5 MB
MOST_VECTORS = 4000  # some 3 MB
ROWS = 10_000  # with their vectors in memory at once
PARAMETERS = 50  # always as many in one statement, so that SQLite need not parse it again
NO_KEY = b""


class ScopeListing(NamedTuple):
    """The documents of a scope, with what each question needs of them more than once."""

    documents: list[StoredDocument]
    libraries: list[str]
    answering: frozenset[str]
    """Ids of the documents that may answer."""
    places: dict[str, int]
    """The position of each document, by its id."""


StoredLocation = tuple[int, str, int]
"""The row, document and page of any reader's chunk; a plain tuple, which Python's garbage collector skips."""


class ReadingStore:
    """The methods of the store that read."""

    folder: Path
    _catalog: Catalog
    _originals: Originals
    _vectors: VectorFallback
    _words: WordIndex
    _listings: VersionedCache[Scope, ScopeListing]
    _narrow_listings: VersionedCache[Scope, ScopeListing]
    """Narrow scopes are different for each question and must not push out the others."""
    _locations: VersionedCache[str, StoredLocation]
    _read_ahead: VersionedCache[str, bytes]
    """Vectors that `similarity` will need soon."""

    def _clear_caches(self) -> None:
        """Empty the caches, because another catalog was opened."""
        self._listings, self._narrow_listings = VersionedCache(MOST_SCOPES), VersionedCache(MOST_SCOPES)
        self._locations, self._read_ahead = VersionedCache(MOST_PLACES), VersionedCache(MOST_VECTORS)

    def documents(self, scope: Scope) -> list[StoredDocument]:
        return list(self._listing_of(scope).documents)

    def listing(
        self, scope: Scope, *, search: str = "", states: Sequence[str] = (), start: int = 0, limit: int = 50
    ) -> Listing:
        """Return one page of the documents whose names or paths hold `search`, read or not."""
        where, values = condition(scope)
        for word in search.split():
            where += (
                " AND (d.name LIKE ? ESCAPE '!' OR d.title LIKE ? ESCAPE '!' OR EXISTS "
                "(SELECT 1 FROM paths p WHERE p.document = d.n AND p.path LIKE ? ESCAPE '!'))"
            )
            values += ["%" + re.sub("[!%_]", r"!\g<0>", word) + "%"] * 3
        if states:
            where += f" AND d.state IN ({', '.join('?' * len(states))})"
            values += states
        with self._catalog.read() as db:
            (total,) = db.execute(
                f"SELECT count(*) FROM {DOCUMENTS} WHERE d.visible AND {where}", values
            ).fetchone()
        return Listing(self._every_document(f"d.visible AND {where}", *values, only=(limit, start)), total)

    def document(self, document_id: str, scope: Scope) -> StoredDocument:
        """Return one document, also one that waits to replace an older version."""
        found = self._documents("d.id = ?", (document_id,), scope)
        if not found:
            raise UnknownDocument(
                "This document is not here any more. `python -m docent list` shows what is."
            )
        return found[0]

    def libraries(self, reader: str | None) -> list[str]:
        with self._catalog.read() as db:
            rows = db.execute("SELECT name FROM libraries WHERE owner IS NULL OR owner = ?", (reader,))
            return sorted(str(name) for (name,) in rows)

    def nearest(self, vector: Sequence[float], limit: int, scope: Scope) -> list[Hit]:
        if is_narrow(scope):
            hits = self._compared(vector, limit, scope)
        else:
            libraries = self._listing_of(scope).libraries
            hits = [hit for library in libraries for hit in self._vectors.nearest(library, vector, limit)]
            known = self._visible([hit.id for hit in hits], scope)
            hits = [hit for hit in hits if hit.id in known]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]

    def matching(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        libraries, documents = self._bounds(scope)
        hits = self._words.matching(query, limit, libraries=libraries, documents=documents)
        known = self._visible([hit.id for hit in hits], scope)
        return [hit for hit in hits if hit.id in known]

    def similarity(self, vector: Sequence[float], chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        rows = self._vectors_of(chunk_ids, scope)
        scores = (unpack_vectors(list(rows.values())) @ as_vector(vector)).tolist() if rows else []
        found = dict(zip(rows, scores, strict=True))
        return [found.get(chunk_id, NO_VECTOR) for chunk_id in chunk_ids]

    def read_ahead(self, chunk_ids: Sequence[str], scope: Scope) -> None:
        known = self._read_ahead.at(self._catalog.version)
        known |= self._vectors_of(chunk_ids, scope)

    def places(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, ChunkLocation]:
        standing = self._locate(chunk_ids, scope)
        return {chunk: ChunkLocation(document, page) for chunk, (_, document, page) in standing.items()}

    def terms(self, text: str, language: str) -> list[str]:
        return languages.terms(text, language)

    def searched(self, question: str) -> frozenset[str]:
        return frozenset(languages.asked(question))

    def rarity(self, terms: Sequence[str], scope: Scope) -> dict[str, float]:
        return self._words.rarity(terms, libraries=self._listing_of(scope).libraries)

    def agreement(self, query: str, chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        found = self._words.scores(query, chunk_ids, libraries=self._listing_of(scope).libraries)
        return [found.get(chunk_id, 0.0) for chunk_id in chunk_ids]

    def chunks(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Chunk]:
        keys, marks = keys_of(chunk_ids)
        found = self._chunks(f"c.id IN ({marks})", keys, scope)
        return {chunk.id: chunk for chunk in found}

    def chunks_of(self, document_id: str, scope: Scope) -> list[Chunk]:
        return self._chunks("d.id = ?", [document_id], scope)

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        found = self._pages(document_id, scope, " AND g.number = ?", number)
        if not found:
            raise UnknownDocument("Page {n} of this document is not here any more. Ask again.", n=number)
        return found[0]

    def plain_pages(self, wanted: Collection[tuple[str, int]], scope: Scope) -> dict[tuple[str, int], Page]:
        where, scoped = condition(scope)
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT d.id, g.number, g.text, g.label, g.place FROM json_each(?) w CROSS JOIN documents d "
                "ON d.id = json_extract(w.value, '$[0]') JOIN libraries l ON l.n = d.library JOIN pages g "
                f"ON g.document = d.n AND g.number = json_extract(w.value, '$[1]') WHERE {where}",
                [json.dumps(sorted(wanted)), *scoped],
            ).fetchall()
        return {
            (document, number): Page(number, unpack_text(text), label, place)
            for document, number, text, label, place in rows
        }

    def pages(self, document_id: str, scope: Scope) -> list[Page]:
        return self._pages(document_id, scope, "")

    def original(self, document_id: str, scope: Scope) -> Path:
        """Return the file itself, as it was when it was read."""
        return self._originals.path(self.document(document_id, scope).sha256)

    def _documents(self, which: str, values: Sequence[Any], scope: Scope) -> list[StoredDocument]:
        where, scoped = condition(scope)
        return self._every_document(f"{which} AND {where}", *values, *scoped)

    def _every_document(
        self, condition: str, *values: Any, only: tuple[int, int] = (-1, 0)
    ) -> list[StoredDocument]:
        """Return documents of all readers, for the store itself; `only` is a limit and an offset."""
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT d.*, l.name AS library_name, l.owner, (SELECT json_group_array(path) FROM paths p "
                "WHERE p.document = d.n OR p.next = d.n) AS paths, EXISTS (SELECT 1 FROM paths p WHERE "
                "p.document = d.n AND p.next IS NOT NULL) AS outdated "
                f"FROM {DOCUMENTS} WHERE {condition} ORDER BY l.name, d.name, d.n LIMIT ? OFFSET ?",
                (*values, *only),
            )
            names = tuple(column[0] for column in rows.description)
            return [document_of(names, row) for row in rows]

    def _chunks(self, which: str, values: Sequence[Any], scope: Scope) -> list[Chunk]:
        where, scoped = condition(scope)
        return self._chunks_where(f"{which} AND {where} AND {ANSWERS} ORDER BY c.n", [*values, *scoped])

    def _chunks_where(self, condition: str, values: Sequence[Any]) -> list[Chunk]:
        """Return chunks of all readers, for the store itself."""
        with self._catalog.read() as db:
            rows = db.execute(f"{CHUNKS_WITH_TEXT} WHERE {condition}", values).fetchall()
        return chunks_of(rows)

    def _pages(self, document_id: str, scope: Scope, which: str, *values: Any) -> list[Page]:
        where, scoped = condition(scope)
        columns = ", ".join(f"g.{column}" for column in PAGE_COLUMNS.split(", "))
        with self._catalog.read() as db:
            rows = db.execute(
                f"SELECT {columns} FROM {DOCUMENTS} JOIN pages g ON g.document = d.n "
                f"WHERE d.id = ? AND {where}{which} ORDER BY g.number",
                [document_id, *scoped, *values],
            ).fetchall()
        return [unpack_page(row) for row in rows]

    def _listing_of(self, scope: Scope) -> ScopeListing:
        # Called ten times for each question; reading 1,000 documents takes 15 ms.
        version = self._catalog.version
        known = (self._narrow_listings if is_narrow(scope) else self._listings).at(version)
        if scope not in known:
            # Only if documents are named: otherwise the wider scope is this one, once a thread has listed it.
            wider = self._listings.at(version).get(replace(scope, documents=())) if scope.documents else None
            known[scope] = _listing(
                _named_in(scope, wider) if wider else self._documents("d.visible", (), scope)
            )
        return known[scope]

    def _bounds(self, scope: Scope) -> tuple[list[str], list[str]]:
        """Return the libraries and, in a narrow scope, the documents that the word index is asked within."""
        listing = self._listing_of(scope)
        return listing.libraries, [document.id for document in listing.documents] if is_narrow(scope) else []

    def _compared(self, vector: Sequence[float], limit: int, scope: Scope) -> list[Hit]:
        """Return the nearest of every chunk in scope by exact comparison; more if some are equally near."""
        wanted = as_vector(vector)
        known = self._locations.at(self._catalog.version)
        stands: list[tuple[bytes, int, str, int]] = []
        scores: list[float] = []
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT c.id, c.n, d.id, c.page, v.data FROM documents d JOIN chunks c ON c.document = d.n "
                "JOIN vectors v ON v.chunk = c.n WHERE d.id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(self._listing_of(scope).answering)),),
            )
            while some := rows.fetchmany(ROWS):
                stands += [row[:4] for row in some]
                scores += (unpack_vectors([row[4] for row in some]) @ wanted).tolist()
        hits = []
        for at in _highest(scores, limit):
            key, row, document, page = stands[at]
            hits.append(Hit(key.hex(), scores[at]))
            known[hits[-1].id] = row, sys.intern(document), page  # needed next
        return hits

    def _visible(self, chunk_ids: Sequence[str], scope: Scope) -> set[str]:
        return set(self._locate(chunk_ids, scope))

    def _locate(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, StoredLocation]:
        """Return those of the named chunks that are in scope and answering."""
        answering = self._listing_of(scope).answering
        known = self._locations.at(self._catalog.version)
        unknown = [bytes.fromhex(chunk) for chunk in chunk_ids if chunk not in known]
        for key, row, document, page in self._read(
            "SELECT c.id, c.n, d.id, c.page FROM chunks c JOIN documents d ON d.n = c.document WHERE c.id IN",
            unknown,
        ):
            known[key.hex()] = row, sys.intern(document), page
        return {
            chunk: stand
            for chunk in chunk_ids
            if (stand := known.get(chunk)) is not None and stand[1] in answering
        }

    def _vectors_of(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, bytes]:
        """Return the packed vectors of those chunks that are in scope and have one."""
        known = self._read_ahead.at(self._catalog.version)
        standing = self._locate(chunk_ids, scope)
        found = {chunk: known[chunk] for chunk in standing if chunk in known}
        # By id as well as row: after a deletion another chunk may have taken the row.
        for key, data in self._read(
            "SELECT c.id, v.data FROM chunks c JOIN vectors v ON v.chunk = c.n WHERE c.n IN",
            [row for chunk, (row, _, _) in standing.items() if chunk not in found],
        ):
            found[key.hex()] = data
        return found

    def _read(self, statement: str, keys: Sequence[Any]) -> list[Any]:
        """Return the rows of all readers for these keys, by a statement that ends with IN."""
        found: list[Any] = []
        if not keys:
            return found
        marks = f"({', '.join('?' * PARAMETERS)})"
        with self._catalog.read() as db:
            for at in range(0, len(keys), PARAMETERS):
                some = list(keys[at : at + PARAMETERS])
                some += [NO_KEY] * (PARAMETERS - len(some))
                found += db.execute(f"{statement} {marks}", some).fetchall()
        return found


def _listing(documents: list[StoredDocument]) -> ScopeListing:
    return ScopeListing(
        documents,
        sorted({document.library for document in documents}),
        frozenset(document.id for document in documents if document.state in ANSWERING),
        {document.id: at for at, document in enumerate(documents)},
    )


def _named_in(scope: Scope, wider: ScopeListing) -> list[StoredDocument]:
    """Return the documents that a scope names, out of the same scope without names, in their order."""
    places = {wider.places[document] for document in scope.documents if document in wider.places}
    return [wider.documents[at] for at in sorted(places)]


def _highest(scores: Sequence[float], most: int) -> list[int]:
    """Return the positions of the highest scores, with all that equal the last."""
    if len(scores) <= most:
        return list(range(len(scores)))
    least = heapq.nlargest(most, scores)[-1]
    return [at for at, score in enumerate(scores) if score >= least]
