"""Pairs of a question and the pages that answer it, from golden and synthetic questions and from thumbs.

Only documents that everybody may see are learned from: what is learned serves all of a library's readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from docent.evaluating import Question, from_answer
from docent.evaluating.run import documents_of
from docent.learning.rated_answers import RatedAnswer
from docent.types import StoredDocument

Origin = Literal["golden", "thumb", "synthetic"]


@dataclass(frozen=True, slots=True)
class LearningPair:
    """A question, and the documents with the pages that answer it."""

    question: Question
    origin: Origin
    documents: frozenset[str]
    """Their ids: the same file may be there twice."""

    @property
    def document(self) -> str:
        """The document by which pairs are divided."""
        return min(self.documents)

    @property
    def is_of_people(self) -> bool:
        return self.origin != "synthetic"


def collect_pairs(
    golden: Iterable[Question],
    synthetic: Iterable[Question],
    answers: Iterable[RatedAnswer],
    documents: Sequence[StoredDocument],
) -> list[LearningPair]:
    """Return one pair for each question about these documents; people's own come before synthetic ones.

    A golden question counts whatever its thumbs say; else one that anybody disliked is left out.
    """
    present = {document.id for document in documents}
    pairs: dict[tuple[str, str], LearningPair] = {}

    def add(question: Question, origin: Origin, ids: frozenset[str]) -> None:
        if question.answerable and ids:
            key = (" ".join(question.question.casefold().split()), question.library)
            pairs.setdefault(key, LearningPair(question, origin, ids))

    for question in golden:
        add(question, "golden", documents_of(question, documents))
    rated = [answer for answer in answers if answer.rating]
    disliked = {answer.answer.receipt.searched for answer in rated if answer.rating == "bad"}
    for answer in rated:
        from_thumb = from_answer(answer.answer)
        if from_thumb is not None and answer.answer.receipt.searched not in disliked:
            add(from_thumb, "thumb", _cited(answer, from_thumb) & present)
    for question in synthetic:
        add(question, "synthetic", documents_of(question, documents))
    return list(pairs.values())


def _cited(answer: RatedAnswer, question: Question) -> frozenset[str]:
    """Return the document that an answer cites most, as `from_answer` does, unless its quotes were erased."""
    return frozenset(
        citation.document_id
        for citation in answer.answer.citations
        if (citation.library, citation.file) == (question.library, question.file) and citation.quote
    )


def count_origins(pairs: Iterable[LearningPair]) -> Mapping[str, int]:
    return Counter(pair.origin for pair in pairs)


def split_documents(pairs: Sequence[LearningPair], parts: int) -> list[list[LearningPair]]:
    """Divide pairs into parts of similar size, all pairs of a document in one; the same in every run."""
    by_document: dict[str, list[LearningPair]] = {}
    for pair in pairs:
        by_document.setdefault(pair.document, []).append(pair)
    shuffled = sorted(by_document, key=lambda document: sha256(document.encode()).digest())
    divided: list[list[LearningPair]] = [[] for _ in range(parts)]
    for document in sorted(shuffled, key=lambda document: -len(by_document[document])):
        min(divided, key=len).extend(by_document[document])
    return divided
