"""Mine what a pair is learned from: the passage that answers, and wrong ones that retrieval puts first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from docent.evaluating.run import Outcome, judge
from docent.learning.training_pairs import LearningPair
from docent.types import Passage, Scope

Search = Callable[[LearningPair, Scope], Sequence[Passage]]
"""Search for the question of a pair."""
NEGATIVES = 20
"""Wrong passages kept for each question, best first."""


@dataclass(frozen=True, slots=True)
class MinedPair:
    """A pair with its passages; their texts are as the embedding model reads them."""

    pair: LearningPair
    right: Passage
    wrong: tuple[Passage, ...]

    @property
    def positive(self) -> str:
        return embedded(self.right)

    @property
    def negatives(self) -> tuple[str, ...]:
        texts = dict.fromkeys(map(embedded, self.wrong))
        return tuple(text for text in texts if text != self.positive)


def mine(
    pairs: Iterable[LearningPair], search: Search, *, shared: Scope, on_progress: Callable[[int], None]
) -> list[MinedPair]:
    """Return the pairs whose page holds a passage, each with the wrong passages that retrieval puts first."""
    mined = []
    for number, pair in enumerate(pairs, 1):
        asked, right = pair.question, tuple(sorted(pair.documents))
        inside = search(pair, replace(shared, documents=right))
        answering = [passage for passage in inside if passage.page in asked.pages]
        if answering:
            found = search(pair, shared)
            wrong = [
                passage
                for passage in found
                if passage.document_id not in pair.documents or passage.page not in asked.pages
            ]
            mined.append(MinedPair(pair, answering[0], tuple(wrong[:NEGATIVES])))
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
        passages = search(pair, shared)
        outcomes.append(
            judge(
                pair.question, passages, right=pair.documents, count=lambda text: len(text) // 4, seconds=0.0
            )
        )
        on_progress(number)
    return outcomes
