"""From a question to passages: pool candidates, fuse their scores, rescore the best, lift their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from docent.retrieving.asked_closeness import SentenceEmbedder, doubted
from docent.retrieving.candidates import (
    SearchHits,
    highest,
    highest_scores,
    pool,
    search_everywhere,
    search_queries,
    without_bias,
)
from docent.retrieving.document_prior import (
    document_evidence,
    document_priors,
    likely_documents,
    name_matcher,
)
from docent.retrieving.figure_lines import AskedLines, FigureLines, asked_lines, shipped_figures
from docent.retrieving.learned_weights import LearnedWeights
from docent.retrieving.query import (
    Query,
    check_scope,
    in_turn,
    narrow_scope,
    parse,
    shorten_question,
)
from docent.retrieving.scoring import (
    DEFAULT_WEIGHTS,
    Rescorer,
    ScoredCandidate,
    Weights,
    fuse,
    lift_pages,
    stretch,
)
from docent.retrieving.synonyms import Synonyms, expand_query
from docent.retrieving.translation import Translation
from docent.store.protocols import ChunkLocation, Hit, Reader
from docent.types import Chunk, Passage, Scope, StoredDocument

Rerank = Callable[[str, Sequence[str]], Sequence[float]]
"""Score how well each text answers a question, by a model that reads both together."""

ROUTED = 3
"""Documents that are searched once more by themselves."""
CHECKED = 1000
"""Hits of either search that are checked for a quoted phrase or an excluded word."""
RERANKED = 30
"""Chunks that a reranker reads, if there is one: each costs a pass through its model."""
OPENING = 500
"""Characters of a first page that name the document where its file's name does not."""
SHORTLIST = 100
"""Chunks that are rescored; with more, the pages found are the same."""

LINE_HITS = 80
"""Candidates that are found by the lines behind a figure; they are rescored, whatever their place."""


def retrieve(
    question: str,
    *,
    scope: Scope,
    store: Reader,
    embedder: SentenceEmbedder,
    limit: int,
    weights: Weights | None = None,
    learned: LearnedWeights | None = None,
    synonyms: Synonyms | None = None,
    figure_lines: FigureLines | None = None,
    rerank: Rerank | None = None,
    translations: Sequence[Translation] = (),
    on_candidates: Callable[[Sequence[ScoredCandidate]], None] | None = None,
) -> list[Passage]:
    """Return the passages most likely to answer the question, best first. Raises InputError.

    The weights are those given, else those learned for the libraries in scope, else the defaults. Of a long
    question only the beginning and the end are searched, and long questions wait for each other. Documents in
    the language of a translation are searched by it.
    """
    query = parse(shorten_question(question))
    with in_turn(question):
        # Pool: the hits of both searches, and those of a second search inside the likely documents.
        scope, in_scope = _documents_in_scope(query, check_scope(scope), store)
        documents = {document.id: document for document in in_scope}
        libraries = {document.library for document in in_scope}
        if weights is None:
            weights = DEFAULT_WEIGHTS if learned is None else learned.of(libraries)
        groups = synonyms.of(libraries) if synonyms else ()
        book = figure_lines.of(libraries) if figure_lines else shipped_figures()
        lines = AskedLines()
        if weights.lines or weights.statement:
            lines = asked_lines(query.text, book, lambda text: store.terms(text, ""))
        other_words = expand_query(query.text, groups, lambda text: store.terms(text, ""))
        other_words = " ".join(filter(None, (other_words, lines.words)))
        queries = search_queries(query.text, other_words, translations, in_scope, weights)
        searches = [
            search_everywhere(one, embedder=embedder, weights=weights, scope=scope, store=store)
            for one in queries
        ]
        hits = SearchHits(
            highest(found.by_meaning for _, found in searches),
            highest(found.by_words for _, found in searches),
        )
        places = store.places([hit.id for hit in (*hits.by_meaning, *hits.by_words)], scope)
        named = " ".join([query.text, *(other.text for other in translations)])
        priors = _document_priors(named, hits, documents, places, store, scope, weights)
        likely = likely_documents(priors, ROUTED) if weights.prior and len(documents) > ROUTED else ()
        inside = replace(scope, documents=likely) if likely else scope
        line_hits = store.matching(lines.words, LINE_HITS, inside) if lines.words else []
        pools = [
            pool(
                found,
                one,
                scope,
                store,
                likely,
                extra=[*_hits_for_conditions(query, one.vector, store, scope), *line_hits],
            )
            for one, found in searches
        ]
        by_meaning = highest_scores(by_meaning for by_meaning, _ in pools)
        by_words = highest_scores(by_words for _, by_words in pools)
        compared = by_meaning
        if queries[-1].documents:  # of several languages
            own = searches[0][0]
            compared = highest_scores(
                without_bias(found, one, own, scope, store)
                for (one, _), (found, _) in zip(searches, pools, strict=True)
            )

        # Fuse: one score for each candidate, its document's prior included.
        scores = fuse(compared, by_words, weights)
        if query.phrases or query.without:
            scores = _meeting_conditions(scores, query, store, scope)
        places |= store.places([chunk_id for chunk_id in scores if chunk_id not in places], scope)
        scores = {
            chunk_id: score + weights.prior * priors.get(places[chunk_id].document_id, 0.0)
            for chunk_id, score in scores.items()
            if chunk_id in places
        }

        # Rescore the shortlist by its text, and lift the pages that hold several good chunks.
        with_lines = [hit.id for hit in line_hits if hit.id in scores]
        best_ids = dict.fromkeys([*_best(scores, max(limit, SHORTLIST)), *with_lines])
        shortlist = store.chunks(list(best_ids), scope)
        languages = {
            chunk_id: documents[chunk.document_id].language if chunk.document_id in documents else ""
            for chunk_id, chunk in shortlist.items()
        }
        rescorer = Rescorer(query.text, languages, store, scope, translations)
        signals = rescorer.text_signals(shortlist, by_words, lines)
        pages = {
            chunk_id: place
            for chunk_id in shortlist
            if (document := documents.get((place := places[chunk_id]).document_id)) and document.pages > 1
        }
        if on_candidates is not None:
            stretched = stretch(compared, by_words)
            on_candidates(
                [
                    ScoredCandidate(
                        document_id=place.document_id,
                        page=place.page,
                        is_lifted=chunk_id in pages,
                        meaning=stretched[chunk_id][0],
                        words=stretched[chunk_id][1],
                        prior=priors.get(place.document_id, 0.0),
                        text=signals[chunk_id],
                    )
                    for chunk_id in shortlist
                    if (place := places[chunk_id])
                ]
            )
        scores = lift_pages(
            {chunk_id: scores[chunk_id] + signals[chunk_id].weighted(weights) for chunk_id in shortlist},
            pages,
            weights,
        )

        # Passages: the best chunks, in a reranker's order if there is one.
        best = [shortlist[chunk_id] for chunk_id in _best(scores, max(limit, RERANKED if rerank else 0))]
        best = (_rerank(query.text, best, rerank) if rerank else best)[:limit]
        relevances = rescorer.relevances(best, by_meaning)
        if not lines.lines:  # else their pages need not say the question's words
            translated = {translation.target for translation in translations}
            judged = [chunk for chunk in best if languages[chunk.id] not in translated]
            names = _names(
                [documents[chunk.document_id] for chunk in judged if chunk.document_id in documents]
            )
            relevances |= doubted(
                query.text, judged, names, relevances, embedder=embedder, store=store, scope=scope
            )
        return _passages(best, scores, relevances, documents, store, scope)


def _names(documents: Iterable[StoredDocument]) -> set[str]:
    return {text for document in documents for text in (document.name, document.title)}


def _documents_in_scope(query: Query, scope: Scope, store: Reader) -> tuple[Scope, Sequence[StoredDocument]]:
    """Return the scope narrowed by the question's own conditions, and the documents in it."""
    documents = store.documents(scope)
    narrowed = narrow_scope(scope, query, documents)
    return narrowed, documents if narrowed == scope else store.documents(narrowed)


def _document_priors(
    question: str,
    hits: SearchHits,
    documents: Mapping[str, StoredDocument],
    places: Mapping[str, ChunkLocation],
    store: Reader,
    scope: Scope,
    weights: Weights,
) -> dict[str, float]:
    """Return how likely each document is meant: by its name, and by what both searches found in it."""

    def opening(document: StoredDocument) -> str:
        pages = store.plain_pages([(document.id, 1)], scope)
        return "".join(page.text[:OPENING] for page in pages.values())

    document_of = {chunk_id: place.document_id for chunk_id, place in places.items()}
    return document_priors(
        name_matcher(list(documents.values()), opening).match(question),
        document_evidence(hits.by_meaning, document_of),
        document_evidence(hits.by_words, document_of),
        weights,
    )


def _hits_for_conditions(query: Query, vector: Sequence[float], store: Reader, scope: Scope) -> list[Hit]:
    """Return more candidates where the question's conditions will take others away."""
    hits = store.matching(" ".join(query.phrases), CHECKED, scope) if query.phrases else []
    if query.without:
        hits = [*hits, *store.nearest(vector, CHECKED, scope), *store.matching(query.text, CHECKED, scope)]
    return hits


def _meeting_conditions(
    scores: Mapping[str, float], query: Query, store: Reader, scope: Scope
) -> dict[str, float]:
    """Return the chunks whose text holds every quoted phrase and no excluded word."""
    chunks = store.chunks(list(scores), scope)
    return {chunk_id: scores[chunk_id] for chunk_id, chunk in chunks.items() if query.allows(chunk.text)}


def _best(scores: Mapping[str, float], count: int) -> list[str]:
    return sorted(scores, key=lambda chunk_id: (-scores[chunk_id], chunk_id))[:count]


def _rerank(question: str, chunks: Sequence[Chunk], rerank: Rerank) -> list[Chunk]:
    """Put the first chunks in the reranker's order; those after them stay where they are."""
    read = chunks[:RERANKED]
    scores = rerank(question, [f"{chunk.header}\n{chunk.text}" for chunk in read])
    order = sorted(range(len(read)), key=lambda position: -scores[position])  # equals keep their order
    return [*(read[position] for position in order), *chunks[RERANKED:]]


def _passages(
    chunks: Sequence[Chunk],
    scores: Mapping[str, float],
    relevances: Mapping[str, float],
    documents: Mapping[str, StoredDocument],
    store: Reader,
    scope: Scope,
) -> list[Passage]:
    """Return the chunks as passages, without those whose page was deleted meanwhile."""
    pages = store.plain_pages({(chunk.document_id, chunk.page) for chunk in chunks}, scope)
    passages = []
    for chunk in chunks:
        document = documents.get(chunk.document_id)
        page = pages.get((chunk.document_id, chunk.page))
        if document is None or page is None:
            continue
        passages.append(
            Passage(
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
                score=scores[chunk.id],
                relevance=relevances[chunk.id],
            )
        )
    return passages
