"""Every question that a passage may answer, in an order that mixes their kinds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from docent.answering.citing.vocabulary import content_words
from docent.questions.list_questions import cell_questions, field_questions, price_questions
from docent.questions.question_candidates import (
    LANGUAGES,
    Candidate,
    DocumentName,
    Maker,
    is_well_formed,
)
from docent.questions.section_questions import caption_questions, heading_questions
from docent.questions.sentence_questions import sentence_questions
from docent.types import Passage

MAKERS: tuple[Maker, ...] = (
    field_questions,
    sentence_questions,
    cell_questions,
    price_questions,
    caption_questions,
    heading_questions,
)
"""The best first: a page that has few questions gives one of each kind."""
MOST_OF_A_KIND = 12
"""Candidates of one kind on one page; of a long table most say the same of another row."""
NAMED = 10
"""Added to the wording of a question that names a title."""
ALIKE = 0.75
"""Share of common words from which two questions are near duplicates."""


def page_questions(passages: Sequence[Passage], name: DocumentName, language: str) -> list[Candidate]:
    """Return the candidates of the passages of one page, each question once, one kind after the other.

    The order is the same in every run. A question that two places of the page answer otherwise is left out.
    """
    language = language or "en"
    if language not in LANGUAGES:
        return []
    kinds = []
    for make in MAKERS:
        candidates = [one for passage in passages for one in _made(make, passage, name, language)]
        kept = _unambiguous([one for one in candidates if is_well_formed(one)])
        kinds.append(sorted(kept, key=_order)[:MOST_OF_A_KIND])
    mixed = [one for row in zip_longest(*kinds) for one in row if one is not None]
    return list({one.question.casefold(): one for one in reversed(mixed)}.values())[::-1]


def _made(make: Maker, passage: Passage, name: DocumentName, language: str) -> Iterator[Candidate]:
    """Yield the candidates of one kind; with a title as the name, first those that do not name it.

    Nobody asks "What is the default in “Choosing a language model”?" where the question is clear without.
    """
    if name.text and name.form == "title":
        unnamed = make(passage, replace(name, text=""), language)
        yield from (replace(one, must_be_first=True) for one in unnamed if not _needs_name(one))
        yield from (replace(one, wording=one.wording + NAMED) for one in make(passage, name, language))
    else:
        yield from make(passage, name, language)


def _needs_name(candidate: Candidate) -> bool:
    """Tell whether many documents may have such a fact: a figure of a year, the value of a label."""
    of_no_name = re.match(r"What (?:is|are|was|were) the [a-z]", candidate.question)
    if candidate.kind == "definition" and of_no_name:
        return True
    return candidate.kind == "field" or bool(re.search(r"\b(?:19|20)\d\d\b", candidate.question))


def _order(candidate: Candidate) -> tuple[bytes, int]:
    place = f"{candidate.label}\0{candidate.answer}"
    return hashlib.sha256(place.encode()).digest(), candidate.wording


def _unambiguous(candidates: Sequence[Candidate]) -> list[Candidate]:
    answers: dict[str, set[str]] = {}
    for one in candidates:
        answers.setdefault(one.question.casefold(), set()).add(one.answer.casefold())
    return [one for one in candidates if len(answers[one.question.casefold()]) == 1]


class Asked:
    """The questions so far, to leave out duplicates in a library and near duplicates in a document."""

    def __init__(self) -> None:
        self._everywhere: set[frozenset[str]] = set()
        self._here: list[frozenset[str]] = []
        self._places: set[tuple[str, tuple[int, int], str]] = set()

    def next_document(self) -> None:
        self._here = []
        self._places = set()

    def add(self, question: str) -> None:
        words = content_words(question)
        self._everywhere.add(words)
        self._here.append(words)

    def has_like(self, question: str) -> bool:
        words = content_words(question)
        if words in self._everywhere:
            return True
        return any(len(words & other) >= ALIKE * len(words | other) for other in self._here)

    def add_place(self, candidate: Candidate) -> None:
        self._places.add((candidate.passage.chunk_id, candidate.page_span, candidate.label))

    def has_place(self, candidate: Candidate) -> bool:
        """Tell whether the same place is asked about already, in other words."""
        return (candidate.passage.chunk_id, candidate.page_span, candidate.label) in self._places
