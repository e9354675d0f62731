"""The model's own knowledge, where the documents do not answer and the reader wants it: labelled as such."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from docent.answering import canned_replies
from docent.answering.finish import streamed
from docent.answering.generation import write
from docent.answering.models.client import ModelClient
from docent.answering.output_filter import Filter
from docent.answering.prompt import templates
from docent.answering.prompt.budget import recent
from docent.answering.receipt import Record
from docent.answering.request import Asking
from docent.messages import Message, joined
from docent.types import Event, Token

FROM_THE_MODEL = Message("This answer comes from the model alone; none of your documents supports it.")


async def answer_anyway(
    question: str, model: ModelClient, asking: Asking, record: Record
) -> AsyncGenerator[Event, None]:
    """With no passages, no numbers and no links."""
    yield Token(f"{canned_replies.UNGROUNDED} ")
    record.shown = True
    history = await asyncio.to_thread(
        recent, asking.history, count=asking.counter.count, room=asking.bounds.context_tokens // 4
    )
    record.model = model.name
    writing = write(
        templates.without_documents(question, history),
        model=model,
        options=asking.options,
        output=Filter(passages=0, known=frozenset()),
        record=record,
    )
    async with aclosing(streamed(writing, asking, record, instead="")) as events:
        async for event in events:
            yield event
    if record.refused:
        yield record.answered(canned_replies.plain(record.refused), ())
        return
    if not record.text.strip():
        record.model = ""
    yield record.notice(FROM_THE_MODEL)
    text = record.text.strip() or Message("No answer came. Ask again.")
    yield record.answered(canned_replies.plain(joined((canned_replies.UNGROUNDED, text), " ")), ())
