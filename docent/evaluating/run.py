"""Every question asked, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from docent.evaluating.questions import Question
from docent.types import ANSWERING, Passage, Scope, StoredDocument

Retrieve = Callable[[str, Scope], Sequence[Passage]]
CountTokens = Callable[[str], int]
Place = TypeVar("Place")

EVIDENCE_TOKENS = 2000
"""About what a small model is shown; evidence that comes later is not read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question, asked one way."""

    question: Question
    page_rank: int | None
    """Where the first right page stands among the different pages found, from 1."""
    document_rank: int | None
    """The same for the right document, among the different documents found."""
    evidence: bool
    """A passage of a right page lies within the first 2,000 tokens."""
    relevance: float
    """Of the most relevant passage; -1 when nothing was found."""
    seconds: float
    known: bool = True
    """The file that the question names is in the library; without it nothing can be found."""


def ask(
    questions: Sequence[Question],
    *,
    retrieve: Retrieve,
    documents: Sequence[StoredDocument],
    library: str,
    given_document: bool,
    count: CountTokens,
    on_progress: Callable[[int], None],
) -> list[Outcome]:
    """Ask each question of every document, or of the right one only; `library` limits all of them."""
    outcomes = []
    for number, one in enumerate(questions, 1):
        right = documents_of(one, documents)
        bounds = (library,) if library else ()
        # Asked of a document that is not there, a question must find nothing: an empty list is no limit.
        within = tuple(sorted(right)) or ("missing",) if given_document else ()
        began = time.perf_counter()
        passages = retrieve(one.question, Scope(libraries=bounds, documents=within))
        seconds = time.perf_counter() - began
        outcomes.append(judge(one, passages, right=right, count=count, seconds=seconds))
        on_progress(number)
    return outcomes


def documents_of(question: Question, documents: Iterable[StoredDocument]) -> frozenset[str]:
    """Ids of the documents that a question means; its file may leave out the folder or the suffix."""
    there = [
        document
        for document in documents
        if document.state in ANSWERING and question.library in ("", document.library)
    ]
    wanted = PurePosixPath(question.file).as_posix()
    tests: tuple[Callable[[StoredDocument], bool], ...] = (
        lambda document: wanted in document.paths,
        lambda document: PurePosixPath(wanted).name == document.name,
        lambda document: wanted == PurePosixPath(document.name).stem,
    )
    for test in tests if question.file else ():
        if found := frozenset(document.id for document in there if test(document)):
            return found
    return frozenset()


def judge(
    question: Question,
    passages: Sequence[Passage],
    *,
    right: frozenset[str],
    count: CountTokens,
    seconds: float,
) -> Outcome:
    return Outcome(
        question=question,
        page_rank=_rank(
            dict.fromkeys((passage.document_id, passage.page) for passage in passages),
            lambda place: place[0] in right and place[1] in question.pages,
        ),
        document_rank=_rank(
            dict.fromkeys(passage.document_id for passage in passages), lambda document: document in right
        ),
        evidence=_has_evidence(question, passages, right, count),
        relevance=max((passage.relevance for passage in passages), default=-1.0),
        seconds=seconds,
        known=bool(right) or not question.answerable,
    )


def _rank(places: Iterable[Place], is_right: Callable[[Place], bool]) -> int | None:
    return next((rank for rank, place in enumerate(places, 1) if is_right(place)), None)


def _has_evidence(
    question: Question, passages: Sequence[Passage], right: frozenset[str], count: CountTokens
) -> bool:
    tokens = 0
    for passage in passages:
        tokens += count(passage.text)
        if tokens > EVIDENCE_TOKENS:
            return False
        if passage.document_id in right and passage.page in question.pages:
            return True
    return False
