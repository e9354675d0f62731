"""Questions to offer: of several kinds, each found to be answered where it was made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby

from docent.answering.citing.vocabulary import content_words
from docent.answering.suggestions import suggest
from docent.questions.checking import Checker
from docent.questions.document_names import document_name
from docent.questions.page_questions import Asked, page_questions
from docent.questions.question_candidates import Candidate, DocumentName
from docent.types import Citation, Passage, StoredDocument

QUESTIONS = 3
MOST_CHECKS = 12
"""Searches for one list of questions; each takes about 50 ms."""
MOST_OF_A_KIND = {"field": 2, "figure": 2}
"""Questions of a kind, where there are other kinds; one of any other."""


def offered_questions(
    passages: Sequence[Passage],
    candidates: Sequence[Candidate],
    *,
    language: str,
    checker: Checker,
    asked: Collection[str] = (),
    is_wanted: Callable[[], bool] = lambda: True,
) -> list[str]:
    """Return at most three questions that the passages answer, none like those `asked`.

    Where the candidates are too few, a subject of the text is asked about. It ends early, with fewer
    questions, once they are not wanted any more.
    """
    known, kinds, checks = Asked(), Counter[str](), 0
    chosen: list[str] = []
    later: list[Candidate] = []
    before = [content_words(question) for question in asked]
    for is_second_look, some in ((False, candidates), (True, later)):
        for candidate in some:
            if len(chosen) == QUESTIONS or checks == MOST_CHECKS or not is_wanted():
                break
            words = content_words(candidate.question)
            if known.has_like(candidate.question) or known.has_place(candidate):
                continue
            if any(words <= other or other <= words for other in before):
                continue
            if kinds[candidate.kind] >= MOST_OF_A_KIND.get(candidate.kind, 1) and not is_second_look:
                later.append(candidate)
                continue
            checks += 1
            if checker.accepts(candidate):
                known.add(candidate.question)
                known.add_place(candidate)
                kinds[candidate.kind] += 1
                chosen.append(candidate.question)
    left = QUESTIONS - len(chosen)
    if left and is_wanted():
        chosen += suggest(
            passages, language=language, search=checker.relevant, asked=[*asked, *chosen], most=left
        )
    return chosen


def follow_ups(
    passages: Sequence[Passage],
    documents: Sequence[StoredDocument],
    *,
    checker: Checker,
    asked: Collection[str],
    told: Collection[Citation],
    several: bool,
) -> list[str]:
    """Return questions that may follow an answer from these passages, and not about what it cites (`told`).

    Where `several` documents are searched, a question names its own.
    """
    candidates: list[Candidate] = []
    for document in documents:
        own = [passage for passage in passages if passage.document_id == document.id]
        name = document_name(document, own) if several else DocumentName()
        made = [page_questions(page, name, document.language) for page in by_page(own)]
        candidates += (one for one in in_turn(made) if not _is_told(one, told))
    language = documents[0].language if documents else ""
    return offered_questions(passages, candidates, language=language, checker=checker, asked=asked)


def _is_told(candidate: Candidate, told: Collection[Citation]) -> bool:
    start, end = candidate.page_span
    page = (candidate.passage.document_id, candidate.passage.page)
    return any((one.document_id, one.page) == page and one.start < end and start < one.end for one in told)


def by_page(passages: Sequence[Passage]) -> list[list[Passage]]:
    """Return the passages of each page, in the order of the pages."""
    ordered = sorted(passages, key=lambda passage: (passage.page, passage.start))
    return [list(group) for _, group in groupby(ordered, key=lambda passage: passage.page)]


def in_turn(lists: Sequence[Sequence[Candidate]]) -> Iterator[Candidate]:
    """Yield the first of each list, then the second of each."""
    for turn in range(max(map(len, lists), default=0)):
        yield from (candidates[turn] for candidates in lists if turn < len(candidates))
