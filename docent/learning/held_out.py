"""The verdict on what was learned: figures on documents that it was not learned from, against the old ones.

A bootstrap over groups of documents, not questions: the questions about one group are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from docent.evaluating.run import Outcome
from docent.evaluating.scores import METRICS, Figure, Floats, metric_rows, resamples

JUDGED_BY = "mrr_10"
"""Counts every rank: page-hit@5 of a hundred questions moves by whole hundredths."""
ANSWERED = "answered"
"""Share of these questions, which all have an answer, whose passages are relevant enough to be answered."""
NOT_WORSE = ("page_hit_5", "evidence_2000", ANSWERED)
FIGURES = (*METRICS, ANSWERED)


@dataclass(frozen=True, slots=True)
class HeldOutGain:
    """Figures before and after learning, on the same held-out questions."""

    questions: int
    groups: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    difference: Mapping[str, Figure]

    @property
    def is_kept(self) -> bool:
        """True if pages are found earlier beyond chance, and nothing is lost beyond chance."""
        worse = any(self.difference[name].high < 0 for name in NOT_WORSE)
        return self.difference[JUDGED_BY].low > 0 and not worse


def judge_gain(
    before: Sequence[Outcome], after: Sequence[Outcome], groups: Sequence[str], *, relevant_from: float
) -> HeldOutGain:
    """Compare outcomes of the same questions; `groups` names the group of each."""

    def rows(outcomes: Sequence[Outcome]) -> Floats:
        answered = [[float(outcome.relevance >= relevant_from)] for outcome in outcomes]
        return np.hstack([metric_rows(outcomes), np.array(answered)])

    old, new = rows(before), rows(after)
    return HeldOutGain(
        questions=len(before),
        groups=len(set(groups)),
        before=dict(zip(FIGURES, map(float, old.mean(axis=0)), strict=True)),
        after=dict(zip(FIGURES, map(float, new.mean(axis=0)), strict=True)),
        difference=_by_group(new - old, groups),
    )


def _by_group(differences: Floats, groups: Sequence[str]) -> dict[str, Figure]:
    """Return the mean of each figure's differences, with its interval when groups are drawn again."""
    names = sorted(set(groups))
    position = {name: at for at, name in enumerate(names)}
    sums, counts = np.zeros((len(names), differences.shape[1])), np.zeros(len(names))
    for row, group in zip(differences, groups, strict=True):
        sums[position[group]] += row
        counts[position[group]] += 1
    weights = resamples(len(names))
    drawn = (weights @ sums) / (weights @ counts)[:, None]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return {
        name: Figure(float(mean), float(least), float(most))
        for name, mean, least, most in zip(FIGURES, differences.mean(axis=0), low, high, strict=True)
    }
