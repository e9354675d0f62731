"""From a question to passages: by meaning and by words, fused, pages with several good pieces first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from docent.glossary import Chunk, Page, Passage, Scope, StoredDocument
from docent.retrieving.fusing import fuse, lift_pages
from docent.store.protocols import Reader

POOL = 200
"""Candidates taken from each of the two searches."""


class QueryEmbedder(Protocol):
    def embed_query(self, text: str) -> list[float]: ...


def retrieve(
    question: str, *, scope: Scope, store: Reader, embedder: QueryEmbedder, limit: int
) -> list[Passage]:
    """Return the passages most likely to answer the question, best first."""
    vector = embedder.embed_query(question)
    by_words = dict(store.matching(question, POOL, scope))
    by_meaning = dict(store.nearest(vector, POOL, scope))
    # A piece that only one search found gets its score from the other too, before they are compared.
    missing = [chunk_id for chunk_id in by_words if chunk_id not in by_meaning]
    by_meaning |= dict(zip(missing, store.similarity(vector, missing, scope), strict=True))
    fused = fuse(by_meaning, by_words)
    chunks = store.chunks(list(fused), scope)
    places = {chunk.id: (chunk.document_id, chunk.page) for chunk in chunks.values()}
    scores = lift_pages({chunk_id: score for chunk_id, score in fused.items() if chunk_id in places}, places)
    best = sorted(scores, key=lambda chunk_id: (-scores[chunk_id], chunk_id))[:limit]
    return _passages([chunks[chunk_id] for chunk_id in best], scores, store, scope)


def _passages(
    chunks: Sequence[Chunk], scores: Mapping[str, float], store: Reader, scope: Scope
) -> list[Passage]:
    """The chunks with everything a reader wants to know of them."""
    documents = {document.id: document for document in store.documents(scope)}
    places = {(chunk.document_id, chunk.page) for chunk in chunks}
    pages = {place: store.page(*place, scope) for place in places}
    return [
        _passage(chunk, scores[chunk.id], documents[chunk.document_id], pages[chunk.document_id, chunk.page])
        for chunk in chunks
    ]


def _passage(chunk: Chunk, score: float, document: StoredDocument, page: Page) -> Passage:
    return Passage(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        file=document.name,
        library=document.library,
        page=chunk.page,
        page_label=page.label,
        place=page.where,
        heading=chunk.heading,
        header=chunk.header,
        text=chunk.text,
        start=chunk.start,
        end=chunk.end,
        score=score,
    )
