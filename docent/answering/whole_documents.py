"""Documents read from beginning to end, in order: all at once where they fit, else part by part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering import scoped_documents
from docent.answering.finish import NO_MODEL, finished, streamed
from docent.answering.map_reduce import write_from_all
from docent.answering.output_filter import addresses, named
from docent.answering.pipeline import budgeted, from_passages
from docent.answering.receipt import Record
from docent.answering.request import Asking
from docent.answering.scoped_documents import Shelf
from docent.types import Event, PassagesFound, Searching, StoredDocument


async def answer_from_whole(
    question: str, wanted: Sequence[StoredDocument], kept: Shelf, asking: Asking, record: Record
) -> AsyncGenerator[Event, None]:
    yield Searching("all of " + ", ".join(named(document.name) for document in wanted))
    passages = await asyncio.to_thread(scoped_documents.read_all, kept, wanted)
    record.found = len(passages)
    record.lap("retrieve")
    yield PassagesFound(passages)
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
        options=asking.options,
        known=addresses(passage.text for passage in passages),
        record=record,
    )
    async with aclosing(streamed(reading, asking, record, instead=NO_MODEL)) as events:
        async for event in events:
            yield event
    async for event in finished(question, passages, passages, record, only_cited_shown=True):
        yield event
