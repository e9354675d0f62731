"""/v1/files: take documents from programs, report how far they are read, and delete them."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import IO

from docent.app import Docent
from docent.ingesting import Ticket, UploadStatus
from docent.ingesting.uploads import plain_name
from docent.store import UPLOADED
from docent.types import Quotes, State, StoredDocument
from docent.web.api.access import ApiClient
from docent.web.api.http_errors import RequestRefused, not_found
from docent.web.api.schemas import Json

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
