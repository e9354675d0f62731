"""Figures of earlier evaluations of the golden questions, one JSON object a line in storage/."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from docent.errors import InputError
from docent.evaluating.scores import EvalReport, Figure


@dataclass(frozen=True, slots=True)
class PastEvaluation:
    """The figures of one evaluation, as they are kept."""

    at: str
    library: str
    """Empty for all of them."""
    questions: int
    page_hit_5: Figure
    document_first: Figure


class PastEvaluations:
    """The file of earlier evaluations; lines are only ever added to it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[PastEvaluation]:
        """Return every evaluation, the oldest first. Raises InputError for a file that was damaged."""
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").split("\n")
        try:
            return [_read(line) for line in lines if line.strip()]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                "{path} is damaged. Correct it, or move it away to begin a new one.", path=self._path
            ) from error

    def add(self, report: EvalReport, *, library: str = "") -> None:
        """Keep the figures of an evaluation that has just been made."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        figures = report.found
        kept = PastEvaluation(
            now, library, report.questions, figures["page_hit_5"], figures["document_first"]
        )
        with self._path.open("a", encoding="utf-8") as file:  # one short line: written whole
            file.write(json.dumps(asdict(kept)) + "\n")


def _read(line: str) -> PastEvaluation:
    row = json.loads(line)
    return PastEvaluation(
        at=str(row["at"]),
        library=str(row["library"]),
        questions=int(row["questions"]),
        page_hit_5=Figure(**row["page_hit_5"]),
        document_first=Figure(**row["document_first"]),
    )
