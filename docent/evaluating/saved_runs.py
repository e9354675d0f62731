"""A run as a file, so that a later one can be held against it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from docent.errors import InputError
from docent.evaluating.questions import Question
from docent.evaluating.run import Outcome

FORMAT = "docent-eval-1"


@dataclass(frozen=True, slots=True)
class Run:
    """The outcomes of every question, asked of all documents and of the right one."""

    shared: tuple[Outcome, ...]
    given: tuple[Outcome, ...]


def save_run(run: Run, path: Path, *, summary: Mapping[str, Any]) -> None:
    """The figures for people, the outcomes for the next comparison."""
    value = {"format": FORMAT, "summary": summary, "shared": _rows(run.shared), "given": _rows(run.given)}
    try:
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            "{path} cannot be written: {strerror}. Name another file.", path=path, strerror=error.strerror
        ) from error


def read_run(path: Path) -> Run:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise ValueError(value["format"])
        return Run(_outcomes(value["shared"]), _outcomes(value["given"]))
    except OSError as error:
        raise InputError(
            "{path} cannot be read: {strerror}. Name a file that --save made.",
            path=path,
            strerror=error.strerror,
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "{path} is not a run of this `eval`. Make one with: python -m docent eval --save {path}",
            path=path,
        ) from error


def _rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [asdict(outcome) for outcome in outcomes]


def _outcomes(rows: Sequence[Mapping[str, Any]]) -> tuple[Outcome, ...]:
    return tuple(Outcome(**{**row, "question": _question(row["question"])}) for row in rows)


def _question(row: Mapping[str, Any]) -> Question:
    return Question(**{**row, "pages": tuple(row["pages"])})
