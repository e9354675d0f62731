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
import re
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.questions import bare_name
from docent.answering.citing.citations import FOUND_NOTHING, MARK
from docent.answering.citing.claims import claim_of
from docent.answering.citing.quantities import normal_figure, plain_figures
from docent.answering.citing.text_units import FIGURE, sentence_spans
from docent.answering.citing.vocabulary import STOP_WORDS, content_words
from docent.app import Docent, open_docent
from docent.evaluating.scores import resamples
from docent.settings import PREFIX, Settings
from docent.types import Answer, Answered, AnswerRequest, Scope

ROOT = Path(__file__).resolve().parent.parent
EXTRACTIVE = "extractive"
LOOP_WORDS = 8
LOOP_TIMES = 3
"""An answer that says the same eight words three times repeats itself."""
SHORTEST_REPEATED = 4  # words of a sentence that may not come again

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """One answer, and the figures of it; None where a figure does not apply."""

    question: str
    gold: str
    text: str
    figures: dict[str, float | None] = field(default_factory=dict)


FIGURES = {
    "facts": "gold figures and names in the answer",
    "cited facts": "answers with every gold fact, each in a quote",
    "precision": "cited sentences that are supported",
    "unsupported": "sentences marked unsupported",
    "abstained": "answerable questions not answered",
    "refused": "unanswerable questions not answered",
    "loops": "answers that repeat themselves",
    "tokens": "tokens of an answer",
    "seconds": "seconds for an answer",
}


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
    return {_bare(row["sentence"]): row["label"] for row in _json_lines(path)}


def _bare(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", MARK.sub("", sentence).lower()))


def _run(
    name: str, rows: Sequence[Row], data: Path, folder: Path, labels: Mapping[str, str]
) -> list[Measured]:
    """Answer every question with these settings, over an index that all runs share."""
    given = {} if name == EXTRACTIVE else dict(pair.split("=", 1) for pair in name.split(",") if pair)
    own = {key: value for key, value in os.environ.items() if key.startswith(PREFIX)}
    environ = {**own, **given, "DOCENT_STORAGE": str(folder / "storage"), "DOCENT_DATA": str(data)}
    with open_docent(Settings.read(environ=environ, folder=ROOT)) as docent:
        docent.ingest([data], retry_failed=False, password=None, on_progress=lambda step: None)
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
    gold = str(row.get("answer") or "")
    facts = gold_facts(gold) if row.get("answerable", True) else frozenset()
    said = _facts_in(MARK.sub("", answer.text))
    quoted = _facts_in(" ".join(f"{citation.file} {citation.quote}" for citation in answer.citations))
    pages = {(bare_name(row["file"]), page) for page in row.get("pages") or ()} if row.get("file") else set()
    right = cited_rightly(answer, pages, labels)
    sentences = len(answer.citations) + len(answer.receipt.unsupported)
    nothing = answer.receipt.not_found or bool(FOUND_NOTHING.search(answer.text) and not answer.citations)
    answerable = row.get("answerable", True)
    return Measured(
        row["question"],
        gold,
        answer.text,
        {
            "facts": len(facts & said) / len(facts) if facts else None,
            "cited facts": float(facts <= said & quoted) if facts else None,
            "precision": sum(right) / len(right) if right else None,
            "unsupported": len(answer.receipt.unsupported) / sentences if sentences else None,
            "abstained": float(nothing) if answerable else None,
            "refused": None if answerable else float(nothing),
            "loops": float(repeats_itself(answer.text)),
            "tokens": float(answer.receipt.tokens_answered),
            "seconds": seconds,
        },
    )


def cited_rightly(
    answer: Answer, pages: Collection[tuple[str, int]], labels: Mapping[str, str]
) -> list[bool]:
    """Return for each sentence with a mark if it is supported: by its label, else if a gold page is quoted.

    Without labels and gold pages, nothing is known of any sentence.
    """
    right = []
    for start, end in sentence_spans(answer.text):
        sentence = answer.text[start:end]
        numbers = {int(number) for mark in MARK.finditer(sentence) for number in mark[1].split(",")}
        label = labels.get(_bare(sentence))
        if numbers and (label or pages):
            quoted = {(bare_name(one.file), one.page) for one in answer.citations if one.n in numbers}
            right.append(label == "supported" if label else not quoted.isdisjoint(pages))
    return right


def gold_facts(gold: str) -> frozenset[str]:
    """Return the figures, days and names of a gold answer; of one without any, its content words."""
    names = {word.lower() for word in re.findall(r"[^\W\d_][\w'’-]+", gold) if word[0].isupper()}
    facts = claim_of(gold).exact | {name for name in names - STOP_WORDS if name not in ("yes", "oui", "non")}
    return frozenset(facts) or content_words(gold)


def _facts_in(text: str) -> frozenset[str]:
    """Return everything in a text that a gold fact may be."""
    claim = claim_of(text)
    figures = {normal_figure(figure) for figure in FIGURE.findall(plain_figures(text))}
    return claim.exact | claim.all_words | content_words(text) | figures


def repeats_itself(text: str) -> bool:
    """Tell whether an answer says a sentence, or eight words in a row, three times."""
    words = re.findall(r"\w+", MARK.sub("", text).lower())
    runs = Counter(tuple(words[at : at + LOOP_WORDS]) for at in range(len(words) - LOOP_WORDS + 1))
    sentences = Counter(
        text[start:end].lower()
        for start, end in sentence_spans(text)
        if len(text[start:end].split()) >= SHORTEST_REPEATED
    )
    return max([*runs.values(), *sentences.values()], default=0) >= LOOP_TIMES


def table(runs: Mapping[str, Sequence[Measured]]) -> list[str]:
    """Return a table with a column for each run and for its difference to the first, with 95 % intervals."""
    first = next(iter(runs.values()))
    names = [cell for name in runs for cell in (name or "your settings", "difference")]
    lines = [f"| {len(first)} questions | {' | '.join(names[:1] + names[2:])} |"]
    lines.append("|---" * 2 * len(runs) + "|")
    for key, what in FIGURES.items():
        cells = [
            cell for run in runs.values() for cell in (_mean(_known(run, key)), _difference(first, run, key))
        ]
        lines.append(f"| {what} | {' | '.join(cells[:1] + cells[2:])} |")
    return lines


def _known(run: Sequence[Measured], key: str) -> list[float]:
    return [value for row in run if (value := row.figures[key]) is not None]


def _difference(before: Sequence[Measured], after: Sequence[Measured], key: str) -> str:
    """Compare the questions for which both runs have this figure, in pairs."""
    pairs = [(one.figures[key], two.figures[key]) for one, two in zip(before, after, strict=True)]
    return _mean([two - one for one, two in pairs if one is not None and two is not None], sign="+")


def _mean(values: Sequence[float], sign: str = "") -> str:
    if not values:
        return "–"
    known = np.array(values, dtype=np.float64)
    low, high = np.percentile(resamples(len(known)) @ known, [2.5, 97.5])
    return f"{known.mean():{sign}.2f} ({low:.2f} to {high:.2f})"


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
