"""Search within a scope: what the scope's reader may not see does not exist, whatever the indexes say."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from docent.store.catalog import contents
from docent.store.catalog.dialect import among
from docent.store.catalog.documents import documents_where
from docent.store.catalog.packing import as_vector, unpack_vectors
from docent.store.catalog.scoping import in_scope, is_narrow
from docent.store.index.generations import Serving
from docent.store.protocols import Catalog, ChunkLocation, Hit
from docent.types import ANSWERING, Scope, StoredDocument

Key = TypeVar("Key")
Value = TypeVar("Value")
NO_VECTOR = -1.0
MOST_SCOPES = 100  # cached until the catalog changes
MOST_PLACES = 20_000  # some 5 MB
MOST_VECTORS = 4000  # some 3 MB


class VersionedCache(Generic[Key, Value]):
    """Values read from one version of the catalog, about `most` of them. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: tuple[object, dict[Key, Value]] = (None, {})

    def at(self, version: object) -> dict[Key, Value]:
        """Return the cached values of this version, to be looked up and added to; empty after any change."""
        # One tuple, so that no thread adds values of an earlier version to those of a later one.
        kept = self._kept
        if kept[0] != version or len(kept[1]) >= self._most:
            self._kept = kept = (version, {})
        return kept[1]


class ScopeListing(NamedTuple):
    """The documents of a scope, with what each question needs of them more than once."""

    scope: Scope
    documents: list[StoredDocument]
    libraries: list[str]
    answering: frozenset[str]
    """Ids of the documents that may answer."""
    places: dict[str, int]
    """The position of each document, by its id."""


StoredLocation = tuple[int, str, int]
"""The row, document and page of any reader's chunk; a plain tuple, which Python's garbage collector skips."""


class Search:
    """The searches of a store, with what they cache until the catalog changes."""

    def __init__(self, catalog: Catalog, serving: Callable[[], Serving]) -> None:
        self._catalog = catalog
        self._serving = serving
        self._listings: VersionedCache[Scope, ScopeListing] = VersionedCache(MOST_SCOPES)
        # Narrow scopes are different for each question and must not push out the others.
        self._narrow_listings: VersionedCache[Scope, ScopeListing] = VersionedCache(MOST_SCOPES)
        self._locations: VersionedCache[str, StoredLocation] = VersionedCache(MOST_PLACES)
        self._read_ahead: VersionedCache[str, bytes] = VersionedCache(MOST_VECTORS)

    def documents(self, scope: Scope) -> list[StoredDocument]:
        return list(self._listing_at(self._serving(), scope).documents)

    def nearest(self, vector: Sequence[float], limit: int, scope: Scope) -> list[Hit]:
        serving, listing = self._now(scope)
        if is_narrow(scope):
            condition, value = among("d.id", listing.answering)
            with self._catalog.read(scope) as db:
                vectors = contents.vectors_where(db, serving.generation, condition, [value])
                hits = contents.nearest_of(vectors, vector, limit)
        else:
            hits = [
                hit for library in listing.libraries for hit in serving.index.nearest(library, vector, limit)
            ]
        return self._best(hits, limit, serving, listing)

    def matching(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        serving, listing = self._now(scope)
        named = [document.id for document in listing.documents] if is_narrow(scope) else []
        if is_narrow(scope) and not named:
            return []
        hits = serving.index.matching(query, limit, libraries=listing.libraries, documents=named)
        return self._best(hits, limit, serving, listing)

    def similarity(self, vector: Sequence[float], chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        packed = self._vectors_of(chunk_ids, *self._now(scope))
        scores = (unpack_vectors(list(packed.values())) @ as_vector(vector)).tolist() if packed else []
        known: dict[str, float] = dict(zip(packed, scores, strict=True))
        return [known.get(chunk_id, NO_VECTOR) for chunk_id in chunk_ids]

    def read_ahead(self, chunk_ids: Sequence[str], scope: Scope) -> None:
        serving, listing = self._now(scope)
        self._read_ahead.at(serving.state).update(self._vectors_of(chunk_ids, serving, listing))

    def agreement(self, query: str, chunk_ids: Sequence[str], scope: Scope) -> list[float]:
        serving, listing = self._now(scope)
        found = serving.index.scores(query, chunk_ids, libraries=listing.libraries)
        return [found.get(chunk_id, 0.0) for chunk_id in chunk_ids]

    def places(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, ChunkLocation]:
        located = self._locate(chunk_ids, *self._now(scope))
        return {chunk: ChunkLocation(document, page) for chunk, (_, document, page) in located.items()}

    def rarity(self, terms: Sequence[str], scope: Scope) -> dict[str, float]:
        serving, listing = self._now(scope)
        return serving.index.rarity(terms, libraries=listing.libraries)

    def _now(self, scope: Scope) -> tuple[Serving, ScopeListing]:
        """Return what serves now and a scope's listing, so that a search asks once for the version."""
        serving = self._serving()
        return serving, self._listing_at(serving, scope)

    def _listing_at(self, serving: Serving, scope: Scope) -> ScopeListing:
        # Called ten times for each question; reading 1,000 documents takes 15 ms.
        known = (self._narrow_listings if is_narrow(scope) else self._listings).at(serving.state)
        if scope not in known:
            # Only if documents are named: otherwise the wider scope is this one, once a thread has listed it.
            wider = (
                self._listings.at(serving.state).get(replace(scope, documents=()))
                if scope.documents
                else None
            )
            documents = _named_in(scope, wider) if wider else self._documents(serving, scope)
            known[scope] = _listing(scope, documents)
        return known[scope]

    def _best(self, hits: Sequence[Hit], limit: int, serving: Serving, listing: ScopeListing) -> list[Hit]:
        """Return the best hits that are in scope and answering; equal scores by id, always in one order."""
        visible = self._locate([hit.id for hit in hits], serving, listing)
        return sorted((hit for hit in hits if hit.id in visible), key=lambda hit: (-hit.score, hit.id))[
            :limit
        ]

    def _documents(self, serving: Serving, scope: Scope) -> list[StoredDocument]:
        condition, values = in_scope(scope)
        with self._catalog.read(scope) as db:
            return documents_where(db, serving.generation, f"d.visible = 1 AND {condition}", *values)

    def _locate(
        self, chunk_ids: Sequence[str], serving: Serving, listing: ScopeListing
    ) -> dict[str, StoredLocation]:
        """Return those of the named chunks that are in scope and answering."""
        known = self._locations.at(serving.state)
        unknown = contents.as_keys(chunk for chunk in chunk_ids if chunk not in known)
        if unknown:
            with self._catalog.read(listing.scope) as db:
                rows = contents.rows_among(
                    db,
                    "SELECT c.id, c.n, d.id, c.page FROM chunks c JOIN readings r ON r.n = c.reading AND "
                    f"r.generation = {serving.generation} JOIN documents d ON d.n = r.document "
                    "WHERE c.id IN",
                    unknown,
                )
            for key, row, document, page in rows:
                known[key.hex()] = row, sys.intern(document), page
        return {
            chunk: location
            for chunk in chunk_ids
            if (location := known.get(chunk)) is not None and location[1] in listing.answering
        }

    def _vectors_of(
        self, chunk_ids: Sequence[str], serving: Serving, listing: ScopeListing
    ) -> dict[str, bytes]:
        """Return the packed vectors of those chunks that are in scope and have one."""
        known = self._read_ahead.at(serving.state)
        located = self._locate(chunk_ids, serving, listing)
        found = {chunk: known[chunk] for chunk in located if chunk in known}
        rows = [row for chunk, (row, _, _) in located.items() if chunk not in found]
        if rows:
            with self._catalog.read(listing.scope) as db:
                # By id as well as row: after a deletion another chunk may have taken the row.
                vectors = contents.rows_among(
                    db, "SELECT c.id, v.data FROM chunks c JOIN vectors v ON v.chunk = c.n WHERE c.n IN", rows
                )
            found |= {key.hex(): data for key, data in vectors}
        return found


def _listing(scope: Scope, documents: list[StoredDocument]) -> ScopeListing:
    return ScopeListing(
        scope,
        documents,
        sorted({document.library for document in documents}),
        frozenset(document.id for document in documents if document.state in ANSWERING),
        {document.id: at for at, document in enumerate(documents)},
    )


def _named_in(scope: Scope, wider: ScopeListing) -> list[StoredDocument]:
    """Return the documents that a scope names, out of the same scope without names, in their order."""
    places = {wider.places[document] for document in scope.documents if document in wider.places}
    return [wider.documents[at] for at in sorted(places)]
