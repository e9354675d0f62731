"""A page of a document as the source panel shows it: a picture with its text on top, a table, or text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from docent.types import Box, Page, StoredDocument

PICTURED = ("pdf", "png", "jpeg")
"""Kinds of documents whose pages can be drawn."""
MAX_LINES_ABOVE_TABLE = 2
"""Lines above a table that may be its title."""
MAX_COLUMNS = 12  # a panel shows no more side by side
MAX_HITS = 500
"""Of a search in a document."""

Span = tuple[int, int]
MarkedText = tuple[str, bool]
"""A piece of text, and whether it is marked."""


@dataclass(frozen=True, slots=True)
class PlacedText:
    """Text that stands in a box of the page, in percent of the page's width and height."""

    text: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class TextTable:
    """Rows that name their columns, as a table."""

    above: tuple[str, ...]
    """The lines above the rows."""
    columns: tuple[str, ...]
    rows: tuple[tuple[MarkedText, ...], ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """One page, ready for the template; without a picture, `table` or `text` is what is shown."""

    page: Page
    total: int
    picture: str
    """The address of its picture; empty for formats without pages of paper."""
    lines: tuple[PlacedText, ...]
    """The text that lies on the picture, to be selected and read aloud."""
    cited: tuple[PlacedText, ...]
    found: tuple[PlacedText, ...]
    table: TextTable | None
    text: tuple[MarkedText, ...]


def page_view(
    page: Page,
    document: StoredDocument,
    *,
    picture: str,
    cited: Sequence[Span] = (),
    found: Sequence[Span] = (),
) -> PageView:
    """Return the view of a page with the cited and the searched characters marked."""
    marks = (*cited, *found)
    table = None if picture else text_table(page.text, marks)
    return PageView(
        page=page,
        total=document.pages,
        picture=picture,
        lines=tuple(_placed(page, ((line.start, line.end) for line in page.lines))) if picture else (),
        cited=tuple(_placed(page, cited)) if picture else (),
        found=tuple(_placed(page, found)) if picture else (),
        table=table,
        text=() if table else tuple(marked_text(page.text, marks)),
    )


def _placed(page: Page, spans: Iterable[Span]) -> Iterator[PlacedText]:
    width, height = page.size
    if not width or not height:
        return
    for start, end in spans:
        for box in page.boxes(start, end):
            yield _in_percent(page.text[start:end], box, width, height)


def _in_percent(text: str, box: Box, width: float, height: float) -> PlacedText:
    left, top, right, bottom = box
    return PlacedText(
        " ".join(text.split()),
        left=round(100 * left / width, 3),
        top=round(100 * top / height, 3),
        width=round(100 * (right - left) / width, 3),
        height=round(100 * (bottom - top) / height, 3),
    )


def marked_text(text: str, spans: Iterable[Span]) -> Iterator[MarkedText]:
    """Yield a text in pieces, to the letter; those in the spans are marked."""
    position = 0
    for start, end in sorted(spans):
        start, end = max(start, position), min(end, len(text))
        if start >= end:
            continue
        if position < start:
            yield text[position:start], False
        yield text[start:end], True
        position = end
    if position < len(text):
        yield text[position:], False


def text_table(text: str, spans: Iterable[Span]) -> TextTable | None:
    """Return rows that name their columns ("Wine: Barolo | Price: 48") as a table; None for other text.

    The cells that a span touches are marked.
    """
    rows: list[dict[str, MarkedText]] = []
    above: list[str] = []
    position, marks = 0, list(spans)
    for line in text.split("\n"):
        cells = _cells(line, position, marks)
        position += len(line) + 1
        if len(cells) >= 2:
            rows.append(cells)
        elif line.strip() and (rows or len(above) >= MAX_LINES_ABOVE_TABLE):
            return None
        elif line.strip():
            above.append(line)
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    if not rows or len(columns) > MAX_COLUMNS:
        return None
    empty: MarkedText = ("", False)
    return TextTable(
        tuple(above), columns, tuple(tuple(row.get(name, empty) for name in columns) for row in rows)
    )


def _cells(line: str, position: int, spans: Sequence[Span]) -> dict[str, MarkedText]:
    """Return the cells of a line that begins at a position, by column; none of any other line."""
    cells: dict[str, MarkedText] = {}
    for part in line.split(" | "):
        name, colon, value = part.partition(": ")
        if not colon or not name.strip():
            return {}
        marked = any(start < position + len(part) and position < end for start, end in spans)
        cells[name.strip()] = (value, marked)
        position += len(part) + len(" | ")
    return cells


def search_pages(pages: Iterable[Page], words: str) -> list[tuple[int, int, int]]:
    """Return page, start and end of each place where the words stand as they are written, in order.

    Case does not count, nor does where a line ends.
    """
    pattern = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE)
    hits: list[tuple[int, int, int]] = []
    for page in pages:
        if not words.split():
            break
        for match in pattern.finditer(page.text):
            hits.append((page.number, match.start(), match.end()))
            if len(hits) >= MAX_HITS:
                return hits
    return hits
