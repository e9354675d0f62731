"""Save a liked answer as a test question: offered below the answer, saved when the button is pressed."""

from __future__ import annotations

import asyncio

import chainlit as cl
from chainlit.context import init_ws_context

from docent.app import Docent
from docent.messages import Message
from docent.types import Answer, Receipt
from docent.web.chat.history import History
from docent.web.chat.page_session import session_of
from docent.web.chat.saved_answer import SavedAnswer, load_answer
from docent.web.i18n import say

SAVE_QUESTION = "keep_golden"
"""Name of the button."""


async def offer_test_question(step_id: str, *, session_id: str, history: History, reader: str) -> None:
    """Show the button below a liked answer that cites something, in the page where it was liked."""
    session = session_of(session_id, reader)
    rated = await rated_answer(history, step_id, reader=reader) if session is not None else None
    if session is None or rated is None or not rated[1].citations:
        return
    init_ws_context(session)
    message_id = rated[0]
    label = say("Save as a test question", session.language)
    action = cl.Action(name=SAVE_QUESTION, payload={"step": message_id}, label=label, icon="list-checks")
    await action.send(message_id)


async def save_test_question(
    action: cl.Action, *, docent: Docent, history: History, reader: str, language: str
) -> None:
    """Save the question with the pages that answer it, if everybody may see their documents."""
    rated = await rated_answer(history, str(action.payload.get("step")), reader=reader)
    if rated is None:
        return
    answer = rated[1]
    # The passages were not saved.
    searched = str(answer.receipt.get("searched") or answer.question)
    receipt = Receipt(question=answer.question, searched=searched)
    question = await asyncio.to_thread(docent.keep_golden, Answer(answer.text, answer.citations, (), receipt))
    await action.remove()
    text = (
        Message("Not saved: a test question needs an answer from documents that everybody may see.")
        if question is None
        else Message("Saved. `docent eval` asks it from now on.")
    )
    await cl.context.emitter.send_toast(say(text, language), "warning" if question is None else "success")


async def rated_answer(history: History, step_id: str, *, reader: str) -> tuple[str, SavedAnswer] | None:
    """Return message id and answer for a rating, which Chainlit gives to the run that holds the answer."""
    for message, author in await history.answers_and_authors(step_id):
        answer = load_answer(message["metadata"])
        if answer is not None and author == reader:
            return str(message["id"]), answer
    return None
