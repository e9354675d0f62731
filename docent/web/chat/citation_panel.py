"""What stands in the side panel of a citation: words at once, then the page itself.

The words are fetched by the panel from /cited/ANSWER/N. The page follows when somebody opens the
panel: the browser says which citation was clicked, and is told what to show.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import chainlit as cl

from docent.app import Docent
from docent.errors import LoadError, UnknownDocument
from docent.messages import Message
from docent.types import Answer, Citation, ReadBy, Scope
from docent.web.chat.history import History
from docent.web.chat.saved_answer import Kept, extract, recall
from docent.web.chat.side_panel import Extract, panel
from docent.web.chat.source_links import Signer, marked, picture, place_of
from docent.web.i18n import say
from docent.web.input_checks import is_uuid
from docent.web.thread_pool import run_in_small_pool

OPENED = "docent-source"
"""Key of the browser's message."""
PICTURES = ("png", "jpeg")

State = Any
"""Chainlit's `app.state`, with the house, the history and the signer in it."""


def cited_link(step_id: str, n: int, more: str = "") -> str:
    return f"/cited/{step_id}/{n}{more}"


def panels(answer: Answer, message_id: str) -> list[Any]:
    """A side panel for each number cited; what stands in it is fetched when it is opened."""
    return [_words(message_id, n) for n in sorted({citation.n for citation in answer.citations})]


def _words(step_id: str, n: int) -> cl.Text:
    link = cited_link(step_id, n)
    return cl.Text(id=_id(link), name=f"[{n}]", display="side", url=link)


def _id(link: str) -> str:
    """Always the same, so that the browser goes on showing what it has."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, link))


async def kept_answer(history: History, step_id: object, n: object, reader: str) -> Kept | None:
    """The reader's own answer that cites `n`; None for any other."""
    if not is_uuid(step_id) or not isinstance(n, int):
        return None
    said = await history.said(str(step_id))
    kept = recall(said[0]["metadata"]) if said is not None and said[1] == reader else None
    return kept if kept is not None and kept.cited(n) else None


async def show(message: Any, *, state: State, reader: str, language: str) -> None:
    """The page of a citation that was clicked, below its words."""
    asked = message.get(OPENED) if isinstance(message, dict) else None
    if not isinstance(asked, dict):
        return
    step_id, n = asked.get("step"), asked.get("n")
    kept = await kept_answer(state.history, step_id, n, reader)
    if kept is None or not isinstance(n, int):
        return
    link = cited_link(str(step_id), n)
    quotes = kept.cited(n)
    found = await run_in_small_pool(
        sheets, quotes, link, docent=state.docent, signer=state.signer, reader=reader
    )
    elements = [_words(str(step_id), n), *(_element(sheet, link, quotes[0]) for sheet in found)]
    emit = cl.context.emitter.emit
    await emit("set_sidebar_title", say("Source {n}", language, n=n))
    await emit("set_sidebar_elements", {"elements": [one.to_dict() for one in elements], "key": link})


@dataclass(frozen=True, slots=True)
class Sheet:
    """Something below the words of a citation."""

    kind: Literal["pdf", "image", "text"]
    url: str


def _element(sheet: Sheet, link: str, cited: Citation) -> cl.Element:
    common: dict[str, Any] = {"id": _id(link + sheet.kind), "name": cited.where, "url": sheet.url}
    if sheet.kind == "pdf":
        return cl.Pdf(display="side", page=cited.page, **common)
    return (cl.Image if sheet.kind == "image" else cl.Text)(display="side", **common)


def sheets(
    quotes: Sequence[Citation], link: str, *, docent: Docent, signer: Signer, reader: str
) -> list[Sheet]:
    """The page cited as it looks on paper; nothing for formats that have no paper."""
    scope = Scope(reader=reader)
    try:
        document = docent.store.document(quotes[0].document_id, scope)
        page = docent.store.page(document.id, quotes[0].page, scope)
    except UnknownDocument:
        return []  # the words say that it is gone
    if any(page.text[quote.start : quote.end] != quote.quote for quote in quotes):
        return []
    place = place_of(quotes, reader=reader)
    original = Sheet("pdf", signer.link(*quotes, reader=reader, shown="original"))
    try:
        if document.kind in PICTURES or (document.kind == "pdf" and page.read_by is ReadBy.OCR):
            picture(docent, place)
            return [Sheet("image", signer.link(*quotes, reader=reader, shown="picture"))]
        if document.kind == "pdf":
            marked(docent, place)
            return [Sheet("pdf", signer.link(*quotes, reader=reader))]
    except LoadError:
        unmarked = Sheet("text", link + "/unmarked")
        return [unmarked, original] if document.kind == "pdf" else [unmarked]
    return []


SOURCE_FATES = {
    "blanked": Message("This file has been deleted since, and with it what was quoted from it."),
    "changed": Message("This file has changed since; what was quoted is no longer there word for word."),
    "deleted": Message("This file has been deleted since. What was quoted from it:"),
}


def words(kept: Kept, n: int, *, docent: Docent, signer: Signer, reader: str, language: str) -> str:
    """File, place and passage with the quote marked, as Markdown; of a PDF the quote alone."""
    quotes = kept.cited(n)
    scope = Scope(reader=reader)
    found, fate = extract(quotes[0], kept, reader=docent.store, scope=scope)
    if not quotes[0].quote:
        return panel(quotes[:1], found, below=f"*{say(SOURCE_FATES['blanked'], language)}*")
    if fate != "same":
        said = Extract("\n\n".join(quote.quote for quote in quotes), quotes[0].start, found.heading)
        return panel(quotes[:1], said, below=f"*{say(SOURCE_FATES[fate], language)}*")
    document = docent.store.document(quotes[0].document_id, scope)
    link = signer.link(*quotes, reader=reader, shown="original")
    below = f"[{say('Open the original', language)}]({link})"
    on_paper = document.kind == "pdf" or document.kind in PICTURES
    return panel(quotes, found, below=below, quotes_only=on_paper)
