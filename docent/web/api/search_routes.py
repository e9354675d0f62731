"""/v1/search and /v1/embeddings: passages, and vectors of texts, without a language model."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import numpy as np
from pydantic_core import to_json

from docent.app import Docent
from docent.retrieving.query import shortened_notice
from docent.types import StoredDocument, passage_json
from docent.web.api.access import ApiClient
from docent.web.api.http_errors import RequestRefused, not_found
from docent.web.api.schemas import EmbeddingsRequest, Json, SearchRequest

TEXTS_AT_ONCE = 8
"""Texts embedded in one turn: about one batch, which keeps one processor busy. Beside four senders of 512
texts a short search took 1.5 to 2.3 times as long, and without turns 2.0 to 5.4 (docs/security.md)."""
MOST_EMBEDDING = 32
"""Requests to embed that may be open at once; each may hold 4 MB of texts and as much of vectors."""


def search(request: SearchRequest, docent: Docent, client: ApiClient) -> Json:
    """Return the passages for a query. Raises RequestRefused for a library or file that is not there."""
    if request.library and request.library not in client.visible(docent.store.libraries(None)):
        raise not_found("library")
    documents: tuple[str, ...] = ()
    if request.file:
        documents = tuple(document.id for document in _find_documents(request, docent, client))
    scope = client.scope(request.library, documents=documents)
    passages = docent.retrieve(request.query, scope, request.limit)
    return {
        "object": "list",
        "data": [passage_json(rank, passage) for rank, passage in enumerate(passages, 1)],
        "notices": list(filter(None, (shortened_notice(request.query),))),
    }


def _find_documents(request: SearchRequest, docent: Docent, client: ApiClient) -> Sequence[StoredDocument]:
    """Return the documents of this id or file name that the client may see."""
    documents = [
        document
        for document in docent.store.documents(client.scope(request.library))
        if request.file in (document.id, document.name) or request.file in document.paths
    ]
    if not documents:
        raise not_found("document")
    return documents


class EmbeddingTurns:
    """Embed the texts of many requests by turns, a few at a time, so that questions hardly wait for them."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()  # passes to the request that waits longest
        self._open = 0

    async def embed(self, request: EmbeddingsRequest, docent: Docent) -> bytes:
        """Return the response as JSON. Raises RequestRefused, also rather than cut a text short."""
        dimensions = docent.embedder.dimensions
        if request.dimensions not in (None, dimensions):
            sentence = (
                f"The vectors here have {dimensions} dimensions, no other number. Leave `dimensions` out."
            )
            raise RequestRefused(400, sentence, code="dimensions", param="dimensions")
        if self._open >= MOST_EMBEDDING:
            raise RequestRefused(
                503,
                "Too many requests to embed texts are open here. Wait a few seconds and send it again.",
                code="busy",
                headers={"Retry-After": "5"},
            )
        self._open += 1
        try:
            vectors: list[bytes] = []
            tokens = 0
            for start in range(0, len(request.texts), TEXTS_AT_ONCE):
                async with self._turn:
                    written, count = await asyncio.to_thread(_embed_slice, request, start, docent)
                vectors += written
                tokens += count
        finally:
            self._open -= 1
        model = to_json(docent.settings.embedding_model)
        usage = to_json({"prompt_tokens": tokens, "total_tokens": tokens})
        return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (b",".join(vectors), model, usage)


def _embed_slice(request: EmbeddingsRequest, start: int, docent: Docent) -> tuple[list[bytes], int]:
    """Return some of the vectors, each as JSON, and how many tokens their texts have.

    pydantic's writer takes 0.1 ms for a vector; the json module holds up all threads four times as long.
    """
    embedder = docent.embedder
    texts = request.texts[start : start + TEXTS_AT_ONCE]
    lengths = [len(encoding.ids) for encoding in embedder.tokenizer.encode_batch(texts)]
    for number, length in enumerate(lengths, start + 1):
        if length > embedder.max_tokens:
            sentence = (
                f"Text {number} has {length} tokens; the model reads {embedder.max_tokens}. Send it in parts."
            )
            raise RequestRefused(400, sentence, code="too_long", param="input")
    written = []
    for index, vector in enumerate(np.asarray(embedder.embed(texts), dtype="<f4"), start):
        if request.encoding_format == "base64":
            embedding: Sequence[float] | str = base64.b64encode(vector.tobytes()).decode()
        else:
            embedding = vector.tolist()
        written.append(to_json({"object": "embedding", "index": index, "embedding": embedding}))
    return written, sum(lengths)
