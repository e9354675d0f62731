"""Measure the answers of a model, by any provider, against the answers that a person wrote.

    python -m bench.answers [--questions FILE …] [--data FOLDER] [--setting NAME=VALUE,… …] [--save FOLDER]

Without options, the questions about the sample documents are asked twice: of no model, and of the model in
your settings: `DOCENT_MODEL=mistral python -m bench.answers`. Each FILE has a JSON object a line with
`question` and `answer`, and, where known, `library`, `file`, `pages` and `answerable`; FOLDER holds the
documents that they are about, a library in each of its folders. Each --setting is one way to answer: DOCENT_
variables, or the word `extractive` for no model. Every later one is compared with the first on the same
questions; a difference whose interval holds 0 may be chance. A cited sentence is supported if its label in
--labels says so (a JSON object a line: sentence, label), else if a gold page is quoted. --save writes every
answer, to be read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from docent.app import Docent, open_docent
from docent.evaluating import Question
from docent.evaluating.answer_scores import SCORES, bare_words, score_answer
from docent.evaluating.scores import mean_figure
from docent.setting_files import PREFIX
from docent.settings import Settings
from docent.types import Answer, Answered, AnswerRequest, Scope

ROOT = Path(__file__).resolve().parent.parent
EXTRACTIVE = "extractive"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """One answer, and the scores of it; None where a score does not apply."""

    question: str
    gold: str
    text: str
    scores: dict[str, float | None] = field(default_factory=dict)


def main() -> None:
    args = _arguments()
    rows = [row for path in args.questions for row in read_rows(path)]
    rows = rows[:: max(len(rows) // args.most, 1)][: args.most] if args.most else rows
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as folder:
        labels = read_labels(args.labels) if args.labels else {}
        runs = {name: _run(name, rows, args.data, Path(folder), labels) for name in args.setting}
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
        for number, run in enumerate(runs.values(), 1):
            lines = [json.dumps(asdict(measured), ensure_ascii=False) + "\n" for measured in run]
            (args.save / f"answers-{number}.jsonl").write_text("".join(lines), encoding="utf-8")
    print("\n".join(table(runs)))


def read_rows(path: Path) -> list[Row]:
    """Read questions with an answer; those that nothing answers need none."""
    rows = _json_lines(path)
    return [row for row in rows if row.get("answer") or not row.get("answerable", True)]


def _json_lines(path: Path) -> list[Row]:
    # JSON may hold characters at which splitlines() splits.
    return [json.loads(line) for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]


def read_labels(path: Path) -> dict[str, str]:
    """Read the label of each sentence that a reader has judged: a JSON object a line."""
    return {bare_words(row["sentence"]): row["label"] for row in _json_lines(path)}


def _run(
    name: str, rows: Sequence[Row], data: Path, folder: Path, labels: Mapping[str, str]
) -> list[Measured]:
    """Answer every question with these settings, over an index that all runs share."""
    given = {} if name == EXTRACTIVE else dict(pair.split("=", 1) for pair in name.split(",") if pair)
    own = {key: value for key, value in os.environ.items() if key.startswith(PREFIX)}
    environ = {**own, **given, "DOCENT_STORAGE": str(folder / "storage"), "DOCENT_DATA": str(data)}
    with open_docent(Settings.read(environ=environ, folder=ROOT)) as docent:
        reports = docent.ingest([data])
        for report in reports:
            if report.outcome == "failed":
                print(f"{report.path} is not asked: {report.reason}", file=sys.stderr)
        if all(report.outcome == "failed" for report in reports):
            sys.exit(f"No document below {data} could be read, so there is nothing to ask.")
        return [asyncio.run(_measure(row, docent, labels, use_model=name != EXTRACTIVE)) for row in rows]


async def _measure(row: Row, docent: Docent, labels: Mapping[str, str], *, use_model: bool) -> Measured:
    library = row.get("library")
    request = AnswerRequest(
        question=row["question"], scope=Scope(libraries=(library,) if library else ()), use_model=use_model
    )
    began = time.perf_counter()
    async for event in docent.answer(request):
        if isinstance(event, Answered):
            answer = event.answer
    return measured(row, answer, time.perf_counter() - began, labels)


def measured(row: Row, answer: Answer, seconds: float, labels: Mapping[str, str]) -> Measured:
    """Compare an answer with the gold one: its figures and names, and the pages that are quoted."""
    question = Question(
        row["question"],
        row.get("file") or "",
        tuple(row.get("pages") or ()) if row.get("file") else (),
        row.get("library") or "",
        answerable=row.get("answerable", True),
        answer=str(row.get("answer") or ""),
    )
    return Measured(
        question.question, question.answer, answer.text, score_answer(question, answer, seconds, labels)
    )


def table(runs: Mapping[str, Sequence[Measured]]) -> list[str]:
    """Return a table with a column for each run and for its difference to the first, with 95 % intervals."""
    first = next(iter(runs.values()))
    names = [cell for name in runs for cell in (name or "your settings", "difference")]
    lines = [f"| {len(first)} questions | {' | '.join(names[:1] + names[2:])} |"]
    lines.append("|---" * 2 * len(runs) + "|")
    for key, what in SCORES.items():
        cells = [
            cell for run in runs.values() for cell in (_mean(_known(run, key)), _difference(first, run, key))
        ]
        lines.append(f"| {what} | {' | '.join(cells[:1] + cells[2:])} |")
    return lines


def _known(run: Sequence[Measured], key: str) -> list[float]:
    return [value for row in run if (value := row.scores[key]) is not None]


def _difference(before: Sequence[Measured], after: Sequence[Measured], key: str) -> str:
    """Compare the questions for which both runs have this figure, in pairs."""
    pairs = [(one.scores[key], two.scores[key]) for one, two in zip(before, after, strict=True)]
    return _mean([two - one for one, two in pairs if one is not None and two is not None], sign="+")


def _mean(values: Sequence[float], sign: str = "") -> str:
    figure = mean_figure(values)
    return f"{figure.value:{sign}.2f} ({figure.low:.2f} to {figure.high:.2f})" if figure else "–"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--questions",
        nargs="+",
        type=Path,
        metavar="FILE",
        default=sorted((ROOT / "tests/golden").glob("*.jsonl")),
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", default=ROOT / "data")
    parser.add_argument("--setting", action="append", metavar="NAME=VALUE,…")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="ask only so many, evenly spaced")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="sentences judged by a reader")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write every answer there")
    args = parser.parse_args()
    args.setting = args.setting or [EXTRACTIVE, ""]
    return args


if __name__ == "__main__":
    main()
