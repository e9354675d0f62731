"""Routes of the documents pages, and those of one document: list, show, delete, read again, share, unlock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from docent.app import Docent
from docent.errors import DocentError, InputError, UnknownDocument
from docent.ingesting import Ticket
from docent.types import UNFINISHED, Quotes, Scope, State, StoredDocument
from docent.web.chat.file_scope import shared_libraries
from docent.web.chat.history import History
from docent.web.chat.page_session import language_of
from docent.web.chat.start_questions import start_questions
from docent.web.documents import bulk_changes, library_routes, library_uploads, page, page_preview
from docent.web.documents.document_list import (
    LIST_LENGTH,
    STATES,
    DocumentList,
    ListPermissions,
    ListQuery,
    Origin,
    chosen_libraries,
    list_page,
    position,
    scope_of,
    state_cell,
)
from docent.web.documents.page_access import (
    FORM_BYTES,
    HEADERS,
    allowed_changes,
    changeable,
    checked,
    document_of,
    html,
)
from docent.web.i18n import say
from docent.web.security import DOCUMENT_POLICY
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

UNLOCK_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
LONGEST_PASSWORD = 1_000


def routes() -> list[Route]:
    return [
        Route("/documents", checked(list_documents)),
        Route("/documents/work", checked(work)),
        Route("/documents/upload", checked(library_uploads.upload), methods=["POST"]),
        Route("/documents/several", checked(bulk_changes.change_several), methods=["POST"]),
        Route("/documents/libraries", checked(library_routes.create), methods=["POST"]),
        Route("/documents/libraries/rename", checked(library_routes.rename), methods=["POST"]),
        Route("/documents/libraries/share", checked(library_routes.share), methods=["POST"]),
        Route("/documents/libraries/delete", checked(library_routes.delete), methods=["POST"]),
        Route("/documents/{id}", checked(show_document)),
        Route("/documents/{id}/file", checked(download)),
        Route("/documents/{id}/pages/{n:int}", checked(page_preview.show_page)),
        Route("/documents/{id}/pages/{n:int}/picture", checked(page_preview.picture)),
        Route("/documents/{id}/delete", checked(delete), methods=["POST"]),
        Route("/documents/{id}/again", checked(read_again), methods=["POST"]),
        Route("/documents/{id}/share", checked(share), methods=["POST"]),
        Route("/documents/{id}/unshare", checked(unshare), methods=["POST"]),
    ]


async def list_documents(request: Request, reader: str) -> Response:
    query = ListQuery.of(request.query_params)
    admin = request.app.state.authenticator.is_admin(reader)
    docent: Docent = request.app.state.docent
    language = language_of(request)
    view = await run_in_small_pool(listed, docent, query, reader)
    history: History | None = getattr(request.app.state, "history", None)
    if history is not None:
        ids = [document.id for document in view.documents]
        origins = {
            row["document"]: Origin(row["thread"], row["name"] or say("a conversation", language))
            for row in await library_uploads.origins(history, reader, ids)
        }
        view = replace(view, origins=origins)
    text = await run_in_small_pool(
        partial(
            list_page,
            view,
            ListPermissions(reader, admin),
            shared=shared_libraries(docent, reader),
            accepts_mb=docent.settings.max_file_mb,
            language=language,
        )
    )
    return html(text)


def listed(docent: Docent, query: ListQuery, reader: str) -> DocumentList:
    """Return the part of the list that a query names, within what its reader may see."""
    organiser = docent.store.organiser
    libraries = organiser.libraries(reader)
    listing = organiser.listing(
        scope_of(query, [library.name for library in libraries], reader),
        search=query.search,
        states=STATES.get(query.state, ()),
        tag=query.tag,
        sort=query.sort,
        descending=query.down,
        start=query.start,
        limit=LIST_LENGTH,
    )
    is_unfiltered = not (query.start or query.search or query.tag) and query.state in ("", "failed")
    everything = Scope(reader=reader)
    shown = Scope(reader=reader, libraries=chosen_libraries(query))
    return DocumentList(
        query=query,
        documents=listing.documents,
        total=listing.total,
        failures=docent.store.failures(shown) if is_unfiltered else [],
        libraries=libraries,
        tags=organiser.tags([document.id for document in listing.documents]),
        known_tags=organiser.known_tags(everything),
        origins={},
        unfinished=organiser.listing(everything, states=tuple(UNFINISHED), limit=1).total,
    )


async def work(request: Request, reader: str) -> Response:
    """Return how far the named documents are read, and how many are not read yet."""
    ids = request.query_params.getlist("id")[:LIST_LENGTH]
    docent: Docent = request.app.state.docent
    return JSONResponse(
        await run_in_small_pool(_work, docent, ids, reader, language_of(request)), headers=HEADERS
    )


def _work(docent: Docent, ids: list[str], reader: str, language: str) -> dict[str, object]:
    organiser = docent.store.organiser
    named = organiser.listing(Scope(reader=reader, documents=tuple(ids)), limit=len(ids)) if ids else None
    documents = named.documents if named else ()
    rows = {
        document.id: state_cell(document, _progress(docent, document), language) for document in documents
    }
    busy = [document.id for document in documents if document.state in UNFINISHED]
    if not busy:
        start_questions(docent, documents, reader=reader)  # made now, they are there when the chat is opened
    unfinished = organiser.listing(Scope(reader=reader), states=tuple(UNFINISHED), limit=1).total
    sentence = say("Being read: {n:,}. You can go on working.", language, n=unfinished) if unfinished else ""
    return {"rows": rows, "busy": busy, "unfinished": unfinished, "sentence": sentence}


def _progress(docent: Docent, document: StoredDocument) -> tuple[int, int]:
    """Return how much of a document is done, and of how much; zeros where nothing is under way."""
    if document.state is State.SEARCHABLE:
        return document.embedded, document.chunks
    if document.state in UNFINISHED:
        ticket = Ticket(document.id, document.name, document.library, document.owner)
        status = docent.upload_status(ticket)
        return status.pages, status.expected
    return 0, 0


async def show_document(request: Request, reader: str) -> Response:
    return html(await run_in_small_pool(_document_page, request, reader))


def _document_page(request: Request, reader: str) -> str:
    docent: Docent = request.app.state.docent
    language = language_of(request)
    document = document_of(request, reader)
    allowed = allowed_changes(request, document, reader)
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
        start=position(request.query_params.get("start", "")),
        allowed=allowed,
        libraries=shared_libraries(docent, reader),
        notes=notes,
        busy=busy,
        language=language,
    )


async def download(request: Request, reader: str) -> Response:
    """Return the original file as a download."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(document_of, request, reader)
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
    document = await run_in_small_pool(changeable, request, reader)
    async with request.form(max_files=0, max_fields=1, max_part_size=FORM_BYTES) as form:
        quotes: Quotes = "delete" if form.get("quotes") == "delete" else "blank"
    deletion = await asyncio.to_thread(
        partial(docent.store.delete, document.id, Scope(reader=reader), quotes=quotes)
    )
    return html(page.deletion_page(deletion, language=language_of(request)))


async def read_again(request: Request, reader: str) -> Response:
    """Read one document again, in the background."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(changeable, request, reader)
    await asyncio.to_thread(docent.rereader.start, document.id, Scope(reader=reader))
    return RedirectResponse(f"/documents/{document.id}", 303, headers=HEADERS)


async def share(request: Request, reader: str) -> Response:
    """Move the reader's own document to a shared library."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(document_of, request, reader)
    async with request.form(max_files=0, max_fields=2, max_part_size=FORM_BYTES) as form:
        library = str(form.get("library", ""))
    if library not in await run_in_small_pool(shared_libraries, docent, reader):
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
    document = await run_in_small_pool(document_of, request, reader)
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
    request.state.about = ticket.name
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
