"""A run of questions: ask each one, judge the passages found, and save the outcomes for a comparison."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from docent.errors import InputError
from docent.evaluating.questions import Question
from docent.types import ANSWERING, Passage, Scope, StoredDocument

Retrieve = Callable[[str, Scope], Sequence[Passage]]
CountTokens = Callable[[str], int]
Place = TypeVar("Place")

EVIDENCE_TOKENS = 2000
"""About as much as a small model is shown; evidence that comes later is not read."""

FORMAT = "docent-eval-1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one question, asked of all documents or of the right one."""

    question: Question
    page_rank: int | None
    """Rank of the first right page among the different pages found, from 1."""
    document_rank: int | None
    """Rank of the right document among the different documents found."""
    evidence: bool
    """A passage of a right page lies within the first 2,000 tokens."""
    relevance: float
    """Of the most relevant passage; -1 when nothing was found."""
    seconds: float
    known: bool = True
    """The file that the question names is in the library; without it nothing can be found."""


def ask(
    questions: Sequence[Question],
    *,
    retrieve: Retrieve,
    documents: Sequence[StoredDocument],
    library: str,
    given_document: bool,
    count: CountTokens,
    on_progress: Callable[[int], None],
) -> list[Outcome]:
    """Ask each question of every document, or of the right one only; `library` limits all of them."""
    outcomes = []
    for number, question in enumerate(questions, 1):
        right = documents_of(question, documents)
        bounds = (library,) if library else ()
        # A question about a missing document must find nothing; an empty list would be no limit.
        within = tuple(sorted(right)) or ("missing",) if given_document else ()
        began = time.perf_counter()
        passages = retrieve(question.question, Scope(libraries=bounds, documents=within))
        seconds = time.perf_counter() - began
        outcomes.append(judge(question, passages, right=right, count=count, seconds=seconds))
        on_progress(number)
    return outcomes


def documents_of(question: Question, documents: Iterable[StoredDocument]) -> frozenset[str]:
    """Return the ids of the documents that a question means; its file may omit the folder or the suffix."""
    candidates = [
        document
        for document in documents
        if document.state in ANSWERING and question.library in ("", document.library)
    ]
    wanted = PurePosixPath(question.file).as_posix()
    tests: tuple[Callable[[StoredDocument], bool], ...] = (
        lambda document: wanted in document.paths,
        lambda document: PurePosixPath(wanted).name == document.name,
        lambda document: wanted == PurePosixPath(document.name).stem,
    )
    for test in tests if question.file else ():
        if matched := frozenset(document.id for document in candidates if test(document)):
            return matched
    return frozenset()


def judge(
    question: Question,
    passages: Sequence[Passage],
    *,
    right: frozenset[str],
    count: CountTokens,
    seconds: float,
) -> Outcome:
    return Outcome(
        question=question,
        page_rank=_rank(
            dict.fromkeys((passage.document_id, passage.page) for passage in passages),
            lambda place: place[0] in right and place[1] in question.pages,
        ),
        document_rank=_rank(
            dict.fromkeys(passage.document_id for passage in passages), lambda document: document in right
        ),
        evidence=_has_evidence(question, passages, right, count),
        relevance=max((passage.relevance for passage in passages), default=-1.0),
        seconds=seconds,
        known=bool(right) or not question.answerable,
    )


def _rank(places: Iterable[Place], is_right: Callable[[Place], bool]) -> int | None:
    return next((rank for rank, place in enumerate(places, 1) if is_right(place)), None)


def _has_evidence(
    question: Question, passages: Sequence[Passage], right: frozenset[str], count: CountTokens
) -> bool:
    tokens = 0
    for passage in passages:
        tokens += count(passage.text)
        if tokens > EVIDENCE_TOKENS:
            return False
        if passage.document_id in right and passage.page in question.pages:
            return True
    return False


@dataclass(frozen=True, slots=True)
class EvalRun:
    """The outcomes of every question, asked of all documents and of the right one."""

    shared: tuple[Outcome, ...]
    given: tuple[Outcome, ...]


def save_run(run: EvalRun, path: Path, *, summary: Mapping[str, Any]) -> None:
    """Save a summary for people, and the outcomes for the next comparison."""
    value = {
        "format": FORMAT,
        "summary": summary,
        "shared": [asdict(outcome) for outcome in run.shared],
        "given": [asdict(outcome) for outcome in run.given],
    }
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file that a person named."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            "{path} cannot be written: {strerror}. Name another file.", path=path, strerror=error.strerror
        ) from error


def read_run(path: Path) -> EvalRun:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise ValueError(value["format"])
        return EvalRun(_outcomes(value["shared"]), _outcomes(value["given"]))
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


def _outcomes(rows: Sequence[Mapping[str, Any]]) -> tuple[Outcome, ...]:
    questions = [Question(**{**row["question"], "pages": tuple(row["question"]["pages"])}) for row in rows]
    return tuple(
        Outcome(**{**row, "question": question}) for row, question in zip(rows, questions, strict=True)
    )
