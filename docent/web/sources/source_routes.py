"""Routes of the source panel: a citation in its document, another page of it, and a search in it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.errors import UnknownDocument
from docent.messages import Message
from docent.types import Citation, Page, Scope, StoredDocument
from docent.web.chat.cited_sources import CitedPlace, LinkSigner, cited_place, find_answer
from docent.web.chat.page_session import language_of
from docent.web.chat.saved_answer import SavedAnswer, load_extract
from docent.web.page_routes import PRIVATE, require_login
from docent.web.sources.page_view import PICTURED, PageView, Span, page_view, search_pages
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

LONGEST_SEARCH = 200
LONGEST_TOOLTIP = 400
MARKS = re.compile(r"(\d{1,7})-(\d{1,7})")
MAX_MARKS = 200

SOURCE_STATES = {
    "blanked": Message("This file was deleted, and what was quoted from it with it."),
    "changed": Message("This file has changed; these words are no longer in it as quoted."),
    "deleted": Message("This file was deleted. The quote from it:"),
}


FindAnswer = Callable[[Request, str], Awaitable[SavedAnswer | None]]
"""Return the reader's own answer that has the citation of the address; None where there is none."""


def routes() -> list[Route]:
    return panel_routes("/cited/{step}/{n:int}", find_cited_answer)


def panel_routes(address: str, find: FindAnswer) -> list[Route]:
    """Return the routes of the panel for citations of this address, whose number is `n`."""
    handlers = {"": show_source, "/quote": show_quote, "/pages/{page:int}": show_page, "/search": search}
    return [
        Route(address + path, require_login(partial(handler, find))) for path, handler in handlers.items()
    ]


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """The document of a citation, as its reader may see it now."""

    quotes: Sequence[Citation]
    document: StoredDocument
    page: Page


async def show_source(find: FindAnswer, request: Request, reader: str) -> Response:
    """Return the panel of one citation number of one answer."""
    answer = await find(request, reader)
    if answer is None:
        return _nothing(request)
    request.state.about = answer.citations_numbered(request.path_params["n"])[0].file
    return HTMLResponse(
        await run_in_small_pool(
            source_panel,
            answer,
            request.path_params["n"],
            docent=request.app.state.docent,
            signer=request.app.state.signer,
            reader=reader,
            language=language_of(request),
        ),
        headers=PRIVATE,
    )


async def show_quote(find: FindAnswer, request: Request, reader: str) -> Response:
    """Return place and words of a citation, for the tooltip of its number."""
    answer = await find(request, reader)
    if answer is None:
        return _nothing(request)
    quotes = answer.citations_numbered(request.path_params["n"])
    words = " … ".join(" ".join(citation.quote.split()) for citation in quotes if citation.quote)
    shown = textwrap.shorten(words, LONGEST_TOOLTIP, placeholder=" …")
    return JSONResponse({"where": quotes[0].where, "quote": shown}, headers=PRIVATE)


async def show_page(find: FindAnswer, request: Request, reader: str) -> Response:
    """Return a page of the cited document, with the words of a search marked."""
    answer = await find(request, reader)
    if answer is None:
        return _nothing(request)
    marks = MARKS.findall(request.query_params.get("marks", ""))[:MAX_MARKS]
    state = request.app.state

    def render_page() -> str:
        opened = open_source(answer.citations_numbered(request.path_params["n"]), state.docent, reader)
        found = tuple((int(start), int(end)) for start, end in marks)
        view = view_page(
            opened,
            request.path_params["page"],
            found,
            docent=state.docent,
            signer=state.signer,
            reader=reader,
        )
        return render("sources/page.html", language_of(request), view=view)

    try:
        return HTMLResponse(await run_in_small_pool(render_page), headers=PRIVATE)
    except UnknownDocument:
        return _nothing(request)


async def search(find: FindAnswer, request: Request, reader: str) -> Response:
    """Return the places of the cited document where some words stand."""
    answer = await find(request, reader)
    if answer is None:
        return _nothing(request)
    words = request.query_params.get("words", "")[:LONGEST_SEARCH]
    docent: Docent = request.app.state.docent
    document_id = answer.citations_numbered(request.path_params["n"])[0].document_id

    def hits() -> list[tuple[int, int, int]]:
        return search_pages(docent.store.pages(document_id, Scope(reader=reader)), words)

    try:
        return JSONResponse(await run_in_small_pool(hits), headers=PRIVATE)
    except UnknownDocument:
        return _nothing(request)


async def find_cited_answer(request: Request, reader: str) -> SavedAnswer | None:
    """Return the answer whose message and citation number the address names."""
    params = request.path_params
    return await find_answer(request.app.state.history, params["step"], params["n"], reader)


def _nothing(request: Request) -> Response:
    return HTMLResponse(render("sources/nothing.html", language_of(request)), 404, headers=PRIVATE)


def open_source(quotes: Sequence[Citation], docent: Docent, reader: str) -> OpenedSource:
    """Return the document of quotes that stand under one number. Raises UnknownDocument."""
    scope = Scope(reader=reader)
    document = docent.store.document(quotes[0].document_id, scope)
    return OpenedSource(quotes, document, docent.store.page(document.id, quotes[0].page, scope))


def source_panel(
    answer: SavedAnswer, n: int, *, docent: Docent, signer: LinkSigner, reader: str, language: str
) -> str:
    """Return the panel of a citation: place, words and page; of a file that has gone, only the words."""
    quotes = answer.citations_numbered(n)
    extract, state = load_extract(quotes[0], answer, reader=docent.store, scope=Scope(reader=reader))
    state_sentence = SOURCE_STATES.get(state if quotes[0].quote else "blanked")
    opened = open_source(quotes, docent, reader) if state_sentence is None else None
    numbers = sorted({citation.n for citation in answer.citations})
    position = numbers.index(n)
    return render(
        "sources/panel.html",
        language,
        n=n,
        previous=numbers[position - 1] if position else None,
        next=numbers[position + 1] if position + 1 < len(numbers) else None,
        cited=quotes[0],
        heading=extract.heading,
        quotes=[" ".join(quote.quote.split()) for quote in quotes if quote.quote],
        state=state_sentence,
        original=signer.link(*quotes, reader=reader, target="original") if opened else "",
        marked=signer.link(*quotes, reader=reader) if opened and opened.document.kind == "pdf" else "",
        view=view_page(opened, quotes[0].page, (), docent=docent, signer=signer, reader=reader)
        if opened
        else None,
    )


def view_page(
    opened: OpenedSource,
    number: int,
    found: Sequence[Span],
    *,
    docent: Docent,
    signer: LinkSigner,
    reader: str,
) -> PageView:
    """Return a page of an opened source; on the cited page the quotes are marked. Raises UnknownDocument."""
    document = opened.document
    if not 1 <= number <= document.pages:
        raise UnknownDocument(
            "{name} has no page {number}. Open the source again.", name=document.name, number=number
        )
    is_cited = number == opened.page.number
    page = opened.page if is_cited else docent.store.page(document.id, number, Scope(reader=reader))
    place = (
        cited_place(opened.quotes, reader=reader) if is_cited else CitedPlace(document.id, number, (), reader)
    )
    picture = signer.place_link(place, "picture", document.name) if document.kind in PICTURED else ""
    return page_view(page, document, picture=picture, cited=place.spans, found=found)
