"""Changes to many documents of the list in one step: delete, share, take back, read again, tag."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from docent.app import Docent
from docent.errors import DocentError, InputError
from docent.messages import Message
from docent.types import Quotes, Scope, StoredDocument
from docent.web.chat.file_scope import shared_libraries
from docent.web.chat.page_session import language_of
from docent.web.documents import page
from docent.web.documents.document_list import STATES, ListQuery, scope_of
from docent.web.documents.page_access import FORM_BYTES, HEADERS, allows, html, managed_libraries
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

MOST_CHOSEN = 20_000
ASKED_AGAIN_FROM = 26
"""Documents that are deleted only after one more question; up to 25 have been looked at in the list."""
NOTHING_CHOSEN = Message("Nothing is selected. Go back, select documents, and choose again.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The documents that a change is for, and how many of them its reader may not change."""

    allowed: Sequence[StoredDocument]
    refused: int

    @property
    def ids(self) -> list[str]:
        return [document.id for document in self.allowed]


async def change_several(request: Request, reader: str) -> Response:
    """Apply the change of the button that was pressed to the selected documents."""
    async with request.form(max_files=0, max_fields=MOST_CHOSEN, max_part_size=FORM_BYTES) as form:
        action = str(form.get("action", ""))
        query = ListQuery.of(dict(parse_qsl(str(form.get("query", "")))))
        if action == "delete":
            return await _delete(request, reader, form, query)
        if action not in ("tag", "untag", "share", "unshare", "again"):
            raise InputError("There is no such change. Go back and press one of the buttons.")
        problems = await asyncio.to_thread(_change, request, reader, form, query, action)
    if problems:
        return html(page.refusal_page(" ".join(problems), language=language_of(request)), 409)
    return RedirectResponse(query.address(start=query.start), 303, headers=HEADERS)


async def _delete(request: Request, reader: str, form: FormData, query: ListQuery) -> Response:
    """Delete the selected documents, and return one receipt; many of them only after one more question."""
    docent: Docent = request.app.state.docent
    language = language_of(request)
    chosen = await run_in_small_pool(_chosen, request, reader, form, query, "change")
    count = len(chosen.allowed)
    quotes: Quotes = "delete" if form.get("quotes") == "delete" else "blank"
    if count >= ASKED_AGAIN_FROM and form.get("sure") != "yes":
        fields = [("action", "delete"), ("quotes", quotes), ("query", str(form.get("query", "")))]
        return html(
            page.confirmation_page(
                say("Delete {n:,} documents?", language, n=count),
                say("Their text, their index and the files kept here are removed for good.", language),
                action="/documents/several",
                fields=[*fields, *(("id", key) for key in chosen.ids), ("sure", "yes")],
                language=language,
            )
        )
    deletion = await asyncio.to_thread(
        partial(docent.store.delete_several, chosen.ids, Scope(reader=reader), quotes=quotes)
    )
    _note_for_audit(request, "delete", chosen)
    title = say("{n:,} documents were deleted", language, n=count) if count > 1 else ""
    refused = _refusals(chosen, language)
    if count == 1:
        deletion = replace(deletion, name=chosen.allowed[0].name)
    return html(
        page.deletion_page(
            deletion,
            title=title,
            note=" ".join(refused),
            back=query.address(),
            language=language,
        )
    )


def _change(request: Request, reader: str, form: FormData, query: ListQuery, action: str) -> list[str]:
    """Apply any other change; return a sentence for each thing that could not be done."""
    docent: Docent = request.app.state.docent
    language = language_of(request)
    right = {"share": "share", "unshare": "unshare"}.get(action, "change")
    chosen = _chosen(request, reader, form, query, right)
    problems = _refusals(chosen, language)
    _note_for_audit(request, action if action in ("share", "unshare") else "change", chosen)
    if action == "tag":
        docent.store.organiser.tag(chosen.ids, str(form.get("tag", "")))
    elif action == "untag":
        docent.store.organiser.untag(chosen.ids, str(form.get("tag", "")))
    elif action == "share":
        library = str(form.get("library", ""))
        if library not in shared_libraries(docent, reader):
            raise InputError(
                "There is no shared library “{library}”. Go back and choose one of the list.", library=library
            )
        for document in chosen.allowed:
            docent.share(document.id, reader=reader, library=library)
    elif action == "unshare":
        for document in chosen.allowed:
            docent.unshare(document.id, reader=reader)
    else:
        for document in chosen.allowed:
            try:
                docent.rereader.start(document.id, Scope(reader=reader))
            except DocentError as error:
                problems.append(say(error.message, language))
    return problems


def _note_for_audit(request: Request, action: str, chosen: Chosen) -> None:
    request.state.action = action
    request.state.about = ", ".join(document.name for document in chosen.allowed)


def _chosen(request: Request, reader: str, form: FormData, query: ListQuery, right: str) -> Chosen:
    """Return the documents that were selected, or all that the list's query finds. Raises InputError."""
    docent: Docent = request.app.state.docent
    organiser = docent.store.organiser
    if form.get("every") == "yes":
        listing = organiser.listing(
            scope_of(query, docent.store.libraries(reader), reader),
            search=query.search,
            states=STATES.get(query.state, ()),
            tag=query.tag,
            limit=MOST_CHOSEN,
        )
    else:
        ids = tuple(str(value) for value in form.getlist("id"))
        if not ids:
            raise InputError(NOTHING_CHOSEN)
        listing = organiser.listing(Scope(reader=reader, documents=ids), limit=len(ids))
    admin = request.app.state.authenticator.is_admin(reader)
    managed = managed_libraries(docent, reader)
    allowed = [
        one for one in listing.documents if getattr(allows(one, reader, admin=admin, managed=managed), right)
    ]
    refused = len(listing.documents) - len(allowed)
    if not allowed and refused:
        raise InputError(
            "None of the selected documents is yours to change. Shared ones are changed by an administrator."
        )
    if not allowed:
        raise InputError(NOTHING_CHOSEN)
    return Chosen(allowed, refused)


def _refusals(chosen: Chosen, language: str) -> list[str]:
    if not chosen.refused:
        return []
    return [
        say(
            "Left as they are, because you may not change them in this way: {n:,}.",
            language,
            n=chosen.refused,
        )
    ]
