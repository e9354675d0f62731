"""A page of its own that asks for a locked PDF's password.

Not in the conversation: what is typed there is kept in the history, shown, and names the conversation.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from docent.app import Docent
from docent.errors import DocentError, UnknownDocument
from docent.ingesting import Ticket
from docent.types import Scope, State
from docent.web.chat.page_session import language_of
from docent.web.i18n import say
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

LONGEST = 1_000
HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}


async def unlock(request: Request, reader: str) -> Response:
    """Ask for the password, or read the file with it."""
    docent: Docent = request.app.state.docent
    language = language_of(request)
    try:
        ticket = await run_in_small_pool(_locked, request.path_params["document"], docent, reader)
        if request.method == "POST":
            async with request.form(max_files=0, max_fields=1) as form:
                password = str(form.get("password") or "")[:LONGEST]
            await asyncio.to_thread(docent.unlock, ticket, password)
    except DocentError as error:
        return PlainTextResponse(say(error.message, language), status_code=404, headers=HEADERS)
    text = render(
        "password.html", language, name=ticket.name, is_sent=request.method == "POST", longest=LONGEST
    )
    return HTMLResponse(text, headers=HEADERS)


def _locked(document_id: str, docent: Docent, reader: str) -> Ticket:
    document = docent.store.document(document_id, Scope(reader=reader))
    ticket = Ticket(document.id, document.name, document.library, document.owner)
    if document.owner != reader or document.state is not State.FAILED:
        raise UnknownDocument("No password is needed here. Go back to the conversation.")
    return ticket
