"""Builders of the values that the tests of learning use."""

from __future__ import annotations

from docent.evaluating import Question
from docent.learning.rated_answers import RatedAnswer
from docent.learning.training_pairs import LearningPair
from docent.retrieving.scoring import ScoredCandidate, TextSignals
from docent.types import Answer, Citation, Receipt


def pair(question: str, document: str, *, origin: str = "golden", page: int = 1) -> LearningPair:
    known = Question(question, f"{document}.pdf", (page,), "home")
    return LearningPair(known, origin, frozenset({document}), document)  # type: ignore[arg-type]


def candidate(document: str, *, words: float, title: float = 0.0, page: int = 1) -> ScoredCandidate:
    signals = TextSignals(
        title=title, neighbours=0, sentence=0, figures=0, lines=0, statement=0, row=0, wants_figures=False
    )
    return ScoredCandidate(document, page, False, words, words, 0.0, signals)


def citation(document: str, quote: str, *, n: int = 1, library: str = "home", start: int = 0) -> Citation:
    return Citation(
        n=n, chunk_id=f"{document}-1", document_id=document, file=f"{document}.pdf", library=library, page=1,
        page_label="", place="p. 1", start=start, end=start + len(quote), quote=quote,
    )  # fmt: skip


def rated(
    question: str, rating: str, *citations: Citation, user: str = "ann", **receipt: object
) -> RatedAnswer:
    answer = Answer("It is so [1].", citations, (), Receipt(question, question, model="m", **receipt))  # type: ignore[arg-type]
    return RatedAnswer(user, rating, answer, {one.chunk_id: (0, 40) for one in citations})  # type: ignore[arg-type]
