"""An HTML report of a run of answers: scores with charts, and every question with its answer.

It is one file without scripts, which loads nothing and so opens without a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from docent.evaluating.answer_run import (
    AnswerComparison,
    AnswerOutcome,
    AnswerRun,
    answer_figures,
    compare_answers,
)
from docent.evaluating.answer_scores import SCORES, SHARES
from docent.evaluating.scores import Figure

ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
BY_LIBRARY = ("faithfulness", "completeness", "citation_precision")
"""Scores that are shown for each library."""
GROUPS = (
    "Answered, though nothing answers",
    "Not answered, though a page does",
    "Without some of the facts",
    "With a sentence that no source supports",
    "Cited from another page",
    "Nothing to mend",
)
"""Kinds of answers, those to look at first in front."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A line of a chart: a score, and the same before where two runs are compared."""

    name: str
    meaning: str
    figure: Figure
    before: Figure | None
    is_share: bool

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of an answer, with the verdict of the claims check; empty between sentences."""

    text: str
    verdict: str


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    number: int
    outcome: AnswerOutcome
    group: str
    parts: tuple[TextPart, ...]


def html_report(run: AnswerRun, before: AnswerRun | None = None) -> str:
    """Return the report of a run, compared with an earlier one where there is one."""
    figures, earlier = run.figures, before.figures if before else {}
    shown = [
        ShownAnswer(number, outcome, group_of(outcome), tuple(_parts(outcome)))
        for number, outcome in enumerate(run.outcomes, 1)
    ]
    libraries = sorted({outcome.question.library for outcome in run.outcomes})
    comparison: AnswerComparison | None = compare_answers(before, run) if before else None
    return ENVIRONMENT.get_template("answer_report.html").render(
        run=run,
        before=before,
        comparison=comparison,
        rows=[row for name in SCORES if (row := _row(name, figures, earlier)) is not None],
        libraries=[
            (library, len(outcomes), _library_rows(outcomes))
            for library in libraries
            if (outcomes := [one for one in run.outcomes if one.question.library == library])
        ]
        if len(libraries) > 1
        else [],
        groups=[(group, answers) for group in GROUPS if (answers := [a for a in shown if a.group == group])],
        columns=_columns(run.outcomes),
        answerable=sum(outcome.question.answerable for outcome in run.outcomes),
        with_gold=sum(bool(outcome.question.answer) for outcome in run.outcomes),
    )


def _row(name: str, figures: dict[str, Figure], earlier: dict[str, Figure]) -> ScoreRow | None:
    if name not in figures:
        return None
    return ScoreRow(name, SCORES[name], figures[name], earlier.get(name), name in SHARES)


def _library_rows(outcomes: Sequence[AnswerOutcome]) -> list[ScoreRow]:
    figures = answer_figures(outcomes)
    return [row for name in BY_LIBRARY if (row := _row(name, figures, {})) is not None]


def group_of(outcome: AnswerOutcome) -> str:
    """Return the first kind of answers that an outcome is one of."""
    scores = outcome.scores
    applies = (
        scores["refused"] == 0,
        scores["abstained"] == 1,
        bool(outcome.missing),
        (scores["faithfulness"] or 1) < 1 or scores["faithfulness"] == 0,
        (scores["citation_precision"] or 1) < 1 or scores["citation_precision"] == 0,
        True,
    )
    return next(group for group, is_one in zip(GROUPS, applies, strict=True) if is_one)


def _parts(outcome: AnswerOutcome) -> Iterator[TextPart]:
    position = 0
    for sentence in outcome.sentences:
        yield TextPart(outcome.text[position : sentence.start], "")
        yield TextPart(outcome.text[sentence.start : sentence.end], sentence.verdict)
        position = sentence.end
    yield TextPart(outcome.text[position:], "")


def _columns(outcomes: Sequence[AnswerOutcome]) -> list[tuple[float, float, float]]:
    """Return a column for each gold answer, the fullest first: its x, width and height of 100."""
    values = sorted((v for one in outcomes if (v := one.scores["completeness"]) is not None), reverse=True)
    width = 100 / max(len(values), 1)
    return [
        (round(at * width, 3), round(width * 0.85, 3), max(100 * value, 1)) for at, value in enumerate(values)
    ]
