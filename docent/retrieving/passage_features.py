"""What a piece of text shows on closer look: its headings, its figures, its sentences, words side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

FULL_OF_FIGURES = 0.1  # a tenth of the letters; a table of figures has more, prose has less
UNSAID = 2.0  # so that a heading of one common word does not count as wholly said

SENTENCE_ENDS = re.compile(r"\s(?:(?<=[.!?;]\s)\s*|(?<=\n)(?!\s*[a-zß-ÿ]))")
"""Also at a line's end, unless the next line goes on in small letters, as in a wrapped paragraph.

It begins with what it ends at, so that nothing but blanks is looked at: a third of the time.
"""
DIGIT = re.compile(r"\d")
DIGITS = b"0123456789"

Terms = Callable[[str], Sequence[str]]


def headings(header: str) -> list[str]:
    """The headings in a header: what stands between the document's name and the place."""
    return [heading for part in header.split(" | ")[1:-1] for heading in part.split(" - ")]


def title(asked: Sequence[str], header: str, terms: Terms, rarity: Mapping[str, float]) -> float:
    """How much of the best heading the question says, 0 to 1: a page is named after what it answers."""
    question, best = set(asked), 0.0
    for heading in headings(header):
        words = {word for word in terms(heading) if not word.isdigit()}
        said = sum(rarity.get(word, 0.0) for word in words & question)
        best = max(best, said / (sum(rarity.get(word, 0.0) for word in words) + UNSAID))
    return best


def figures(text: str) -> float:
    """How full of figures a text is, 0 to 1."""
    # A tenth of the time, and most texts are.
    digits = (
        len(text) - len(text.encode().translate(None, DIGITS)) if text.isascii() else len(DIGIT.findall(text))
    )
    return min(digits / (FULL_OF_FIGURES * len(text)), 1.0) if text else 0.0


def neighbours(asked: Sequence[str], terms: Sequence[str], rarity: Mapping[str, float]) -> float:
    """The share of the question's neighbouring words that are neighbours here, too, rare ones first."""
    pairs = {pair: rarity.get(pair[0], 0.0) + rarity.get(pair[1], 0.0) for pair in pairwise(asked)}
    whole = sum(pairs.values())
    return sum(pairs[pair] for pair in pairs.keys() & pairwise(terms)) / whole if whole else 0.0


def sentences(text: str) -> list[str]:
    """A text cut where its sentences end, or its lines when they are no prose."""
    return [part for part in SENTENCE_ENDS.split(text) if part.strip()]


def sentence(asked: Sequence[str], said: Sequence[Sequence[str]], rarity: Mapping[str, float]) -> float:
    """The share of the question's words in the sentence that holds most of them, rare ones first."""
    question = set(asked)
    whole = sum(rarity.get(word, 0.0) for word in question)
    shares = (sum(rarity.get(word, 0.0) for word in question.intersection(words)) for words in said)
    return max(shares, default=0.0) / whole if whole else 0.0
