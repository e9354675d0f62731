"""Chainlit's HTTP routes about a conversation: delete it with its files, press a button, set the cookie.

Without a login, files go with their conversation. With one, a file answers in every conversation of
its owner, who is asked whether it is to be deleted, too.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import chainlit.server
from chainlit.action import Action
from chainlit.types import CallActionRequest
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from docent.app import Docent
from docent.errors import DocentError, UnknownDocument
from docent.types import Scope, StoredDocument
from docent.web.accounts.users import LOCAL
from docent.web.chat.answer_view import ANSWER_ANYWAY, ASK_AGAIN
from docent.web.chat.attachments import load_ticket
from docent.web.chat.history import History
from docent.web.chat.page_session import language_of, session_of
from docent.web.i18n import say
from docent.web.input_checks import NO_SESSION, NOT_OUR_PAGE, is_uuid
from docent.web.thread_pool import run_in_small_pool

HEADERS = {"Cache-Control": "private, no-store"}
ACTION = TypeAdapter(Action)


async def list_files(request: Request, reader: str) -> Response:
    """Return the names of the files that are, or may be, deleted with a conversation."""
    state: Any = request.app.state
    thread_id = request.path_params["thread"]
    if not await _owns(state.history, thread_id, reader):
        return _not_found(request)
    files = await _own_files(state.history, thread_id, docent=state.docent, reader=reader)
    names = [document.name for document in files]
    return JSONResponse({"names": names, "always": reader == LOCAL}, headers=HEADERS)


async def delete_conversation(request: Request, reader: str) -> Response:
    """Delete a conversation; with `files`, also the files sent in it that are still its reader's alone."""
    state: Any = request.app.state
    try:
        body = await request.json()
        thread_id, with_files = str(body["threadId"]), body.get("files") is True
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return _refused(request, 400, NOT_OUR_PAGE)
    if not await _owns(state.history, thread_id, reader):
        return _not_found(request)
    docent: Docent = state.docent
    files = await _own_files(state.history, thread_id, docent=docent, reader=reader) if with_files else []
    await state.history.delete_thread(thread_id)
    try:
        for document in files:
            await asyncio.to_thread(_delete_file, docent, document, reader)
    except DocentError as error:
        language = language_of(request)
        detail = say(
            "The conversation is deleted, but not {name}: {why} Delete it on the documents page.",
            language,
            name=document.name,
            why=say(error.message, language),
        )
        return JSONResponse({"detail": detail}, status_code=503, headers=HEADERS)
    return JSONResponse({"success": True})


async def _owns(history: History, thread_id: str, reader: str) -> bool:
    return is_uuid(thread_id) and await history.get_thread_author(thread_id) == reader


async def _own_files(
    history: History, thread_id: str, *, docent: Docent, reader: str
) -> list[StoredDocument]:
    """Return the documents that were sent in a conversation and belong to its reader alone."""
    tickets = [load_ticket(metadata, reader=reader) for metadata in await history.message_metadata(thread_id)]
    ids = dict.fromkeys(ticket.document_id for ticket in tickets if ticket is not None)

    def still_own() -> list[StoredDocument]:
        documents = []
        for document_id in ids:
            try:
                document = docent.store.document(document_id, Scope(reader=reader))
            except UnknownDocument:
                continue
            if document.owner == reader:
                documents.append(document)
        return documents

    return await run_in_small_pool(still_own)


def _delete_file(docent: Docent, document: StoredDocument, reader: str) -> None:
    try:
        docent.store.delete(document.id, Scope(reader=reader))
    except UnknownDocument:
        return  # it went with the conversation, or by another request


async def set_session_cookie(request: Request, reader: str) -> Response:
    """Set Chainlit's session cookie, for an id that its page would make."""
    try:
        session_id = (await request.json())["session_id"]
    except (json.JSONDecodeError, KeyError, TypeError):
        session_id = None
    if not is_uuid(session_id):
        return _refused(request, 400, NOT_OUR_PAGE)
    response = JSONResponse({"message": "Session cookie set"})
    await chainlit.server.set_session_cookie(request, response)
    return response


async def press_button(request: Request, reader: str) -> Response:
    """Run a button's action in an open page of the reader's own."""
    try:
        call = CallActionRequest.model_validate(await request.json())
        action = ACTION.validate_python(call.action)
    except (json.JSONDecodeError, ValidationError):
        return _refused(request, 400, NOT_OUR_PAGE)
    session = session_of(call.sessionId, reader)
    if session is None:
        return _refused(request, 404, NO_SESSION)
    question = action.payload.get("question")
    if action.name in (ASK_AGAIN, ANSWER_ANYWAY) and not (isinstance(question, str) and question.strip()):
        return _refused(request, 400, NOT_OUR_PAGE)
    response: Response = await chainlit.server.call_action(call, session.user)
    return response


def _refused(request: Request, status: int, message: str) -> Response:
    return JSONResponse({"detail": say(message, language_of(request))}, status_code=status)


def _not_found(request: Request) -> Response:
    detail = say(
        "There is nothing here for you. Go back to the conversation and ask again.", language_of(request)
    )
    return JSONResponse({"detail": detail}, status_code=404, headers=HEADERS)
