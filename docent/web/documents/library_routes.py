"""Libraries on the documents page: made, given another title, shared and deleted."""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from docent.app import Docent
from docent.errors import InputError, UnknownLibrary
from docent.store import LibraryEntry
from docent.types import ANSWERING, Scope
from docent.web.accounts.users import LOCAL
from docent.web.chat.file_scope import shared_libraries
from docent.web.chat.page_session import language_of
from docent.web.documents import page
from docent.web.documents.document_list import ListPermissions
from docent.web.documents.page_access import FORM_BYTES, HEADERS, html
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool


async def create(request: Request, reader: str) -> Response:
    """Make a library: a private one, or one for everybody if an administrator asks for it."""
    docent: Docent = request.app.state.docent
    form = await _form(request)
    admin = request.app.state.authenticator.is_admin(reader)
    shared = reader == LOCAL or form.get("for") == "everybody"
    if shared and not admin:
        raise InputError("Only an administrator can make a library for everybody. Make one for yourself.")
    owner = None if shared else reader
    request.state.about = title = str(form.get("title", ""))
    name = await run_in_small_pool(docent.store.organiser.create_library, title, owner)
    return _to_library(name)


async def rename(request: Request, reader: str) -> Response:
    """Give a library another title."""
    docent: Docent = request.app.state.docent
    form = await _form(request)
    library = await run_in_small_pool(_changeable, request, reader, form)
    title = str(form.get("title", ""))
    await run_in_small_pool(docent.store.organiser.rename_library, library.name, title, library.owner)
    request.state.about = f"{library.title} → {title}"
    return _to_library(library.name)


async def share(request: Request, reader: str) -> Response:
    """Move every document of a private library that can answer into a shared one."""
    docent: Docent = request.app.state.docent
    form = await _form(request)
    library = await run_in_small_pool(_changeable, request, reader, form)
    into = str(form.get("into", ""))
    if library.owner is None or into not in await run_in_small_pool(shared_libraries, docent, reader):
        raise InputError(
            "There is no shared library “{library}”. Go back and choose one of the list.", library=into
        )
    await asyncio.to_thread(_share_all, docent, library.name, into, reader)
    request.state.about = f"{library.title} → {into}"
    return _to_library(into)


async def delete(request: Request, reader: str) -> Response:
    """Delete a library with everything in it, after one more question; return the receipt."""
    docent: Docent = request.app.state.docent
    language = language_of(request)
    form = await _form(request)
    library = await run_in_small_pool(_changeable, request, reader, form)
    if form.get("sure") != "yes":
        text = page.confirmation_page(
            say("Delete the library “{title}”?", language, title=library.title),
            _consequence(library, language),
            action="/documents/libraries/delete",
            fields=[("library", library.name), ("sure", "yes")],
            language=language,
        )
        request.state.action = ""  # nothing is deleted yet
        return html(text)
    request.state.about = library.title
    deletion = await asyncio.to_thread(
        partial(docent.store.delete_library, library.name, Scope(reader=reader), shared=library.owner is None)
    )
    title = say("The library “{title}” was deleted", language, title=library.title)
    return html(page.deletion_page(deletion, title=title, language=language))


async def _form(request: Request) -> FormData:
    async with request.form(max_files=0, max_fields=5, max_part_size=FORM_BYTES) as form:
        return form


def _changeable(request: Request, reader: str, form: FormData) -> LibraryEntry:
    """Return the library that a form names, if its sender may change it. Raises UnknownLibrary."""
    docent: Docent = request.app.state.docent
    allowed = ListPermissions(reader, request.app.state.authenticator.is_admin(reader))
    for entry in docent.store.organiser.libraries(reader):
        if entry.name == form.get("library") and allowed.may_change(entry):
            return entry
    raise UnknownLibrary("There is no library that you may change under this name. Choose one of the list.")


def _consequence(library: LibraryEntry, language: str) -> str:
    if library.owner is None:
        return say(
            "Documents that are removed for good, for everybody: {n:,}. Files that lie in data/ stay there, "
            "and the next ingest would read them again: move them away first.",
            language,
            n=library.documents,
        )
    return say(
        "Documents that are removed for good, with their text, their index and the files kept here: {n:,}.",
        language,
        n=library.documents,
    )


def _share_all(docent: Docent, library: str, into: str, reader: str) -> None:
    scope = Scope(reader=reader, libraries=(library,))
    listing = docent.store.organiser.listing(scope, states=tuple(ANSWERING), limit=1_000_000)
    for document in listing.documents:
        docent.share(document.id, reader=reader, library=into)


def _to_library(name: str) -> Response:
    return RedirectResponse(f"/documents?{urlencode({'library': name})}", 303, headers=HEADERS)
