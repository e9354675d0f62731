"""Measure how well questions are refused that the documents do not answer.

    nice python -m bench.abstention [--squad FILE]

The golden questions of the sample libraries and those of tests/retrieving/unanswerable.jsonl are asked in
their libraries, in English, French and German, without a model. Half of each is set aside, to be measured
and not to be looked at. FILE is SQuAD 2.0 as published: questions of one article are asked of another.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.languages import LIBRARIES, NAMES, golden_questions
from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import Scope

ROOT = Path(__file__).resolve().parent.parent
UNANSWERABLE = ROOT / "tests/retrieving/unanswerable.jsonl"
ARTICLES = 20
QUESTIONS_OF_ARTICLE = 12


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    text: str
    library: str
    language: str
    is_answered: bool
    held_out: bool


def sample_questions() -> Iterator[AskedQuestion]:
    """Yield every question about the samples, in each language that it is written in."""
    for library in LIBRARIES:
        for one in golden_questions(library):
            question = one.question
            yield AskedQuestion(
                question.question, library, one.language, question.answerable, held_out=one.held_out
            )
    for line in UNANSWERABLE.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        texts = {"en": row["question"], **{name: row[name] for name in NAMES if name in row}}
        for language, text in texts.items():
            held_out = row["half"] == "set aside"
            yield AskedQuestion(text, row["library"], language, is_answered=False, held_out=held_out)


@dataclass(frozen=True, slots=True)
class Refusals:
    """Counts of one group of questions."""

    answered: int
    answered_refused: int
    unanswerable: int
    refused: int

    @property
    def precision(self) -> float:
        return self.refused / max(1, self.refused + self.answered_refused)

    @property
    def recall(self) -> float:
        return self.refused / max(1, self.unanswerable)


def refusals(docent: Docent, questions: Sequence[AskedQuestion]) -> Refusals:
    """Ask the questions, and count which are refused before a model is asked."""
    counts = {True: [0, 0], False: [0, 0]}
    for question in questions:
        counts[question.is_answered][0] += 1
        counts[question.is_answered][1] += is_refused(docent, question)
    return Refusals(*counts[True], *counts[False])


def is_refused(docent: Docent, question: AskedQuestion) -> bool:
    passages = docent.retrieve(question.text, Scope(libraries=(question.library,)))
    return max((one.relevance for one in passages), default=0.0) < docent.settings.relevant_from


def squad_questions(path: Path, data: Path) -> list[AskedQuestion]:
    """Write articles of SQuAD as documents, each a library, and return questions of each and of the next."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"][:ARTICLES]
    chosen = random.Random(0)
    asked: list[list[str]] = []
    for number, article in enumerate(articles):
        folder = data / f"article-{number}"
        folder.mkdir(parents=True)
        text = "\n\n".join(one["context"] for one in article["paragraphs"])
        (folder / f"{article['title']}.txt").write_text(text, encoding="utf-8")
        known = [
            question["question"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
            if not question["is_impossible"]
        ]
        asked.append(chosen.sample(known, min(len(known), QUESTIONS_OF_ARTICLE)))
    return [
        AskedQuestion(question, f"article-{(number + step) % len(articles)}", "en", step == 0, held_out=True)
        for number, questions in enumerate(asked)
        for question in questions
        for step in (0, 1)
    ]


def opened(folder: Path, data: Path) -> Docent:
    environ = {"DOCENT_STORAGE": str(folder / "storage"), "DOCENT_DATA": str(data)}
    return open_docent(Settings.read(environ=environ, folder=ROOT))


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as folder:
        questions = list(sample_questions())
        with opened(Path(folder), ROOT / "data") as docent:
            docent.ingest([ROOT / "data"])
            print("| questions | precision | recall | answered ones refused |\n|---|---|---|---|")
            for held_out in (False, True):
                for language, name in NAMES.items():
                    of = [one for one in questions if (one.language, one.held_out) == (language, held_out)]
                    print(_row(f"{name}, {'set aside' if held_out else 'development'}", refusals(docent, of)))
        if args.squad:
            data = Path(folder) / "articles"
            of = squad_questions(args.squad, data)
            with opened(Path(folder) / "squad", data) as docent:
                docent.ingest([data])
                print(_row("SQuAD, of another article", refusals(docent, of)))


def _row(name: str, counted: Refusals) -> str:
    return (
        f"| {name} | {counted.precision:.2f} | {counted.recall:.2f} of {counted.unanswerable} "
        f"| {counted.answered_refused} of {counted.answered} |"
    )


def _arguments() -> argparse.Namespace:
    first, *more = (__doc__ or "").split("\n\n")
    parser = argparse.ArgumentParser(
        description=first, epilog="\n\n".join(more), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--squad", type=Path, metavar="FILE", help="ask questions of SQuAD, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
