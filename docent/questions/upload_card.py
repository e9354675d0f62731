"""Help with a document that was just read: five lines, its key dates and figures, and what it answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docent.answering.citing.citations import MARK
from docent.answering.citing.text_units import sentence_spans
from docent.answering.citing.vocabulary import content_words
from docent.answering.key_sentences import key_sentences
from docent.answering.quoted_units import quoted_units, shown_sentence
from docent.answering.saved_summaries import SavedSummary
from docent.questions.checking import Checker, is_stated
from docent.questions.library_questions import spread
from docent.questions.list_questions import PRICE
from docent.questions.offered_questions import by_page, in_turn, offered_questions
from docent.questions.page_questions import page_questions
from docent.questions.question_candidates import Candidate, DocumentName, Kind
from docent.questions.sentence_forms import DATE
from docent.types import Citation, Passage

LINES = 5
FACTS = 5
PAGES_READ = 40
"""Pages from which questions and facts are made, spread over the document."""
FACT_KINDS: tuple[Kind, ...] = ("field", "figure", "cell", "price")
MOST_LISTED = 2
"""Cells of tables and prices of lists: which of a hundred are the key ones, nobody knows."""
LONGEST_FACT = 150
QUOTE = 90
"""Characters of a quote by which its page is opened with the words marked."""
FACT = re.compile(
    rf"\b(?:{DATE})\b|{PRICE.pattern}|\d[\d.,]* ?(?:%|percent|pour cent|million|billion|milliards?"
    r"|hours?|days?|weeks?|months?|years?|heures?|jours?|semaines?|mois|ans|années)\b",
)


@dataclass(frozen=True, slots=True)
class CardLine:
    """A line of the card, and the place where the document says it."""

    text: str
    place: str
    """In the reader's words: "p. 12"."""
    page: int
    quote: str
    """Words of the page, to open it with them marked."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The lines and questions that are shown of a document that was just read."""

    sentences: tuple[CardLine, ...]
    questions: tuple[str, ...]
    facts: tuple[CardLine, ...] = ()
    """Key dates and figures."""
    model: str = ""
    """The model that wrote the sentences; empty where they are the document's own."""


def read_overview(saved: Any) -> Overview:
    """Return a card that was saved as JSON. Raises ValueError for anything else."""
    try:
        sentences, facts = (tuple(_read_line(row) for row in saved[key]) for key in ("sentences", "facts"))
        return Overview(sentences, tuple(map(str, saved["questions"])), facts, str(saved.get("model", "")))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("this is no overview") from error


def _read_line(row: Any) -> CardLine:
    return CardLine(str(row["text"]), str(row["place"]), int(row["page"]), str(row["quote"]))


def overview(
    passages: Sequence[Passage],
    *,
    language: str,
    checker: Checker,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Overview:
    """Return the card of a document that was read whole; `checker` searches that document alone.

    It ends early, with fewer questions, once it is not wanted any more.
    """
    key = key_sentences(passages, most=LINES)
    lines = tuple(_line(shown_sentence(citation.quote), citation) for citation in key.citations)
    candidates = list(_candidates(passages, language))
    facts = tuple(key_facts(passages, candidates, known=[line.text for line in lines]))
    questions = offered_questions(
        passages, candidates, language=language, checker=checker, is_wanted=is_wanted
    )
    return Overview(lines, tuple(questions), facts)


def summary_lines(summary: SavedSummary) -> tuple[CardLine, ...]:
    """Return the first lines of a summary that a model wrote, each with the place that it cites."""
    citations = {citation.n: citation for citation in summary.citations}
    lines: list[CardLine] = []
    for start, end in sentence_spans(summary.text):
        sentence = summary.text[start:end]
        mark = MARK.search(sentence)
        citation = citations.get(int(mark[1].partition(",")[0])) if mark else None
        if citation is not None and len(lines) < LINES:
            lines.append(_line(shown_sentence(MARK.sub("", sentence).strip()), citation))
    return tuple(lines)


def _line(text: str, citation: Citation) -> CardLine:
    return CardLine(text, citation.place, citation.page, findable(citation.quote))


def findable(quote: str) -> str:
    """Return the first words of a quote, as a page is searched for them."""
    words = " ".join(quote.split())
    return words if len(words) <= QUOTE else words[:QUOTE].rpartition(" ")[0]


def _candidates(passages: Sequence[Passage], language: str) -> Iterator[Candidate]:
    """Yield the candidates of the pages, one page after the other, spread over the document."""
    pages = by_page(passages)
    made = [page_questions(pages[n], DocumentName(), language) for n in spread(len(pages))[:PAGES_READ]]
    yield from in_turn(made)


def key_facts(
    passages: Sequence[Passage], candidates: Sequence[Candidate], *, known: Sequence[str]
) -> list[CardLine]:
    """Return the dates and figures that a document states, in its order: of fields first, then of others."""
    found: dict[str, tuple[tuple[int, int], CardLine]] = {}
    places = {passage.chunk_id: passage for passage in passages}
    stated = sorted(
        (one for one in candidates if one.kind in FACT_KINDS), key=lambda one: FACT_KINDS.index(one.kind)
    )
    kinds: Counter[str] = Counter()
    for one in stated:
        colon = " :" if f"{one.label} :".casefold() in one.evidence.casefold() else ":"  # as French has it
        shown = one.evidence if one.kind == "figure" else f"{one.label}{colon} {one.answer}"
        text = shown_sentence(" ".join(shown.split()))
        is_listed = one.kind in ("cell", "price")
        if len(found) == FACTS or is_listed and kinds["listed"] == MOST_LISTED:
            break
        if len(text) > LONGEST_FACT or not FACT.search(one.answer) or not _is_new(text, (*found, *known)):
            continue
        if is_stated(one):
            passage = places[one.passage.chunk_id]
            line = CardLine(text, passage.place, passage.page, findable(one.evidence))
            found[text] = ((passage.page, one.page_span[0]), line)
            kinds["listed"] += is_listed
    for at, text, line in _sentences_with_facts(passages):
        if len(found) < FACTS and _is_new(text, (*found, *known)):
            found[text] = (at, line)
    return [line for _, line in sorted(found.values(), key=lambda entry: entry[0])]


def _is_new(text: str, known: Iterable[str]) -> bool:
    words = content_words(text)
    return not any(len(words & content_words(other)) > 0.7 * len(words) for other in known)


def _sentences_with_facts(passages: Sequence[Passage]) -> Iterator[tuple[tuple[int, int], str, CardLine]]:
    """Yield short whole sentences with a date or a figure, those with most of them first."""
    ranked = []
    for passage in passages:
        for unit in quoted_units(passage.text):
            raw = passage.text[unit.start : unit.end]
            text = shown_sentence(" ".join(raw.split()))
            count = len(FACT.findall(raw))
            if unit.row or not unit.whole or not count or not 25 <= len(text) <= LONGEST_FACT:
                continue
            if text[-1:] not in ".!" or not text[0].isupper() or len(content_words(FACT.sub(" ", text))) < 4:
                continue
            line = CardLine(text, passage.place, passage.page, findable(raw))
            ranked.append((-min(count, 3), (passage.page, passage.start + unit.start), text, line))
    ranked.sort(key=lambda entry: entry[:2])
    yield from ((at, text, line) for _, at, text, line in ranked)
