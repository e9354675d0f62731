"""Files that the page sends: bounded before they are read, shown to nobody but their sender.

They wait in their session's folder of .files/ until the message comes that they belong to; then
the store keeps the only copy, and what the page still shows of them is served from there.
"""

from __future__ import annotations

import asyncio
import errno
import re
import shutil
import uuid
from collections.abc import MutableMapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from chainlit.config import SpontaneousFileUploadFeature, config
from chainlit.session import WebsocketSession
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Message

from docent.app import Docent
from docent.errors import DocentError
from docent.settings import Settings
from docent.types import Scope
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

PICTURES = ("image/png", "image/jpeg")
UNKNOWN = "application/octet-stream"
NAMED = re.compile(rb'filename="[^"\r\n]*\.(\w+)"')
UNREADABLE = frozenset(
    b"zip gz tgz bz2 xz 7z rar tar iso dmg exe msi dll so bin apk deb rpm jar class pyc o a "
    b"mp3 wav ogg flac m4a aac mp4 m4v mov avi mkv webm wmv gif tif tiff bmp heic webp psd ico "
    b"db sqlite parquet ttf otf woff woff2".split()
)
"""Endings of files that are refused before they have been sent; of others, the content decides."""
FRAMING = 10_000  # bytes of a request around the file itself
PRIVATE = {"Cache-Control": "private, no-store", "Content-Security-Policy": "sandbox; default-src 'none'"}

Waiting = MutableMapping[str, Any]
"""What Chainlit's session knows of a file; its ticket under `document` once the store has it."""


class _Unreadable(Exception):
    """The name says that nobody here reads it."""


class _TooLong(Exception):
    """More came than was declared, or than is allowed."""


def allow(settings: Settings) -> None:
    """Tell the page what it may send, so that it refuses the rest before sending it."""
    config.features.spontaneous_file_upload = SpontaneousFileUploadFeature(
        enabled=True,
        accept={},  # its list would refuse names without an ending, and in no words that help
        max_files=2 * settings.max_files,  # more than are taken: the line says which were too many
        max_size_mb=settings.max_file_mb,
    )


async def receive(request: Request, reader: str) -> Response:
    """Keep one file until its message comes. What is too long is refused before it is read."""
    settings: Settings = request.app.state.settings
    largest = settings.max_file_mb * 1_000_000
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest + FRAMING:
        return _refused(
            request,
            413,
            "it is larger than {most} MB, the most that is read. Split it, or hand in a smaller copy.",
            most=settings.max_file_mb,
        )
    session = session_of(request.query_params.get("session_id", ""), reader)
    if session is None:
        return _refused(request, 404, "this page is no longer connected. Reload it and send the file again.")
    _make_room(session.files, most=2 * settings.max_files)
    bounded = Request(request.scope, _bounded(request, largest + FRAMING))
    try:
        async with bounded.form(max_files=1, max_fields=1) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                return _refused(request, 400, "it did not arrive whole. Send it again.")
            if not file.size:
                return _refused(request, 400, "it is empty. Hand in a file with something in it.")
            if file.size > largest:
                return _refused(
                    request,
                    413,
                    "it is larger than {most} MB, the most that is read. Split it, or hand in a "
                    "smaller copy.",
                    most=settings.max_file_mb,
                )
            key = await asyncio.to_thread(_keep, file.file, session)
            session.files[key]["name"] = file.filename
            # Chainlit would open anything else in the page, see docs/decisions/0014-extend-chainlit.md.
            session.files[key]["type"] = file.content_type if file.content_type in PICTURES else UNKNOWN
            session.files[key]["size"] = file.size
    except _Unreadable:
        return _refused(
            request,
            415,
            "files of this kind cannot be read. Hand in PDF, Office, OpenDocument, EPUB, mail, web "
            "pages, text or pictures (PNG, JPEG).",
        )
    except _TooLong:
        return _refused(
            request,
            413,
            "it is larger than {most} MB, the most that is read. Split it, or hand in a smaller copy.",
            most=settings.max_file_mb,
        )
    except (ClientDisconnect, HTTPException):  # broken off, or no form at all
        return _refused(request, 400, "it did not arrive whole. Send it again.")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _refused(
            request,
            507 if full else 500,
            "the disk is full. Free some space and send it again."
            if full
            else "it could not be written to the disk. Check that the folder may be written, and "
            "send it again.",
        )
    return JSONResponse({"id": key})


async def hand_back(request: Request, reader: str) -> Response:
    """A file of one's own session, to be saved; a browser neither opens nor guesses at it."""
    session = session_of(request.query_params.get("session_id", ""), reader)
    file: Any = session.files.get(request.path_params["file_id"]) if session is not None else None
    path = await run_in_small_pool(_where, file, request.app.state.docent, reader) if file else None
    if file is None or path is None:
        return _refused(request, 404, "This file is not here any more. Send it again to ask about it.")
    headers = {
        **PRIVATE,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file['name'], safe='')}",
    }
    return FileResponse(path, media_type=file["type"], headers=headers)


def session_of(session_id: str, reader: str) -> WebsocketSession | None:
    """A page of the reader's own that is open."""
    session: WebsocketSession | None = WebsocketSession.get_by_id(session_id)
    if session is None or session.user is None or session.user.identifier != reader:
        return None
    return session


def _bounded(request: Request, most: int) -> Any:
    """The request's body, while it is no longer than it may be, and may be read by its name."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        body = message.get("body", b"")
        if not read and (named := NAMED.search(body[:FRAMING])) and named[1].lower() in UNREADABLE:
            raise _Unreadable
        read += len(body)
        if read > most:
            raise _TooLong
        return message

    return receive


def _make_room(files: MutableMapping[str, Any], *, most: int) -> None:
    """Files that were attached and taken off again are never sent; the oldest go first."""
    waiting = [key for key, file in files.items() if "document" not in file]
    for key in waiting[: max(len(waiting) - most + 1, 0)]:
        Path(files.pop(key)["path"]).unlink(missing_ok=True)


def _keep(file: IO[bytes], session: WebsocketSession) -> str:
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


def _where(file: Waiting, docent: Docent, reader: str) -> Path | None:
    try:
        if "document" in file:
            return docent.store.original(file["document"].document_id, Scope(reader=reader))
    except DocentError:
        return None
    path = Path(file["path"])
    return path if path.is_file() else None


def _refused(request: Request, status: int, key: str, **values: Any) -> Response:
    """In Chainlit's form: its page shows the sentence."""
    return JSONResponse({"detail": say(key, language_of(request), **values)}, status_code=status)


def language_of(request: Request) -> str:
    """The first language that the browser asks for."""
    return request.headers.get("accept-language", "en").partition(",")[0].partition(";")[0].strip()
