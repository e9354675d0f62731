"""A thumbs-up can become a test question: offered below the answer, kept when somebody presses it."""

from __future__ import annotations

import asyncio

import chainlit as cl
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession

from docent.app import Docent
from docent.messages import Message
from docent.types import Answer, Receipt
from docent.web.chat.history import History
from docent.web.chat.saved_answer import Kept, recall
from docent.web.i18n import say

KEEP = "keep_golden"


async def offer(step_id: str, *, session_id: str, history: History, reader: str) -> None:
    """The button, below a liked answer that cites something, in the tab where it was liked."""
    session = WebsocketSession.get_by_id(session_id)
    if session is None or session.user is None or session.user.identifier != reader:
        return
    found = await liked(history, step_id, reader=reader)
    if found is None or not found[1].citations:
        return
    init_ws_context(session)
    label = say("Keep as a test question", session.language)
    await cl.Action(name=KEEP, payload={"step": found[0]}, label=label, icon="list-checks").send(found[0])


async def keep(action: cl.Action, *, docent: Docent, history: History, reader: str, language: str) -> None:
    """Keep the question with the pages that answer it; only of documents that everybody may see."""
    found = await liked(history, str(action.payload.get("step")), reader=reader)
    if found is None:
        return
    question = await asyncio.to_thread(docent.keep_golden, as_answered(found[1]))
    await action.remove()
    said = (
        Message("Not kept: a test question needs an answer from documents that everybody may see.")
        if question is None
        else Message("Kept. `docent eval` asks it from now on.")
    )
    await cl.context.emitter.send_toast(say(said, language), "warning" if question is None else "success")


async def liked(history: History, step_id: str, *, reader: str) -> tuple[str, Kept] | None:
    """A reader's answer that a thumb was for; Chainlit puts it on the run that the answer is part of."""
    for message, author in await history.answers(step_id):
        kept = recall(message["metadata"])
        if kept is not None and author == reader:
            return str(message["id"]), kept
    return None


def as_answered(kept: Kept) -> Answer:
    """The answer as far as it was kept; its passages were not."""
    searched = str(kept.receipt.get("searched") or kept.question)
    return Answer(kept.text, kept.citations, (), Receipt(question=kept.question, searched=searched))
