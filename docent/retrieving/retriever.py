"""From a question to passages: pool candidates, fuse their scores, rescore the best, lift their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from docent.retrieving.asked_closeness import SentenceEmbedder, doubted
from docent.retrieving.candidates import (
    SearchHits,
    SearchQuery,
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
    with in_turn(question):
        asked = _read_question(
            question, scope, store, weights, learned, synonyms, figure_lines, tuple(translations)
        )
        found = _pool_candidates(asked, embedder, store)
        scores = _fuse_scores(asked, found, store)
        shortlist = _rescore(asked, found, scores, limit, store, on_candidates)
        return _best_passages(asked, found, shortlist, limit, store, embedder, rerank)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with all that decides how it is searched."""

    query: Query
    scope: Scope
    """Narrowed by the question's own conditions."""
    documents: Mapping[str, StoredDocument]
    """In scope, by id."""
    weights: Weights
    lines: AskedLines
    queries: Sequence[SearchQuery]
    """One for each language that is searched, the question's own first."""
    translations: tuple[Translation, ...]


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Chunks that may answer, with what found them."""

    by_meaning: Mapping[str, float]
    by_words: Mapping[str, float]
    compared: Mapping[str, float]
    """By meaning, comparable across languages."""
    places: dict[str, ChunkLocation]
    priors: Mapping[str, float]
    """How likely each document is meant."""
    by_lines: Sequence[str]
    """Ids of those that hold lines behind the figure that is asked for."""


@dataclass(frozen=True, slots=True)
class _Shortlist:
    """The best candidates, rescored by their text."""

    chunks: Mapping[str, Chunk]
    scores: Mapping[str, float]
    languages: Mapping[str, str]
    rescorer: Rescorer


def _read_question(
    question: str,
    scope: Scope,
    store: Reader,
    weights: Weights | None,
    learned: LearnedWeights | None,
    synonyms: Synonyms | None,
    figure_lines: FigureLines | None,
    translations: tuple[Translation, ...],
) -> _Asked:
    query = parse(shorten_question(question))
    scope, in_scope = _documents_in_scope(query, check_scope(scope), store)
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
    documents = {document.id: document for document in in_scope}
    return _Asked(query, scope, documents, weights, lines, queries, translations)


def _pool_candidates(asked: _Asked, embedder: SentenceEmbedder, store: Reader) -> _Candidates:
    """Return the hits of both searches, and those of a second search inside the likely documents."""
    scope, weights, lines = asked.scope, asked.weights, asked.lines
    searches = [
        search_everywhere(one, embedder=embedder, weights=weights, scope=scope, store=store)
        for one in asked.queries
    ]
    hits = SearchHits(
        highest(found.by_meaning for _, found in searches),
        highest(found.by_words for _, found in searches),
    )
    places = store.places([hit.id for hit in (*hits.by_meaning, *hits.by_words)], scope)
    named = " ".join([asked.query.text, *(other.text for other in asked.translations)])
    priors = _document_priors(named, hits, asked.documents, places, store, scope, weights)
    is_routed = weights.prior and len(asked.documents) > ROUTED
    likely = likely_documents(priors, ROUTED) if is_routed else ()
    inside = replace(scope, documents=likely) if likely else scope
    line_hits = store.matching(lines.words, LINE_HITS, inside) if lines.words else []
    pools = [
        pool(
            found,
            one,
            scope,
            store,
            likely,
            extra=[*_hits_for_conditions(asked.query, one.vector, store, scope), *line_hits],
        )
        for one, found in searches
    ]
    by_meaning = highest_scores(by_meaning for by_meaning, _ in pools)
    by_words = highest_scores(by_words for _, by_words in pools)
    compared = by_meaning
    if asked.queries[-1].documents:  # of several languages
        own = searches[0][0]
        compared = highest_scores(
            without_bias(found, one, own, scope, store)
            for (one, _), (found, _) in zip(searches, pools, strict=True)
        )
    by_lines = [hit.id for hit in line_hits]
    return _Candidates(by_meaning, by_words, compared, dict(places), priors, by_lines)


def _fuse_scores(asked: _Asked, found: _Candidates, store: Reader) -> dict[str, float]:
    """Return one score for each candidate, its document's prior included."""
    scores = fuse(found.compared, found.by_words, asked.weights)
    if asked.query.phrases or asked.query.without:
        scores = _meeting_conditions(scores, asked.query, store, asked.scope)
    places = found.places
    places |= store.places([chunk_id for chunk_id in scores if chunk_id not in places], asked.scope)
    return {
        chunk_id: score + asked.weights.prior * found.priors.get(places[chunk_id].document_id, 0.0)
        for chunk_id, score in scores.items()
        if chunk_id in places
    }


def _rescore(
    asked: _Asked,
    found: _Candidates,
    scores: Mapping[str, float],
    limit: int,
    store: Reader,
    on_candidates: Callable[[Sequence[ScoredCandidate]], None] | None,
) -> _Shortlist:
    """Rescore the best by their text, and lift the pages that hold several good chunks."""
    documents, places = asked.documents, found.places
    with_lines = [chunk_id for chunk_id in found.by_lines if chunk_id in scores]
    best_ids = dict.fromkeys([*_best(scores, max(limit, SHORTLIST)), *with_lines])
    chunks = store.chunks(list(best_ids), asked.scope)
    languages = {
        chunk_id: documents[chunk.document_id].language if chunk.document_id in documents else ""
        for chunk_id, chunk in chunks.items()
    }
    rescorer = Rescorer(asked.query.text, languages, store, asked.scope, asked.translations)
    signals = rescorer.text_signals(chunks, found.by_words, asked.lines)
    pages = {
        chunk_id: place
        for chunk_id in chunks
        if (document := documents.get((place := places[chunk_id]).document_id)) and document.pages > 1
    }
    if on_candidates is not None:
        stretched = stretch(found.compared, found.by_words)
        on_candidates(
            [
                ScoredCandidate(
                    document_id=place.document_id,
                    page=place.page,
                    is_lifted=chunk_id in pages,
                    meaning=stretched[chunk_id][0],
                    words=stretched[chunk_id][1],
                    prior=found.priors.get(place.document_id, 0.0),
                    text=signals[chunk_id],
                )
                for chunk_id in chunks
                if (place := places[chunk_id])
            ]
        )
    by_text = {chunk_id: scores[chunk_id] + signals[chunk_id].weighted(asked.weights) for chunk_id in chunks}
    return _Shortlist(chunks, lift_pages(by_text, pages, asked.weights), languages, rescorer)


def _best_passages(
    asked: _Asked,
    found: _Candidates,
    shortlist: _Shortlist,
    limit: int,
    store: Reader,
    embedder: SentenceEmbedder,
    rerank: Rerank | None,
) -> list[Passage]:
    """Return the best chunks as passages, in a reranker's order if there is one."""
    question = asked.query.text
    best_ids = _best(shortlist.scores, max(limit, RERANKED if rerank else 0))
    best = [shortlist.chunks[chunk_id] for chunk_id in best_ids]
    best = (_rerank(question, best, rerank) if rerank else best)[:limit]
    relevances = shortlist.rescorer.relevances(best, found.by_meaning)
    if not asked.lines.lines:  # else their pages need not say the question's words
        translated = {translation.target for translation in asked.translations}
        judged = [chunk for chunk in best if shortlist.languages[chunk.id] not in translated]
        documents = asked.documents
        names = _names([documents[chunk.document_id] for chunk in judged if chunk.document_id in documents])
        relevances |= doubted(
            question, judged, names, relevances, embedder=embedder, store=store, scope=asked.scope
        )
    return _passages(best, shortlist.scores, relevances, asked.documents, store, asked.scope)


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
