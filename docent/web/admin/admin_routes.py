"""Routes of the administrators' page: show it, save a test question, evaluate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.errors import InputError, UnknownDocument
from docent.evaluating import ask, report
from docent.messages import Message
from docent.types import Scope
from docent.web.admin.admin_page import (
    CONVERSATIONS,
    AdminFigures,
    admin_page,
    health,
    making,
    questions_by_day,
    rated,
    ratings,
)
from docent.web.chat.history import History
from docent.web.chat.page_session import language_of
from docent.web.chat.saved_answer import as_answer
from docent.web.documents.page_access import FORM_BYTES, HEADERS, checked, html
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

MODEL_SECONDS = 2.0
WITHIN = 50
"""Passages looked at, as `docent eval` does."""
NOTES = {
    "saved": Message("Saved. It is asked with the others from now on."),
    "evaluated": Message("The test questions were asked; the figures are below."),
    "making": Message("Questions are being made. Load this page again to see how far it is."),
    "stopped": Message("It stops; what was made so far is kept."),
    "added": Message("Added. They can log in now."),
    "role": Message("The role is changed. The person has to log in again."),
    "password": Message("The password is changed. Logins with the old one have ended."),
    "opened": Message("The library is open to everybody."),
    "group_removed": Message("The group is removed. What only it could use stays closed."),
    "removed": Message("Removed, with their conversations and their own documents."),
}

_evaluating = asyncio.Lock()


def routes() -> list[Route]:
    return [
        Route("/admin", checked(administrators_only(show))),
        Route("/admin/golden", checked(administrators_only(save_question)), methods=["POST"]),
        Route("/admin/evaluate", checked(administrators_only(evaluate)), methods=["POST"]),
        Route("/admin/questions", checked(administrators_only(make_questions)), methods=["POST"]),
    ]


Handler = Callable[[Request, str], Awaitable[Response]]


def administrators_only(handler: Handler) -> Handler:
    """Wrap a handler: for everybody else there is no such page."""

    async def only(request: Request, reader: str) -> Response:
        if not request.app.state.authenticator.is_admin(reader):
            raise UnknownDocument("There is nothing here for you. Go back to the conversation and ask again.")
        return await handler(request, reader)

    return only


async def show(request: Request, reader: str) -> Response:
    state = request.app.state
    docent: Docent = state.docent
    history: History = state.history
    language = language_of(request)
    try:
        status = await asyncio.wait_for(docent.check_model(), MODEL_SECONDS)
        ready, sentence = status.ready, say(status.sentence, language)
    except TimeoutError:
        ready, sentence = False, say("The model server does not answer.", language)
    golden = await run_in_small_pool(docent.golden.all)
    users = state.authenticator.users if state.authenticator.required else None
    figures = AdminFigures(
        accounts=await run_in_small_pool(users.all) if users else [],
        groups=await run_in_small_pool(docent.store.groups.all),
        closed=await run_in_small_pool(docent.store.groups.restricted),
        ratings=await ratings(history, golden),
        golden=golden,
        evaluations=await run_in_small_pool(docent.past_evaluations.all),
        making=await run_in_small_pool(making, docent),
        answer_evaluations=await run_in_small_pool(docent.past_answer_evaluations.all),
        questions=await questions_by_day(history),
        conversations=(await history.rows(CONVERSATIONS))[0]["count"],
        health=await run_in_small_pool(health, docent, model_ready=ready, model_sentence=sentence),
    )
    note = NOTES.get(request.query_params.get("done", ""), "")
    text = admin_page(
        figures,
        note=say(note, language),
        login=state.authenticator.required,
        audit=docent.settings.audit_days > 0,
        language=language,
    )
    return html(text)


async def save_question(request: Request, reader: str) -> Response:
    """Add the question of a rated answer, with the page that answers it, to the test questions."""
    docent: Docent = request.app.state.docent
    async with request.form(max_files=0, max_fields=1, max_part_size=FORM_BYTES) as form:
        answer = await rated(request.app.state.history, str(form.get("step", "")))
    if answer is None:
        raise UnknownDocument("This answer is not there any more. Go back and load the page again.")
    if await asyncio.to_thread(docent.keep_golden, as_answer(answer)) is None:
        raise InputError("Not saved: a test question needs an answer from documents that everybody may see.")
    return back_to_page("saved")


async def evaluate(request: Request, reader: str) -> Response:
    """Ask the test questions, and keep how many of their pages were found."""
    if _evaluating.locked():
        raise InputError("The test questions are being asked already. Wait until that is done.")
    async with _evaluating:
        await asyncio.to_thread(_evaluate, request.app.state.docent)
    return back_to_page("evaluated")


def _evaluate(docent: Docent) -> None:
    questions = docent.golden.all()
    if not any(question.answerable for question in questions):
        raise InputError("There are no test questions yet. Save one from an answer that somebody liked.")
    outcomes = ask(
        questions,
        retrieve=lambda question, scope: docent.retrieve(question, scope, WITHIN),
        documents=docent.store.documents(Scope()),
        library="",
        given_document=False,
        count=lambda text: len(docent.embedder.tokenizer.encode(text, add_special_tokens=False).ids),
        on_progress=lambda done: None,
    )
    docent.past_evaluations.add(report(tuple(outcomes), relevant_from=docent.settings.relevant_from))


async def make_questions(request: Request, reader: str) -> Response:
    """Begin to make questions of a shared library in the background, or stop it."""
    docent: Docent = request.app.state.docent
    async with request.form(max_files=0, max_fields=2, max_part_size=FORM_BYTES) as form:
        library, wish = str(form.get("library", "")), str(form.get("do", ""))
    if wish == "stop":
        docent.question_job.cancel()
        return back_to_page("stopped")
    if library not in await run_in_small_pool(docent.store.libraries, None):
        raise InputError("There is no such library any more. Go back and load the page again.")
    docent.question_job.start(library)
    return back_to_page("making")


def back_to_page(done: str) -> Response:
    """Return to the page, which says what was done: one of NOTES."""
    return RedirectResponse(f"/admin?done={done}", 303, headers=HEADERS)
