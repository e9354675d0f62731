"""Measure questions in other languages than the documents: the golden questions, translated by people.

    nice python -m bench.languages [--storage FOLDER] [--held-out] [--misses]

A question is asked in its library: untranslated, by the dictionaries in the folder of DOCENT_DICTIONARIES,
and by the question in the documents' language as a person wrote it, in place of what a model would write.
Half of the questions (`held_out`) were not looked at while the search was built; --held-out asks only these.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from docent.answering.question_translation import translated_by_model
from docent.app import Docent, open_docent
from docent.evaluating import Outcome, Question, ask, read_questions
from docent.settings import Settings
from docent.types import Passage, Scope

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden"
LIBRARIES = ("internships", "handbook", "restaurants")
NAMES = {"en": "English", "fr": "French", "de": "German"}
COLUMNS = ("library", "language", "method", "questions", "page-hit@5", "right document first", "refused",
           "abstention P / R")  # fmt: skip
LIMIT = 20

Retrieve = Callable[[str, Scope], Sequence[Passage]]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A golden question in one language."""

    question: Question
    language: str
    held_out: bool
    is_original: bool


def golden_questions(library: str) -> list[AskedQuestion]:
    """Return the golden questions of a sample library in every language."""
    translations = {row["question"]: row for row in _rows_of(library)}
    return [
        AskedQuestion(replace(question, question=text), language, row["held_out"], is_original)
        for question in read_questions(GOLDEN / f"{library}.jsonl")
        for row in [translations[question.question]]
        for language, text, is_original in _texts(row)
    ]


def _rows_of(library: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in (GOLDEN / f"translated/{library}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def _texts(row: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    yield "en" if "fr" in row else "fr", row["question"], True
    yield from ((language, row[language], False) for language in NAMES if language in row)


@dataclass(frozen=True, slots=True)
class LanguageFigures:
    """The figures of the questions of one language."""

    answerable: int
    page_hit_5: float
    document_first: float
    refused: int
    """Answerable questions that the gate refuses."""
    unanswerable: int
    refused_rightly: int

    @property
    def precision(self) -> float:
        total = self.refused + self.refused_rightly
        return self.refused_rightly / total if total else 1.0


def figures(outcomes: Sequence[Outcome], relevant_from: float) -> LanguageFigures:
    asked = [outcome for outcome in outcomes if outcome.question.answerable]
    others = [outcome for outcome in outcomes if not outcome.question.answerable]
    return LanguageFigures(
        answerable=len(asked),
        page_hit_5=sum((outcome.page_rank or 99) <= 5 for outcome in asked) / (len(asked) or 1),
        document_first=sum(outcome.document_rank == 1 for outcome in asked) / (len(asked) or 1),
        refused=sum(outcome.relevance < relevant_from for outcome in asked),
        unanswerable=len(others),
        refused_rightly=sum(outcome.relevance < relevant_from for outcome in others),
    )


def ask_in_library(
    docent: Docent, library: str, questions: Sequence[Question], search: Retrieve
) -> list[Outcome]:
    return ask(
        questions,
        retrieve=search,
        documents=docent.store.documents(Scope()),
        library=library,
        given_document=False,
        count=len,
        on_progress=lambda done: None,
    )


def methods(docent: Docent, library: str) -> dict[str, Retrieve]:
    return {
        "untranslated": lambda question, scope: docent.retrieve(question, scope, LIMIT, translations=()),
        "dictionaries": lambda question, scope: docent.retrieve(question, scope, LIMIT),
        "a translation": translated_by_people(docent, library),
    }


def translated_by_people(docent: Docent, library: str) -> Retrieve:
    """Return a search by the golden translations, where there is one in the language of documents."""
    by_language: dict[str, dict[str, str]] = {}
    for _, row in zip(read_questions(GOLDEN / f"{library}.jsonl"), _rows_of(library), strict=True):
        texts = {language: text for language, text, _ in _texts(row)}
        by_language |= dict.fromkeys(texts.values(), texts)

    def search(question: str, scope: Scope) -> list[Passage]:
        translations = [
            translated_by_model(other, written)
            if (written := by_language[question].get(other.target))
            else other
            for other in docent.translate(question, scope)
        ]
        return docent.retrieve(question, scope, LIMIT, translations=translations)

    return search


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as folder:
        environ = {"DOCENT_STORAGE": str(args.storage or Path(folder) / "storage")}
        environ |= {"DOCENT_DATA": str(ROOT / "data")}
        environ |= {name: value for name, value in os.environ.items() if name == "DOCENT_DICTIONARIES"}
        settings = Settings.read(environ=environ, folder=Path(folder))
        with open_docent(settings) as docent:
            docent.ingest([ROOT / "data" / library for library in LIBRARIES])
            print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
            for library in LIBRARIES:
                for language in NAMES:
                    _rows(docent, library, language, args)


def _rows(docent: Docent, library: str, language: str, args: argparse.Namespace) -> None:
    chosen = [
        asked.question
        for asked in golden_questions(library)
        if asked.language == language
        and (not args.held_out or asked.held_out)
        and not (args.tuned and asked.held_out)
    ]
    for method, search in methods(docent, library).items():
        outcomes = ask_in_library(docent, library, chosen, search)
        found = figures(outcomes, docent.settings.relevant_from)
        recall = found.refused_rightly / (found.unanswerable or 1)
        print(
            f"| {library} | {NAMES[language]} | {method} | {found.answerable} + {found.unanswerable} "
            f"| {found.page_hit_5:.2f} | {found.document_first:.2f} | {found.refused} "
            f"| {found.precision:.2f} / {recall:.2f} |",
            flush=True,
        )
        for outcome in outcomes if args.misses and method == "dictionaries" else ():
            wrong = outcome.question.answerable and (
                (outcome.page_rank or 99) > 5 or outcome.relevance < docent.settings.relevant_from
            )
            if wrong:
                scope = Scope(libraries=(library,))
                texts = [other.text for other in docent.translate(outcome.question.question, scope)]
                print(
                    f"  {outcome.question.question} → {texts}: rank {outcome.page_rank}, "
                    f"relevance {outcome.relevance:.2f}"
                )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--storage", type=Path, help="where the store is kept for the next run")
    half = parser.add_mutually_exclusive_group()
    half.add_argument("--held-out", action="store_true", help="only questions that nothing was tuned on")
    half.add_argument("--tuned", action="store_true", help="only the other half")
    parser.add_argument("--misses", action="store_true", help="print the questions of that half that fail")
    return parser.parse_args()


if __name__ == "__main__":
    main()
