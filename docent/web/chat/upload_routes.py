"""Routes that receive files from the page and return them to their sender alone.

A file waits in its session's folder of .files/ until the message arrives that it belongs to. Then
the store has the only copy, and the page's links to the file are served from there.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import uuid
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from chainlit.config import SpontaneousFileUploadFeature, config
from chainlit.session import WebsocketSession
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Message as AsgiMessage

from docent.app import Docent
from docent.errors import DocentError, FilesUnreachable
from docent.messages import Message
from docent.settings import Settings
from docent.types import Scope
from docent.web.chat.page_session import language_of, session_of
from docent.web.chat.write_failures import is_disk_full, write_failure
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

PICTURES = ("image/png", "image/jpeg")
BINARY = "application/octet-stream"
FILE_ENDING = re.compile(rb'filename="[^"\r\n]*\.(\w+)"')
UNREADABLE = frozenset(
    b"zip gz tgz bz2 xz 7z rar tar iso dmg exe msi dll so bin apk deb rpm jar class pyc o a "
    b"mp3 wav ogg flac m4a aac mp4 m4v mov avi mkv webm wmv gif tif tiff bmp heic webp psd ico "
    b"db sqlite parquet ttf otf woff woff2".split()
)
"""Endings of files that are refused before they have been received; of others, the content decides."""
FORM_BYTES = 10_000  # of a request, around the file itself
PRIVATE = {"Cache-Control": "private, no-store", "Content-Security-Policy": "sandbox; default-src 'none'"}

SessionFile = MutableMapping[str, Any]
"""A file as Chainlit's session holds it; its ticket is under `document` once the store has it."""

TOO_LARGE = Message("it is larger than {most} MB, the most that is read. Split it, or send a smaller copy.")
INCOMPLETE = Message("it did not arrive completely. Send it again.")


class UploadRefused(Exception):
    """A file is not taken, with the sentence that says why."""

    def __init__(self, status: int, message: Message) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _UnreadableType(Exception):
    """The ending of the file's name is one that no reader here can read."""


class _BodyTooLong(Exception):
    """The body is longer than declared, or than allowed."""


def configure_uploads(settings: Settings) -> None:
    """Tell the page which files it may send, so that it refuses others before sending them."""
    config.features.spontaneous_file_upload = SpontaneousFileUploadFeature(
        enabled=True,
        accept={},  # its list would refuse names without an ending, without a helpful message
        max_files=2
        * settings.max_files,  # more than are accepted, so that a note can name those that were too many
        max_size_mb=settings.max_file_mb,
    )


async def receive_file(request: Request, reader: str) -> Response:
    """Hold one file until its message arrives. A file that is too large is refused before it is read."""
    settings: Settings = request.app.state.settings
    try:
        refuse_declared(request, settings)
        session = session_of(request.query_params.get("session_id", ""), reader)
        if session is None:
            raise UploadRefused(
                404, Message("this page is no longer connected. Reload it and send the file again.")
            )
        _drop_oldest(session.files, keep=2 * settings.max_files - 1)
        async with received_file(request, settings) as (file, _):
            key = await asyncio.to_thread(_save, file.file, session)
            request.state.about = session.files[key]["name"] = str(file.filename)
            # Chainlit would open anything else in the page, see docs/decisions/0014-extend-chainlit.md.
            session.files[key]["type"] = file.content_type if file.content_type in PICTURES else BINARY
            session.files[key]["size"] = file.size or 0
    except UploadRefused as refusal:
        return _refused(request, refusal.status, refusal.message)
    return JSONResponse({"id": key})


def refuse_declared(request: Request, settings: Settings) -> None:
    """Raise UploadRefused for a body that is longer than allowed by its own account."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > settings.max_file_mb * 1_000_000 + FORM_BYTES:
        raise UploadRefused(413, Message(TOO_LARGE, most=settings.max_file_mb))


@asynccontextmanager
async def received_file(request: Request, settings: Settings) -> AsyncIterator[tuple[UploadFile, FormData]]:
    """Receive a form with one file, within the limits of the settings. Raises UploadRefused."""
    max_bytes = settings.max_file_mb * 1_000_000
    too_large = UploadRefused(413, Message(TOO_LARGE, most=settings.max_file_mb))
    bounded = Request(request.scope, _bounded(request, max_bytes + FORM_BYTES))
    try:
        async with bounded.form(max_files=1, max_fields=1) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise UploadRefused(400, INCOMPLETE)
            if not file.size:
                raise UploadRefused(400, Message("it is empty. Send a file with something in it."))
            if file.size > max_bytes:
                raise too_large
            yield file, form
    except _UnreadableType as error:
        raise UploadRefused(
            415,
            Message(
                "files of this kind cannot be read. Send PDF, Office, OpenDocument, EPUB, mail, web "
                "pages, text or pictures (PNG, JPEG)."
            ),
        ) from error
    except _BodyTooLong as error:
        raise too_large from error
    except (ClientDisconnect, HTTPException) as error:  # interrupted, or no form at all
        raise UploadRefused(400, INCOMPLETE) from error
    except OSError as error:
        raise UploadRefused(507 if is_disk_full(error) else 500, write_failure(error)) from error


async def return_file(request: Request, reader: str) -> Response:
    """Return a file of the reader's own page as a download, which a browser neither opens nor sniffs."""
    session = session_of(request.query_params.get("session_id", ""), reader)
    file: Any = session.files.get(request.path_params["file_id"]) if session is not None else None
    try:
        path = await run_in_small_pool(_stored_path, file, request.app.state.docent, reader) if file else None
    except FilesUnreachable as error:
        return _refused(request, 503, error.message)
    if file is None or path is None:
        return _refused(
            request, 404, Message("This file is not here any more. Send it again to ask about it.")
        )
    headers = {
        **PRIVATE,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file['name'], safe='')}",
    }
    return FileResponse(path, media_type=file["type"], headers=headers)


def _bounded(request: Request, max_bytes: int) -> Any:
    """Return the request's body, which raises once it is too long or names a file of an unreadable type."""
    received, head = 0, b""

    async def receive() -> AsgiMessage:
        nonlocal received, head
        message = await request.receive()
        body = message.get("body", b"")
        if len(head) < FORM_BYTES:
            head += body[: FORM_BYTES - len(head)]
            if (ending := FILE_ENDING.search(head)) and ending[1].lower() in UNREADABLE:
                raise _UnreadableType
        received += len(body)
        if received > max_bytes:
            raise _BodyTooLong
        return message

    return receive


def _drop_oldest(files: MutableMapping[str, Any], *, keep: int) -> None:
    """Delete the oldest files that wait for a message: those attached and then removed never get one."""
    waiting = [key for key, file in files.items() if "document" not in file]
    for key in waiting[: max(len(waiting) - keep, 0)]:
        Path(files.pop(key)["path"]).unlink(missing_ok=True)


def _save(file: IO[bytes], session: WebsocketSession) -> str:
    key = str(uuid.uuid4())
    path = session.files_dir / key  # no suffix, and no name that a browser chose
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as copy:
            shutil.copyfileobj(file, copy)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    session.files[key] = {"id": key, "path": path, "name": "", "type": "", "size": 0}
    return key


def _stored_path(file: SessionFile, docent: Docent, reader: str) -> Path | None:
    try:
        if "document" in file:
            return docent.store.original(file["document"].document_id, Scope(reader=reader))
    except FilesUnreachable:
        raise
    except DocentError:
        return None
    path = Path(file["path"])
    return path if path.is_file() else None


def _refused(request: Request, status: int, message: Message, **values: Any) -> Response:
    """Return a refusal in Chainlit's form, whose page shows the sentence."""
    return JSONResponse({"detail": say(message, language_of(request), **values)}, status_code=status)
