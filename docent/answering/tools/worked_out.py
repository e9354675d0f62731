"""An answer that code worked out: its text, the cells that it rests on, and the steps to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal

from docent.answering.answer_context import ScopedDocuments, passage_of, placed
from docent.answering.citing.field_labels import label_of
from docent.answering.quoted_units import quoted_units
from docent.messages import Message, joined
from docent.types import Chunk, Citation, Page, Passage, StoredDocument

NUMBERS = {0: "{n:,}", 1: "{n:,.1f}", 2: "{n:,.2f}", 3: "{n:,.3f}", 4: "{n:,.4f}"}
MOST_DECIMALS = 4
SIGNS_BEFORE = frozenset("$£€¥")


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """The answer to a question that needs no language model."""

    text: str
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()
    steps: tuple[Message, ...] = ()
    """The tools that were used: with what, and what came of it."""
    number: Decimal | None = None
    """The value, where the answer is one number."""
    unit: str = ""
    date: dt.date | None = None
    """The value, where the answer is one date."""


@dataclass(slots=True)
class CellCiter:
    """Cites characters of a document's pages, with the chunk that holds them."""

    documents: ScopedDocuments
    document: StoredDocument
    citations: list[Citation] = field(default_factory=list)
    passages: dict[str, Passage] = field(default_factory=dict)
    _chunks: list[Chunk] | None = None
    _pages: dict[int, Page] = field(default_factory=dict)

    def cite(self, n: int, page_number: int, spans: Iterable[tuple[int, int]]) -> None:
        """Cite spans of one page under one number."""
        if page_number not in self._pages:
            self._pages[page_number] = self.documents.page(self.document.id, page_number)
        page = self._pages[page_number]
        for start, end in spans:
            chunk = self._chunk(page_number, start)
            if chunk is None or start == end:
                continue
            passage = replace(placed(passage_of(self.document, chunk), page), place=page.where)
            self.passages.setdefault(chunk.id, passage)
            self.citations.append(
                Citation(
                    n=n, chunk_id=chunk.id, document_id=self.document.id, file=self.document.name,
                    library=self.document.library, page=page_number, page_label=page.label,
                    place=page.where, start=start, end=end, quote=page.text[start:end],
                )
            )  # fmt: skip

    def _chunk(self, page_number: int, start: int) -> Chunk | None:
        if self._chunks is None:
            self._chunks = self.documents.chunks_of(self.document.id)
        on_page = [chunk for chunk in self._chunks if chunk.page == page_number]
        holding = (chunk for chunk in on_page if chunk.start <= start < chunk.end)
        return next(holding, on_page[0] if on_page else None)


def stating_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the sentences, rows and fields of a text, each field on its own."""
    for unit in quoted_units(text):
        lines = text[unit.start : unit.end].split("\n")
        if len(lines) == 1 or not all(map(label_of, lines)):
            yield unit.start, unit.end
            continue
        at = unit.start
        for line in lines:
            yield at, at + len(line)
            at += len(line) + 1


def rounded(value: int | float | Decimal, decimals: int) -> Decimal:
    """Return a value rounded as on paper: 108.625 is 108.63."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def shown_number(
    value: int | float | Decimal, decimals: int, unit: str = "", *, trim: bool = False
) -> Message:
    """Return a number with its separators and its unit; `trim` leaves out zeros at its end."""
    number = rounded(value, min(decimals, MOST_DECIMALS))
    places = min(decimals, MOST_DECIMALS)
    while trim and places and number == rounded(number, places - 1):
        places -= 1
    text = Message(NUMBERS[places], n=float(number) if places else int(number))
    if not unit:
        return text
    if unit in SIGNS_BEFORE:
        return Message("{sign}{number}", sign=unit, number=text)
    return Message("{number} {unit}", number=text, unit=unit)


def together(parts: Sequence[WorkedOut]) -> WorkedOut:
    """Return several answers as one, numbered on."""
    if len(parts) == 1:
        return parts[0]
    texts: list[str] = []
    citations: list[Citation] = []
    for part in parts:
        texts.append(part.text)
        citations += part.citations
    return WorkedOut(
        joined(texts, "\n\n"),
        tuple(citations),
        tuple(passage for part in parts for passage in part.passages),
        tuple(step for part in parts for step in part.steps),
    )
