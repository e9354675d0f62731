"""The corridor from questions whose pages are known to figures that say how well they are found."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from docent.errors import InputError
from docent.glossary import Passage, Scope

Retrieve = Callable[[str, Scope], Sequence[Passage]]


@dataclass(frozen=True, slots=True)
class Question:
    question: str
    file: str
    pages: tuple[int, ...]
    """Physical page numbers, counted from 1; any of them answers."""
    library: str = ""
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class Metrics:
    """Shares of the answerable questions, unless it says otherwise."""

    questions: int
    page_hit_1: float
    page_hit_3: float
    page_hit_5: float
    page_hit_10: float
    mrr_10: float
    document_first: float
    """The right document is the first one found."""
    seconds_p50: float
    seconds_p95: float


def read_questions(path: Path) -> list[Question]:
    """A JSON object a line: question, file, pages; library and answerable if given."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Name a file of questions.") from error
    return [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def evaluate(questions: Sequence[Question], *, retrieve: Retrieve, library: str) -> Metrics:
    """Ask every answerable question and look where its page comes; `library` limits all of them."""
    asked = [one for one in questions if one.answerable]
    if not asked:
        raise InputError("There is no answerable question in this file, so there is nothing to measure.")
    ranks: list[int | None] = []
    documents = 0
    seconds: list[float] = []
    for one in asked:
        began = time.perf_counter()
        passages = retrieve(one.question, Scope(libraries=(library,) if library else ()))
        seconds.append(time.perf_counter() - began)
        ranks.append(page_rank(one, passages))
        documents += bool(passages) and passages[0].file == one.file
    found = [rank for rank in ranks if rank is not None]
    return Metrics(
        questions=len(asked),
        page_hit_1=_share(found, 1, asked),
        page_hit_3=_share(found, 3, asked),
        page_hit_5=_share(found, 5, asked),
        page_hit_10=_share(found, 10, asked),
        mrr_10=sum(1 / rank for rank in found if rank <= 10) / len(asked),
        document_first=documents / len(asked),
        seconds_p50=round(statistics.median(seconds), 4),
        seconds_p95=round(sorted(seconds)[int(0.95 * (len(seconds) - 1))], 4),
    )


def page_rank(question: Question, passages: Sequence[Passage]) -> int | None:
    """Where the first right page stands among the different pages found, counted from 1."""
    pages = list(dict.fromkeys((passage.file, passage.page) for passage in passages))
    return next(
        (
            rank
            for rank, (file, page) in enumerate(pages, 1)
            if file == question.file and page in question.pages
        ),
        None,
    )


def _share(ranks: Sequence[int], within: int, asked: Sequence[Question]) -> float:
    return sum(rank <= within for rank in ranks) / len(asked)


def _question(path: Path, number: int, line: str) -> Question:
    try:
        row = json.loads(line)
        return Question(
            question=str(row["question"]),
            file=str(row["file"]),
            pages=tuple(int(page) for page in row["pages"]),
            library=str(row.get("library", "")),
            answerable=bool(row.get("answerable", True)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}, line {number}: not a question ({error}). Each line is a JSON object with "
            "question, file and pages."
        ) from error
