"""/v1/files: documents handed in by programs, and what became of them."""

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
from docent.web.api.access import Caller
from docent.web.api.http_errors import Refused, not_there
from docent.web.api.requests import Json

PREFIX = "file-"
UPLOADS = "uploads"
REMEMBERED = 10_000  # files handed in since the start; of older ones the store knows whatever was readable

STATUS = {
    State.QUEUED: "uploaded",
    State.LOADING: "uploaded",
    State.SEARCHABLE: "processing",
    State.READY: "processed",
    State.PARTIAL: "processed",
    State.FAILED: "error",
}


class Counter:
    """Where files are handed in; remembers what was, so that a failure can be told later."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[str, tuple[Ticket, int, int]] = OrderedDict()
        """With the size of each, and when it came."""
        self._lock = threading.Lock()

    def take_in(self, file: IO[bytes], *, name: str, library: str, docent: Docent, caller: Caller) -> Json:
        """Keep a file, read it in the background, and tell which older one it takes the place of."""
        library = _library(library, caller)
        older = _handed_in(name, docent, caller, library)
        with tempfile.NamedTemporaryFile(prefix="docent-") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            size = copy.tell()
            if not size:
                raise Refused(400, f"{name} is empty. Send a file with something in it.", code="empty_file")
            ticket = docent.take_in(Path(copy.name), name=name, library=library, owner=None)
        with self._lock:
            self._tickets[ticket.document_id] = (ticket, size, int(time.time()))
            while len(self._tickets) > REMEMBERED:
                self._tickets.popitem(last=False)
        told = self.told(ticket.document_id, docent, caller)
        told["docent"]["replaces"] = [PREFIX + one for one in older if one != ticket.document_id]
        return told

    def told(self, document_id: str, docent: Docent, caller: Caller) -> Json:
        """What is known of a file, also while its older version still answers. Raises Refused where the
        caller may not know."""
        document = next(
            (one for one in docent.store.documents(caller.scope()) if one.id == document_id), None
        )
        if document is not None:
            return _file(document)
        ticket, size, came = self._tickets.get(document_id, (None, 0, 0))
        standing = docent.standing(ticket) if ticket is not None and caller.seen([ticket.library]) else None
        if ticket is None or standing is None or standing.gone:
            raise not_there("file")
        return _awaited(ticket, standing, size, came)

    def listed(self, docent: Docent, caller: Caller) -> list[Json]:
        return [_file(document) for document in docent.store.documents(caller.scope())]

    def delete(self, document_id: str, docent: Docent, caller: Caller, *, quotes: Quotes) -> Json:
        """Remove a document with everything derived from it, and say what was left (nothing)."""
        if all(one.id != document_id for one in docent.store.documents(caller.scope())):
            raise not_there("file")
        deletion = docent.store.delete(document_id, caller.scope(), quotes=quotes)
        with self._lock:
            self._tickets.pop(document_id, None)
        return {
            "id": PREFIX + document_id,
            "object": "file",
            "deleted": True,
            "docent": {"found": dict(deletion.found), "left": dict(deletion.left)},
        }


def _library(wanted: str, caller: Caller) -> str:
    """Where the file goes: as asked, or the one library of the key, or that of uploads."""
    if not wanted:
        return caller.libraries[0] if caller.libraries else UPLOADS
    if caller.libraries and wanted not in caller.libraries:
        raise not_there("library")
    return wanted


def _handed_in(name: str, docent: Docent, caller: Caller, library: str) -> list[str]:
    """What was handed in to this library under this name before."""
    path = UPLOADED + plain_name(name)
    return [one.id for one in docent.store.documents(caller.scope(library)) if path in one.paths]


def id_of(file: str) -> str:
    return file.removeprefix(PREFIX)


def _file(document: StoredDocument) -> Json:
    return {
        "id": PREFIX + document.id,
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


def _awaited(ticket: Ticket, standing: UploadStatus, size: int, came: int) -> Json:
    return {
        "id": PREFIX + ticket.document_id,
        "object": "file",
        "bytes": size,
        "created_at": came,
        "filename": ticket.name,
        "purpose": "assistants",
        "status": STATUS[standing.state],
        "status_details": standing.reason or None,
        "docent": {
            "library": ticket.library,
            "state": standing.state,
            "pages": standing.pages,
            "unread_pages": 0,
            "chunks": standing.chunks,
            "embedded": standing.embedded,
        },
    }
