"""The source of a citation: links in an answer that open its panel, and signed links to the page itself.

A link names the document, the page and the cited characters, and carries a signature that only
this installation can make, so it cannot be turned into a link to another page or document.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

import chainlit as cl

from docent.app import Docent
from docent.errors import UnknownDocument, UnreadableFile
from docent.store import COPIES, Copies
from docent.types import Answer, Citation, Scope
from docent.web.chat.history import History
from docent.web.chat.saved_answer import SavedAnswer, load_answer
from docent.web.input_checks import is_uuid

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
        return self.place_link(cited_place(quotes, reader=reader), target, quotes[0].file)

    def place_link(self, place: CitedPlace, target: LinkTarget, name: str) -> str:
        """Return a link to a page of the file of this name."""
        body = _encode(json.dumps(asdict(place), separators=(",", ":")).encode())
        return f"/{target}/{body}.{self._signature(body)}/{quote(name, safe='')}#page={place.page}"

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

    return _copy(docent, place, document.sha256, "pdf", make)


def page_picture(docent: Docent, place: CitedPlace) -> Path:
    """Return a picture of the page with the cited words boxed, made once. Raises LoadError if it fails."""
    scope = Scope(reader=place.reader)
    document = docent.store.document(place.document_id, scope)

    def make() -> bytes:
        return docent.picture(document.id, place.page, place.spans, file=document.name, scope=scope)

    return _copy(docent, place, document.sha256, "png", make)


def _copy(docent: Docent, place: CitedPlace, sha256: str, suffix: str, make: Callable[[], bytes]) -> Path:
    key = f"{place.document_id} {place.page} {place.spans}"  # without the reader: all readers share a copy
    name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.{suffix}"
    copies = Copies(docent.store.folder / COPIES)
    if (made := copies.find(sha256, name)) is not None:
        return made
    original = docent.store.original(place.document_id, Scope(reader=place.reader))
    if not original.exists():
        raise UnreadableFile("The file itself is not kept any more. Run: python -m docent doctor --mend")
    return copies.get(original, name, make)


# --- the citations of an answer --------------------------------------------------------------


def citation_elements(answer: Answer, message_id: str) -> list[Any]:
    """Return an element for each citation number, which Chainlit makes a link; source.js opens its panel."""
    return [
        _citation_element(f"/cited/{message_id}/{n}", n)
        for n in sorted({citation.n for citation in answer.citations})
    ]


def _citation_element(address: str, n: int) -> cl.Text:
    """Return the same id each time, so that the browser keeps showing what it has."""
    element_id = str(uuid.uuid5(uuid.NAMESPACE_URL, address))
    return cl.Text(id=element_id, name=f"[{n}]", display="page", url=address)


async def find_answer(history: History, step_id: object, n: object, reader: str) -> SavedAnswer | None:
    """Return the reader's own answer that has a citation `n`; None for any other."""
    if not is_uuid(step_id) or not isinstance(n, int):
        return None
    saved = await history.step_and_author(str(step_id))
    answer = load_answer(saved[0]["metadata"]) if saved is not None and saved[1] == reader else None
    return answer if answer is not None and answer.citations_numbered(n) else None
