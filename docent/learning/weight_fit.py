"""Fit the weights of retrieval to pairs: a softmax over each question's candidates, held near the defaults.

How strongly they are held is chosen by cross-validation, with all questions of a group in one part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from docent.evaluating.scores import Floats
from docent.learning.training_pairs import LearningPair, split_groups
from docent.retrieving.scoring import DEFAULT_WEIGHTS, ScoredCandidate, Weights, lift_pages

FITTED = ("meaning", "prior", "title", "neighbours", "sentence", "figures", "lines", "statement", "row")
"""Those that the score of a candidate is a sum of; the others shape the search before."""
AT_MOST = np.array([1 / DEFAULT_WEIGHTS.meaning, *[3.0] * (len(FITTED) - 1)])
"""Times its default: a signal may be switched off, and tripled; the share of meaning is at most all."""
TEMPERATURE = 0.1
"""Of the softmax: about the distance between the scores of neighbouring candidates."""
HOLDS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""How strongly the weights are held, to choose from."""
STEPS, RATE = 100, 0.04
NEVER = -1e3
PARTS = 5


@dataclass(frozen=True, slots=True)
class RankedQuestion:
    """A pair, and the candidates that retrieval scored for its question."""

    pair: LearningPair
    candidates: Sequence[ScoredCandidate]

    def is_right(self, candidate: ScoredCandidate) -> bool:
        return candidate.document_id in self.pair.documents and candidate.page in self.pair.question.pages

    def page_order(self, weights: Weights) -> list[tuple[str, int]]:
        """Return the pages of the candidates, best first, as retrieval orders them with these weights."""
        scores = {str(at): candidate.score(weights) for at, candidate in enumerate(self.candidates)}
        place = {
            str(at): (candidate.document_id, candidate.page) for at, candidate in enumerate(self.candidates)
        }
        lifted = {
            key: place[key]
            for key, candidate in zip(scores, self.candidates, strict=True)
            if candidate.is_lifted
        }
        final = lift_pages(scores, lifted, weights)
        return list(dict.fromkeys(place[key] for key in sorted(final, key=lambda key: -final[key])))


def fit_weights(questions: Sequence[RankedQuestion]) -> Weights:
    """Return the weights that fit these questions; the strength that holds them is chosen among them."""
    data = _usable(questions)
    return DEFAULT_WEIGHTS if data is None else _weights(_fit(data, _best_hold(questions)))


def held_out_weights(questions: Sequence[RankedQuestion]) -> dict[str, Weights]:
    """Return, for each group, weights that were fitted without its questions."""
    weights: dict[str, Weights] = {}
    for held, rest in _parts(questions):
        weights |= dict.fromkeys((question.pair.group for question in held), fit_weights(rest))
    return weights


def _best_hold(questions: Sequence[RankedQuestion]) -> float:
    losses: dict[float, float] = defaultdict(float)
    for held, rest in _parts(questions):
        train, test = _usable(rest), _usable(held)
        if train is not None and test is not None:
            for hold in HOLDS:
                losses[hold] += len(test.base) * _loss(test, _fit(train, hold))[0]
    return min(losses, key=lambda hold: (losses[hold], -hold), default=HOLDS[-1])


def _parts(
    questions: Sequence[RankedQuestion],
) -> list[tuple[list[RankedQuestion], list[RankedQuestion]]]:
    """Return each part of the questions, with all the others."""
    by_pair = {question.pair: question for question in questions}
    divided = [part for part in split_groups([question.pair for question in questions], PARTS) if part]
    return [
        (
            [by_pair[pair] for pair in held],
            [by_pair[pair] for part in divided if part is not held for pair in part],
        )
        for held in divided
    ]


@dataclass(frozen=True, slots=True)
class _Data:
    """Questions by candidates, the shorter ones filled up with candidates that are never likely."""

    base: Floats
    """Score of each candidate without any of the fitted weights."""
    signals: Floats
    """In the third dimension a value for each weight, in units of its default."""
    right: Floats


def _usable(questions: Sequence[RankedQuestion]) -> _Data | None:
    """Return the questions that weights can help: with a right candidate, and a wrong one."""
    rows = []
    for question in questions:
        right = [float(question.is_right(candidate)) for candidate in question.candidates]
        if 0 < sum(right) < len(right):
            rows.append((question.candidates, right))
    if not rows:
        return None
    width = max(len(right) for _, right in rows)
    data = _Data(
        np.full((len(rows), width), NEVER),
        np.zeros((len(rows), width, len(FITTED))),
        np.zeros((len(rows), width)),
    )
    for at, (candidates, right) in enumerate(rows):
        data.base[at, : len(right)] = [candidate.words for candidate in candidates]
        data.signals[at, : len(right)] = [_signals(candidate) for candidate in candidates]
        data.right[at, : len(right)] = right
    return data


def _signals(candidate: ScoredCandidate) -> list[float]:
    text, defaults = candidate.text, DEFAULT_WEIGHTS
    in_words = defaults.wants_figures if text.wants_figures else 1.0
    values = (
        candidate.meaning - candidate.words, candidate.prior, text.title, in_words * text.neighbours,
        in_words * text.sentence, text.figures, text.lines, text.statement, text.row,
    )  # fmt: skip
    return [getattr(defaults, name) * value for name, value in zip(FITTED, values, strict=True)]


def _fit(data: _Data, hold: float) -> Floats:
    """Return each weight as a multiple of its default, by gradient descent with momentum (Adam)."""
    factors = np.ones(len(FITTED))
    mean, square = np.zeros_like(factors), np.zeros_like(factors)
    for step in range(1, STEPS + 1):
        gradient = _loss(data, factors)[1] + 2 * hold * (factors - 1)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        move = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        factors = np.clip(factors - RATE * move, 0.0, AT_MOST)
    return factors


def _loss(data: _Data, factors: Floats) -> tuple[float, Floats]:
    """Return the mean surprise at the right candidates, and its gradient."""
    logits = (data.base + data.signals @ factors) / TEMPERATURE
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    right = likely * data.right
    share = np.maximum(right.sum(axis=1, keepdims=True), 1e-12)
    too_likely = (likely - right / share) / len(likely)
    gradient = np.tensordot(too_likely, data.signals, axes=2) / TEMPERATURE
    return float(-np.log(share).mean()), gradient


def _weights(factors: Floats) -> Weights:
    return replace(
        DEFAULT_WEIGHTS,
        **{
            name: round(float(factor) * getattr(DEFAULT_WEIGHTS, name), 4)
            for name, factor in zip(FITTED, factors, strict=True)
        },
    )
