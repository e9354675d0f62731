"""Documents read from beginning to end, in order: all at once where they fit, else part by part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering.asking import Asking
from docent.answering.finishing import NO_MODEL, finished, streamed
from docent.answering.question import budgeted, from_passages
from docent.generating import shelf
from docent.generating.output import addresses, named
from docent.generating.record import Record
from docent.generating.shelf import Shelf
from docent.generating.whole import write_from_all
from docent.glossary import Event, Found, Searching, StoredDocument


async def answer_from_whole(
    question: str, wanted: Sequence[StoredDocument], kept: Shelf, asking: Asking, record: Record
) -> AsyncGenerator[Event, None]:
    yield Searching("all of " + ", ".join(named(document.name) for document in wanted))
    passages = await asyncio.to_thread(shelf.read_all, kept, wanted)
    record.found = len(passages)
    record.lap("retrieve")
    yield Found(passages)
    asking = replace(asking, history=())
    budget = await asyncio.to_thread(budgeted, question, passages, asking, most=len(passages))
    if asking.model is None or not budget.fits or not budget.dropped:
        async with aclosing(from_passages(question, passages, budget, asking, record)) as events:
            async for event in events:
                yield event
        return
    reading = write_from_all(
        question,
        passages,
        model=asking.model,
        count=asking.counter.count,
        context_tokens=asking.bounds.context_tokens,
        answer_tokens=asking.bounds.answer_tokens,
        instructions=asking.persona.instructions,
        wishes=asking.wishes,
        known=addresses(passage.text for passage in passages),
        record=record,
    )
    async with aclosing(streamed(reading, asking, record, instead=NO_MODEL)) as events:
        async for event in events:
            yield event
    async for event in finished(question, passages, passages, record, only_cited_shown=True):
        yield event
