"""Candidates: the chunks that the search by meaning and the search by words find, with both scores.

They are searched in the whole scope, and again in the likely documents. A question in another language than
some documents is searched as it is and as its translation; each chunk keeps its highest score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from docent.retrieving.query import clauses_of
from docent.retrieving.scoring import Weights
from docent.retrieving.translation import Translation
from docent.store.protocols import Hit, Reader
from docent.types import Scope, StoredDocument

POOL = 200
"""Candidates taken from each of the two searches."""
NO_VECTOR = -1.0
UNSURE_CHUNKS = 4
"""From few chunks it cannot be told what a text gains by its language: they count as if there were so many
more from which it gains nothing."""


class QueryEmbedder(Protocol):
    def embed_query(self, text: str) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question, or its translation, as the two searches take it: words, and a vector."""

    text: str
    words: Sequence[tuple[str, float]]
    """Texts that are searched by their words; their scores are added, each times its weight."""
    documents: tuple[str, ...] = ()
    """Those in the language of a translation; none: all in scope."""
    vector: Sequence[float] = ()

    def within(self, scope: Scope) -> Scope:
        return replace(scope, documents=self.documents) if self.documents else scope


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The best chunks by each search, best first."""

    by_meaning: Sequence[Hit]
    by_words: Sequence[Hit]


def search_queries(
    question: str,
    synonyms: str,
    translations: Sequence[Translation],
    documents: Sequence[StoredDocument],
    weights: Weights,
) -> list[SearchQuery]:
    """Return the question and its translations, each of these for the documents in its language.

    Where all documents are in other languages, the question's own words are left out: "pain" is French bread.
    """
    targets = {translation.target for translation in translations}
    is_mixed = any(document.language not in targets for document in documents)
    others = [(synonyms, weights.synonyms)] if synonyms else []
    queries = [SearchQuery(question, [(question, 1.0), *others] if is_mixed else others)]
    for translation in translations:
        ids = tuple(document.id for document in documents if document.language == translation.target)
        words = [(translation.text, 1.0)]
        words += [(translation.alternatives, weights.alternatives)] if translation.alternatives else []
        queries.append(
            SearchQuery(translation.meaning, words, ids if is_mixed or len(translations) > 1 else ())
        )
    return queries


def highest(found: Iterable[Sequence[Hit]]) -> Sequence[Hit]:
    """Return the hits of several searches, each with its highest score, best first."""
    first, *others = found
    if not others:
        return first
    scores = highest_scores({hit.id: hit.score for hit in hits} for hits in (first, *others))
    return sorted((Hit(*item) for item in scores.items()), key=lambda hit: (-hit.score, hit.id))[:POOL]


def highest_scores(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for scores in found:
        for chunk_id, score in scores.items():
            merged[chunk_id] = max(score, merged.get(chunk_id, score))
    return merged


def without_bias(
    closeness: Mapping[str, float], query: SearchQuery, own: SearchQuery, scope: Scope, store: Reader
) -> dict[str, float]:
    """Return the closeness of a translation's chunks, less what any text gains by being in their language.

    To an English model every French text is close to every French chunk, so that the one French document of a
    library would come before all others.
    """
    if not closeness or query is own:
        return dict(closeness)
    by_own = store.similarity(own.vector, list(closeness), scope)
    bias = max(0.0, (sum(closeness.values()) - sum(by_own)) / (len(closeness) + UNSURE_CHUNKS))
    return {chunk_id: score - bias for chunk_id, score in closeness.items()}


def search_everywhere(
    query: SearchQuery, *, embedder: QueryEmbedder, weights: Weights, scope: Scope, store: Reader
) -> tuple[SearchQuery, SearchHits]:
    """Run both searches over the whole scope, side by side, and return the query with its hits."""
    scope = query.within(scope)

    def search_by_meaning() -> tuple[list[float], list[Hit]]:
        vector = embed_question(query.text, embedder, weights)
        return vector, store.nearest(vector, POOL, scope)

    # Embedding and neighbours run outside of Python, 8 of 30 ms; work done meanwhile costs nothing.
    with ThreadPoolExecutor(1, "by meaning") as executor:
        meaning = executor.submit(search_by_meaning)
        by_words = _search_words(query, scope, store)
        store.read_ahead([hit.id for hit in by_words], scope)
        vector, by_meaning = meaning.result()
    return replace(query, vector=vector), SearchHits(by_meaning, by_words)


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
    if query.documents:
        documents = tuple(document for document in documents if document in query.documents)
    scope = query.within(scope)
    with_words = {hit.id for hit in hits.by_words}
    only_meaning = [hit.id for hit in hits.by_meaning if hit.id not in with_words]
    with ThreadPoolExecutor(1, "word scores") as executor:  # outside of Python, too
        word_scores = executor.submit(_score_words, query, only_meaning, scope, store)
        inner_scope = replace(scope, documents=documents)
        inner = _search_both(query, inner_scope, store) if documents else SearchHits((), ())
        by_words = dict(zip(only_meaning, word_scores.result(), strict=True))
    # The second search counts how rare a word is in the likely documents' libraries only. Scores of the whole
    # scope in its place found no more (docs/decisions/0009-weighted-fusion.md).
    by_words |= {hit.id: hit.score for hit in (*hits.by_words, *inner.by_words)}
    by_meaning = {hit.id: hit.score for hit in (*hits.by_meaning, *inner.by_meaning)}
    if len(inner.by_words) < POOL and len(query.words) == 1:
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
    if len(query.words) == 1:
        return store.matching(query.words[0][0], POOL, scope)
    hits = [hit for text, _ in query.words for hit in store.matching(text, POOL, scope)]
    chunk_ids = list(dict.fromkeys(hit.id for hit in hits))
    scored = map(Hit, chunk_ids, _score_words(query, chunk_ids, scope, store))
    return sorted(scored, key=lambda hit: (-hit.score, hit.id))[:POOL]


def _score_words(query: SearchQuery, chunk_ids: Sequence[str], scope: Scope, store: Reader) -> list[float]:
    by_text = [
        [weight * score for score in store.agreement(text, chunk_ids, scope)] for text, weight in query.words
    ]
    return [sum(scores) for scores in zip(*by_text, strict=True)] if by_text else [0.0] * len(chunk_ids)
