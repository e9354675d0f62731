"""One page of a document, as it looks or as its text, with the words that somebody looks for marked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from docent.app import Docent
from docent.errors import FilesUnreachable, LoadError
from docent.types import Page, Scope
from docent.web.chat.cited_sources import CitedPlace, page_picture
from docent.web.chat.page_session import language_of
from docent.web.documents.document_list import LONGEST_SEARCH, entry_of
from docent.web.documents.page_access import HEADERS, document_of, html
from docent.web.i18n import say
from docent.web.sources.page_view import PICTURED, marked_text
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

MOST_MARKS = 200
"""On one page."""
MOST_PAGES_LISTED = 100
WHOLE_PAGE = ((0, 0),)

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PageMatch:
    """A page that holds the words looked for."""

    number: int
    where: str
    count: int


async def show_page(request: Request, reader: str) -> Response:
    """Return a page of a document with the words of `find` marked, and the other pages that hold them."""
    return html(await run_in_small_pool(_preview, request, reader))


def _preview(request: Request, reader: str) -> str:
    docent: Docent = request.app.state.docent
    language = language_of(request)
    document = document_of(request, reader)
    find = request.query_params.get("find", "").strip()[:LONGEST_SEARCH]
    page = docent.store.page(document.id, request.path_params["n"], Scope(reader=reader))
    matches = matching_pages(docent.store.pages(document.id, Scope(reader=reader)), find) if find else []
    spans = word_spans(page.text, find)
    address = f"/documents/{document.id}/pages"
    query = f"?{urlencode({'find': find})}" if find else ""
    return render(
        "documents/preview.html",
        language,
        entry=entry_of(document, language),
        page=page,
        find=find,
        count=len(spans),
        matches=matches[:MOST_PAGES_LISTED],
        found=sum(match.count for match in matches),
        pieces=list(marked_text(page.text, spans)),
        picture=f"{address}/{page.number}/picture{query}" if document.kind in PICTURED else "",
        address=address,
        query=query,
        previous=page.number - 1 if page.number > 1 else None,
        next=page.number + 1 if page.number < document.pages else None,
    )


async def picture(request: Request, reader: str) -> Response:
    """Return a picture of a page with the words of `find` boxed."""
    docent: Docent = request.app.state.docent
    document = await run_in_small_pool(document_of, request, reader)
    page = await run_in_small_pool(
        docent.store.page, document.id, request.path_params["n"], Scope(reader=reader)
    )
    find = request.query_params.get("find", "").strip()[:LONGEST_SEARCH]
    place = CitedPlace(document.id, page.number, word_spans(page.text, find) or WHOLE_PAGE, reader)
    try:
        path = await asyncio.to_thread(page_picture, docent, place)
    except LoadError as error:
        return PlainTextResponse(say(error.message, language_of(request)), 422, headers=HEADERS)
    except FilesUnreachable as error:
        return PlainTextResponse(say(error.message, language_of(request)), 503, headers=HEADERS)
    return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


def word_spans(text: str, find: str) -> Spans:
    """Return where a text holds the words of a search: as a phrase, or else any of them."""
    words = [re.escape(word) for word in find.split()]
    if not words:
        return ()
    for pattern in (r"\s+".join(words), "|".join(words)):
        spans = tuple(match.span() for match in re.finditer(pattern, text, re.IGNORECASE))
        if spans:
            return spans[:MOST_MARKS]
    return ()


def matching_pages(pages: Sequence[Page], find: str) -> list[PageMatch]:
    """Return the pages that hold the words of a search."""
    spans = [(page, word_spans(page.text, find)) for page in pages]
    return [PageMatch(page.number, page.where, len(found)) for page, found in spans if found]
