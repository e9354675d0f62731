"""Chainlit's socket events, extended: stop and edit, refuse what is too long, and reconnect without loss."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import chainlit as cl
from chainlit.chat_context import chat_context
from chainlit.context import context, init_ws_context
from chainlit.data import get_data_layer
from chainlit.session import WebsocketSession

from docent.errors import StoreError
from docent.retrieving.query import MAX_QUESTION
from docent.web.chat.answer_stream import text_so_far
from docent.web.chat.page_session import language, note
from docent.web.i18n import say
from docent.web.input_checks import TOO_LONG_EVENT


def extend(sio: Any, *, start: Callable[[], Awaitable[None]]) -> None:
    """Replace Chainlit's handlers by ones that call them; a reload of the code replaces ours, too.

    `start` offers the commands and settings of a conversation again to a page that reconnects.
    """
    handlers = sio.handlers["/"]
    original = {
        event: getattr(handlers[event], "original", handlers[event])
        for event in ("edit_message", "client_message", "connection_successful")
    }

    async def edit_message(sid: str, payload: Any) -> None:
        session = WebsocketSession.require(sid)
        if not _is_known(session, payload):
            await cl.context.emitter.send_toast(
                say("There is nothing here for you. Go back to the conversation and ask again.", language()),
                "warning",
            )
        elif not await _refuse_if_long(sid, payload):
            # Chainlit remembers the task of a new message only, so Stop would not end this one.
            session.current_task = asyncio.current_task()
            await original["edit_message"](sid, payload)

    async def client_message(sid: str, payload: Any) -> None:
        if await _refuse_if_long(sid, payload):
            return
        # A page sends a question again if the connection broke before it was acknowledged.
        if not _is_known(WebsocketSession.require(sid), payload):
            await original["client_message"](sid, payload)

    async def connection_successful(sid: str) -> None:
        session = WebsocketSession.get(sid)
        started = session is not None and session.chat_started
        try:
            await original["connection_successful"](sid)
            if session is None or not session.restored:
                return
            if session.has_first_interaction:
                await _send_missed(session)
            elif started:
                await start()
        except StoreError as error:
            sentence = say(error.message, getattr(context.session, "language", None))
            if session is not None and session.restored:
                await context.emitter.send_toast(sentence, "error")
            else:
                await context.emitter.send_resume_thread_error(sentence)

    for handler in (edit_message, client_message, connection_successful):
        handler.original = original[handler.__name__]  # type: ignore[union-attr]
        handlers[handler.__name__] = handler
    handlers["stop"] = _stop
    handlers[TOO_LONG_EVENT] = _refuse_long


async def _stop(sid: str) -> None:
    """End the answer, which says that it was stopped; Chainlit's own handler would add a message."""
    if session := WebsocketSession.get(sid):
        init_ws_context(session)
        if session.current_task:
            session.current_task.cancel()


def _is_known(session: WebsocketSession, payload: Any) -> bool:
    """Tell whether a message is in the conversation already."""
    init_ws_context(session)
    return payload["message"]["id"] in {message.id for message in chat_context.get()}


async def _refuse_if_long(sid: str, payload: Any) -> bool:
    """Refuse a message that is too long, before anything of it is saved."""
    if len(str(payload["message"].get("output", ""))) <= MAX_QUESTION:
        return False
    await _refuse_long(sid)
    return True


async def _refuse_long(sid: str) -> None:
    """Tell a page that its message was too long; the socket itself drops those that are far too long."""
    if session := WebsocketSession.get(sid):
        init_ws_context(session)
        refusal = note(
            say(
                "⚠️ This message was not read: it is longer than {most:,} characters. Shorten it, or "
                "attach the text as a file and ask about it.",
                language(),
                most=MAX_QUESTION,
            )
        )
        await cl.context.emitter.send_step(refusal.to_dict())
        await cl.context.emitter.task_end()


async def _send_missed(session: WebsocketSession) -> None:
    """Send everything since the last question; a page replaces what it has already."""
    layer = get_data_layer()
    thread = await layer.get_thread(session.thread_id) if layer is not None else None
    if thread is None:
        return
    steps = thread["steps"]
    questions = [n for n, step in enumerate(steps) if step["type"] == "user_message"]
    missed = steps[questions[-1] :] if questions else []
    for step in missed:
        text = text_so_far(step["id"])
        if text == "":
            continue  # an answer appears with its first word
        if text is not None:
            step["output"], step["streaming"] = text, True
        await context.emitter.send_step(step)
    ids = {step["id"] for step in missed}
    for element in thread["elements"] or ():
        if element.get("forId") in ids:
            await context.emitter.send_element(element)
    if session.current_task is not None and not session.current_task.done():
        await context.emitter.task_start()
