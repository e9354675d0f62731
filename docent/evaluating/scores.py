"""Figures of a run with their 95 % intervals, and the comparison of two runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docent.evaluating.questions import Question
from docent.evaluating.run import Outcome

RESAMPLES = 2000
SEED = 20_26
Floats = NDArray[np.float64]

WITHIN = 5
"""A question is gained or lost when its page enters or leaves the first five."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or mean, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Abstention:
    """The quality of the decision "not in your documents", at a threshold of relevance."""

    relevant_from: float
    precision: Figure | None
    """Of the questions not answered, the share that indeed nothing answers; None when all were answered."""
    recall: Figure
    """Of the questions that nothing answers, the share not answered."""


@dataclass(frozen=True, slots=True)
class EvalReport:
    """The figures of a run of questions."""

    questions: int
    """Answerable ones; what is found is a share of these."""
    unanswerable: int
    missing: tuple[str, ...]
    """Files that questions name and the library does not hold: each such question counts as not found."""
    missing_questions: int
    found: dict[str, Figure]
    """By name of the metric."""
    abstention: Abstention | None
    """None where no question is known to have no answer."""
    seconds_p50: float
    seconds_p95: float


def _within(most: int) -> Callable[[Outcome], float]:
    return lambda outcome: float(outcome.page_rank is not None and outcome.page_rank <= most)


METRICS: dict[str, Callable[[Outcome], float]] = {
    "page_hit_1": _within(1),
    "page_hit_3": _within(3),
    "page_hit_5": _within(5),
    "page_hit_10": _within(10),
    "mrr_10": lambda outcome: 1 / outcome.page_rank if outcome.page_rank and outcome.page_rank <= 10 else 0.0,
    "evidence_2000": lambda outcome: float(outcome.evidence),
    "document_first": lambda outcome: float(outcome.document_rank == 1),
}
"""The value of one outcome for each metric; a figure is the mean over all answerable questions."""


def report(outcomes: Sequence[Outcome], *, relevant_from: float) -> EvalReport:
    asked = [outcome for outcome in outcomes if outcome.question.answerable]
    missing = [outcome.question.file for outcome in asked if not outcome.known]
    seconds = [outcome.seconds for outcome in outcomes] or [0.0]
    return EvalReport(
        questions=len(asked),
        unanswerable=len(outcomes) - len(asked),
        missing=tuple(sorted(set(missing))),
        missing_questions=len(missing),
        found=means(metric_rows(asked)),
        abstention=_abstention(outcomes, relevant_from) if len(asked) < len(outcomes) else None,
        seconds_p50=round(float(np.percentile(seconds, 50)), 4),
        seconds_p95=round(float(np.percentile(seconds, 95)), 4),
    )


def metric_rows(outcomes: Sequence[Outcome]) -> Floats:
    """Return the metrics of each outcome: a row an outcome, a column a metric."""
    rows = [[metric(outcome) for metric in METRICS.values()] for outcome in outcomes]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(METRICS))


def means(values: Floats) -> dict[str, Figure]:
    """Return each metric's mean with its interval; nothing for no outcome."""
    if not len(values):
        return {}
    resampled = resamples(len(values)) @ values
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    return {
        name: Figure(float(mean), float(least), float(most))
        for name, mean, least, most in zip(METRICS, values.mean(axis=0), low, high, strict=True)
    }


def mean_figure(values: Sequence[float]) -> Figure | None:
    """Return the mean of values with its interval; None for no value."""
    if not values:
        return None
    known = np.array(values, dtype=np.float64)
    low, high = np.percentile(resamples(len(known)) @ known, [2.5, 97.5])
    return Figure(float(known.mean()), float(low), float(high))


def resamples(count: int) -> Floats:
    """Return the weight of each of `count` questions in every resample; the same in every run."""
    drawn = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return drawn / count


def _abstention(outcomes: Sequence[Outcome], relevant_from: float) -> Abstention:
    refused = np.array([outcome.relevance < relevant_from for outcome in outcomes], dtype=np.float64)
    unanswerable = np.array([not outcome.question.answerable for outcome in outcomes], dtype=np.float64)
    recall = _ratio(refused * unanswerable, unanswerable)
    assert recall is not None  # there is a question without an answer
    return Abstention(relevant_from, _ratio(refused * unanswerable, refused), recall)


def _ratio(part: Floats, whole: Floats) -> Figure | None:
    """Return the share of `whole` that is in `part`; resamples that would divide by zero are left out."""
    if not whole.sum():
        return None
    weights = resamples(len(whole))
    below = weights @ whole
    drawn = (weights @ part)[below > 0] / below[below > 0]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(float(part.sum() / whole.sum()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class RankChange:
    """A question whose page was found before or is found now, not both."""

    question: Question
    before: int | None
    after: int | None
    """Rank of the page."""


@dataclass(frozen=True, slots=True)
class Comparison:
    questions: int
    """Answerable, and in both runs; all figures are about these."""
    only_one_run: int
    gained: tuple[RankChange, ...]
    lost: tuple[RankChange, ...]
    difference: dict[str, Figure]
    """After less before. An interval that holds 0 may be chance."""


def compare(before: Sequence[Outcome], after: Sequence[Outcome]) -> Comparison:
    """Compare two runs; the same question is one with the same words, file and library."""
    earlier, later = (
        {
            (outcome.question.question, outcome.question.file, outcome.question.library): outcome
            for outcome in run
            if outcome.question.answerable
        }
        for run in (before, after)
    )
    both = [key for key in earlier if key in later]
    changes = [RankChange(later[key].question, earlier[key].page_rank, later[key].page_rank) for key in both]
    return Comparison(
        questions=len(both),
        only_one_run=len(earlier.keys() ^ later.keys()),
        gained=tuple(change for change in changes if _found(change.after) and not _found(change.before)),
        lost=tuple(change for change in changes if _found(change.before) and not _found(change.after)),
        difference=means(
            metric_rows([later[key] for key in both]) - metric_rows([earlier[key] for key in both])
        ),
    )


def _found(rank: int | None) -> bool:
    return rank is not None and rank <= WITHIN
