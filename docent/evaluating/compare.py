"""Two runs of the same questions: what is found now that was not before, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docent.evaluating.questions import Question
from docent.evaluating.run import Outcome
from docent.evaluating.scores import Figure, means, worths

WITHIN = 5
"""A question is gained or lost when its page enters or leaves the first five."""


@dataclass(frozen=True, slots=True)
class Change:
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
    gained: tuple[Change, ...]
    lost: tuple[Change, ...]
    difference: dict[str, Figure]
    """After less before. An interval that holds 0 may be chance."""


def compare(before: Sequence[Outcome], after: Sequence[Outcome]) -> Comparison:
    """The same question is one with the same words, file and library."""
    was, now = ({_key(outcome): outcome for outcome in run if _asked(outcome)} for run in (before, after))
    both = [key for key in was if key in now]
    changes = [Change(now[key].question, was[key].page_rank, now[key].page_rank) for key in both]
    return Comparison(
        questions=len(both),
        only_one_run=len(was.keys() ^ now.keys()),
        gained=tuple(one for one in changes if _found(one.after) and not _found(one.before)),
        lost=tuple(one for one in changes if _found(one.before) and not _found(one.after)),
        difference=means(worths([now[key] for key in both]) - worths([was[key] for key in both])),
    )


def _key(outcome: Outcome) -> tuple[str, str, str]:
    return outcome.question.question, outcome.question.file, outcome.question.library


def _asked(outcome: Outcome) -> bool:
    return outcome.question.answerable


def _found(rank: int | None) -> bool:
    return rank is not None and rank <= WITHIN
