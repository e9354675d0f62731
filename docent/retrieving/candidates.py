"""Candidates: what the two searches find in the whole scope, and again inside the documents meant."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from docent.retrieving.fusion import Weights
from docent.retrieving.query import parts
from docent.store.protocols import Hit, Reader
from docent.types import Scope

POOL = 200
"""Candidates taken from each of the two searches."""
NO_VECTOR = -1.0


class QueryEmbedder(Protocol):
    def embed_query(self, text: str) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for: words, and a direction of meaning."""

    words: str
    vector: Sequence[float]
    alike: str = ""
    """Other words for the same, which count less."""
    share: float = 0.0
    """How much they count."""


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The best pieces by each search, best first."""

    by_meaning: Sequence[Hit]
    by_words: Sequence[Hit]


def meaning_of(question: str, embedder: QueryEmbedder, weights: Weights) -> list[float]:
    """Where the question points: its own direction, and as much of that of its sentences and clauses.

    A sentence on how to answer ("round to two decimals") then drowns out less of what is asked.
    """
    import numpy as np  # 0.12 s to import; an ingest does without

    whole = np.asarray(embedder.embed_query(question))
    clauses = [np.asarray(embedder.embed_query(part)) for part in parts(question) if weights.parts]
    if not clauses:
        return [float(value) for value in whole]
    both = whole + weights.parts * np.mean(clauses, axis=0)
    return [float(value) for value in both / (np.linalg.norm(both) or 1.0)]


def search_everywhere(
    question: str, alike: str, *, embedder: QueryEmbedder, weights: Weights, scope: Scope, store: Reader
) -> tuple[SearchQuery, SearchHits]:
    """What is looked for, and what the two searches find in the whole scope, one beside the other."""

    def by_meaning() -> tuple[list[float], list[Hit]]:
        vector = meaning_of(question, embedder, weights)
        return vector, store.nearest(vector, POOL, scope)

    # Embedding and neighbours are outside of Python, 8 of 30 ms; what is done meanwhile costs nothing.
    with ThreadPoolExecutor(1, "by meaning") as beside:
        meaning = beside.submit(by_meaning)
        words = _matching(SearchQuery(question, (), alike, weights.synonyms), scope, store)
        store.read_ahead([hit.id for hit in words], scope)
        vector, near = meaning.result()
    return SearchQuery(question, vector, alike, weights.synonyms), SearchHits(near, words)


def search(wanted: SearchQuery, scope: Scope, store: Reader) -> SearchHits:
    return SearchHits(store.nearest(wanted.vector, POOL, scope), _matching(wanted, scope, store))


def _matching(wanted: SearchQuery, scope: Scope, store: Reader) -> list[Hit]:
    hits = store.matching(wanted.words, POOL, scope)
    if not wanted.alike:
        return hits
    alike = store.matching(wanted.alike, POOL, scope)
    pieces = list(dict.fromkeys(hit.id for hit in (*hits, *alike)))
    scored = map(Hit, pieces, _agreement(wanted, pieces, scope, store))
    return sorted(scored, key=lambda hit: (-hit.score, hit.id))[:POOL]


def _agreement(wanted: SearchQuery, pieces: Sequence[str], scope: Scope, store: Reader) -> list[float]:
    said = store.agreement(wanted.words, pieces, scope)
    if not wanted.alike:
        return said
    alike = store.agreement(wanted.alike, pieces, scope)
    return [own + wanted.share * other for own, other in zip(said, alike, strict=True)]


def pool(
    found: SearchHits,
    wanted: SearchQuery,
    scope: Scope,
    store: Reader,
    documents: tuple[str, ...],
    more: Sequence[Hit],
) -> tuple[dict[str, float], dict[str, float]]:
    """Every candidate by meaning and by words: those found, those inside the documents meant, and more."""
    # A piece that only one search found gets its score from the other too, before the two are compared.
    worded = {hit.id for hit in found.by_words}
    close = [hit.id for hit in found.by_meaning if hit.id not in worded]
    with ThreadPoolExecutor(1, "agreement") as beside:  # outside of Python, too
        agreement = beside.submit(_agreement, wanted, close, scope, store)
        inside = (
            search(wanted, replace(scope, documents=documents), store) if documents else SearchHits((), ())
        )
        by_words = dict(zip(close, agreement.result(), strict=True))
    by_words |= {hit.id: hit.score for hit in (*found.by_words, *inside.by_words)}
    by_meaning = {hit.id: hit.score for hit in (*found.by_meaning, *inside.by_meaning)}
    if len(inside.by_words) < POOL and not wanted.alike:  # whatever else is in these documents has no word
        by_words = {hit.id: 0.0 for hit in inside.by_meaning} | by_words
    pieces = dict.fromkeys([*by_meaning, *by_words, *(hit.id for hit in more)])
    unworded = [piece for piece in pieces if piece not in by_words]
    far = [piece for piece in pieces if piece not in by_meaning]
    by_words |= dict(zip(unworded, _agreement(wanted, unworded, scope, store), strict=True))
    scores = zip(far, store.similarity(wanted.vector, far, scope), strict=True)
    by_meaning |= {piece: score for piece, score in scores if score > NO_VECTOR}
    return by_meaning, by_words
