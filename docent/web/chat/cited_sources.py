"""The source of a citation on the page: a side panel with the quoted words, and signed links to the page.

The panel fetches the words from /cited/ANSWER/N. The page follows when the panel is opened: the
browser reports which citation was clicked, and is sent the elements to show.

A link names the document, the page and the cited characters, and carries a signature that only
this installation can make, so it cannot be turned into a link to another page or document.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

import chainlit as cl

from docent.app import Docent
from docent.errors import LoadError, UnknownDocument, UnreadableFile
from docent.messages import Message
from docent.store import COPIES, Copies
from docent.types import Answer, Citation, ReadBy, Scope
from docent.web.chat.history import History
from docent.web.chat.page_session import escape_markdown
from docent.web.chat.saved_answer import Extract, SavedAnswer, load_answer, load_extract
from docent.web.i18n import say
from docent.web.input_checks import is_uuid
from docent.web.thread_pool import run_in_small_pool

LinkTarget = Literal["source", "original", "picture"]
"""The cited page with its words highlighted, the file itself, or a picture of the page."""
LINK_TARGETS: tuple[LinkTarget, ...] = get_args(LinkTarget)

INLINE = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
    **dict.fromkeys(("text", "markdown", "code", "csv", "json"), "text/plain; charset=utf-8"),
}
"""By kind of document: a media type that a browser shows without running it; all else is downloaded."""

CLICKED = "docent-source"
"""Key of the browser's message."""
PICTURES = ("png", "jpeg")
MAX_LINES_ABOVE_TABLE = 2
"""Lines above a table that may be its title."""
MAX_COLUMNS = 12  # a panel shows no more side by side

AppState = Any
"""Chainlit's `app.state`, which holds Docent, the history and the signer."""


# --- signed links ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CitedPlace:
    """Characters of a page, and the reader who may see them."""

    document_id: str
    page: int
    spans: tuple[tuple[int, int], ...]
    reader: str | None


def cited_place(quotes: Sequence[Citation], *, reader: str | None) -> CitedPlace:
    """Return the place of quotes that stand on one page."""
    spans = tuple(sorted({(quote.start, quote.end) for quote in quotes}))
    return CitedPlace(quotes[0].document_id, quotes[0].page, spans, reader)


class LinkSigner:
    """Make and verify the links of one installation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def link(self, *quotes: Citation, reader: str | None, target: LinkTarget = "source") -> str:
        """Return a link to the page of quotes that stand in one passage."""
        place = asdict(cited_place(quotes, reader=reader))
        body = _encode(json.dumps(place, separators=(",", ":")).encode())
        name = quote(quotes[0].file, safe="")
        return f"/{target}/{body}.{self._signature(body)}/{name}#page={quotes[0].page}"

    def verify(self, token: str) -> CitedPlace:
        """Return the place that a link names. Raises UnknownDocument for a link that was not made here."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            raise UnknownDocument(
                "This link was changed, or made by another installation. Ask the question again."
            )
        try:
            named = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            return CitedPlace(**{**named, "spans": tuple((start, end) for start, end in named["spans"])})
        except (binascii.Error, ValueError, TypeError, KeyError) as error:
            raise UnknownDocument("This link is from another version. Ask the question again.") from error

    def _signature(self, body: str) -> str:
        return _encode(hmac.digest(self._secret, body.encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class LinkedSource:
    """The content behind a link."""

    path: Path | None
    """A file to send; None where `text` is the content."""
    text: str
    media_type: str
    """Empty for a file that is downloaded, not shown."""
    name: str


def open_link(docent: Docent, place: CitedPlace, target: LinkTarget) -> LinkedSource:
    """Return what a link opens. Raises DocentError where it was deleted or cannot be made."""
    scope = Scope(reader=place.reader)
    document = docent.store.document(place.document_id, scope)
    if target == "original":
        original = docent.store.original(document.id, scope)
        return LinkedSource(original, "", INLINE.get(document.kind, ""), document.name)
    if target == "picture":
        return LinkedSource(page_picture(docent, place), "", "image/png", document.name)
    if document.kind == "pdf":
        return LinkedSource(highlighted_pdf(docent, place), "", "application/pdf", document.name)
    text = docent.store.page(place.document_id, place.page, scope).text
    return LinkedSource(None, text, "text/plain; charset=utf-8", document.name)


def highlighted_pdf(docent: Docent, place: CitedPlace) -> Path:
    """Return a copy of the PDF with the cited words highlighted, made once. Raises LoadError if it fails."""
    scope = Scope(reader=place.reader)
    document = docent.store.document(place.document_id, scope)

    def make() -> bytes:
        return docent.highlighted(document.id, {place.page: place.spans}, file=document.name, scope=scope)

    return _copy(docent, place, "pdf", make)


def page_picture(docent: Docent, place: CitedPlace) -> Path:
    """Return a picture of the page with the cited words boxed, made once. Raises LoadError if it fails."""
    scope = Scope(reader=place.reader)
    document = docent.store.document(place.document_id, scope)

    def make() -> bytes:
        return docent.picture(document.id, place.page, place.spans, file=document.name, scope=scope)

    return _copy(docent, place, "png", make)


def _copy(docent: Docent, place: CitedPlace, suffix: str, make: Callable[[], bytes]) -> Path:
    original = docent.store.original(place.document_id, Scope(reader=place.reader))
    if not original.exists():
        raise UnreadableFile("The file itself is not kept any more. Run: python -m docent doctor --mend")
    key = f"{place.document_id} {place.page} {place.spans}"  # without the reader: all readers share a copy
    name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.{suffix}"
    return Copies(docent.store.folder / COPIES).get(original, name, make)


# --- the side panel ------------------------------------------------------------------------


def citation_elements(answer: Answer, message_id: str) -> list[Any]:
    """Return a side panel for each citation number; its content is fetched when it is opened."""
    return [_text_element(message_id, n) for n in sorted({citation.n for citation in answer.citations})]


def _text_element(step_id: str, n: int) -> cl.Text:
    link = _panel_link(step_id, n)
    return cl.Text(id=_element_id(link), name=f"[{n}]", display="side", url=link)


def _panel_link(step_id: str, n: int) -> str:
    return f"/cited/{step_id}/{n}"


def _element_id(link: str) -> str:
    """Return the same id each time, so that the browser keeps showing what it has."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, link))


async def find_answer(history: History, step_id: object, n: object, reader: str) -> SavedAnswer | None:
    """Return the reader's own answer that has a citation `n`; None for any other."""
    if not is_uuid(step_id) or not isinstance(n, int):
        return None
    saved = await history.step_and_author(str(step_id))
    answer = load_answer(saved[0]["metadata"]) if saved is not None and saved[1] == reader else None
    return answer if answer is not None and answer.citations_numbered(n) else None


async def show_page(message: Any, *, state: AppState, reader: str, language: str) -> None:
    """Show the page of a citation that was clicked, below the quoted words."""
    clicked = message.get(CLICKED) if isinstance(message, dict) else None
    if not isinstance(clicked, dict):
        return
    step_id, n = clicked.get("step"), clicked.get("n")
    answer = await find_answer(state.history, step_id, n, reader)
    if answer is None or not isinstance(n, int):
        return
    link = _panel_link(str(step_id), n)
    quotes = answer.citations_numbered(n)
    views = await run_in_small_pool(
        page_views, quotes, link, docent=state.docent, signer=state.signer, reader=reader
    )
    elements = [_text_element(str(step_id), n), *(_page_element(view, link, quotes[0]) for view in views)]
    emit = cl.context.emitter.emit
    await emit("set_sidebar_title", say("Source {n}", language, n=n))
    await emit("set_sidebar_elements", {"elements": [element.to_dict() for element in elements], "key": link})


@dataclass(frozen=True, slots=True)
class PageView:
    """Something to show below the words of a citation."""

    kind: Literal["pdf", "image", "text"]
    url: str


def page_views(
    quotes: Sequence[Citation], link: str, *, docent: Docent, signer: LinkSigner, reader: str
) -> list[PageView]:
    """Return the cited page as it looks on paper; nothing for formats without pages of paper."""
    scope = Scope(reader=reader)
    try:
        document = docent.store.document(quotes[0].document_id, scope)
        page = docent.store.page(document.id, quotes[0].page, scope)
    except UnknownDocument:
        return []  # the text of the panel says that it was deleted
    if any(page.text[quote.start : quote.end] != quote.quote for quote in quotes):
        return []
    place = cited_place(quotes, reader=reader)
    try:
        if document.kind in PICTURES or (document.kind == "pdf" and page.read_by is ReadBy.OCR):
            page_picture(docent, place)
            return [PageView("image", signer.link(*quotes, reader=reader, target="picture"))]
        if document.kind == "pdf":
            highlighted_pdf(docent, place)
            return [PageView("pdf", signer.link(*quotes, reader=reader))]
    except LoadError:
        unmarked = PageView("text", link + "/unmarked")
        original = PageView("pdf", signer.link(*quotes, reader=reader, target="original"))
        return [unmarked, original] if document.kind == "pdf" else [unmarked]
    return []


def _page_element(view: PageView, link: str, cited: Citation) -> cl.Element:
    common: dict[str, Any] = {"id": _element_id(link + view.kind), "name": cited.where, "url": view.url}
    if view.kind == "pdf":
        return cl.Pdf(display="side", page=cited.page, **common)
    return (cl.Image if view.kind == "image" else cl.Text)(display="side", **common)


SOURCE_STATES = {
    "blanked": Message("This file was deleted, and what was quoted from it with it."),
    "changed": Message("This file has changed; these words are no longer in it as quoted."),
    "deleted": Message("This file was deleted. The quote from it:"),
}


def panel_text(
    answer: SavedAnswer, n: int, *, docent: Docent, signer: LinkSigner, reader: str, language: str
) -> str:
    """Return file, place and passage of a citation in Markdown, the quote bold; of a PDF only the quote."""
    quotes = answer.citations_numbered(n)
    scope = Scope(reader=reader)
    extract, state = load_extract(quotes[0], answer, reader=docent.store, scope=scope)
    if not quotes[0].quote:
        return _panel(quotes[:1], extract, below=f"*{say(SOURCE_STATES['blanked'], language)}*")
    if state != "same":
        quoted = Extract("\n\n".join(quote.quote for quote in quotes), quotes[0].start, extract.heading)
        return _panel(quotes[:1], quoted, below=f"*{say(SOURCE_STATES[state], language)}*")
    document = docent.store.document(quotes[0].document_id, scope)
    link = signer.link(*quotes, reader=reader, target="original")
    label = say("Open the original", language)
    on_paper = document.kind == "pdf" or document.kind in PICTURES
    return _panel(quotes, extract, below=f"[{label}]({link})", quotes_only=on_paper)


def _panel(quotes: Sequence[Citation], extract: Extract, *, below: str, quotes_only: bool = False) -> str:
    heading = f" · {escape_markdown(extract.heading)}" if extract.heading else ""
    if quotes_only:
        passage = "\n\n".join(f"> {escape_markdown(' '.join(quote.quote.split()))}" for quote in quotes)
    else:
        spans = [(max(quote.start - extract.start, 0), quote.end - extract.start) for quote in quotes]
        passage = table_markdown(extract.text, spans) or bold_spans(extract.text, spans)
    return "\n\n".join((f"**{escape_markdown(quotes[0].where)}**{heading}", passage, below))


def table_markdown(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return rows that name their columns ("Wine: Barolo | Price: 48") as a table, else "".

    The cells that a span touches are bold.
    """
    rows: list[list[str]] = []
    columns: list[str] = []
    above: list[str] = []
    position, marks = 0, list(spans)
    for line in text.split("\n"):
        cells = _cells(line, position, marks)
        position += len(line) + 1
        if len(cells) < 2:
            if line.strip() and (rows or len(above) >= MAX_LINES_ABOVE_TABLE):
                return ""
            above += [line] if line.strip() else []
            continue
        columns += [name for name, _ in cells if name not in columns]
        rows.append([dict(cells).get(name, "") for name in columns])
    if not rows or len(columns) > MAX_COLUMNS:
        return ""
    head = [escape_markdown(name) for name in columns]
    body = (row + [""] * (len(columns) - len(row)) for row in rows)
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(columns), *body))
    return "\n\n".join((*map(escape_markdown, above), table))


def _cells(line: str, position: int, spans: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
    """Return name and value of each cell of a line that begins at a position; none of any other line."""
    cells: list[tuple[str, str]] = []
    for part in line.split(" | "):
        name, colon, value = part.partition(": ")
        if not colon or not name.strip():
            return []
        marked = any(start < position + len(part) and position < end for start, end in spans)
        cells.append((name.strip(), _bold(value) if marked else escape_markdown(value)))
        position += len(part) + len(" | ")
    return cells


def bold_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return a document's text, to the letter, with the spans in bold."""
    parts: list[str] = []
    position = 0
    for start, end in sorted(spans):
        start, end = max(start, position), min(end, len(text))
        if start >= end:
            continue
        parts += [escape_markdown(text[position:start]), _bold(text[start:end])]
        position = end
    return "".join([*parts, escape_markdown(text[position:])])


def _bold(text: str) -> str:
    """Make text bold line by line: Markdown's bold may neither cross a blank line nor end in a space."""
    return re.sub(r"[^\s](?:[^\n]*[^\s])?", lambda line: f"**{escape_markdown(line[0])}**", text)
