"""A hyphen at a line's end: part of the word ("long-term"), or only there because the line ends."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum

from docent.glossary import Page
from docent.loading.pdf.layout import TextLine

LAST = re.compile(r"[\w-]+$")
FIRST = re.compile(r"\w+")
ENOUGH = 100  # lines
SELDOM = 0.03  # of the lines; where words are broken it is one line in ten, and here one in a hundred


class Hyphen(Enum):
    """What becomes of it."""

    KEPT = "it belongs to the word, which goes on in the next line"
    ENDS = "the word goes on elsewhere: on the next page, after a footer"


Hyphens = dict[int, Hyphen]
"""By the line that ends with it; one that is not named is taken out, and the word is whole again."""


@dataclass(slots=True)
class Vocabulary:
    """Words of a document, as far as it was read, and how its lines end."""

    words: set[str] = field(default_factory=set)
    """In lower case; not those that a line's end broke."""
    lines: int = 0
    hyphenated: int = 0

    def add(self, lines: Sequence[TextLine]) -> None:
        broken = False
        for line in lines:
            words = line.text.lower().split()
            self.words.update(words[broken : len(words) - line.hyphenated])
            broken = line.hyphenated
            self.hyphenated += broken
        self.lines += len(lines)

    @property
    def never_breaks(self) -> bool:
        """Lines end in a hyphen so seldom that their program does not break words; reports are like that."""
        return self.lines >= ENOUGH and self.hyphenated < SELDOM * self.lines


def hyphens_of(lines: Sequence[TextLine], vocabulary: Vocabulary, margins: Collection[int]) -> Hyphens:
    """`margins` are the lines that are headers and footers."""
    found: Hyphens = {}
    for index, line in enumerate(lines):
        if not line.hyphenated:
            continue
        if index + 1 == len(lines) or (index + 1 in margins) != (index in margins):
            found[index] = Hyphen.ENDS
        elif _belongs(line.text, lines[index + 1].text, vocabulary):
            found[index] = Hyphen.KEPT
    return found


def hyphens_in(page: Page, lines: Sequence[TextLine]) -> Hyphens:
    """As they were decided when the page was stored."""
    found: Hyphens = {}
    for index, (stored, line) in enumerate(zip(page.lines, lines, strict=False)):
        if line.hyphenated and page.text[stored.start : stored.end].endswith("-"):
            goes_on = page.lines[index + 1].start == stored.end if index + 1 < len(page.lines) else False
            found[index] = Hyphen.KEPT if goes_on else Hyphen.ENDS
    return found


def joined(lines: Sequence[TextLine], hyphens: Hyphens) -> tuple[str, list[tuple[int, int]]]:
    """The page's text, and where each line is in it."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    length = 0
    for index, line in enumerate(lines):
        hyphen = hyphens.get(index)
        text = f"{line.text}-" if hyphen else line.text
        spans.append((length, length + len(text)))
        if index + 1 < len(lines) and (not line.hyphenated or hyphen is Hyphen.ENDS):
            text += "\n"
        parts.append(text)
        length += len(text)
    return "".join(parts), spans


def _belongs(line: str, following: str, vocabulary: Vocabulary) -> bool:
    last, first = LAST.search(line), FIRST.match(following)
    if last is None or first is None:
        return False
    begun, rest = last[0], first[0]
    if not rest[0].islower() or "-" in begun or not begun[-1].isalpha() or len(begun) > 1 and begun.isupper():
        return True  # non-GAAP, year-on-year, 2019-based, GAAP-based
    begun, rest, known = begun.lower(), rest.lower(), vocabulary.words
    if begun + rest in known:
        return False
    return f"{begun}-{rest}" in known or begun in known and rest in known or vocabulary.never_breaks
