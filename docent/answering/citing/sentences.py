"""Sentences of a text, by their positions; its words that carry meaning, and how they are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

BREAK = re.compile(
    r"\n\s*\n"  # a blank line
    r"|\n(?=\s*(?:[-*•·–]|\d+[.)])\s)"  # an item of a list
    r"|(?<!\s\d\.)(?<!\s\d\d\.)(?<!\.\.)"  # not after "12." or after leaders …
    r"(?<=[.!?…])[\"”’)\]]*\s+(?=[^\sa-z])"  # … but after a full stop
    r"|\n(?=#|[^\n|]+ \| )"  # a heading, or a row of a table
)
SHORT = 0.6
"""A line this much shorter than the longest ends where its writer ended it: a heading, a row, a label."""
WORD = re.compile(r"\w+(?:[.,:]\d+)*", re.UNICODE)

STOP_WORDS = frozenset(
    """a about after all also an and any are as at be because been but by can could did do does for from had
    has have he her his how i if in into is it its la le les me more most my no not of on one or our out over
    own she so some such than that the their them then there these they this those to under up very was we
    were what when where which who whom whose why will with would you your un une des du de et est sont dans
    pour par sur au aux que qui quel quelle quels quelles der die das und ist""".split()
)


def folded(text: str) -> str:
    """Lower case without accents, character for character: as long as the text it came from."""
    return "".join(
        bare if len(bare := unicodedata.normalize("NFD", sign)[0].lower()) == 1 else sign for sign in text
    )


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, list item or short line, without the white space around it."""
    at = 0
    for start, end in sorted({*_breaks(text), *_short_line_ends(text)}):
        if start >= at:
            yield from _trimmed(text, at, start)
            at = end
    yield from _trimmed(text, at, len(text))


def _breaks(text: str) -> Iterator[tuple[int, int]]:
    for gap in BREAK.finditer(text):
        closing = len(gap[0]) - len(gap[0].lstrip('"”’)]'))
        yield gap.start() + closing, gap.end()


def _short_line_ends(text: str) -> Iterator[tuple[int, int]]:
    lines = text.split("\n")
    longest = max(map(len, lines))
    at = 0
    for line, after in zip(lines, lines[1:], strict=False):
        at += len(line) + 1
        short = len(line) < SHORT * longest
        if (short and not after[:1].islower()) or (len(after) < SHORT * longest and _heads(line, after)):
            yield at - 1, at


def _heads(line: str, after: str) -> bool:
    """Whether a short line begins something, and does not end what the line before it left open."""
    left_open = (
        line.rstrip().endswith((",", "-", "–"))
        or line.split()[-1:][:1] == []
        or (line.split()[-1].lower() in STOP_WORDS)
    )
    return after[:1].isupper() and after.rstrip()[-1:] not in ".,;!?)" and not left_open


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    if start < end:
        yield start, end


@lru_cache(maxsize=4096)
def words(text: str) -> frozenset[str]:
    """The words that carry meaning, shortened so that plurals and endings agree."""
    return frozenset(_stem(word) for word in WORD.findall(text.lower()) if word not in STOP_WORDS)


def _stem(word: str) -> str:
    if word[0].isdigit() or len(word) < 5:
        return word.replace(",", "") if word[0].isdigit() else word
    for ending in ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
