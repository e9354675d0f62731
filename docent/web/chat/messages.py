"""A message with files, and its question, which waits until they can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import chainlit as cl
from chainlit.data import get_data_layer

from docent.app import Docent
from docent.web.chat import attachments, reply
from docent.web.chat.conversation import ASK_AGAIN, language, note
from docent.web.i18n import say
from docent.web.monitoring import Metrics


async def received(message: cl.Message, *, docent: Docent, metrics: Metrics) -> None:
    """Answer a question; where files came with it, show how far they are and answer from them."""
    if not message.elements:
        await reply.reply(message.content, docent=docent, metrics=metrics)
        return
    lines = await attachments.take_in(message, docent=docent)
    if not message.content.strip():
        await _named(message)
    else:
        # Its own task, because Chainlit disables every button, also Cancel, until this function ends.
        asking = _once_searchable(message, lines, docent=docent, metrics=metrics)
        cl.context.session.current_task = asyncio.create_task(asking)


async def _named(message: cl.Message) -> None:
    """Where nothing was said, the names of the files stand for it, also in the list of conversations."""
    names = ", ".join(str(element.name) for element in message.elements)
    message.content = names
    elements, message.elements = message.elements, []  # on the page already
    await message.update()
    message.elements = elements
    thread_id = cl.context.session.thread_id
    layer = get_data_layer()
    thread = await layer.get_thread(thread_id) if layer is not None else None
    if layer is not None and not (thread and thread["name"]):
        await layer.update_thread(thread_id, name=names)
        await cl.context.emitter.emit("first_interaction", {"interaction": names, "thread_id": thread_id})


async def _once_searchable(
    message: cl.Message, lines: Sequence[attachments.Line], *, docent: Docent, metrics: Metrics
) -> None:
    waiting = [line for line in lines if not line.searchable]
    waits = (
        await note(say("Your question is asked as soon as the files can be searched.", language())).send()
        if waiting
        else None
    )
    try:
        tickets = await attachments.searchable(lines)
    finally:
        if waits is not None:
            await waits.remove()
    if tickets:
        await reply.later(message.content, to=message.id, docent=docent, metrics=metrics, tickets=tickets)
        return
    again = cl.Action(
        name=ASK_AGAIN, payload={"question": message.content}, label=say("Ask again", language())
    )
    await note(
        say(
            "None of these files can be asked, so the question was not put. Hand in others, or ask without.",
            language(),
        ),
        actions=[again],
    ).send()
