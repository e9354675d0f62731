"""Pairs of a question and the pages that answer it, from golden and synthetic questions and from thumbs.

No document of one person is learned from: what is learned serves all of a library's readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Literal

from docent.evaluating import Question, from_answer
from docent.evaluating.run import documents_of
from docent.learning.rated_answers import RatedAnswer
from docent.types import StoredDocument

FEWEST_FOLDERS = 5
Origin = Literal["golden", "thumb", "synthetic"]


@dataclass(frozen=True, slots=True)
class LearningPair:
    """A question, and the documents with the pages that answer it."""

    question: Question
    origin: Origin
    documents: frozenset[str]
    """Their ids: the same file may be there twice."""
    group: str
    """The documents that stay together when pairs are divided: those of a folder, or one alone."""

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
    group_of = _groups(documents)
    pairs: dict[tuple[str, str], LearningPair] = {}

    def add(question: Question, origin: Origin, ids: frozenset[str]) -> None:
        if question.answerable and ids:
            key = (" ".join(question.question.casefold().split()), question.library)
            pairs.setdefault(key, LearningPair(question, origin, ids, group_of[min(ids)]))

    for question in golden:
        add(question, "golden", documents_of(question, documents))
    rated = [answer for answer in answers if answer.rating]
    disliked = {answer.answer.receipt.searched for answer in rated if answer.rating == "bad"}
    for answer in rated:
        from_thumb = from_answer(answer.answer)
        if from_thumb is not None and answer.answer.receipt.searched not in disliked:
            add(from_thumb, "thumb", _cited(answer, from_thumb) & group_of.keys())
    for question in synthetic:
        add(question, "synthetic", documents_of(question, documents))
    return list(pairs.values())


def _groups(documents: Sequence[StoredDocument]) -> dict[str, str]:
    """Return the group of each document: its folder, where there are several, else the document itself.

    The reports of one company, in a folder of their own, are alike: what is learned from one helps to find
    the next, and would seem to help everywhere.
    """
    folders = {
        document.id: f"{document.library}/{PurePosixPath(document.paths[0]).parent}"
        for document in documents
        if document.paths and "/" in document.paths[0]
    }
    several = len(set(folders.values())) >= FEWEST_FOLDERS
    return {
        document.id: (folders.get(document.id) if several else None) or document.id for document in documents
    }


def _cited(answer: RatedAnswer, question: Question) -> frozenset[str]:
    """Return the document that an answer cites most, as `from_answer` does, unless its quotes were erased."""
    return frozenset(
        citation.document_id
        for citation in answer.answer.citations
        if (citation.library, citation.file) == (question.library, question.file) and citation.quote
    )


def count_origins(pairs: Iterable[LearningPair]) -> Mapping[str, int]:
    return Counter(pair.origin for pair in pairs)


def split_groups(pairs: Sequence[LearningPair], parts: int) -> list[list[LearningPair]]:
    """Divide pairs into parts of similar size, all pairs of a group in one; the same in every run."""
    by_group: dict[str, list[LearningPair]] = {}
    for pair in pairs:
        by_group.setdefault(pair.group, []).append(pair)
    shuffled = sorted(by_group, key=lambda group: sha256(group.encode()).digest())
    divided: list[list[LearningPair]] = [[] for _ in range(parts)]
    for group in sorted(shuffled, key=lambda group: -len(by_group[group])):
        min(divided, key=len).extend(by_group[group])
    return divided
