"""From a question to passages, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from docent.retrieving.candidates import Found, QueryEmbedder, first, pool
from docent.retrieving.document_names import names_of
from docent.retrieving.document_prior import evidence, prior, routed
from docent.retrieving.fusion import fuse, lift_pages
from docent.retrieving.query import Query, checked, narrowed, parse
from docent.retrieving.question_limits import in_turn, searched
from docent.retrieving.rescoring import Look
from docent.retrieving.synonyms import Synonyms, said_otherwise
from docent.retrieving.weights import OURS, Weights
from docent.store.protocols import ChunkLocation, Hit, Reader
from docent.types import Chunk, Page, Passage, Scope, StoredDocument

Rerank = Callable[[str, Sequence[str]], Sequence[float]]
"""How well each text answers a question, by a model that reads both together."""

ROUTED = 3
"""Documents that are searched once more by themselves."""
LOOKED_THROUGH = 1000
"""Pieces that either search finds to be looked through for a phrase, or for a word that was excluded."""
RERANKED = 30
"""Pieces that a reranker reads, if there is one: each costs a pass through its model."""
OPENING = 500
"""Letters of a first page that name the document where its file's name does not."""
SHORTLIST = 100
"""Pieces that are looked at closely; with more, the pages found are the same."""


def retrieve(
    question: str,
    *,
    scope: Scope,
    store: Reader,
    embedder: QueryEmbedder,
    limit: int,
    weights: Weights = OURS,
    synonyms: Synonyms | None = None,
    rerank: Rerank | None = None,
) -> list[Passage]:
    """Return the passages most likely to answer the question, best first. Raises InputError.

    Whoever asks, no more of a question is searched than `bound` says.
    """
    query = parse(searched(question))
    with in_turn(question):
        return _retrieve(
            query,
            scope=scope,
            store=store,
            embedder=embedder,
            limit=limit,
            weights=weights,
            synonyms=synonyms,
            rerank=rerank,
        )


def _retrieve(
    query: Query,
    *,
    scope: Scope,
    store: Reader,
    embedder: QueryEmbedder,
    limit: int,
    weights: Weights,
    synonyms: Synonyms | None,
    rerank: Rerank | None,
) -> list[Passage]:
    scope, shelf = _narrowed(checked(scope), query, store)
    documents = {document.id: document for document in shelf}
    groups = synonyms.of({document.library for document in shelf}) if synonyms else ()
    alike = said_otherwise(query.text, groups, lambda text: store.terms(text, ""))
    wanted, found = first(query.text, alike, embedder=embedder, weights=weights, scope=scope, store=store)
    places = store.places([hit.id for hit in (*found.by_meaning, *found.by_words)], scope)
    priors = _priors(query.text, found, documents, places, store, scope, weights)
    meant = routed(priors, ROUTED) if weights.prior and len(documents) > ROUTED else ()
    besides = _besides(query, wanted.vector, store, scope)
    by_meaning, by_words = pool(found, wanted, scope, store, meant, besides)
    scores = fuse(by_meaning, by_words, weights)
    if query.phrases or query.without:
        scores = _allowed(scores, query, store, scope)
    places |= store.places([piece for piece in scores if piece not in places], scope)
    scores = {
        piece: score + weights.prior * priors.get(places[piece].document_id, 0.0)
        for piece, score in scores.items()
        if piece in places
    }
    shortlist = store.chunks(_best(scores, max(limit, SHORTLIST)), scope)
    languages = {
        piece: documents[chunk.document_id].language if chunk.document_id in documents else ""
        for piece, chunk in shortlist.items()
    }
    look = Look(query.text, languages, store, scope)
    more = look.closely(shortlist, by_words, weights)
    pages = {piece: places[piece] for piece in shortlist if _has_pages(documents, places[piece])}
    scores = lift_pages({piece: scores[piece] + more[piece] for piece in shortlist}, pages, weights)
    best = [shortlist[piece] for piece in _best(scores, max(limit, RERANKED if rerank else 0))]
    best = (_reranked(query.text, best, rerank) if rerank else best)[:limit]
    helps = look.relevance(best, by_meaning)
    return _passages(best, scores, helps, documents, store, scope)


def _narrowed(scope: Scope, query: Query, store: Reader) -> tuple[Scope, list[StoredDocument]]:
    """The scope with the question's own conditions, and the documents in it."""
    shelf = store.documents(scope)
    inside = narrowed(scope, query, shelf)
    return inside, shelf if inside == scope else store.documents(inside)


def _besides(query: Query, vector: Sequence[float], store: Reader, scope: Scope) -> list[Hit]:
    """Candidates that are looked for only where the question's conditions will take others away."""
    found = store.matching(" ".join(query.phrases), LOOKED_THROUGH, scope) if query.phrases else []
    if query.without:
        found = [*found, *store.nearest(vector, LOOKED_THROUGH, scope)]
        found += store.matching(query.text, LOOKED_THROUGH, scope)
    return found


def _allowed(scores: Mapping[str, float], query: Query, store: Reader, scope: Scope) -> dict[str, float]:
    """The pieces whose text holds what was quoted and nothing that was excluded."""
    chunks = store.chunks(list(scores), scope)
    return {piece: scores[piece] for piece, chunk in chunks.items() if query.allows(chunk.text)}


def _priors(
    question: str,
    found: Found,
    documents: Mapping[str, StoredDocument],
    places: Mapping[str, ChunkLocation],
    store: Reader,
    scope: Scope,
    weights: Weights,
) -> dict[str, float]:
    """How likely each document is meant."""
    document_of = {piece: place.document_id for piece, place in places.items()}
    return prior(
        names_of(list(documents.values()), lambda document: _opening(document, store, scope)).match(question),
        evidence(found.by_meaning, document_of),
        evidence(found.by_words, document_of),
        weights,
    )


def _opening(document: StoredDocument, store: Reader, scope: Scope) -> str:
    pages = store.plain_pages([(document.id, 1)], scope)
    return "".join(page.text[:OPENING] for page in pages.values())


def _reranked(question: str, best: Sequence[Chunk], rerank: Rerank) -> list[Chunk]:
    """The first pieces in the order of a reranker; whatever comes after them stays as it is."""
    read = best[:RERANKED]
    scores = rerank(question, [f"{chunk.header}\n{chunk.text}" for chunk in read])
    order = sorted(range(len(read)), key=lambda at: -scores[at])  # equals keep their order
    return [*(read[at] for at in order), *best[RERANKED:]]


def _has_pages(documents: Mapping[str, StoredDocument], place: ChunkLocation) -> bool:
    return place.document_id in documents and documents[place.document_id].pages > 1


def _best(scores: Mapping[str, float], most: int) -> list[str]:
    return sorted(scores, key=lambda piece: (-scores[piece], piece))[:most]


def _passages(
    chunks: Sequence[Chunk],
    scores: Mapping[str, float],
    helps: Mapping[str, float],
    documents: Mapping[str, StoredDocument],
    store: Reader,
    scope: Scope,
) -> list[Passage]:
    """The chunks with everything a reader wants to know of them, but those that were deleted meanwhile."""
    pages = store.plain_pages({(chunk.document_id, chunk.page) for chunk in chunks}, scope)
    return [
        _passage(
            chunk,
            documents[chunk.document_id],
            pages[chunk.document_id, chunk.page],
            score=scores[chunk.id],
            relevance=helps[chunk.id],
        )
        for chunk in chunks
        if chunk.document_id in documents and (chunk.document_id, chunk.page) in pages
    ]


def _passage(
    chunk: Chunk, document: StoredDocument, page: Page, *, score: float, relevance: float
) -> Passage:
    return Passage(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        file=document.name,
        library=document.library,
        page=chunk.page,
        page_label=page.label,
        place=page.at(chunk.start, chunk.end),
        heading=chunk.heading,
        header=chunk.header,
        text=chunk.text,
        start=chunk.start,
        end=chunk.end,
        score=score,
        relevance=relevance,
    )
