"""What stands in the side panel of a citation, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docent.types import Citation

MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$])")

MOST_ABOVE = 2
"""Lines above a table that may be its title."""
MOST_COLUMNS = 12  # a panel shows no more side by side


@dataclass(frozen=True, slots=True)
class Extract:
    """A piece of a page's text and where in it the piece begins."""

    text: str
    start: int
    heading: str = ""


def panel(quotes: Sequence[Citation], extract: Extract, *, below: str, quotes_only: bool = False) -> str:
    """File, place and passage of one citation number, the quoted characters in bold."""
    heading = f" · {escaped(extract.heading)}" if extract.heading else ""
    if quotes_only:
        said = "\n\n".join(f"> {escaped(' '.join(quote.quote.split()))}" for quote in quotes)
    else:
        spans = [(max(quote.start - extract.start, 0), quote.end - extract.start) for quote in quotes]
        said = tabled(extract.text, spans) or emphasised(extract.text, spans)
    return "\n\n".join((f"**{escaped(quotes[0].where)}**{heading}", said, below))


def tabled(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Rows that name their columns ("Wine: Barolo | Price: 48") as a table; empty when they are not all such.

    Marked are the cells that a span touches.
    """
    rows: list[list[str]] = []
    columns: list[str] = []
    above: list[str] = []
    at, marks = 0, list(spans)
    for line in text.split("\n"):
        cells = _cells(line, at, marks)
        at += len(line) + 1
        if len(cells) < 2:
            if line.strip() and (rows or len(above) >= MOST_ABOVE):
                return ""
            above += [line] if line.strip() else []
            continue
        columns += [name for name, _ in cells if name not in columns]
        rows.append([dict(cells).get(name, "") for name in columns])
    if not rows or len(columns) > MOST_COLUMNS:
        return ""
    lines = [columns, ["---"] * len(columns), *(row + [""] * (len(columns) - len(row)) for row in rows)]
    head = [escaped(name) for name in lines[0]]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, *lines[1:]))
    return "\n\n".join((*map(escaped, above), table))


def _cells(line: str, at: int, spans: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
    """Name and value of each cell of a line that begins at `at`; none of a line that is no such row."""
    cells: list[tuple[str, str]] = []
    for part in line.split(" | "):
        name, colon, value = part.partition(": ")
        if not colon or not name.strip():
            return []
        marked = any(start < at + len(part) and at < end for start, end in spans)
        cells.append((name.strip(), _bold(value) if marked else escaped(value)))
        at += len(part) + len(" | ")
    return cells


def emphasised(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """A document's own text, to the letter, with the spans in bold."""
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        parts += [escaped(text[at:start]), _bold(text[start:end])]
        at = end
    return "".join([*parts, escaped(text[at:])])


def _bold(text: str) -> str:
    """Bold line by line: Markdown's bold may neither cross a blank line nor end in a space."""
    return re.sub(r"[^\s](?:[^\n]*[^\s])?", lambda line: f"**{escaped(line[0])}**", text)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is written: documents are shown, never obeyed."""
    return MARKDOWN.sub(r"\\\1", text)
