"""Running headers and footers: lines that come back at the same height on neighbouring pages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docent.loading.layout import TextLine

ZONE = 0.12  # of the page's height, at the top and at the bottom
NEIGHBOURS = 8  # pages looked at on either side; left and right pages often differ
ENOUGH = 3  # pages that must share a line before it is furniture rather than chance
SAME_HEIGHT = 4.0  # points
PAGE_NUMBER = re.compile(r"[-–—\s(\[]*(?:page|p\.|seite|pág\.|s\.)?\s*(\d{1,4}|[ivxlc]{1,7})"
                         r"(?:\s*(?:/|of|de|von|sur)\s*\d{1,4})?[-–—\s)\]]*", re.IGNORECASE)  # fmt: skip

Marks = frozenset[tuple[str, int]]


def marks_of(lines: Sequence[TextLine], height: float) -> Marks:
    """Signatures of the lines near the page's edges: their words with figures masked, and their height."""
    return frozenset(
        (signature(line.text), round(line.box[1] / SAME_HEIGHT)) for line in lines if _in_zone(line, height)
    )


def signature(text: str) -> str:
    return re.sub(r"\d+", "#", " ".join(text.split()).lower())


def _in_zone(line: TextLine, height: float) -> bool:
    return line.box[3] <= height * ZONE or line.box[1] >= height * (1 - ZONE)


def margin_lines(
    lines: Sequence[TextLine], height: float, before: Sequence[Marks], after: Sequence[Marks], label: str
) -> set[int]:
    """Indexes of the lines that are a running header or footer, given the marks of pages around.

    The first page that has one keeps it as text: an address often stands nowhere but in a footer.
    """
    found: set[int] = set()
    for index, line in enumerate(lines):
        if not _in_zone(line, height):
            continue
        said, place = signature(line.text), round(line.box[1] / SAME_HEIGHT)
        there = {(said, place + shift) for shift in (-1, 0, 1)}
        earlier = sum(not there.isdisjoint(marks) for marks in before)
        later = sum(not there.isdisjoint(marks) for marks in after)
        running = earlier > 0 and earlier + later >= ENOUGH - 1
        if running or _is_page_number(line, lines, label):
            found.add(index)
    return found if len(found) < len(lines) else set()


def _is_page_number(line: TextLine, lines: Sequence[TextLine], label: str) -> bool:
    """The page's own number, alone on the outermost line."""
    match = PAGE_NUMBER.fullmatch(line.text.strip())
    if not match:
        return False
    outermost = (
        line.box[3] >= max(other.box[3] for other in lines) - 1
        or line.box[1] <= min(other.box[1] for other in lines) + 1
    )
    return outermost and (match[1].lower() == label.lower() or "page" in line.text.lower())
