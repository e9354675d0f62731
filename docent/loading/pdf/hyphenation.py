"""Hyphens at line ends: part of the word ("long-term"), or only there because the line ends."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum

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
