"""The pages around a page decide its running headers, its body text's size and its hyphens at line ends."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from docent.loading.pdf.layout import TextLine
from docent.types import Page

LAST_WORD_PART = re.compile(r"[\w-]+$")
FIRST_WORD_PART = re.compile(r"\w+")
MIN_LINES = 100  # lines
RARE_SHARE = 0.03  # of the lines; where words are broken it is one in ten, elsewhere one in a hundred


class HyphenRole(Enum):
    """The role of a hyphen that stays in the text."""

    IN_WORD = "part of the word, which continues in the next line"
    WORD_CONTINUES_ELSEWHERE = "the word continues elsewhere: on the next page, or after a footer"


Hyphens = dict[int, HyphenRole]
"""By the index of the line that ends with it; all other hyphens are removed, and their words joined."""


@dataclass(slots=True)
class Vocabulary:
    """The words of a document as far as it was read, and the number of lines that end in a hyphen."""

    words: set[str] = field(default_factory=set)
    """In lower case, without those broken at a line's end."""
    lines: int = 0
    hyphenated: int = 0

    def add(self, lines: Sequence[TextLine]) -> None:
        after_break = False
        for line in lines:
            words = line.text.lower().split()
            self.words.update(words[after_break : len(words) - line.hyphenated])
            after_break = line.hyphenated
            self.hyphenated += after_break
        self.lines += len(lines)

    @property
    def never_breaks(self) -> bool:
        """Return whether the program breaks no words, by the few lines that end in a hyphen."""
        return self.lines >= MIN_LINES and self.hyphenated < RARE_SHARE * self.lines


def decide_hyphens(lines: Sequence[TextLine], vocabulary: Vocabulary, margins: Collection[int]) -> Hyphens:
    """Return the hyphens that stay; `margins` are the indexes of running headers and footers."""
    roles: Hyphens = {}
    for index, line in enumerate(lines):
        if not line.hyphenated:
            continue
        if index + 1 == len(lines) or (index + 1 in margins) != (index in margins):
            roles[index] = HyphenRole.WORD_CONTINUES_ELSEWHERE
        elif _is_part_of_word(line.text, lines[index + 1].text, vocabulary):
            roles[index] = HyphenRole.IN_WORD
    return roles


def stored_hyphens(page: Page, lines: Sequence[TextLine]) -> Hyphens:
    """Return the hyphens as they were decided when the page was stored."""
    roles: Hyphens = {}
    for index, (stored, line) in enumerate(zip(page.lines, lines, strict=False)):
        if line.hyphenated and page.text[stored.start : stored.end].endswith("-"):
            continues = page.lines[index + 1].start == stored.end if index + 1 < len(page.lines) else False
            roles[index] = HyphenRole.IN_WORD if continues else HyphenRole.WORD_CONTINUES_ELSEWHERE
    return roles


def join_lines(lines: Sequence[TextLine], hyphens: Hyphens) -> tuple[str, list[tuple[int, int]]]:
    """Return the page's text, and the span of each line in it."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    length = 0
    for index, line in enumerate(lines):
        role = hyphens.get(index)
        text = f"{line.text}-" if role else line.text
        spans.append((length, length + len(text)))
        if index + 1 < len(lines) and (not line.hyphenated or role is HyphenRole.WORD_CONTINUES_ELSEWHERE):
            text += "\n"
        parts.append(text)
        length += len(text)
    return "".join(parts), spans


def _is_part_of_word(line: str, following: str, vocabulary: Vocabulary) -> bool:
    last, first = LAST_WORD_PART.search(line), FIRST_WORD_PART.match(following)
    if last is None or first is None:
        return False
    start, end = last[0], first[0]
    if not end[0].islower() or "-" in start or not start[-1].isalpha() or len(start) > 1 and start.isupper():
        return True  # non-GAAP, year-on-year, 2019-based, GAAP-based
    start, end, words = start.lower(), end.lower(), vocabulary.words
    if start + end in words:
        return False
    return f"{start}-{end}" in words or start in words and end in words or vocabulary.never_breaks


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
