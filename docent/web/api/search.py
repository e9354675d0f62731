"""/v1/search and /v1/embeddings: what is found, and texts as vectors, without a language model."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from docent.answering import shortened_notice
from docent.app import Docent
from docent.json_output import passage_json
from docent.types import StoredDocument
from docent.web.api.access import Caller
from docent.web.api.http_errors import Refused, not_there
from docent.web.api.requests import EmbeddingsRequest, Json, SearchRequest


def search(request: SearchRequest, docent: Docent, caller: Caller) -> Json:
    if request.library:
        known_library(request.library, docent, caller)
    documents: tuple[str, ...] = ()
    if request.file:
        documents = tuple(document.id for document in named(request.file, docent, caller, request.library))
    scope = caller.scope(request.library, documents=documents)
    passages = docent.retrieve(request.query, scope, request.limit)
    return {
        "object": "list",
        "data": [passage_json(rank, passage) for rank, passage in enumerate(passages, 1)],
        "notices": list(filter(None, (shortened_notice(request.query),))),
    }


def known_library(name: str, docent: Docent, caller: Caller) -> str:
    if name not in caller.seen(docent.store.libraries(None)):
        raise not_there("library")
    return name


def named(name: str, docent: Docent, caller: Caller, library: str = "") -> Sequence[StoredDocument]:
    """The documents of this id or file name that the caller may see. Raises Refused where there is none."""
    documents = docent.store.documents(caller.scope(library))
    found = [one for one in documents if name in (one.id, one.name) or name in one.paths]
    if not found:
        raise not_there("document")
    return found


def embeddings(request: EmbeddingsRequest, docent: Docent) -> Json:
    """Each text as the vector it would be found by. Raises Refused rather than cut a text short."""
    own = docent.embedder.dimensions
    if request.dimensions not in (None, own):
        sentence = f"The vectors here have {own} dimensions, no other number. Leave `dimensions` out."
        raise Refused(400, sentence, code="dimensions", param="dimensions")
    lengths = [len(encoding.ids) for encoding in docent.embedder.tokenizer.encode_batch(request.texts)]
    for at, length in enumerate(lengths):
        if length > (most := docent.embedder.max_tokens):
            sentence = f"Text {at + 1} has {length} tokens; the model reads {most}. Send it in parts."
            raise Refused(400, sentence, code="too_long", param="input")
    vectors = docent.embedder.embed(request.texts)
    tokens = sum(lengths)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": at, "embedding": _coded(vector, request.encoding_format)}
            for at, vector in enumerate(vectors)
        ],
        "model": docent.settings.embedding_model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _coded(vector: Sequence[float], coding: str | None) -> list[float] | str:
    if coding == "base64":
        return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
    return [float(value) for value in vector]
