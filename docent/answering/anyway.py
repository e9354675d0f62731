"""The model's own knowledge, where the documents do not answer and the reader wants it: labelled as such."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from docent.answering.asking import Asking
from docent.answering.finishing import streamed
from docent.generating import prompt, speaking
from docent.generating.budget import recent
from docent.generating.client import ModelClient
from docent.generating.output import Filter
from docent.generating.record import Record
from docent.generating.writing import write
from docent.glossary import Event, Token

FROM_THE_MODEL = "This answer comes from the model alone; none of your documents supports it."


async def answer_anyway(
    question: str, model: ModelClient, asking: Asking, record: Record
) -> AsyncGenerator[Event, None]:
    """With no passages, no numbers and no links."""
    yield Token(speaking.UNGROUNDED)
    record.shown = True
    history = await asyncio.to_thread(
        recent, asking.history, count=asking.counter.count, room=asking.bounds.context_tokens // 4
    )
    record.model = model.name
    writing = write(
        prompt.without_documents(question, history),
        model=model,
        wishes=asking.wishes,
        output=Filter(passages=0, known=frozenset()),
        record=record,
    )
    async with aclosing(streamed(writing, asking, record, instead="")) as events:
        async for event in events:
            yield event
    if record.refused:
        yield record.answered(speaking.plain(record.refused), ())
        return
    if not record.text.strip():
        record.model = ""
    yield record.notice(FROM_THE_MODEL)
    text = record.text.strip() or "No answer came."
    yield record.answered(speaking.plain(speaking.UNGROUNDED + text), ())
