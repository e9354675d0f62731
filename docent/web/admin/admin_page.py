"""The administrators' page: its figures, and small charts of them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from docent.app import Docent
from docent.evaluating import PastAnswerEvaluation, PastEvaluation, Question
from docent.store import Group
from docent.types import Scope
from docent.web.accounts.users import Account
from docent.web.chat.history import History
from docent.web.chat.saved_answer import SavedAnswer, load_answer
from docent.web.templates import render

MOST_RATINGS = 50
DAYS = 30
SHOWN_EVALUATIONS = 20

RATINGS = """
SELECT f."id", f."value", f."comment", f."forId" AS step, t."userIdentifier" AS user, s."createdAt" AS at
FROM feedbacks f JOIN steps s ON s."id" = f."forId" JOIN threads t ON t."id" = s."threadId"
ORDER BY s."createdAt" DESC LIMIT :most
"""
QUESTIONS = """
SELECT substr("createdAt", 1, 10) AS day, COUNT(*) AS count FROM steps
WHERE "type" = 'user_message' AND "createdAt" >= :since GROUP BY day
"""
CONVERSATIONS = "SELECT COUNT(*) AS count FROM threads"


@dataclass(frozen=True, slots=True)
class Rating:
    """A thumb that somebody gave to an answer."""

    step: str
    user: str
    good: bool
    comment: str
    at: str
    question: str
    is_saved: bool
    """Its question is a test question already."""
    can_be_saved: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart, in a box of 100 by 100."""

    x: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the parts that Docent needs."""

    documents: Mapping[str, int]
    """Shared documents by state."""
    pages: int
    waiting: int
    without_vector: int
    free_bytes: int
    model_ready: bool
    model_sentence: str


@dataclass(frozen=True, slots=True)
class Making:
    """The questions that Docent made itself, and how far it is with more."""

    made: Mapping[str, int]
    """By shared library, also where there are none."""
    library: str
    """The library at hand, or the last one; empty before the first."""
    running: bool
    documents: int
    of_documents: int
    pairs: int
    failure: str


@dataclass(frozen=True, slots=True)
class AdminFigures:
    """Everything that the page shows."""

    accounts: Sequence[Account]
    groups: Sequence[Group]
    closed: Sequence[str]
    """Names of the shared libraries that are closed but for groups."""
    ratings: Sequence[Rating]
    golden: Sequence[Question]
    evaluations: Sequence[PastEvaluation]
    making: Making
    answer_evaluations: Sequence[PastAnswerEvaluation]
    questions: Mapping[str, int]
    """By day."""
    conversations: int
    health: Health


async def ratings(history: History, golden: Sequence[Question]) -> list[Rating]:
    """Return the latest ratings with the questions that they are about."""
    known = {question.question for question in golden}
    found = []
    for row in await history.rows(RATINGS, most=MOST_RATINGS):
        answer = await rated(history, row["step"])
        searched = str(answer.receipt.get("searched") or answer.question) if answer else ""
        found.append(
            Rating(
                step=row["step"],
                user=str(row["user"] or ""),
                good=bool(row["value"]),
                comment=row["comment"] or "",
                at=str(row["at"] or "")[:10],
                question=answer.question if answer else "",
                is_saved=searched in known,
                can_be_saved=answer is not None and bool(answer.citations),
            )
        )
    return found


async def rated(history: History, step: str) -> SavedAnswer | None:
    """Return the answer that a rating is for, whoever rated it."""
    for message, _ in await history.answers_and_authors(step):
        if (answer := load_answer(message["metadata"])) is not None:
            return answer
    return None


async def questions_by_day(history: History) -> dict[str, int]:
    """Return how many questions were asked on each of the last days, also where none was."""
    today = datetime.now(UTC).date()
    days = [str(today - timedelta(days=before)) for before in reversed(range(DAYS))]
    counts = {row["day"]: row["count"] for row in await history.rows(QUESTIONS, since=days[0])}
    return {day: counts.get(day, 0) for day in days}


def health(docent: Docent, *, model_ready: bool, model_sentence: str) -> Health:
    documents = docent.store.documents(Scope())
    return Health(
        documents=Counter(document.state.value for document in documents),
        pages=sum(document.pages for document in documents),
        waiting=len(docent.uploads.waiting()),
        without_vector=docent.store.lacking(),
        free_bytes=shutil.disk_usage(docent.store.folder).free,
        model_ready=model_ready,
        model_sentence=model_sentence,
    )


def making(docent: Docent) -> Making:
    made = Counter(question.library for question in docent.synthetic.all())
    job = docent.question_job
    progress = job.progress
    return Making(
        made={library: made[library] for library in docent.store.libraries(None)},
        library=job.library,
        running=job.running,
        documents=progress.documents if progress else 0,
        of_documents=progress.of_documents if progress else 0,
        pairs=progress.pairs if progress else 0,
        failure=job.failure,
    )


def admin_page(figures: AdminFigures, *, note: str, login: bool, audit: bool, language: str) -> str:
    shown = figures.evaluations[-SHOWN_EVALUATIONS:]
    answers = figures.answer_evaluations[-SHOWN_EVALUATIONS:]
    complete = [run for run in answers if "completeness" in run.scores]
    return render(
        "admin.html",
        language,
        figures=figures,
        evaluations=list(reversed(shown)),
        hits=bars([run.page_hit_5.value for run in shown], [run.at[:10] for run in shown], most=1.0),
        answers=list(reversed(answers)),
        completeness=bars(
            [run.scores["completeness"].value for run in complete],
            [f"{run.at[:10]} {run.model}".strip() for run in complete],
            most=1.0,
        ),
        days=bars(list(figures.questions.values()), list(figures.questions)),
        asked=sum(figures.questions.values()),
        note=note,
        login=login,
        audit=audit,
    )


def bars(values: Sequence[float], labels: Sequence[str], *, most: float = 0.0) -> list[Bar]:
    """Return bars as high as their values, the highest of which fills the box unless `most` does."""
    highest = most or max(values, default=0) or 1
    width = 100 / max(len(values), 1)
    return [
        Bar(
            round(index * width, 2),
            round(width * 0.8, 2),
            round(100 * value / highest, 1),
            f"{label}: {value:g}",
        )
        for index, (value, label) in enumerate(zip(values, labels, strict=True))
    ]
