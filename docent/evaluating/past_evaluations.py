"""Figures of earlier evaluations of the golden questions, a JSON object a line in storage/ or PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docent.errors import InputError
from docent.evaluating.answer_run import AnswerRun
from docent.evaluating.scores import EvalReport, Figure
from docent.json_lines import JsonLines, line_of, open_lines


@dataclass(frozen=True, slots=True)
class PastEvaluation:
    """The figures of one evaluation, as they are kept."""

    at: str
    library: str
    """Empty for all of them."""
    questions: int
    page_hit_5: Figure
    document_first: Figure


@dataclass(frozen=True, slots=True)
class PastAnswerEvaluation:
    """The scores of the answers of one evaluation, as they are kept."""

    at: str
    library: str
    """Empty for all of them."""
    model: str
    """The one that answered most questions; empty for none."""
    questions: int
    scores: Mapping[str, Figure]
    """By name; a score that applied to no question is missing."""


class PastEvaluations:
    """The file of earlier evaluations of retrieval; lines are only added to it."""

    def __init__(self, path: Path, *, database_url: str = "") -> None:
        self._path = path
        self._lines = open_lines(path, database_url)

    def all(self) -> list[PastEvaluation]:
        """Return every evaluation, the oldest first. Raises InputError for a file that was damaged."""
        try:
            return [
                PastEvaluation(
                    at=str(row["at"]),
                    library=str(row["library"]),
                    questions=int(row["questions"]),
                    page_hit_5=Figure(**row["page_hit_5"]),
                    document_first=Figure(**row["document_first"]),
                )
                for row in _rows(self._lines)
            ]
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(self._path) from error

    def add(self, report: EvalReport, *, library: str = "") -> None:
        """Keep the figures of an evaluation that has just been made."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        figures = report.found
        kept = PastEvaluation(
            now, library, report.questions, figures["page_hit_5"], figures["document_first"]
        )
        self._lines.append([line_of(asdict(kept))])


class PastAnswerEvaluations:
    """The file of earlier evaluations of answers; lines are only added to it."""

    def __init__(self, path: Path, *, database_url: str = "") -> None:
        self._path = path
        self._lines = open_lines(path, database_url)

    def all(self) -> list[PastAnswerEvaluation]:
        """Return every evaluation, the oldest first. Raises InputError for a file that was damaged."""
        try:
            return [
                PastAnswerEvaluation(
                    at=str(row["at"]),
                    library=str(row["library"]),
                    model=str(row["model"]),
                    questions=int(row["questions"]),
                    scores={name: Figure(**figure) for name, figure in row["scores"].items()},
                )
                for row in _rows(self._lines)
            ]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _damaged(self._path) from error

    def add(self, run: AnswerRun, *, library: str = "") -> None:
        """Keep the scores of a run that has just been made."""
        model = next(iter(run.models), "")
        kept = PastAnswerEvaluation(run.at, library, model, len(run.outcomes), run.figures)
        self._lines.append([line_of(asdict(kept))])


def _rows(lines: JsonLines) -> list[Any]:
    return [json.loads(line) for line in lines.read() if line.strip()]


def _damaged(path: Path) -> InputError:
    return InputError("{path} is damaged. Correct it, or move it away to begin a new one.", path=path)
