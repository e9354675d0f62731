"""List every document that mentions a term: all are read, with progress, and the places are counted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from docent.answering.citing.citations import CitedAnswer, citation_at
from docent.answering.citing.vocabulary import fold
from docent.answering.draft import Draft
from docent.answering.output_filter import display_name, display_quote, without_numbers
from docent.answering.scoped_documents import ScopedDocuments, answering, not_ready, passage_of, placed
from docent.messages import Message, joined
from docent.types import Chunk, Event, Passage, PassagesFound, Searching, StepProgress, StoredDocument

BATCH = 25
"""Documents between two reports of progress."""
CONTEXT = 60
"""Characters shown on either side of the term."""


@dataclass(frozen=True, slots=True)
class Mention:
    """The first place in a document that mentions a term, and the number of such places."""

    passage: Passage
    start: int
    end: int
    count: int


async def list_mentions(
    term: str, documents: Sequence[StoredDocument], in_scope: ScopedDocuments, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Search every readable document for a term, and answer with a list of those that mention it."""
    draft.searched = term
    yield Searching(term)
    readable = sorted(answering(documents), key=lambda document: (document.library, document.name))
    mentions: list[Mention] = []
    for start in range(0, len(readable), BATCH):
        yield StepProgress(Message("Looking through the documents"), start, len(readable))
        mentions += await asyncio.to_thread(_mentions_in, term, readable[start : start + BATCH], in_scope)
    unread = not_ready(document for document in documents if document not in readable)
    passages = tuple(mention.passage for mention in mentions)
    draft.found = len(passages)
    draft.lap("retrieve")
    yield PassagesFound(passages)
    yield draft.answered(_answer(term, mentions, len(readable), len(documents), unread), passages)


def _mentions_in(term: str, documents: Sequence[StoredDocument], in_scope: ScopedDocuments) -> list[Mention]:
    pattern = _term_pattern(term)
    mentions = []
    for document in documents:
        if mention := _find_mention(pattern, document, in_scope.chunks_of(document.id)):
            page = in_scope.page(document.id, mention.passage.page)
            mentions.append(replace(mention, passage=placed(mention.passage, page)))
    return mentions


def _term_pattern(term: str) -> re.Pattern[str]:
    """Match the term as whole words in folded text, however it is spaced, in the plural too."""
    phrase = r"[\s\-]+".join(re.escape(word) for word in fold(term).split())
    return re.compile(rf"(?<!\w){phrase}(?:['’]?s|es)?(?!\w)")


def _find_mention(
    pattern: re.Pattern[str], document: StoredDocument, chunks: Sequence[Chunk]
) -> Mention | None:
    """Find the first match in a document, and count all; one in two overlapping chunks counts once."""
    places: set[tuple[int, int]] = set()
    first: tuple[Chunk, int, int] | None = None
    for chunk in chunks:
        for match in pattern.finditer(fold(chunk.text)):
            places.add((chunk.page, chunk.start + match.start()))
            first = first or (chunk, match.start(), match.end())
    if first is None:
        return None
    chunk, start, end = first
    return Mention(passage_of(document, chunk), start, end, len(places))


def _answer(
    term: str, mentions: Sequence[Mention], scanned: int, total: int, unread: Sequence[str]
) -> CitedAnswer:
    """Return the counts and a list of the first mention in each document, numbered in that order."""
    summary = Message(
        "Scanned {scanned:,} of {documents} for “{term}”: {matches}.",
        scanned=scanned,
        documents=Message("1 document") if total == 1 else Message("{n:,} documents", n=total),
        term=display_name(term),
        matches=Message("1 match") if len(mentions) == 1 else Message("{n:,} matches", n=len(mentions)),
    )
    citations = tuple(
        citation_at(n, mention.passage, *_quoted_span(mention)) for n, mention in enumerate(mentions, 1)
    )
    lines = [
        Message(
            "- {document} ({places}): “{quote}” [{n}]",
            document=without_numbers(display_name(mention.passage.where)),
            places=Message("1 place") if mention.count == 1 else Message("{n:,} places", n=mention.count),
            quote=display_quote(citation.quote),
            n=citation.n,
        )
        for mention, citation in zip(mentions, citations, strict=True)
    ]
    not_scanned = (
        Message("Not scanned: {names}.", names=joined(map(display_name, unread), "; ")) if unread else ""
    )
    return CitedAnswer(joined((summary, joined(lines, "\n"), not_scanned), "\n\n"), citations)


def _quoted_span(mention: Mention) -> tuple[int, int]:
    """Return the span of the term with some words on both sides, cut between words."""
    text = mention.passage.text
    start, end = max(mention.start - CONTEXT, 0), min(mention.end + CONTEXT, len(text))
    while 0 < start < mention.start and not text[start - 1].isspace():
        start += 1
    while mention.end < end < len(text) and not text[end].isspace():
        end -= 1
    return start, end
