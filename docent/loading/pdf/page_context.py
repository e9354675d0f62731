"""The pages around a page: running headers and footers, the size of body text, the words in use."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from docent.loading.pdf.hyphenation import Vocabulary
from docent.loading.pdf.layout import TextLine

MARGIN_ZONE = 0.12  # of the page's height, at the top and at the bottom
NEIGHBOURS = 8  # pages looked at on either side; left and right pages often differ
MIN_PAGES_SHARING = 3  # pages that must share a line; fewer are chance
SAME_HEIGHT = 4.0  # points
PAGE_NUMBER = re.compile(r"[-–—\s(\[]*(?:page|p\.|seite|pág\.|s\.)?\s*(\d{1,4}|[ivxlc]{1,7})"
                         r"(?:\s*(?:/|of|de|von|sur)\s*\d{1,4})?[-–—\s)\]]*", re.IGNORECASE)  # fmt: skip

HeaderSignatures = frozenset[tuple[str, int]]


def header_signatures(lines: Sequence[TextLine], height: float) -> HeaderSignatures:
    """Return the lines near the page's edges by their words, with digits masked, and their position."""
    return frozenset(
        (signature(line.text), round(line.box[1] / SAME_HEIGHT))
        for line in lines
        if _in_margin_zone(line, height)
    )


def signature(text: str) -> str:
    return re.sub(r"\d+", "#", " ".join(text.split()).lower())


def _in_margin_zone(line: TextLine, height: float) -> bool:
    return line.box[3] <= height * MARGIN_ZONE or line.box[1] >= height * (1 - MARGIN_ZONE)


def running_header_lines(
    lines: Sequence[TextLine],
    height: float,
    before: Sequence[HeaderSignatures],
    after: Sequence[HeaderSignatures],
    label: str,
) -> set[int]:
    """Return the indexes of the running headers and footers, by the signatures of the pages around.

    The first page that has one keeps it as text: some addresses are given in a footer only.
    """
    header_lines: set[int] = set()
    for index, line in enumerate(lines):
        if not _in_margin_zone(line, height):
            continue
        line_signature, place = signature(line.text), round(line.box[1] / SAME_HEIGHT)
        signatures_nearby = {(line_signature, place + shift) for shift in (-1, 0, 1)}
        earlier = sum(not signatures_nearby.isdisjoint(signatures) for signatures in before)
        later = sum(not signatures_nearby.isdisjoint(signatures) for signatures in after)
        is_running = earlier > 0 and earlier + later >= MIN_PAGES_SHARING - 1
        if is_running or _is_page_number(line, lines, label):
            header_lines.add(index)
    return header_lines if len(header_lines) < len(lines) else set()


def _is_page_number(line: TextLine, lines: Sequence[TextLine], label: str) -> bool:
    """Return whether a line is the page's own number, alone on the outermost line."""
    match = PAGE_NUMBER.fullmatch(line.text.strip())
    if not match:
        return False
    is_outermost = (
        line.box[3] >= max(other.box[3] for other in lines) - 1
        or line.box[1] <= min(other.box[1] for other in lines) + 1
    )
    return is_outermost and (match[1].lower() == label.lower() or "page" in line.text.lower())


@dataclass(slots=True)
class PageContext:
    """The type sizes, words and running headers of one page, or of several in their order."""

    heights: Counter[int] = field(default_factory=Counter)
    """The number of letters of each height, in half points."""
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    signatures: deque[HeaderSignatures] = field(default_factory=lambda: deque(maxlen=NEIGHBOURS))
    """Of the last pages, one item each."""

    @classmethod
    def of_page(cls, lines: Sequence[TextLine], signatures: HeaderSignatures) -> Self:
        context = cls()
        context.add_lines(lines)
        context.signatures.append(signatures)
        return context

    def add_lines(self, lines: Sequence[TextLine]) -> None:
        """Add one page without its signatures, which are added when the page is finished."""
        for line in lines:
            self.heights[round(line.height * 2)] += len(line.text)
        self.vocabulary.add(lines)

    def add(self, later: PageContext) -> None:
        self.heights.update(
            later.heights
        )  # keeps the order of appearance, which decides between equal counts
        self.vocabulary.words |= later.vocabulary.words
        self.vocabulary.lines += later.vocabulary.lines
        self.vocabulary.hyphenated += later.vocabulary.hyphenated
        self.signatures.extend(later.signatures)

    def copy(self) -> PageContext:
        vocabulary = Vocabulary(set(self.vocabulary.words), self.vocabulary.lines, self.vocabulary.hyphenated)
        return PageContext(self.heights.copy(), vocabulary, self.signatures.copy())

    @property
    def body_height(self) -> float:
        """Return the height of most letters, in points."""
        return self.heights.most_common(1)[0][0] / 2 if self.heights else 0.0

    def to_wire(self) -> list[Any]:
        vocabulary = [list(self.vocabulary.words), self.vocabulary.lines, self.vocabulary.hyphenated]
        return [list(self.heights.items()), vocabulary, [list(signatures) for signatures in self.signatures]]

    @classmethod
    def from_wire(cls, data: list[Any]) -> Self:
        heights, (words, lines, hyphenated), signatures = data
        context = cls(Counter(dict(heights)), Vocabulary(set(words), lines, hyphenated))
        context.signatures.extend(frozenset((text, place) for text, place in page) for page in signatures)
        return context
