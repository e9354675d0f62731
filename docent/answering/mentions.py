"""Which documents mention something: every one is looked at, and counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docent.answering.citing.citations import Cited, citation
from docent.answering.citing.sentences import folded
from docent.answering.output_filter import display_name, display_quote, without_numbers
from docent.answering.scoped_documents import passage_of
from docent.types import Chunk, Passage, StoredDocument

AROUND = 60
"""Characters shown on either side of what was found."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a document first mentions the term, and how often it does."""

    passage: Passage
    start: int
    end: int
    count: int


def pattern_of(term: str) -> re.Pattern[str]:
    """The term as whole words, however it is spaced, in any case, in the plural too."""
    words = [re.escape(word) for word in folded(term).split()]
    phrase = r"[\s\-]+".join(words)
    return re.compile(rf"(?<!\w){phrase}(?:['’]?s|es)?(?!\w)")


def find(pattern: re.Pattern[str], document: StoredDocument, chunks: Sequence[Chunk]) -> Mention | None:
    """Each place counts once, also where it lies in two chunks that overlap."""
    places: set[tuple[int, int]] = set()
    first: tuple[Chunk, int, int] | None = None
    for chunk in chunks:
        for found in pattern.finditer(folded(chunk.text)):
            places.add((chunk.page, chunk.start + found.start()))
            first = first or (chunk, found.start(), found.end())
    if first is None:
        return None
    chunk, start, end = first
    return Mention(passage_of(document, chunk), start, end, len(places))


def told(
    term: str, mentions: Sequence[Mention], *, scanned: int, documents: int, unread: Sequence[str]
) -> tuple[Cited, tuple[Passage, ...]]:
    """The list, with the first place of each; numbered in the order in which it is shown."""
    matches = f"{len(mentions)} {'match' if len(mentions) == 1 else 'matches'}"
    head = f"Scanned {scanned} of {documents} documents for “{display_name(term)}”: {matches}."
    lines = [_line(n, mention) for n, mention in enumerate(mentions, 1)]
    left_out = f"Not scanned: {display_name('; '.join(unread))}." if unread else ""
    text = "\n\n".join(filter(None, (head, "\n".join(lines), left_out)))
    citations = tuple(
        citation(n, mention.passage, *_around(mention)) for n, mention in enumerate(mentions, 1)
    )
    return Cited(text, citations, (), (), ()), tuple(mention.passage for mention in mentions)


def _line(n: int, mention: Mention) -> str:
    start, end = _around(mention)
    quote = display_quote(mention.passage.text[start:end])
    places = "1 place" if mention.count == 1 else f"{mention.count} places"
    return f"- {without_numbers(display_name(mention.passage.where))} ({places}): “{quote}” [{n}]"


def _around(mention: Mention) -> tuple[int, int]:
    """The term with some words on both sides, cut between words."""
    text = mention.passage.text
    start, end = max(mention.start - AROUND, 0), min(mention.end + AROUND, len(text))
    while 0 < start < mention.start and not text[start - 1].isspace():
        start += 1
    while mention.end < end < len(text) and not text[end].isspace():
        end -= 1
    return start, end
