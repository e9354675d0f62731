"""A run of answers: ask each question, score its answer, compare two runs, and save one for later."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docent.errors import DocentError, InputError
from docent.evaluating.answer_scores import (
    SCORES,
    AnswerSentence,
    is_gold,
    missing_facts,
    score_answer,
    sentences_of,
)
from docent.evaluating.questions import Question
from docent.evaluating.run import write_text
from docent.evaluating.scores import Figure, mean_figure
from docent.types import Answer, Answered, AnswerRequest, Event, Preferences, Receipt, Scope

FORMAT = "docent-answers-1"
AnswerEvents = Callable[[AnswerRequest], AsyncIterator[Event]]


@dataclass(frozen=True, slots=True)
class QuotedPlace:
    """A quote of an answer, and whether it is of a page that answers the question."""

    n: int
    file: str
    place: str
    quote: str
    is_gold: bool


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """The answer to one question, with its scores."""

    question: Question
    text: str
    model: str
    """Empty: no model answered."""
    sentences: tuple[AnswerSentence, ...]
    quotes: tuple[QuotedPlace, ...]
    unsupported: tuple[str, ...]
    """Sentences and halves that no source supports."""
    missing: tuple[str, ...]
    """Figures and names of the gold answer that the answer does not have."""
    scores: Mapping[str, float | None]
    error: str = ""
    """The reason why there is no answer."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.question.question, self.question.file, self.question.library


@dataclass(frozen=True, slots=True)
class AnswerRun:
    """The answers to every question."""

    at: str
    outcomes: tuple[AnswerOutcome, ...]

    @property
    def models(self) -> dict[str, int]:
        """The number of answers by each model; "" for those without one."""
        return dict(Counter(outcome.model for outcome in self.outcomes).most_common())

    @property
    def figures(self) -> dict[str, Figure]:
        """The mean of each score over the questions to which it applies, by its name."""
        return answer_figures(self.outcomes)


async def ask_answers(
    questions: Sequence[Question],
    *,
    answer: AnswerEvents,
    library: str,
    model: str,
    use_model: bool,
    on_progress: Callable[[int], None],
) -> AnswerRun:
    """Answer each question in its library (`library` precedes it), and score the answers.

    A question that cannot be answered counts as one without an answer, with the reason.
    """
    outcomes = []
    for number, question in enumerate(questions, 1):
        within = library or question.library
        request = AnswerRequest(
            question=question.question,
            scope=Scope(libraries=(within,) if within else ()),
            preferences=Preferences(model=model),
            use_model=use_model,
        )
        began = time.perf_counter()
        error = ""
        given = Answer("", (), (), Receipt(question.question, question.question, not_found=True))
        try:
            async for event in answer(request):
                if isinstance(event, Answered):
                    given = event.answer
        except DocentError as reason:
            error = str(reason)
        outcomes.append(answer_outcome(question, given, time.perf_counter() - began, error=error))
        on_progress(number)
    return AnswerRun(datetime.now(UTC).isoformat(timespec="seconds"), tuple(outcomes))


def answer_outcome(question: Question, answer: Answer, seconds: float, *, error: str = "") -> AnswerOutcome:
    return AnswerOutcome(
        question=question,
        text=answer.text,
        model=answer.receipt.model,
        sentences=tuple(sentences_of(answer)),
        quotes=tuple(
            QuotedPlace(cited.n, cited.file, cited.place, cited.quote, is_gold(question, cited))
            for cited in answer.citations
        ),
        unsupported=answer.receipt.unsupported,
        missing=tuple(missing_facts(question, answer)),
        scores=score_answer(question, answer, seconds),
        error=error,
    )


def answer_figures(outcomes: Iterable[AnswerOutcome]) -> dict[str, Figure]:
    """Return the mean of each score over the outcomes to which it applies; none for a score of no outcome."""
    rows = [outcome.scores for outcome in outcomes]
    means = {
        name: mean_figure([value for row in rows if (value := row[name]) is not None]) for name in SCORES
    }
    return {name: mean for name, mean in means.items() if mean is not None}


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """A question whose answer has more, or fewer, facts of the gold answer than before."""

    question: Question
    before: float
    after: float
    """Completeness; of a question that nothing answers, 1 if it was not answered."""


@dataclass(frozen=True, slots=True)
class AnswerComparison:
    questions: int
    """In both runs; all figures are about these."""
    only_one_run: int
    gained: tuple[AnswerChange, ...]
    lost: tuple[AnswerChange, ...]
    difference: dict[str, Figure]
    """After less before, in pairs. An interval that holds 0 may be chance."""


def compare_answers(before: AnswerRun, after: AnswerRun) -> AnswerComparison:
    """Compare two runs; the same question is one with the same words, file and library."""
    earlier, later = ({outcome.key: outcome for outcome in run.outcomes} for run in (before, after))
    both = [key for key in earlier if key in later]
    changes = [
        AnswerChange(later[key].question, old, new)
        for key in both
        if (old := _success(earlier[key])) is not None and (new := _success(later[key])) is not None
    ]
    differences = {
        name: mean_figure(
            [
                new - old
                for key in both
                if (old := earlier[key].scores[name]) is not None
                and (new := later[key].scores[name]) is not None
            ]
        )
        for name in SCORES
    }
    return AnswerComparison(
        questions=len(both),
        only_one_run=len(earlier.keys() ^ later.keys()),
        gained=tuple(change for change in changes if change.after > change.before),
        lost=tuple(change for change in changes if change.after < change.before),
        difference={name: figure for name, figure in differences.items() if figure is not None},
    )


def _success(outcome: AnswerOutcome) -> float | None:
    return outcome.scores["completeness"] if outcome.question.answerable else outcome.scores["refused"]


def save_answers(run: AnswerRun, path: Path) -> None:
    """Save the scores for people, and every answer for the next comparison."""
    scores = {name: asdict(figure) for name, figure in run.figures.items()}
    value = {"format": FORMAT, "summary": {"models": run.models, "scores": scores}, **asdict(run)}
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def read_answers(path: Path) -> AnswerRun:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise ValueError(value["format"])
        return AnswerRun(value["at"], tuple(_outcome(row) for row in value["outcomes"]))
    except OSError as error:
        raise InputError(
            "{path} cannot be read: {strerror}. Name a file that --save made.",
            path=path,
            strerror=error.strerror,
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "{path} is not a run of answers. Make one with: python -m docent eval --answers --save {path}",
            path=path,
        ) from error


def _outcome(row: Mapping[str, Any]) -> AnswerOutcome:
    question = row["question"]
    known = {name: row["scores"][name] for name in SCORES}
    return AnswerOutcome(
        **{
            **row,
            "question": Question(**{**question, "pages": tuple(question["pages"])}),
            "sentences": tuple(AnswerSentence(**sentence) for sentence in row["sentences"]),
            "quotes": tuple(QuotedPlace(**quote) for quote in row["quotes"]),
            "unsupported": tuple(row["unsupported"]),
            "missing": tuple(row["missing"]),
            "scores": known,
        }
    )
