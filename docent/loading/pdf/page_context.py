"""The pages around a page: running headers and footers, the size of body text, the words in use."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from docent.loading.pdf.hyphenation import Vocabulary
from docent.loading.pdf.layout import TextLine

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


@dataclass(slots=True)
class Gist:
    """Of one page, or of several in their order."""

    heights: Counter[int] = field(default_factory=Counter)
    """Letters of each height, in half points."""
    known: Vocabulary = field(default_factory=Vocabulary)
    marks: deque[Marks] = field(default_factory=lambda: deque(maxlen=NEIGHBOURS))
    """Of the last pages."""

    @classmethod
    def of(cls, lines: Sequence[TextLine], marks: Marks) -> Self:
        found = cls()
        found.see(lines)
        found.marks.append(marks)
        return found

    def see(self, lines: Sequence[TextLine]) -> None:
        """One more page; its marks are another matter, since a page is finished later than it is seen."""
        for line in lines:
            self.heights[round(line.height * 2)] += len(line.text)
        self.known.add(lines)

    def add(self, later: Gist) -> None:
        self.heights.update(later.heights)  # in order of appearance, which decides between equals
        self.known.words |= later.known.words
        self.known.lines += later.known.lines
        self.known.hyphenated += later.known.hyphenated
        self.marks.extend(later.marks)

    def copy(self) -> Gist:
        known = Vocabulary(set(self.known.words), self.known.lines, self.known.hyphenated)
        return Gist(self.heights.copy(), known, self.marks.copy())

    @property
    def body(self) -> float:
        """The height of most letters, in points."""
        return self.heights.most_common(1)[0][0] / 2 if self.heights else 0.0

    def to_wire(self) -> list[Any]:
        known = [list(self.known.words), self.known.lines, self.known.hyphenated]
        return [list(self.heights.items()), known, [list(marks) for marks in self.marks]]

    @classmethod
    def from_wire(cls, data: list[Any]) -> Self:
        heights, (words, lines, hyphenated), marks = data
        found = cls(Counter(dict(heights)), Vocabulary(set(words), lines, hyphenated))
        found.marks.extend(frozenset((said, place) for said, place in page) for page in marks)
        return found
