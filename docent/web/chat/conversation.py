"""What happens to a conversation besides asking: it is stopped, edited, resumed, exported."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import chainlit as cl
from chainlit.chat_context import chat_context
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession
from chainlit.step import StepDict
from chainlit.types import CommandDict, ThreadDict

from docent.answering import LONGEST_QUESTION
from docent.app import Docent
from docent.errors import ModelError
from docent.messages import Message
from docent.types import Scope
from docent.web.accounts.authenticator import FREE_TRIES, Authenticator
from docent.web.accounts.users import LOCAL
from docent.web.chat import chat_settings
from docent.web.chat.chat_settings import Chosen, widgets
from docent.web.chat.saved_answer import Fate, fates, recall, turns
from docent.web.chat.side_panel import escaped
from docent.web.chat.streaming import is_under_way, unfinished
from docent.web.i18n import say
from docent.web.input_checks import TOO_LONG_EVENT
from docent.web.page_routes import export_link
from docent.web.thread_pool import run_in_small_pool

EXPORT = "export"
DOCUMENTS = "documents"
FORGET = "forget"
ASK_AGAIN = "ask_again"
ANYWAY = "answer_anyway"
MODELS = "models"
"""The models that the panel offers, kept with the session."""


def mend(sio: Any) -> None:
    """Stop ends an answer that followed an edit too, and leaves no message of its own; what is too long
    to be read is refused in a sentence."""
    handlers = sio.handlers["/"]
    handlers["stop"] = stop
    handlers[TOO_LONG_EVENT] = tell_too_long
    edit = getattr(handlers["edit_message"], "original", handlers["edit_message"])

    async def edit_message(sid: str, payload: Any) -> None:
        session = WebsocketSession.require(sid)
        init_ws_context(session)
        if payload["message"]["id"] not in {message.id for message in chat_context.get()}:
            await cl.context.emitter.send_toast(
                say("There is nothing here for you. Go back to the conversation and ask again.", language()),
                "warning",
            )
            return
        if await refuse_long(sid, payload):
            return
        # Chainlit remembers the task of a new message only.
        session.current_task = asyncio.current_task()
        await edit(sid, payload)

    edit_message.original = edit  # type: ignore[attr-defined]
    handlers["edit_message"] = edit_message


async def refuse_long(sid: str, payload: Any) -> bool:
    """Whether a message is too long to be read; then its sender is told, and nothing is stored."""
    if len(str(payload["message"].get("output", ""))) <= LONGEST_QUESTION:
        return False
    await tell_too_long(sid)
    return True


async def tell_too_long(sid: str) -> None:
    """Also of what was so long that it was not taken from the socket."""
    if session := WebsocketSession.get(sid):
        init_ws_context(session)
        refusal = note(
            say(
                "⚠️ This message was not read: it is longer than {most} characters. Shorten it, or "
                "attach the text as a file and ask about it.",
                language(),
                most=f"{LONGEST_QUESTION:,}",
            )
        )
        await cl.context.emitter.send_step(refusal.to_dict())
        await cl.context.emitter.task_end()


async def stop(sid: str) -> None:
    """The answer itself says that it was stopped, see chat.py."""
    if session := WebsocketSession.get(sid):
        init_ws_context(session)
        if session.current_task:
            session.current_task.cancel()


def reader() -> str:
    """Who is asking."""
    user = cl.context.session.user
    assert user is not None  # everybody is somebody: without login it is the one local person
    return str(user.identifier)


def runs_docent() -> bool:
    """Whether this is an administrator, or the one person of a Docent without login."""
    user = cl.context.session.user
    return user is not None and (user.identifier == LOCAL or user.metadata.get("role") == "admin")


def note(content: str, **more: Any) -> cl.Message:
    """What Docent says beside its answers: no thumb is asked for it."""
    return cl.Message(content=content, type="system_message", **more)


def language() -> str:
    return str(getattr(cl.context.session, "language", "en"))


async def start(*, docent: Docent) -> None:
    """Offer what can be done with a conversation, and how it can be set."""
    await cl.context.emitter.set_commands(
        [
            _command(EXPORT, "Download this conversation", "download"),
            _command(DOCUMENTS, "See, search and manage the documents", "library"),
            _command(FORGET, "Delete the files that were handed in here", "trash-2"),
        ]
    )
    models = await _models(docent)
    cl.user_session.set(MODELS, list(models))
    libraries = await run_in_small_pool(docent.store.libraries, None)
    panel = widgets(
        docent.settings,
        libraries=libraries,
        models=models,
        before=dict(cl.context.session.chat_settings),
        language=language(),
    )
    await cl.ChatSettings(panel).send()


async def tell_of_attempts(authenticator: Authenticator) -> None:
    """Tell users, once, that others seem to guess at their password."""
    failed = authenticator.refused_attempts(reader())
    if failed >= FREE_TRIES:  # fewer are slips of their own
        said = say(
            (
                "{n} attempts to log in under your name failed since your last visit. If they were not "
                "yours, tell whoever looks after this Docent, and choose a long password."
            ),
            language(),
            n=failed,
        )
        await note(f"⚠️ {said}").send()


def _command(name: str, hint: str, icon: str) -> CommandDict:
    """Typed with a slash, and over when it was sent."""
    return {
        "id": name,
        "description": say(hint, language()),
        "icon": icon,
        "button": False,
        "persistent": False,
        "selected": False,
    }


async def _models(docent: Docent) -> tuple[str, ...]:
    """None where the server does not say in time; the panel does without them."""
    try:
        return await asyncio.wait_for(docent.models(), timeout=3)
    except (ModelError, TimeoutError):
        return ()


def chosen(docent: Docent) -> Chosen:
    """What is set in this conversation."""
    models = cl.user_session.get(MODELS) or ()
    return chat_settings.chosen(cl.context.session.chat_settings, settings=docent.settings, models=models)


async def documents() -> None:
    """A link to the documents page."""
    await note(
        say(
            "[Open the documents page](/documents): what is here, how it was read, and what can be "
            "done with it.",
            language(),
        )
    ).send()


async def export() -> None:
    """A link to this conversation as a file."""
    said = turns(chat_context.get())
    link = export_link(cl.context.session.thread_id)
    text = (
        say("[Download this conversation]({link}) as Markdown, with its sources.", language(), link=link)
        if said
        else say("There is nothing to export yet. Ask a question first.", language())
    )
    await note(text).send()


async def resume(thread: ThreadDict, *, docent: Docent) -> None:
    """Open an earlier conversation; answers say which of their sources are gone, and can be asked again."""
    await start(docent=docent)
    scope = Scope(reader=reader())
    for step in thread["steps"]:
        if step["type"] != "assistant_message":
            continue
        if question := unfinished(step.get("metadata")):
            await _broken_off(step, question)
        elif (kept := recall(step.get("metadata"))) is not None:
            gone = await run_in_small_pool(fates, kept, reader=docent.store, scope=scope)
            if gone:
                await _stale(step, kept.question, gone)


async def _broken_off(step: StepDict, question: str) -> None:
    """What came before Docent ended stays, and says that it is not all."""
    if is_under_way(step["id"]):
        step["output"] += "\n\n" + say(
            "*This answer is still being written. Open the conversation again in a moment to see all of it.*",
            language(),
        )
        return
    step["output"] += "\n\n" + say(
        "⚠️ The answer broke off here: Docent ended while it was being written.", language()
    )
    await _offer_again(step, question)


STALE = {
    "changed": Message("⚠️ Since this answer, {files} changed. Ask again to hear what it says now."),
    "deleted": Message(
        "⚠️ Since this answer, {files} was deleted. Ask again to hear what the other documents say."
    ),
}


async def _stale(step: StepDict, question: str, gone: Mapping[str, Fate]) -> None:
    for fate, template in STALE.items():
        files = ", ".join(escaped(file) for file, became in gone.items() if became == fate)
        if files:
            step["output"] += "\n\n" + say(template, language(), files=files)
    await _offer_again(step, question)


async def _offer_again(step: StepDict, question: str) -> None:
    again = cl.Action(
        name=ASK_AGAIN, payload={"question": question}, label=say("Ask again", language()), icon="refresh-cw"
    )
    await again.send(for_id=step["id"])
