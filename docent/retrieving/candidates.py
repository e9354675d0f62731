"""Candidates: the chunks that either search finds in the whole scope, and again in the likely documents."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from docent.retrieving.fusion import Weights
from docent.retrieving.query import clauses_of
from docent.store.protocols import Hit, Reader
from docent.types import Scope

POOL = 200
"""Candidates taken from each of the two searches."""
NO_VECTOR = -1.0


class QueryEmbedder(Protocol):
    def embed_query(self, text: str) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question as the two searches take it: words, and a vector."""

    words: str
    vector: Sequence[float]
    synonyms: str = ""
    """Other words for the same, which count less."""
    synonym_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The best chunks by each search, best first."""

    by_meaning: Sequence[Hit]
    by_words: Sequence[Hit]


def search_everywhere(
    question: str, synonyms: str, *, embedder: QueryEmbedder, weights: Weights, scope: Scope, store: Reader
) -> tuple[SearchQuery, SearchHits]:
    """Run both searches over the whole scope, side by side, and return the query with its hits."""

    def search_by_meaning() -> tuple[list[float], list[Hit]]:
        vector = embed_question(question, embedder, weights)
        return vector, store.nearest(vector, POOL, scope)

    # Embedding and neighbours run outside of Python, 8 of 30 ms; work done meanwhile costs nothing.
    with ThreadPoolExecutor(1, "by meaning") as executor:
        meaning = executor.submit(search_by_meaning)
        by_words = _search_words(SearchQuery(question, (), synonyms, weights.synonyms), scope, store)
        store.read_ahead([hit.id for hit in by_words], scope)
        vector, by_meaning = meaning.result()
    return SearchQuery(question, vector, synonyms, weights.synonyms), SearchHits(by_meaning, by_words)


def embed_question(question: str, embedder: QueryEmbedder, weights: Weights) -> list[float]:
    """Return the question's vector, mixed with the mean of the vectors of its sentences and clauses.

    A sentence on how to answer ("round to two decimals") then drowns out less of what is asked.
    """
    import numpy as np  # 0.12 s to import; an ingest does without

    whole = np.asarray(embedder.embed_query(question))
    clauses = [np.asarray(embedder.embed_query(clause)) for clause in clauses_of(question) if weights.clauses]
    if not clauses:
        return [float(value) for value in whole]
    mixed = whole + weights.clauses * np.mean(clauses, axis=0)
    return [float(value) for value in mixed / (np.linalg.norm(mixed) or 1.0)]


def pool(
    hits: SearchHits,
    query: SearchQuery,
    scope: Scope,
    store: Reader,
    documents: tuple[str, ...],
    extra: Sequence[Hit],
) -> tuple[dict[str, float], dict[str, float]]:
    """Return every candidate's score by meaning and by words.

    Candidates are the hits, the hits of a second search inside `documents`, and `extra`. A chunk that only
    one search found gets its score from the other as well, before the two are compared.
    """
    with_words = {hit.id for hit in hits.by_words}
    only_meaning = [hit.id for hit in hits.by_meaning if hit.id not in with_words]
    with ThreadPoolExecutor(1, "word scores") as executor:  # outside of Python, too
        word_scores = executor.submit(_score_words, query, only_meaning, scope, store)
        inner_scope = replace(scope, documents=documents)
        inner = _search_both(query, inner_scope, store) if documents else SearchHits((), ())
        by_words = dict(zip(only_meaning, word_scores.result(), strict=True))
    by_words |= {hit.id: hit.score for hit in (*hits.by_words, *inner.by_words)}
    by_meaning = {hit.id: hit.score for hit in (*hits.by_meaning, *inner.by_meaning)}
    if len(inner.by_words) < POOL and not query.synonyms:
        # The search by words was exhausted: no other chunk of these documents holds a word of the question.
        by_words = {hit.id: 0.0 for hit in inner.by_meaning} | by_words
    candidates = dict.fromkeys([*by_meaning, *by_words, *(hit.id for hit in extra)])
    lacking_words = [chunk_id for chunk_id in candidates if chunk_id not in by_words]
    lacking_meaning = [chunk_id for chunk_id in candidates if chunk_id not in by_meaning]
    by_words |= dict(zip(lacking_words, _score_words(query, lacking_words, scope, store), strict=True))
    similarities = store.similarity(query.vector, lacking_meaning, scope)
    by_meaning |= {
        chunk_id: score
        for chunk_id, score in zip(lacking_meaning, similarities, strict=True)
        if score > NO_VECTOR
    }
    return by_meaning, by_words


def _search_both(query: SearchQuery, scope: Scope, store: Reader) -> SearchHits:
    return SearchHits(store.nearest(query.vector, POOL, scope), _search_words(query, scope, store))


def _search_words(query: SearchQuery, scope: Scope, store: Reader) -> list[Hit]:
    hits = store.matching(query.words, POOL, scope)
    if not query.synonyms:
        return hits
    synonym_hits = store.matching(query.synonyms, POOL, scope)
    chunk_ids = list(dict.fromkeys(hit.id for hit in (*hits, *synonym_hits)))
    scored = map(Hit, chunk_ids, _score_words(query, chunk_ids, scope, store))
    return sorted(scored, key=lambda hit: (-hit.score, hit.id))[:POOL]


def _score_words(query: SearchQuery, chunk_ids: Sequence[str], scope: Scope, store: Reader) -> list[float]:
    scores = store.agreement(query.words, chunk_ids, scope)
    if not query.synonyms:
        return scores
    synonym_scores = store.agreement(query.synonyms, chunk_ids, scope)
    return [own + query.synonym_weight * other for own, other in zip(scores, synonym_scores, strict=True)]
