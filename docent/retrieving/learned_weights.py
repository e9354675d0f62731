"""The weights of retrieval that were learned for a library, or for all of them together.

They lie in storage/learned-weights.json, or in PostgreSQL. `docent learn` writes them; a change counts with
the next question.
A weight only orders what the scope of a question allows anyway: it can show nobody another document.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from docent.errors import InputError
from docent.json_lines import LineTable, line_of
from docent.retrieving.scoring import DEFAULT_WEIGHTS, Weights

LEARNED = "learned-weights.json"
TOGETHER = ""
"""In place of a library's name: of questions over several, and over one without weights of its own."""
NAMES = frozenset(field.name for field in fields(Weights))


@dataclass(frozen=True, slots=True)
class LearnedStep:
    """Weights that were learned once, and those that they replaced."""

    at: str
    library: str
    weights: Weights
    questions: int
    groups: int
    gain: Mapping[str, tuple[float, float, float]]
    """By figure: the mean difference on held-out documents, and the ends of its 95 % interval."""


class LearnedWeights:
    """The learned weights; the last step of a library counts."""

    def __init__(self, storage: Path, *, database_url: str = "") -> None:
        self._path = storage / LEARNED
        self._table = LineTable(database_url, LEARNED) if database_url else None
        """A line for each step, in place of the file."""
        self._read: tuple[int, list[LearnedStep]] = (0, [])

    def of(self, libraries: Collection[str]) -> Weights:
        """Return the weights for a question over these libraries.

        Weights of one library count where it is searched alone: in a search over several its owner could
        otherwise lift its pages above those of the others.
        """
        latest = {step.library: step.weights for step in self.steps()}
        together = latest.get(TOGETHER, DEFAULT_WEIGHTS)
        return latest.get(next(iter(libraries)), together) if len(libraries) == 1 else together

    def steps(self) -> list[LearnedStep]:
        """Return every step that counts, the oldest first. Raises InputError for a file that was damaged."""
        if self._table is not None:
            return [_step(json.loads(line)) for line in self._table.read()]
        try:
            modified = self._path.stat().st_mtime_ns
            if modified != self._read[0]:
                self._read = (
                    modified,
                    [_step(row) for row in json.loads(self._path.read_text(encoding="utf-8"))],
                )
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                "{path} is damaged ({why}). Remove it, and the default weights count again.",
                path=self._path,
                why=f"{type(error).__name__}: {error}",
            ) from error
        return self._read[1]

    def add(self, step: LearnedStep) -> None:
        if self._table is not None:
            self._table.append([line_of(asdict(step))])
        else:
            self._write([*self.steps(), step])

    def undo(self, library: str) -> LearnedStep | None:
        """Remove the last step of a library and return it, if there is one; those before it count again."""
        steps = list(self.steps())
        last = next((step for step in reversed(steps) if step.library == library), None)
        if last is not None and self._table is not None:
            self._table.change(lambda line: _step(json.loads(line)) != last)
        elif last is not None:
            steps.remove(last)
            self._write(steps)
        return last

    def _write(self, steps: list[LearnedStep]) -> None:
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps([asdict(step) for step in steps], indent=1) + "\n", encoding="utf-8")
        part.replace(self._path)  # whole or not at all


def _step(row: Mapping[str, Any]) -> LearnedStep:
    return LearnedStep(
        at=str(row["at"]),
        library=str(row["library"]),
        weights=weights_of(row["weights"]),
        questions=int(row["questions"]),
        groups=int(row["groups"]),
        gain={str(name): _three(values) for name, values in row["gain"].items()},
    )


def weights_of(row: Mapping[str, Any]) -> Weights:
    """Return the weights in a row of the file; a weight of another version of Docent is left out."""
    return replace(DEFAULT_WEIGHTS, **{name: float(row[name]) for name in row if name in NAMES})


def _three(values: Any) -> tuple[float, float, float]:
    mean, low, high = map(float, values)
    return mean, low, high
