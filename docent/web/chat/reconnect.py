"""A page whose network dropped comes back: nothing asked is lost or asked twice, nothing said is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from chainlit.chat_context import chat_context
from chainlit.context import context, init_ws_context
from chainlit.data import get_data_layer
from chainlit.session import WebsocketSession

from docent.errors import StoreError
from docent.web.chat.conversation import refuse_long
from docent.web.chat.streaming import so_far
from docent.web.i18n import say


def mend(sio: Any, *, start: Callable[[], Awaitable[None]]) -> None:
    """Chainlit takes a page back, and neither asks what it sent nor tells what it missed.

    `start` offers what a conversation begins with: a page that opens its line twice would have none of it.
    """
    handlers = sio.handlers["/"]
    receive = getattr(handlers["client_message"], "original", handlers["client_message"])
    greet = getattr(handlers["connection_successful"], "original", handlers["connection_successful"])

    async def client_message(sid: str, payload: Any) -> None:
        if await refuse_long(sid, payload):
            return
        if not _is_known(WebsocketSession.require(sid), payload):
            await receive(sid, payload)

    async def connection_successful(sid: str) -> None:
        session = WebsocketSession.get(sid)
        started = session is not None and session.chat_started
        try:
            await greet(sid)
            if session is None or not session.restored:
                return
            if session.has_first_interaction:
                await _catch_up(session)
            elif started:
                await start()
        except StoreError as error:  # the conversation that is to be shown cannot be read
            sentence = say(error.message, getattr(context.session, "language", None))
            if session is not None and session.restored:
                await context.emitter.send_toast(sentence, "error")
            else:
                await context.emitter.send_resume_thread_error(sentence)

    client_message.original = receive  # type: ignore[attr-defined]
    connection_successful.original = greet  # type: ignore[attr-defined]
    handlers["client_message"] = client_message
    handlers["connection_successful"] = connection_successful


def _is_known(session: WebsocketSession, payload: Any) -> bool:
    """The page sends a question once more if its line broke before it heard that it had come."""
    init_ws_context(session)
    return payload["message"]["id"] in {message.id for message in chat_context.get()}


async def _catch_up(session: WebsocketSession) -> None:
    """Everything since the last question; what is there already is replaced by itself."""
    layer = get_data_layer()
    thread = await layer.get_thread(session.thread_id) if layer is not None else None
    if thread is None:
        return
    steps = thread["steps"]
    asked = [n for n, step in enumerate(steps) if step["type"] == "user_message"]
    missed = steps[asked[-1] :] if asked else []
    for step in missed:
        words = so_far(step["id"])
        if words == "":
            continue  # it has its place when its first word comes
        if words is not None:
            step["output"], step["streaming"] = words, True
        await context.emitter.send_step(step)
    ids = {step["id"] for step in missed}
    for element in thread["elements"] or ():
        if element.get("forId") in ids:
            await context.emitter.send_element(element)
    if session.current_task is not None and not session.current_task.done():
        await context.emitter.task_start()
