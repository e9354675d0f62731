"""/v1/search, /v1/embeddings and /v1/files: passages, vectors of texts, and documents from programs."""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

import numpy as np
from pydantic_core import to_json

from docent.app import Docent
from docent.ingesting import Ticket, UploadStatus
from docent.ingesting.uploads import plain_name
from docent.retrieving.query import shortened_notice
from docent.store import UPLOADED
from docent.types import Quotes, State, StoredDocument, passage_json
from docent.web.api.access import ApiClient
from docent.web.api.http_errors import RequestRefused, not_found
from docent.web.api.schemas import EmbeddingsRequest, Json, SearchRequest

TEXTS_AT_ONCE = 8
"""Texts embedded in one turn: about one batch, which keeps one processor busy. Beside four senders of 512
texts a short search took 1.5 to 2.3 times as long, and without turns 2.0 to 5.4 (docs/security.md)."""
MOST_EMBEDDING = 32
"""Requests to embed that may be open at once; each may hold 4 MB of texts and as much of vectors."""

ID_PREFIX = "file-"
UPLOADS = "uploads"
REMEMBERED = 10_000  # uploads since the start; of older ones the store knows all that could be read

STATUS = {
    State.QUEUED: "uploaded",
    State.LOADING: "uploaded",
    State.SEARCHABLE: "processing",
    State.READY: "processed",
    State.PARTIAL: "processed",
    State.FAILED: "error",
}


# --- search and embeddings, without a language model ----------------------------------------


def search(request: SearchRequest, docent: Docent, client: ApiClient) -> Json:
    """Return the passages for a query. Raises RequestRefused for a library or file that is not there."""
    if request.library and request.library not in client.visible(docent.store.libraries(client.reader)):
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


# --- files ----------------------------------------------------------------------------------


class ApiFiles:
    """Files that programs hand in. Remembers recent uploads, to report those that could not be read."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[str, tuple[Ticket, int, int]] = OrderedDict()
        """By document id, with the size and the time of the upload."""
        self._lock = threading.Lock()

    def take_in(self, file: IO[bytes], *, name: str, library: str, docent: Docent, client: ApiClient) -> Json:
        """Store a file, read it in the background, and name the older version that it replaces.

        Without `library` it goes to the first library of the key, or to that of uploads.
        """
        if library and client.libraries and library not in client.libraries:
            raise not_found("library")
        library = library or (client.libraries[0] if client.libraries else UPLOADS)
        if client.reader is not None and library in docent.store.groups.restricted():
            raise not_found("library")
        path = UPLOADED + plain_name(name)
        older = [
            document.id
            for document in docent.store.documents(client.scope(library))
            if path in document.paths
        ]
        with tempfile.NamedTemporaryFile(prefix="docent-") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            size = copy.tell()
            if not size:
                raise RequestRefused(
                    400, f"{name} is empty. Send a file with something in it.", code="empty_file"
                )
            ticket = docent.add_upload(Path(copy.name), name=name, library=library, owner=None)
        with self._lock:
            self._tickets[ticket.document_id] = (ticket, size, int(time.time()))
            while len(self._tickets) > REMEMBERED:
                self._tickets.popitem(last=False)
        file_json = self.status(ticket.document_id, docent, client)
        file_json["docent"]["replaces"] = [
            ID_PREFIX + document_id for document_id in older if document_id != ticket.document_id
        ]
        return file_json

    def status(self, document_id: str, docent: Docent, client: ApiClient) -> Json:
        """Return a file and how far it is read. Raises RequestRefused where the client may not see it."""
        for document in docent.store.documents(client.scope()):
            if document.id == document_id:
                return _stored_json(document)
        ticket, size, uploaded_at = self._tickets.get(document_id, (None, 0, 0))
        if ticket is None or not client.visible([ticket.library]):
            raise not_found("file")
        progress = docent.upload_status(ticket)
        if progress.gone:
            raise not_found("file")
        return _queued_json(ticket, progress, size, uploaded_at)

    def all(self, docent: Docent, client: ApiClient) -> list[Json]:
        return [_stored_json(document) for document in docent.store.documents(client.scope())]

    def delete(self, document_id: str, docent: Docent, client: ApiClient, *, quotes: Quotes) -> Json:
        """Delete a document with everything derived from it, and count what was found and what is left."""
        if all(document.id != document_id for document in docent.store.documents(client.scope())):
            raise not_found("file")
        deletion = docent.store.delete(document_id, client.scope(), quotes=quotes)
        with self._lock:
            self._tickets.pop(document_id, None)
        return {
            "id": ID_PREFIX + document_id,
            "object": "file",
            "deleted": True,
            "docent": {"found": dict(deletion.found), "left": dict(deletion.left)},
        }


def _stored_json(document: StoredDocument) -> Json:
    return {
        "id": ID_PREFIX + document.id,
        "object": "file",
        "bytes": document.bytes,
        "created_at": int(datetime.fromisoformat(document.added).timestamp()),
        "filename": document.name,
        "purpose": "assistants",
        "status": STATUS[document.state],
        "status_details": document.reason or None,
        "docent": {
            "library": document.library,
            "state": document.state,
            "pages": document.pages,
            "unread_pages": document.unread_pages,
            "chunks": document.chunks,
            "embedded": document.embedded,
        },
    }


def _queued_json(ticket: Ticket, progress: UploadStatus, size: int, uploaded_at: int) -> Json:
    return {
        "id": ID_PREFIX + ticket.document_id,
        "object": "file",
        "bytes": size,
        "created_at": uploaded_at,
        "filename": ticket.name,
        "purpose": "assistants",
        "status": STATUS[progress.state],
        "status_details": progress.reason or None,
        "docent": {
            "library": ticket.library,
            "state": progress.state,
            "pages": progress.pages,
            "unread_pages": 0,
            "chunks": progress.chunks,
            "embedded": progress.embedded,
        },
    }
