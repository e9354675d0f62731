"""Access to the pages of documents: who is logged in, what they may see, and what they may change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from docent.app import Docent
from docent.errors import DocentError, InputError, UnknownDocument
from docent.store import is_from
from docent.types import ANSWERING, Scope, StoredDocument
from docent.web.accounts.address_redaction import redact_addresses
from docent.web.accounts.login import current_user, reader_of
from docent.web.accounts.users import LOCAL
from docent.web.chat.page_session import language_of
from docent.web.documents import page
from docent.web.documents.page import Permissions
from docent.web.i18n import say

HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with "no-referrer", browsers hide the origin of our own forms too
}
FORM_BYTES = 2_000

Handler = Callable[[Request, str], Awaitable[Response]]


def checked(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: only for people who are logged in or need not be, and changes only from our pages."""

    async def respond(request: Request) -> Response:
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
        request.state.actor = reader
        try:
            response = await handler(request, reader)
        except UnknownDocument as error:
            return html(refusal(request, error), 404)
        except DocentError as error:
            return html(refusal(request, error), 409)
        if first_login is not None:  # this may be the first page that somebody opens
            response.raw_headers.extend(pair for pair in first_login.raw_headers if pair[0] == b"set-cookie")
        return response

    return respond


def from_our_own_page(request: Request) -> bool:
    """Return True if the browser reports that our own page sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == request.headers.get("host")


async def form_fields(request: Request, *names: str) -> list[str]:
    """Return the fields of a small form, empty where one is missing."""
    async with request.form(max_files=0, max_fields=len(names), max_part_size=FORM_BYTES) as form:
        return [str(form.get(name, "")) for name in names]


def refusal(request: Request, error: DocentError) -> str:
    language = language_of(request)
    state = request.app.state
    sentence = (
        redact_addresses(error.message, state.docent.settings)
        if state.authenticator.required
        else error.message
    )
    return page.refusal_page(say(sentence, language), language=language)


def html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers=HEADERS)


def allows(
    document: StoredDocument, reader: str, *, admin: bool, managed: Collection[str] = ()
) -> Permissions:
    """Return what a reader may do: everything with own documents, and with the shared ones that they manage.

    Administrators manage every shared library that they see, others those that their groups name.
    """
    own = document.owner == reader
    change = own or (document.owner is None and (admin or document.library in managed))
    answers = document.state in ANSWERING
    return Permissions(change, share=own and answers, unshare=answers and is_from(document, reader))


def managed_libraries(docent: Docent, reader: str) -> set[str]:
    """Return the shared libraries that a reader manages by their groups."""
    return {library.name for library in docent.store.organiser.libraries(reader) if library.level == "manage"}


def allowed_changes(request: Request, document: StoredDocument, reader: str) -> Permissions:
    """Return what a reader may do with one document."""
    state = request.app.state
    managed = managed_libraries(state.docent, reader)
    return allows(document, reader, admin=state.authenticator.is_admin(reader), managed=managed)


def document_of(request: Request, reader: str) -> StoredDocument:
    docent: Docent = request.app.state.docent
    document = docent.store.document(request.path_params["id"], Scope(reader=reader))
    request.state.about = document.name
    return document


def changeable(request: Request, reader: str) -> StoredDocument:
    document = document_of(request, reader)
    if not allowed_changes(request, document, reader).change:
        raise InputError(
            say(
                "It is shared, so only an administrator can read it again or delete it.", language_of(request)
            )
        )
    return document
