"""Fit a linear map of question vectors, in closed form: documents keep their vectors, so nothing is rebuilt.

Each question is to move from where its wrong passages are towards the one that answers. The map is the
identity and the ridge regression of these moves on the question vectors; how far and how freely it moves them
is chosen by cross-validation, with all questions of a group in one part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from docent.evaluating.scores import Floats
from docent.learning.training_pairs import LearningPair, split_groups

TEMPERATURE = 0.05
"""Of the softmax over a question's passages, as sentence-transformers trains with."""
LENGTHS = (0.0, 0.1, 0.25, 0.5, 1.0)
"""How far a question moves, in units of the wished move; 0 leaves it where it is."""
RIDGES = (1.0, 10.0, 100.0)
PARTS = 4


@dataclass(frozen=True, slots=True)
class VectorPair:
    """A pair in the space of the vectors: the question, and its passages with the right one first."""

    pair: LearningPair
    question: Floats
    passages: Floats


def fit_adapter(data: Sequence[VectorPair]) -> Floats:
    """Return the map as a square matrix, to be multiplied with a question's vector."""
    divided = [part for part in split_groups([one.pair for one in data], PARTS) if part]
    by_pair = {one.pair: one for one in data}
    losses: dict[tuple[float, float], float] = defaultdict(float)
    for held in divided:
        rest = [by_pair[pair] for part in divided if part is not held for pair in part]
        for ridge in RIDGES if rest else ():
            moves = _moves(rest, ridge)
            for length in LENGTHS:
                losses[length, ridge] += _surprise([by_pair[pair] for pair in held], _map(moves, length))
    length, ridge = min(losses, key=lambda choice: losses[choice], default=(0.0, RIDGES[-1]))
    return _map(_moves(data, ridge), length)


def _moves(data: Sequence[VectorPair], ridge: float) -> Floats:
    """Return the ridge regression of the wished moves on the question vectors."""
    questions = np.array([one.question for one in data])
    wished = np.array([one.passages[0] - _likely(one, one.question) @ one.passages for one in data])
    gram = questions.T @ questions + ridge * np.eye(questions.shape[1])
    moves: Floats = np.linalg.solve(gram, questions.T @ wished).T
    return moves


def _map(moves: Floats, length: float) -> Floats:
    adapter: Floats = np.eye(len(moves)) + length * moves
    return adapter


def _likely(one: VectorPair, question: Floats) -> Floats:
    logits = one.passages @ question / TEMPERATURE
    raised = np.exp(logits - logits.max())
    likely: Floats = raised / raised.sum()
    return likely


def _surprise(data: Sequence[VectorPair], adapter: Floats) -> float:
    """Return the summed surprise at the right passages."""
    total = 0.0
    for one in data:
        moved = adapter @ one.question
        total -= float(np.log(max(_likely(one, moved / (np.linalg.norm(moved) or 1.0))[0], 1e-12)))
    return total
