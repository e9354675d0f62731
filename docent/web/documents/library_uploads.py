"""Files dropped on the documents page: stored in a library at once, and read in the background."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from docent.app import Docent
from docent.errors import DocentError, InputError
from docent.ingesting import Ticket
from docent.types import shown_library
from docent.web.chat.file_scope import UPLOADS
from docent.web.chat.history import History
from docent.web.chat.history_database import Rows
from docent.web.chat.page_session import language_of
from docent.web.chat.upload_routes import UploadRefused, received_file, refuse_declared
from docent.web.documents.document_list import ListPermissions
from docent.web.documents.page_access import HEADERS
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

ORIGINS = """
SELECT json_extract(s."metadata", '$.file.document_id') AS document, t."id" AS thread, t."name"
FROM steps s JOIN threads t ON t."id" = s."threadId"
WHERE t."userIdentifier" = :user AND s."type" = 'system_message'
AND json_extract(s."metadata", '$.file.document_id') IN (SELECT value FROM json_each(:ids))
ORDER BY s."createdAt"
"""


async def upload(request: Request, reader: str) -> Response:
    """Store one file in a library that its reader may add to, and read it in the background."""
    state = request.app.state
    docent: Docent = state.docent
    language = language_of(request)
    allowed = ListPermissions(reader, state.authenticator.is_admin(reader))
    try:
        refuse_declared(request, docent.settings)
        async with received_file(request, docent.settings) as (file, form):
            library, owner = await run_in_small_pool(_target, docent, str(form.get("library") or ""), allowed)
            ticket = await asyncio.to_thread(
                _store, file.file, str(file.filename), docent=docent, library=library, owner=owner
            )
        request.state.about = ticket.name
    except UploadRefused as refusal:
        return JSONResponse({"detail": say(refusal.message, language)}, refusal.status, headers=HEADERS)
    except DocentError as error:
        return JSONResponse({"detail": say(error.message, language)}, 409, headers=HEADERS)
    if "text/html" in request.headers.get("accept", ""):  # a form sent without a script
        address = urlencode({"library": ticket.library})
        return RedirectResponse(f"/documents?{address}", 303, headers=HEADERS)
    return JSONResponse({"id": ticket.document_id, "name": ticket.name}, 201, headers=HEADERS)


async def origins(history: History, user: str, document_ids: Sequence[str]) -> Rows:
    """Return the conversations of a user in which documents were sent: document, thread and name."""
    return await history.rows(ORIGINS, user=user, ids=list(document_ids))


def _target(docent: Docent, library: str, allowed: ListPermissions) -> tuple[str, str | None]:
    """Return the library of an upload and its owner, by default the reader's own. Raises InputError."""
    if not library:
        return UPLOADS, None if allowed.alone else allowed.reader
    for entry in docent.store.organiser.libraries(allowed.reader):
        if entry.name == library and allowed.may_add(entry):
            return shown_library(library) if entry.owner else library, entry.owner
    raise InputError("There is no library that you may add files to under this name. Choose one of the list.")


def _store(file: IO[bytes], name: str, *, docent: Docent, library: str, owner: str | None) -> Ticket:
    with tempfile.NamedTemporaryFile(prefix="docent-") as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        return docent.add_upload(Path(copy.name), name=name, library=library, owner=owner)
