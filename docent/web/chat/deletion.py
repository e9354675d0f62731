"""A conversation is deleted, and what was handed in there with it: always without a login, else on request.

With a login a file answers in every conversation of its owner, who is asked whether it is to go, too.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docent.app import Docent
from docent.errors import DocentError, UnknownDocument
from docent.types import Scope, StoredDocument
from docent.web.accounts.users import LOCAL
from docent.web.chat.history import History
from docent.web.chat.upload_routes import language_of
from docent.web.chat.upload_status import recalled
from docent.web.i18n import say
from docent.web.input_checks import is_uuid
from docent.web.thread_pool import run_in_small_pool

HEADERS = {"Cache-Control": "private, no-store"}


async def handed_in(request: Request, reader: str) -> Response:
    """The names of the files that go with a conversation, or may go with it."""
    state: Any = request.app.state
    thread_id = request.path_params["thread"]
    if not await _is_ones_own(state.history, thread_id, reader):
        return _nothing(request)
    there = await _own_files(state.history, thread_id, docent=state.docent, reader=reader)
    names = [document.name for document in there]
    return JSONResponse({"names": names, "always": reader == LOCAL}, headers=HEADERS)


async def delete(request: Request, reader: str) -> Response:
    """Delete a conversation, and with `files` what was handed in there and is still its owner's alone."""
    state: Any = request.app.state
    try:
        asked = await request.json()
        thread_id, files = str(asked["threadId"]), asked.get("files") is True
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return JSONResponse(
            {
                "detail": say(
                    "This was not sent by Docent's own page. Go back to it and try again.",
                    language_of(request),
                )
            },
            status_code=400,
        )
    if not await _is_ones_own(state.history, thread_id, reader):
        return _nothing(request)
    docent: Docent = state.docent
    there = await _own_files(state.history, thread_id, docent=docent, reader=reader) if files else []
    await state.history.delete_thread(thread_id)
    try:
        for document in there:
            await asyncio.to_thread(_delete, docent, document, reader)
    except DocentError as error:
        language = language_of(request)
        why = say(error.message, language)
        detail = say(
            "The conversation is deleted, but not {name}: {why} Delete it on the documents page.",
            language,
            name=document.name,
            why=why,
        )
        return JSONResponse({"detail": detail}, status_code=503, headers=HEADERS)
    return JSONResponse({"success": True})


async def _is_ones_own(history: History, thread_id: str, reader: str) -> bool:
    return is_uuid(thread_id) and await history.get_thread_author(thread_id) == reader


def _nothing(request: Request) -> Response:
    detail = say(
        "There is nothing here for you. Go back to the conversation and ask again.", language_of(request)
    )
    return JSONResponse({"detail": detail}, status_code=404, headers=HEADERS)


async def _own_files(
    history: History, thread_id: str, *, docent: Docent, reader: str
) -> list[StoredDocument]:
    """What was handed in in a conversation and belongs to its reader alone."""
    tickets = [recalled(metadata, reader=reader) for metadata in await history.metadata(thread_id)]
    ids = dict.fromkeys(ticket.document_id for ticket in tickets if ticket is not None)
    return await run_in_small_pool(_still_own, list(ids), docent, reader)


def _still_own(ids: list[str], docent: Docent, reader: str) -> list[StoredDocument]:
    found = []
    for document_id in ids:
        try:
            document = docent.store.document(document_id, Scope(reader=reader))
        except UnknownDocument:
            continue
        if document.owner == reader:
            found.append(document)
    return found


def _delete(docent: Docent, document: StoredDocument, reader: str) -> None:
    try:
        docent.store.delete(document.id, Scope(reader=reader))
    except UnknownDocument:
        return  # it went with the conversation, or by another request
