"""Routes of the documents page: list, show, delete, read again, share, and unlock a PDF."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.errors import DocentError, InputError, UnknownDocument
from docent.ingesting import Ticket
from docent.store import is_from
from docent.types import ANSWERING, Quotes, Scope, State, StoredDocument
from docent.web.accounts.address_redaction import redact_addresses
from docent.web.accounts.login import current_user, reader_of
from docent.web.accounts.users import LOCAL
from docent.web.chat.file_scope import is_of_a_conversation, shared_libraries
from docent.web.chat.page_session import language_of
from docent.web.documents import page
from docent.web.documents.page import ListQuery, Permissions
from docent.web.i18n import say
from docent.web.security import DOCUMENT_POLICY
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with "no-referrer", browsers hide the origin of our own forms too
}
UNLOCK_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
LONGEST_SEARCH = 200
LONGEST_PASSWORD = 1_000
FORM_BYTES = 2_000

Handler = Callable[[Request, str], Awaitable[Response]]


def routes() -> list[Route]:
    return [
        Route("/documents", _checked(list_documents)),
        Route("/documents/{id}", _checked(show_document)),
        Route("/documents/{id}/file", _checked(download)),
        Route("/documents/{id}/delete", _checked(delete), methods=["POST"]),
        Route("/documents/{id}/again", _checked(read_again), methods=["POST"]),
        Route("/documents/{id}/share", _checked(share), methods=["POST"]),
        Route("/documents/{id}/unshare", _checked(unshare), methods=["POST"]),
    ]


def _checked(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: only for people who are logged in or need not be, and changes only from our pages."""

    async def checked(request: Request) -> Response:
        reader, first_login = await reader_of(request), None
        if reader is None and request.method == "GET" and not request.app.state.authenticator.required:
            reader, first_login = LOCAL, await current_user(request)
        if request.method == "POST":
            if not from_our_own_page(request):
                return PlainTextResponse(
                    say(
                        "This was not sent by Docent's own page. Go back to it and try again.",
                        language_of(request),
                    ),
                    403,
                    headers=HEADERS,
                )
            if reader is None:
                return PlainTextResponse(
                    say("Log in first, then open this again.", language_of(request)), 401, headers=HEADERS
                )
        if reader is None:
            return RedirectResponse("/", 303, headers=HEADERS)  # to log in at the chat
        try:
            response = await handler(request, reader)
        except UnknownDocument as error:
            return _html(_refusal(request, error), 404)
        except DocentError as error:
            return _html(_refusal(request, error), 409)
        if first_login is not None:  # this may be the first page that somebody opens
            response.raw_headers.extend(pair for pair in first_login.raw_headers if pair[0] == b"set-cookie")
        return response

    return checked


def from_our_own_page(request: Request) -> bool:
    """Return True if the browser reports that our own page sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == request.headers.get("host")


def _refusal(request: Request, error: DocentError) -> str:
    language = language_of(request)
    state = request.app.state
    sentence = (
        redact_addresses(error.message, state.docent.settings)
        if state.authenticator.required
        else error.message
    )
    return page.refusal_page(say(sentence, language), language=language)


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers=HEADERS)


async def list_documents(request: Request, reader: str) -> Response:
    docent: Docent = request.app.state.docent
    params = request.query_params
    query = ListQuery(
        params.get("search", "").strip()[:LONGEST_SEARCH],
        params.get("library", ""),
        params.get("state", "") if params.get("state", "") in page.STATES else "",
        _number(params.get("start", "")),
    )
    text = await run_in_small_pool(_list_page, docent, query, reader, language_of(request))
    return _html(text)


def _list_page(docent: Docent, query: ListQuery, reader: str, language: str) -> str:
    libraries = docent.store.libraries(reader)
    chosen: tuple[str, ...] = (query.library,) if query.library else ()
    if query.library == page.CONVERSATIONS:
        chosen = tuple(filter(is_of_a_conversation, libraries)) or chosen
    listing = docent.store.listing(
        Scope(reader=reader, libraries=chosen),
        search=query.search,
        states=page.STATES.get(query.state, ()),
        start=query.start,
        limit=page.LIST_LENGTH,
    )
    is_unfiltered = not (query.start or query.search) and query.state in ("", "failed")
    failures = docent.store.failures(Scope(libraries=chosen)) if is_unfiltered else []
    return page.list_page(
        listing.documents, failures, total=listing.total, query=query, libraries=libraries, language=language
    )


async def show_document(request: Request, reader: str) -> Response:
    return _html(await run_in_small_pool(_document_page, request, reader))


def _document_page(request: Request, reader: str) -> str:
    docent: Docent = request.app.state.docent
    language = language_of(request)
    document = _document(request, reader)
    allowed = allows(document, reader, admin=request.app.state.authenticator.is_admin(reader))
    notes, busy = [], False
    if (pages := docent.rereader.pages(document.id)) is not None:
        notes, busy = (
            [
                say(
                    "It is being read again: {pages} pages so far. Until then the older reading answers.",
                    language,
                    pages=pages,
                )
            ],
            True,
        )
    elif why := docent.rereader.failed(document.id):
        notes.append(say("Reading it again changed nothing: {why}", language, why=say(why, language)))
    return page.document_page(
        document,
        docent.store.pages(document.id, Scope(reader=reader)),
        start=_number(request.query_params.get("start", "")),
        allowed=allowed,
        libraries=shared_libraries(docent),
        notes=notes,
        busy=busy,
        language=language,
    )


async def download(request: Request, reader: str) -> Response:
    """Return the original file as a download."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(_document, request, reader)
    original = await run_in_small_pool(docent.store.original, document.id, Scope(reader=reader))
    if not original.exists():
        raise UnknownDocument(
            say(
                "The file itself is not kept any more. Run: python -m docent doctor --mend",
                language_of(request),
            )
        )
    headers = {"Cache-Control": "private, no-store", "Content-Security-Policy": DOCUMENT_POLICY}
    return FileResponse(
        original, media_type="application/octet-stream", filename=document.name, headers=headers
    )


async def delete(request: Request, reader: str) -> Response:
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(_changeable, request, reader)
    async with request.form(max_files=0, max_fields=1, max_part_size=FORM_BYTES) as form:
        quotes: Quotes = "delete" if form.get("quotes") == "delete" else "blank"
    deletion = await asyncio.to_thread(
        partial(docent.store.delete, document.id, Scope(reader=reader), quotes=quotes)
    )
    return _html(page.deletion_page(deletion, language=language_of(request)))


async def read_again(request: Request, reader: str) -> Response:
    """Read one document again, in the background."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(_changeable, request, reader)
    await asyncio.to_thread(docent.rereader.start, document.id, Scope(reader=reader))
    return RedirectResponse(f"/documents/{document.id}", 303, headers=HEADERS)


async def share(request: Request, reader: str) -> Response:
    """Move the reader's own document to a shared library."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(_document, request, reader)
    async with request.form(max_files=0, max_fields=2, max_part_size=FORM_BYTES) as form:
        library = str(form.get("library", ""))
    if library not in await run_in_small_pool(shared_libraries, docent):
        raise InputError(
            say(
                "There is no shared library “{library}”. Go back and choose one of the list.",
                language_of(request),
                library=library,
            )
        )
    new = await asyncio.to_thread(partial(docent.share, document.id, reader=reader, library=library))
    return RedirectResponse(f"/documents/{new}", 303, headers=HEADERS)


async def unshare(request: Request, reader: str) -> Response:
    """Move a document that the reader shared back to their own library."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(_document, request, reader)
    new = await asyncio.to_thread(partial(docent.unshare, document.id, reader=reader))
    return RedirectResponse(f"/documents/{new}", 303, headers=HEADERS)


async def unlock(request: Request, reader: str) -> Response:
    """Ask for a locked PDF's password on a page of its own, or read the file with it.

    Not in the conversation: what is typed there is saved in the history, shown, and names the conversation.
    """
    docent: Docent = request.app.state.docent
    language = language_of(request)
    try:
        ticket = await run_in_small_pool(_locked_ticket, request.path_params["document"], docent, reader)
        if request.method == "POST":
            async with request.form(max_files=0, max_fields=1) as form:
                password = str(form.get("password") or "")[:LONGEST_PASSWORD]
            await asyncio.to_thread(docent.unlock, ticket, password)
    except DocentError as error:
        return PlainTextResponse(say(error.message, language), 404, headers=UNLOCK_HEADERS)
    text = render(
        "password.html",
        language,
        name=ticket.name,
        is_sent=request.method == "POST",
        longest=LONGEST_PASSWORD,
    )
    return HTMLResponse(text, headers=UNLOCK_HEADERS)


def _locked_ticket(document_id: str, docent: Docent, reader: str) -> Ticket:
    document = docent.store.document(document_id, Scope(reader=reader))
    ticket = Ticket(document.id, document.name, document.library, document.owner)
    if document.owner != reader or document.state is not State.FAILED:
        raise UnknownDocument("No password is needed here. Go back to the conversation.")
    return ticket


def allows(document: StoredDocument, reader: str, *, admin: bool) -> Permissions:
    """Return what a reader may do: everything with an own document; administrators may change shared ones."""
    own = document.owner == reader
    change = own or (document.owner is None and admin)
    answers = document.state in ANSWERING
    return Permissions(change, share=own and answers, unshare=answers and is_from(document, reader))


def _document(request: Request, reader: str) -> StoredDocument:
    docent: Docent = request.app.state.docent
    return docent.store.document(request.path_params["id"], Scope(reader=reader))


def _changeable(request: Request, reader: str) -> StoredDocument:
    document = _document(request, reader)
    if not allows(document, reader, admin=request.app.state.authenticator.is_admin(reader)).change:
        raise InputError(
            say(
                "It is shared, so only an administrator can read it again or delete it.", language_of(request)
            )
        )
    return document


def _number(text: Any) -> int:
    """Return a position in a list; 0 for anything that is none."""
    return min(int(text), 10_000_000) if str(text).isascii() and str(text).isdigit() and len(text) < 9 else 0
