"""Routes that the chat's page needs beside Chainlit's own; each checks the login first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import chainlit.server
from chainlit.action import Action
from chainlit.types import CallActionRequest, Feedback
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.conversations import TABLE_KEY
from docent.errors import DocentError, FilesUnreachable, LoadError, StoreError, UnknownDocument
from docent.resources import FILES
from docent.types import Scope, StoredDocument
from docent.web.accounts.login import current_user, log_in, log_out, reader_of
from docent.web.accounts.users import LOCAL
from docent.web.chat import table_runs
from docent.web.chat.answer_view import ANSWER_ANYWAY, ASK, ASK_AGAIN
from docent.web.chat.attachments import load_ticket
from docent.web.chat.cited_sources import (
    LINK_TARGETS,
    LinkSigner,
    LinkTarget,
    open_link,
)
from docent.web.chat.history import History
from docent.web.chat.page_session import language_of, session_of
from docent.web.chat.saved_answer import conversation_markdown, offer_test_question
from docent.web.chat.upload_routes import receive_file, return_file
from docent.web.documents.routes import unlock
from docent.web.i18n import say
from docent.web.input_checks import NO_SESSION, NOT_OUR_PAGE, is_uuid
from docent.web.security import DOCUMENT_POLICY
from docent.web.thread_pool import run_in_small_pool

PRIVATE = {"Cache-Control": "private, no-store"}
LONGEST_COMMENT = 5_000
LONGEST_TOOLTIP = 400
ACTION = TypeAdapter(Action)
PICTURE = FILES / "public" / "favicon.svg"


def routes() -> list[Route]:
    return [
        Route("/user", current_user),
        Route("/login", log_in, methods=["POST"], name="login"),  # Chainlit's leads there by the name
        Route("/logout", log_out, methods=["POST"]),
        Route("/avatars/{name:path}", avatar),
        *(
            Route(f"/{target}/{{token}}/{{name:path}}", require_login(partial(source, target)))
            for target in LINK_TARGETS
        ),
        Route("/export/{thread}", require_login(export)),
        Route("/project/file", require_login(receive_file), methods=["POST"]),
        Route("/project/file/{file_id}", require_login(return_file)),
        Route("/unlock/{document}", require_login(unlock), methods=["GET", "POST"]),
        Route("/project/thread/{thread}/files", require_login(list_files)),
        Route("/project/thread", require_login(delete_conversation), methods=["DELETE"]),
        Route("/set-session-cookie", require_login(set_session_cookie), methods=["POST"]),
        Route("/project/action", require_login(press_button), methods=["POST"]),
        Route("/feedback", require_login(feedback), methods=["PUT", "DELETE"]),
    ]


Handler = Callable[[Request, str], Awaitable[Response]]


def require_login(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler so that only people who are logged in, or need not be, reach it."""

    async def checked(request: Request) -> Response:
        reader = await reader_of(request)
        if reader is None:
            return PlainTextResponse(
                say("Log in first, then open this again.", language_of(request)),
                status_code=401,
                headers=PRIVATE,
            )
        request.state.actor = reader
        try:
            return await handler(request, reader)
        except StoreError as error:
            return await unavailable(request, error)

    return checked


async def unavailable(request: Request, error: Exception) -> Response:
    """Report what could not be read, stored or deleted, in a sentence that pages show as it is."""
    assert isinstance(error, StoreError)
    sentence = say(error.message, language_of(request))
    if request.method == "GET":
        return PlainTextResponse(sentence, 503, headers=PRIVATE)
    return JSONResponse({"detail": sentence}, 503, headers=PRIVATE)


def _not_found(request: Request, *, as_json: bool = False) -> Response:
    sentence = say(
        "There is nothing here for you. Go back to the conversation and ask again.", language_of(request)
    )
    if as_json:  # for Chainlit's own requests
        return JSONResponse({"detail": sentence}, status_code=404, headers=PRIVATE)
    return PlainTextResponse(sentence, status_code=404, headers=PRIVATE)


def _refused(request: Request, status: int, message: str) -> Response:
    return JSONResponse({"detail": say(message, language_of(request))}, status_code=status)


async def avatar(request: Request) -> Response:
    """Return one picture for every step. Chainlit would look for a file of its name, and refuse accents."""
    return FileResponse(PICTURE, headers={"Cache-Control": "max-age=3600"})


async def source(target: LinkTarget, request: Request, reader: str) -> Response:
    """Return a cited page with the words marked, the file itself, or a picture of the page."""
    signer: LinkSigner = request.app.state.signer
    docent: Docent = request.app.state.docent
    try:
        place = signer.verify(request.path_params["token"])
        if place.reader != reader:
            return _not_found(request)
        document = await run_in_small_pool(open_link, docent, place, target)
    except LoadError as error:
        return PlainTextResponse(say(error.message, language_of(request)), status_code=422, headers=PRIVATE)
    except DocentError as error:
        status = 503 if isinstance(error, FilesUnreachable) else 404
        return PlainTextResponse(say(error.message, language_of(request)), status, headers=PRIVATE)
    request.state.about = document.name
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": DOCUMENT_POLICY}
    if document.path is None:
        return Response(document.text, media_type=document.media_type, headers=headers)
    return FileResponse(
        document.path,
        media_type=document.media_type or "application/octet-stream",
        headers=headers,
        filename=document.name,
        content_disposition_type="inline" if document.media_type else "attachment",
    )


async def export(request: Request, reader: str) -> Response:
    """Return a conversation as a Markdown file."""
    history: History = request.app.state.history
    request.state.about = thread_id = request.path_params["thread"]
    if not is_uuid(thread_id) or await history.get_thread_author(thread_id) != reader:
        return _not_found(request)
    thread = await history.get_thread(thread_id)
    if thread is None:
        return _not_found(request)
    name = quote(f"{(thread['name'] or 'Docent')[:60].replace('/', '-')}.md")
    headers = {**PRIVATE, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    text = conversation_markdown(thread, language=language_of(request))
    return Response(text, media_type="text/markdown; charset=utf-8", headers=headers)


async def feedback(request: Request, reader: str) -> Response:
    """Store the reader's thumb on an answer, or take it back."""
    history: History = request.app.state.history
    try:
        payload = await request.json()
        if request.method == "DELETE":
            given = None
            step_id = await history.rated_step(str(payload["feedbackId"]))
        else:
            sent = payload["feedback"]
            comment = str(sent.get("comment") or "")[:LONGEST_COMMENT]
            given = Feedback(forId=str(sent["forId"]), value=1 if sent["value"] else 0, comment=comment)
            step_id = given.forId
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _refused(request, 400, NOT_OUR_PAGE)
    step = await history.step_and_author(step_id)
    if step is None or step[1] != reader:
        return _not_found(request)
    if given is None:
        await history.delete_feedback(str(payload["feedbackId"]))
        return JSONResponse({"success": True})
    feedback_id = await history.upsert_feedback(given)
    if given.value and request.app.state.authenticator.is_admin(reader):  # test questions are shared by all
        session_id = str(payload.get("sessionId"))
        await offer_test_question(given.forId, session_id=session_id, history=history, reader=reader)
    return JSONResponse({"success": True, "feedbackId": feedback_id})


# --- requests of Chainlit's page about a conversation ---------------------------------------


async def list_files(request: Request, reader: str) -> Response:
    """Return the names of the files that are, or may be, deleted with a conversation.

    Without a login, files go with their conversation. With one, a file answers in every conversation of
    its owner, who is asked whether it is to be deleted, too.
    """
    state: Any = request.app.state
    thread_id = request.path_params["thread"]
    if not await _owns(state.history, thread_id, reader):
        return _not_found(request, as_json=True)
    files = await _own_files(state.history, thread_id, docent=state.docent, reader=reader)
    names = [document.name for document in files]
    return JSONResponse({"names": names, "always": reader == LOCAL}, headers=PRIVATE)


async def delete_conversation(request: Request, reader: str) -> Response:
    """Delete a conversation; with `files`, also the files sent in it that are still its reader's alone."""
    state: Any = request.app.state
    try:
        body = await request.json()
        thread_id, with_files = str(body["threadId"]), body.get("files") is True
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return _refused(request, 400, NOT_OUR_PAGE)
    if not await _owns(state.history, thread_id, reader):
        return _not_found(request, as_json=True)
    docent: Docent = state.docent
    files = await _own_files(state.history, thread_id, docent=docent, reader=reader) if with_files else []
    tables = [one[TABLE_KEY] for one in await state.history.message_metadata(thread_id) if TABLE_KEY in one]
    request.state.about = ", ".join((thread_id, *(document.name for document in files)))
    await state.history.delete_thread(thread_id)
    for table_id in tables:
        await table_runs.delete(str(table_id), docent=docent, reader=reader)
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
        return JSONResponse({"detail": detail}, status_code=503, headers=PRIVATE)
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
    if action.name in (ASK, ASK_AGAIN, ANSWER_ANYWAY) and not (
        isinstance(question, str) and question.strip()
    ):
        return _refused(request, 400, NOT_OUR_PAGE)
    response: Response = await chainlit.server.call_action(call, session.user)
    return response
