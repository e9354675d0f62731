"""A question, from top to bottom: condense, retrieve, budget, prompt, stream, cite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from docent.answering import canned_replies, scoped_documents
from docent.answering.finish import NO_MODEL, ONLY_THOUGHT, SILENT, TOO_LONG, finished, streamed
from docent.answering.generation import write_within
from docent.answering.models.client import ModelClient
from docent.answering.output_filter import addresses
from docent.answering.prompt.budget import Budget, fit, recent
from docent.answering.prompt.condense import standing_alone
from docent.answering.receipt import Record
from docent.answering.request import Asking
from docent.answering.search_threads import search_in_thread
from docent.answering.tools.loop import write_with_tools
from docent.answering.tools.toolbox import Toolbox
from docent.retrieving.question_limits import left_out, searched
from docent.types import Event, Passage, PassagesFound, Searching, StoredDocument


async def answer_question(question: str, asking: Asking, record: Record) -> AsyncGenerator[Event, None]:
    record.searched = searched(await _condensed(searched(question), asking))
    record.lap("condense")
    yield Searching(record.searched)
    if unsearched := left_out(question):
        yield record.notice(unsearched)
    passages = tuple(await search_in_thread(record.searched, asking.retrieve, record.searched, asking.scope))
    record.found = len(passages)
    record.lap("retrieve")
    yield PassagesFound(passages)
    if not _relevant(passages, asking):
        record.not_found = True
        documents = await _documents(asking, record)
        if passages or documents is None or scoped_documents.answering(documents):
            cited = canned_replies.nothing_found(record.searched, passages, model=asking.model is not None)
        else:
            cited = canned_replies.about(documents)
        if waiting := canned_replies.not_yet(documents or ()):
            yield record.notice(waiting)
        yield record.answered(cited, passages)
        return
    # Counting twenty passages takes 25 ms, in which nobody else's words would be passed on.
    budget = await asyncio.to_thread(budgeted, question, passages, asking, most=asking.bounds.passages)
    record.lap("budget")
    async with aclosing(from_passages(question, passages, budget, asking, record)) as events:
        async for event in events:
            yield event


async def _condensed(question: str, asking: Asking) -> str:
    # Of a long conversation, counting takes 30 ms.
    history = await asyncio.to_thread(
        recent, asking.history, count=asking.counter.count, room=asking.bounds.context_tokens // 4
    )
    return await standing_alone(
        question,
        history,
        model=asking.model,
        instructions=asking.persona.instructions,
    )


async def _documents(asking: Asking, record: Record) -> Sequence[StoredDocument] | None:
    """Which there are, and for the receipt which are not ready; read only now, since nobody waits for it
    before the first token."""
    if asking.shelf is None:
        return None
    documents = await asyncio.to_thread(asking.shelf.documents)
    record.not_ready = scoped_documents.not_ready(documents)
    return documents


def _relevant(passages: Sequence[Passage], asking: Asking) -> bool:
    """Whether the documents speak of it at all; decided here, never asked of the model."""
    best = max((passage.relevance for passage in passages), default=-1.0)
    return best >= asking.bounds.relevant_from


def budgeted(question: str, passages: Sequence[Passage], asking: Asking, *, most: int) -> Budget:
    return fit(
        question,
        passages,
        asking.history,
        count=asking.counter.count,
        instructions=asking.persona.instructions,
        context_tokens=asking.bounds.context_tokens,
        answer_tokens=asking.bounds.answer_tokens,
        most=most,
    )


async def from_passages(
    question: str, passages: Sequence[Passage], budget: Budget, asking: Asking, record: Record
) -> AsyncGenerator[Event, None]:
    """The model's answer from what fits, else the best sentences of what was found."""
    if asking.model is None:
        yield record.notice(NO_MODEL)
    elif not budget.fits or not budget.passages:
        yield record.notice(TOO_LONG)
    else:
        writing = _writing(question, budget, asking, asking.model, record)
        async with aclosing(streamed(writing, asking, record, instead=NO_MODEL)) as events:
            async for event in events:
                yield event
        if not record.text.strip() and not record.failed:
            yield record.notice(ONLY_THOUGHT if record.last.cut_short else SILENT)
        asking.counter.learn(budgeted=record.tokens, counted=record.last.prompt_tokens)
    await _documents(asking, record)
    known = {passage.chunk_id: passage for passage in (*passages, *record.looked_up)}
    sent = [known[chunk_id] for chunk_id in record.sent]
    async for event in finished(question, sent or passages, tuple(known.values()), record):
        yield event


def _writing(
    question: str, budget: Budget, asking: Asking, model: ModelClient, record: Record
) -> AsyncGenerator[Event, None]:
    """The model writes from the passages, with tools where the settings give it some."""
    if asking.bounds.tool_steps and asking.shelf is not None:
        return write_with_tools(
            question,
            budget,
            model=model,
            instructions=asking.persona.instructions,
            options=asking.options,
            toolbox=Toolbox(search=lambda query: asking.retrieve(query, asking.scope), shelf=asking.shelf),
            steps=asking.bounds.tool_steps,
            count=asking.counter.count,
            window=asking.bounds.context_tokens - asking.bounds.answer_tokens,
            record=record,
        )
    return write_within(
        question,
        budget,
        model=model,
        instructions=asking.persona.instructions,
        options=asking.options,
        known=addresses(passage.text for passage in budget.passages),
        record=record,
    )
