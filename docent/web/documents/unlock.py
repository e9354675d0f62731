"""A page of its own that asks for a locked PDF's password.

Not in the conversation: what is typed there is kept in the history, shown, and names the conversation.
"""

from __future__ import annotations

import asyncio
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from docent.app import Docent
from docent.errors import DocentError, UnknownDocument
from docent.ingesting import Ticket
from docent.types import Scope, State
from docent.web.chat.page_session import language_of
from docent.web.i18n import say, speaks
from docent.web.thread_pool import lightly

LONGEST = 1_000
HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 15vh auto; padding: 0 1rem }}
h1 {{ font-size: 1.25rem; overflow-wrap: anywhere }}
label, input, button {{ display: block; font: inherit }}
input {{ width: 100%; box-sizing: border-box; padding: .5rem; margin: .25rem 0 1rem }}
button {{ padding: .5rem 1.5rem }}
</style>
<main><h1>{title}</h1>{body}</main>
</html>"""
FORM = """<form method="post"><p>{hint}</p>
<label for="password">{label}</label>
<input id="password" name="password" type="password" autocomplete="off"
  maxlength="{longest}" required autofocus>
<button>{button}</button></form>"""


async def unlock(request: Request, reader: str) -> Response:
    """Ask for the password, or read the file with it."""
    docent: Docent = request.app.state.docent
    language = language_of(request)
    try:
        ticket = await lightly(_locked, request.path_params["document"], docent, reader)
        if request.method == "POST":
            async with request.form(max_files=0, max_fields=1) as form:
                password = str(form.get("password") or "")[:LONGEST]
            await asyncio.to_thread(docent.unlock, ticket, password)
    except DocentError as error:
        return PlainTextResponse(say(error.message, language), status_code=404, headers=HEADERS)
    if request.method == "POST":
        reading = say(
            "The file is being read. Close this tab; the conversation says how far it is.", language
        )
        body = f"<p>{escape(reading)}</p>"
    else:
        body = FORM.format(
            hint=escape(say("It is used once, to read the file, and not kept.", language)),
            label=escape(say("Password", language)),
            button=escape(say("Read it", language)),
            longest=LONGEST,
        )
    title = escape(say("A password for {name}", language, name=ticket.name))
    return HTMLResponse(PAGE.format(language=speaks(language), title=title, body=body), headers=HEADERS)


def _locked(document_id: str, docent: Docent, reader: str) -> Ticket:
    document = docent.store.document(document_id, Scope(reader=reader))
    ticket = Ticket(document.id, document.name, document.library, document.owner)
    if document.owner != reader or document.state is not State.FAILED:
        raise UnknownDocument("No password is needed here. Go back to the conversation.")
    return ticket
