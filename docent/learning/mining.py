"""Mine what a pair is learned from: the passage that answers, and passages that were found before it wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from docent.evaluating.run import Outcome, judge
from docent.learning.training_pairs import LearningPair
from docent.types import Passage, Scope

Search = Callable[[str, Scope], Sequence[Passage]]
NEGATIVES = 20
"""Wrong passages kept for each question, best first."""


@dataclass(frozen=True, slots=True)
class MinedPair:
    """A pair with the texts of its passages, as the embedding model reads them."""

    pair: LearningPair
    positive: str
    negatives: tuple[str, ...]


def mine(
    pairs: Iterable[LearningPair], search: Search, *, shared: Scope, on_progress: Callable[[int], None]
) -> list[MinedPair]:
    """Return the pairs whose page holds a passage, each with the wrong passages that retrieval puts first."""
    mined = []
    for number, pair in enumerate(pairs, 1):
        asked, right = pair.question, tuple(sorted(pair.documents))
        inside = search(asked.question, Scope(libraries=shared.libraries, documents=right))
        answering = [passage for passage in inside if passage.page in asked.pages]
        if answering:
            found = search(asked.question, shared)
            wrong = [
                passage
                for passage in found
                if passage.document_id not in pair.documents or passage.page not in asked.pages
            ]
            texts = tuple(dict.fromkeys(embedded(passage) for passage in wrong[:NEGATIVES]))
            positive = embedded(answering[0])
            mined.append(MinedPair(pair, positive, tuple(text for text in texts if text != positive)))
        on_progress(number)
    return mined


def embedded(passage: Passage) -> str:
    """Return the text of a passage that the embedding model reads, as it read the chunk."""
    return f"{passage.header}\n{passage.text}"


def ask_pairs(
    pairs: Iterable[LearningPair], search: Search, *, shared: Scope, on_progress: Callable[[int], None]
) -> list[Outcome]:
    """Ask the question of each pair of all shared documents, and return the outcomes."""
    outcomes = []
    for number, pair in enumerate(pairs, 1):
        passages = search(pair.question.question, shared)
        outcomes.append(
            judge(pair.question, passages, right=pair.documents, count=lambda text: len(text) // 4, seconds=0.0)
        )
        on_progress(number)
    return outcomes
