"""Routes of shared conversations: make and revoke a link, read a conversation, see the pages it cites."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.errors import FilesUnreachable, LoadError, UnknownDocument
from docent.types import Citation, Scope
from docent.web.chat.cited_sources import cited_place, page_picture
from docent.web.chat.history import History
from docent.web.chat.page_session import language_of
from docent.web.chat.saved_answer import SavedAnswer, load_answer, load_extract
from docent.web.documents.page_access import FORM_BYTES, HEADERS, checked, html
from docent.web.i18n import say
from docent.web.input_checks import is_uuid
from docent.web.sharing.share_links import SharedConversation, ShareLinks
from docent.web.sources.page_view import PICTURED
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

SHARED_HEADERS = {**HEADERS, "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
CITATION_NUMBER = re.compile(r"\[(\d+)\]")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["heading", "lheading"])
MARKDOWN.validateLink = lambda url: url.startswith("#s-")  # type: ignore[method-assign]
"""Leaves every other link, and every picture, as the text that it is."""

BY_LINK = "link"
"""In the audit log, whoever has the link of a conversation."""

Handler = Callable[[Request, str], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class SharedSource:
    """The quotes under one citation number of an answer."""

    n: int
    where: str
    quotes: Sequence[str]
    picture: bool
    """The cited page can be drawn, and still says what was quoted."""


@dataclass(frozen=True, slots=True)
class SharedMessage:
    """A question, or an answer with its sources."""

    step: str
    is_question: bool
    text: str
    """Plain text of a question, HTML of an answer."""
    sources: Sequence[SharedSource] = ()


def routes() -> list[Route]:
    return [
        Route("/link/{thread}", checked(_where_allowed(manage)), methods=["GET", "POST"]),
        Route("/shared/{token}", read, name="read_shared"),
        Route("/shared/{token}/{step}/{n:int}", picture),
    ]


def _where_allowed(handler: Handler) -> Handler:
    """Wrap a handler: unless the settings allow links, there is no such page."""

    async def allowed(request: Request, reader: str) -> Response:
        if not request.app.state.docent.settings.share_links:
            raise UnknownDocument("There is nothing here for you. Go back to the conversation and ask again.")
        return await handler(request, reader)

    return allowed


async def manage(request: Request, reader: str) -> Response:
    """Show whether a conversation of the reader's own has a link; make or revoke it."""
    history: History = request.app.state.history
    thread, links = request.path_params["thread"], ShareLinks(history)
    if not is_uuid(thread) or await history.get_thread_author(thread) != reader:
        raise UnknownDocument("There is nothing here for you. Go back to the conversation and ask again.")
    address = ""
    if request.method == "POST":
        async with request.form(max_files=0, max_fields=1, max_part_size=FORM_BYTES) as form:
            action = form.get("action")
        if action == "make":
            address = str(request.url_for("read_shared", token=await links.make(thread)))
        elif action == "revoke":
            await links.revoke(thread)
    language = language_of(request)
    return html(
        render("sharing/link.html", language, thread=thread, address=address, made=await links.made(thread))
    )


async def read(request: Request) -> Response:
    """Return a shared conversation; nobody has to log in for it, and nothing in it can be changed."""
    shared = await _shared(request)
    if shared is None:
        return _nothing(request)
    thread = await request.app.state.history.get_thread(shared.thread)
    if thread is None:
        return _nothing(request)
    request.state.actor, request.state.about = BY_LINK, shared.thread
    docent: Docent = request.app.state.docent
    language = language_of(request)
    messages = await run_in_small_pool(_messages, thread, docent, shared.author, language)
    text = render(
        "sharing/conversation.html",
        language,
        title=" ".join(str(thread.get("name") or "Docent").split()),
        day=str(thread.get("createdAt") or "")[:10],
        messages=messages,
        address=f"/shared/{request.path_params['token']}",
    )
    return HTMLResponse(text, headers=SHARED_HEADERS)


async def picture(request: Request) -> Response:
    """Return a picture of a page that a shared conversation cites, with the words boxed."""
    shared = await _shared(request)
    history: History = request.app.state.history
    step, n = request.path_params["step"], request.path_params["n"]
    saved = await history.step_and_author(step) if shared is not None and is_uuid(step) else None
    if shared is None or saved is None or saved[0]["threadId"] != shared.thread:
        return _nothing(request)
    answer = load_answer(saved[0]["metadata"])
    docent: Docent = request.app.state.docent
    quotes = answer.citations_numbered(n) if answer is not None else []
    if (
        answer is None
        or not quotes
        or not await run_in_small_pool(_is_drawn, answer, quotes, docent, shared.author)
    ):
        return _nothing(request)
    try:
        path = await asyncio.to_thread(page_picture, docent, cited_place(quotes, reader=shared.author))
    except (LoadError, UnknownDocument, FilesUnreachable):
        return _nothing(request)
    return FileResponse(path, media_type="image/png", headers={**SHARED_HEADERS, "Cache-Control": "no-store"})


async def _shared(request: Request) -> SharedConversation | None:
    if not request.app.state.docent.settings.share_links:
        return None
    return await ShareLinks(request.app.state.history).find(request.path_params["token"])


def _nothing(request: Request) -> Response:
    """Return one answer for what was revoked, was never shared, and is switched off."""
    return HTMLResponse(render("sharing/nothing.html", language_of(request)), 404, headers=SHARED_HEADERS)


def _messages(thread: Mapping[str, Any], docent: Docent, author: str, language: str) -> list[SharedMessage]:
    messages = []
    for step in thread.get("steps") or ():
        if step["type"] == "user_message":
            messages.append(SharedMessage(step["id"], True, step["output"].strip()))
        elif step["type"] == "assistant_message" and (answer := load_answer(step.get("metadata"))):
            own = not answer.receipt.get("model")  # Docent's own text, saved in English
            text = say(answer.text, language) if own else answer.text
            sources = _sources(answer, docent, author)
            messages.append(SharedMessage(step["id"], False, _html(text.strip(), step["id"]), sources))
    return messages


def _html(text: str, step: str) -> Markup:
    """Return the Markdown of an answer as HTML; its only links lead from citation numbers to sources."""
    linked = CITATION_NUMBER.sub(rf"[\\[\1\\]](#s-{step}-\1)", text)
    return Markup(MARKDOWN.render(linked))  # raw HTML in it is escaped


def _sources(answer: SavedAnswer, docent: Docent, author: str) -> list[SharedSource]:
    sources = []
    for n, group in groupby(sorted(answer.citations, key=lambda c: (c.n, c.start)), key=lambda c: c.n):
        quotes = list(group)
        texts = [" ".join(quote.quote.split()) for quote in quotes if quote.quote]
        sources.append(SharedSource(n, quotes[0].where, texts, _is_drawn(answer, quotes, docent, author)))
    return sources


def _is_drawn(answer: SavedAnswer, quotes: Sequence[Citation], docent: Docent, author: str) -> bool:
    """Return True if the page can be drawn, and its author still may see it, as it was quoted."""
    scope = Scope(reader=author)
    state = load_extract(quotes[0], answer, reader=docent.store, scope=scope)[1]
    return state == "same" and docent.store.document(quotes[0].document_id, scope).kind in PICTURED
