"""Replies that no model writes, and notices about an answer.

They greet and describe the documents, list each document that mentions a term, and give the sentences of
the passages that have most of the question's words.
"""

from __future__ import annotations

import asyncio
import math
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace

from docent.answering.answer_context import Draft, ScopedDocuments, answering, not_ready, passage_of, placed
from docent.answering.citing.citations import CitedAnswer, renumber
from docent.answering.citing.sources import citation_at
from docent.answering.citing.text_units import FIGURE
from docent.answering.citing.vocabulary import WORD, content_words, fold
from docent.answering.output_filter import display_name, display_quote, without_numbers
from docent.answering.quoted_units import QuotedUnit, quoted_units, shown_row, shown_rows, shown_sentence
from docent.messages import Message, joined
from docent.types import (
    UNFINISHED,
    Chunk,
    Citation,
    Event,
    Passage,
    PassagesFound,
    Searching,
    StepProgress,
    StoredDocument,
)

HELLO = Message(
    "Hello! Ask me anything about your documents, and I will show you the page each answer comes from."
)
WELCOME = Message("You are welcome. Ask on whenever you like.")
NOTHING = Message("Nothing in the documents that were searched speaks of this.")
NEAREST = Message("The nearest that was found, which may not answer it:")
ANYWAY = Message(
    'To hear what the model knows without your documents, write "answer anyway" '
    '(in a terminal: "answer anyway: " and the question).'
)
NOT_YET = Message("Still being prepared, so that they may answer later: {files}. Ask again in a while.")
NO_QUESTION = Message('Which question? Write "answer anyway: " and the question in one line.')
UNGROUNDED = Message("**Not from your documents.**")
FROM_THE_MODEL = Message("This answer comes from the model alone; none of your documents supports it.")
NO_MODEL = Message("No language model answered; these are the best sentences found.")
TOO_SMALL = Message(
    "This language model is too small to summarise; these are the document's own key sentences."
)
TOO_LONG = Message(
    "The question is longer than the model's context; no language model answered. Ask a shorter one, "
    "or raise DOCENT_CONTEXT_TOKENS."
)
ONLY_THOUGHT = Message(
    "The model was still thinking when its answer reached the longest length allowed; these are the best "
    "sentences found. DOCENT_ANSWER_TOKENS raises it."
)
SILENT = Message(
    "The model gave no answer; these are the best sentences found. Ask again, perhaps in other words."
)
UNCHECKED = Message(
    "The answer is too long to be checked whole; no source is named for its last {n} sentences. Ask for a "
    "shorter one."
)

NAMES_SHOWN = 8
NEAREST_SHOWN = 3
LONGEST_QUOTED = 200
"""A model may copy half a page as one sentence."""

MOST_SENTENCES = 4
FALLOFF = 0.85  # a sentence of the next passage must score this much more to come first
LEAST_WORDS = 4  # a heading or a page number alone answers nothing
HEADER_WEIGHT = 0.3
"""Weight of a question's word in the passage's header, against one in the sentence itself."""
HEADING_WEIGHT = 0.8
"""The same for the heading of the sentence's section; that of the document says less about one sentence."""
WANTS_FIGURE = re.compile(
    r"\b(how (much|many|long|often|old|far|late|early)|when|what time|prices?|costs?|pays?|paid|salary|wage"
    r"|fee|deadline|dates?|hours|length|combien|quand|prix|co[uû]te|heures?|wie ?viel|wann|preis|kostet)\b",
    re.IGNORECASE,
)
FIGURE_FACTOR = 1.5
"""Factor for a sentence with a figure where the question asks for one. Of 149 golden questions, a line shown
holds the evidence for 101 with this and without the document's name, for 91 without, and the first line for
65 instead of 50."""
CUT_FACTOR = 0.85
"""Factor for a sentence of which the passage holds only a part."""
SAYS_NOTHING_FACTOR = 0.3
"""Factor for a heading, the names of a table's columns, and a question that a text gives as an example."""
SAYS_ALL_WORDS = 3
"""A title with all the words of a question answers it, if they are at least so many: "Which internship is
about machine learning?"."""
ENDED = re.compile(r"[.!?:…\d]\W*\Z")
"""The end of a statement; a heading has none."""
ROW_NAME_FACTOR = 1.5
"""Factor for a row that the question names: "Net sales" in "What were net sales?"."""
READ_AT_ONCE = 25
"""Documents between two reports of progress."""
MENTION_CONTEXT = 60
"""Characters shown on either side of the term."""


def uncited(text: str) -> CitedAnswer:
    """Return a reply without citations."""
    return CitedAnswer(text)


def about(documents: Sequence[StoredDocument]) -> CitedAnswer:
    """Describe what can be asked, from the catalog."""
    ready = answering(documents)
    if not ready:
        return uncited(
            Message(
                "I answer questions about your documents and show the page each answer comes from, but there "
                "are no documents yet. Put files into data/ and run: python -m docent ingest"
            )
        )
    pages = sum(document.pages for document in ready)
    intro = Message(
        "I answer questions about your {documents} ({pages}), and show the page each answer comes from:",
        documents=_documents(len(ready)),
        pages=Message("1 page") if pages == 1 else Message("{n:,} pages", n=pages),
    )
    more = Message(
        "You can also ask me to summarise a document, to compare two, or to list every document that "
        "mentions something."
    )
    return uncited(joined((intro, _listed(ready), more), "\n\n"))


def which(documents: Sequence[StoredDocument]) -> CitedAnswer:
    """Ask which of several documents "this document" means."""
    example = display_name(min(documents, key=lambda document: document.name).name)
    question = Message(
        "Which document do you mean? Name it as it is listed here, for example: summarise {example}",
        example=example,
    )
    return uncited(joined((question, _listed(documents)), "\n\n"))


def nothing_found(
    question: str, passages: Sequence[Passage], *, model: bool, translated: str = ""
) -> CitedAnswer:
    """Say that the documents do not answer, with the nearest sentences."""
    shown = passages[:NEAREST_SHOWN]
    nearest = best_sentences(question, shown, translated=translated) if shown else uncited("")
    parts = (NOTHING, NEAREST if shown else "", nearest.text if shown else "", ANYWAY if model else "")
    return CitedAnswer(joined(parts, "\n\n"), nearest.citations)


def not_yet(documents: Sequence[StoredDocument]) -> str:
    """Name the documents that are still being prepared and may answer later; empty for none."""
    names = [display_name(document.name) for document in documents if document.state in UNFINISHED]
    return Message(NOT_YET, files=and_more(names, NEAREST_SHOWN)) if names else ""


def and_more(names: Sequence[str], most: int) -> Message:
    """Return the first names, and how many there are beside them."""
    shown = ", ".join(names[:most])
    if len(names) <= most:
        return Message("{names}", names=shown)
    return Message("{names} and {n} more", names=shown, n=len(names) - most)


def warnings(cited: CitedAnswer, *, cut_short: bool) -> list[Message]:
    """Return the notices about a cited answer: what no passage supports, then where it ends early."""
    notices: list[Message] = []
    if cited.doubtful:
        notices.append(
            Message(
                "In none of the passages: {what}. Check before you rely on it.",
                what=", ".join(cited.doubtful),
            )
        )
    if cited.unsupported:
        first = textwrap.shorten(cited.unsupported[0], LONGEST_QUOTED, placeholder=" …")
        others = len(cited.unsupported) - 1
        notices.append(
            Message("No passage was found to support: “{what}” (and {n} more)", what=first, n=others)
            if others
            else Message("No passage was found to support: “{what}”", what=first)
        )
    if cut_short:
        notices.append(
            Message("The answer reached the longest length allowed; DOCENT_ANSWER_TOKENS raises it.")
        )
    if cited.unfinished:
        notices.append(Message("The last sentence is unfinished, so no source is named for it."))
    if cited.unchecked:
        notices.append(Message(UNCHECKED, n=cited.unchecked))
    return notices


def _listed(documents: Sequence[StoredDocument]) -> Message:
    libraries: dict[str, list[StoredDocument]] = defaultdict(list)
    for document in documents:
        libraries[document.library].append(document)
    return joined((_library(name, libraries[name]) for name in sorted(libraries)), "\n")


def _library(name: str, documents: Sequence[StoredDocument]) -> Message:
    names = sorted(display_name(document.name) for document in documents)
    return Message(
        "- **{library}**, {documents}: {names}",
        library=display_name(name),
        documents=_documents(len(names)),
        names=and_more(names, NAMES_SHOWN),
    )


def _documents(number: int) -> Message:
    return Message("1 document") if number == 1 else Message("{n:,} documents", n=number)


def best_sentences(question: str, passages: Sequence[Passage], *, translated: str = "") -> CitedAnswer:
    """Return the sentences that match the question best, numbered from 1 in order of appearance."""
    return renumber(find_best_sentences(question, passages, translated=translated), passages)[0]


def find_best_sentences(
    question: str, passages: Sequence[Passage], *, translated: str = "", most: int = MOST_SENTENCES
) -> CitedAnswer:
    """Return a list of the sentences that match the question best, each with the mark of its passage.

    A word weighs more the fewer sentences have it. Words of a document's name do not count in its
    sentences: a line that only repeats the name, or the headings above it, answers nothing. `translated`
    holds the question's words in other languages.
    """
    own_words = content_words(question)
    asked = own_words | content_words(translated)
    units = {
        (n, unit.start, unit.end): unit
        for n, passage in enumerate(passages, 1)
        for unit in quoted_units(passage.text)
        if len(WORD.findall(passage.text, unit.start, unit.end)) >= LEAST_WORDS
    }
    words = {(n, start, end): content_words(passages[n - 1].text[start:end]) for n, start, end in units}
    count = Counter(word for words_of_sentence in words.values() for word in words_of_sentence)
    weight = {word: math.log(1 + len(words) / (1 + count[word])) for word in asked}
    headers = [content_words(passage.header) for passage in passages]
    names = [content_words(f"{passage.file} {passage.header.partition(' | ')[0]}") for passage in passages]
    wants_figure = bool(WANTS_FIGURE.search(question))

    def score(candidate: tuple[int, int, int]) -> float:
        n, start, end = candidate
        unit, said = units[candidate], words[candidate]
        says_all = len(own_words) >= SAYS_ALL_WORDS and own_words <= said
        own = asked & said - (frozenset() if says_all else names[n - 1])
        section = content_words(unit.heading) if unit.heading.startswith("##") else frozenset()
        in_heading = asked & section - names[n - 1] - own
        in_header = asked & headers[n - 1] - own - in_heading
        has_figure = wants_figure and bool(FIGURE.search(passages[n - 1].text, start, end))
        factor = (FIGURE_FACTOR if has_figure else 1) * (1 if unit.whole else CUT_FACTOR)
        repeats = said <= headers[n - 1] and not ENDED.search(passages[n - 1].text, start, end)
        factor *= SAYS_NOTHING_FACTOR if not unit.says or (repeats and not says_all) else 1
        if unit.row and len(name := content_words(unit.row[0])) > 1 and name <= asked:
            factor *= ROW_NAME_FACTOR
        weighed = ((1, own), (HEADING_WEIGHT, in_heading), (HEADER_WEIGHT, in_header))
        points = sum(share * weight[word] for share, found in weighed for word in found)
        return points * factor * FALLOFF ** (n - 1)

    chosen: dict[
        str, tuple[Citation, QuotedUnit]
    ] = {}  # by their words: overlapping passages share sentences
    for candidate in sorted(words, key=score, reverse=True):
        if len(chosen) == most:
            break
        n, start, end = candidate
        citation = citation_at(n, passages[n - 1], start, end)
        chosen.setdefault(" ".join(citation.quote.split()), (citation, units[candidate]))
    return CitedAnswer(_shown(list(chosen.values())), tuple(citation for citation, _ in chosen.values()))


def _shown(chosen: Sequence[tuple[Citation, QuotedUnit]]) -> str:
    """Return sentences as a list, and rows that have the same columns as one table."""
    blocks: list[str] = []
    tables: dict[tuple[str, int, tuple[str, ...], int], list[tuple[Sequence[str], str]]] = {}
    at: dict[tuple[str, int, tuple[str, ...], int], int] = {}
    for citation, unit in chosen:
        if not unit.columns:
            said = shown_row(unit.row) if unit.row else shown_sentence(citation.quote)
            blocks.append(f"- {said}{'' if unit.whole else ' …'} [{citation.n}]")
            continue
        table = (citation.document_id, citation.page, unit.columns, len(unit.row))
        tables.setdefault(table, []).append((unit.row, f"[{citation.n}]"))
        at.setdefault(table, len(blocks))
        if at[table] == len(blocks):
            blocks.append("")
    for table, rows in tables.items():
        blocks[at[table]] = shown_rows(rows, table[2])
    return "\n".join(_spaced(blocks))


def _spaced(blocks: Sequence[str]) -> Iterator[str]:
    """Yield blocks with an empty line before and after each table."""
    for n, block in enumerate(blocks):
        if n and (block.startswith("|") or blocks[n - 1].startswith("|")):
            yield ""
        yield block


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
    for start in range(0, len(readable), READ_AT_ONCE):
        yield StepProgress(Message("Looking through the documents"), start, len(readable))
        batch = readable[start : start + READ_AT_ONCE]
        mentions += await asyncio.to_thread(_mentions_in, term, batch, in_scope)
    unread = not_ready(document for document in documents if document not in readable)
    passages = tuple(mention.passage for mention in mentions)
    draft.found = len(passages)
    draft.lap("retrieve")
    yield PassagesFound(passages)
    yield draft.answered(_mentions_reply(term, mentions, len(readable), len(documents), unread), passages)


def _mentions_in(term: str, documents: Sequence[StoredDocument], in_scope: ScopedDocuments) -> list[Mention]:
    # The term as whole words in folded text, however it is spaced, in the plural too.
    phrase = r"[\s\-]+".join(re.escape(word) for word in fold(term).split())
    pattern = re.compile(rf"(?<!\w){phrase}(?:['’]?s|es)?(?!\w)")
    mentions = []
    for document in documents:
        if mention := _find_mention(pattern, document, in_scope.chunks_of(document.id)):
            page = in_scope.page(document.id, mention.passage.page)
            mentions.append(replace(mention, passage=placed(mention.passage, page)))
    return mentions


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


def _mentions_reply(
    term: str, mentions: Sequence[Mention], scanned: int, total: int, unread: Sequence[str]
) -> CitedAnswer:
    """Return the counts and a list of the first mention in each document, numbered in that order."""
    summary = Message(
        "Scanned {scanned:,} of {documents} for “{term}”: {matches}.",
        scanned=scanned,
        documents=_documents(total),
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
    start, end = max(mention.start - MENTION_CONTEXT, 0), min(mention.end + MENTION_CONTEXT, len(text))
    while 0 < start < mention.start and not text[start - 1].isspace():
        start += 1
    while mention.end < end < len(text) and not text[end].isspace():
        end -= 1
    return start, end
