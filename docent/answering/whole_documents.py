"""Answers from documents that are read whole: a summary, one topic, a comparison."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering import replies_without_model as replies
from docent.answering.answer_context import (
    AnswerServices,
    Draft,
    ScopedDocuments,
)
from docent.answering.citing.citations import CitedAnswer
from docent.answering.generation import (
    stream_checked,
    write_from_notes,
)
from docent.answering.key_sentences import key_sentences_of_each
from docent.answering.output_filter import display_name
from docent.answering.passage_answer import answer_from_passages, cite_answer
from docent.answering.passage_steps import fit_passages, list_documents
from docent.answering.prompt.templates import INSTRUCTIONS
from docent.answering.saved_summaries import cited_of, is_worth_saving
from docent.answering.small_models import (
    is_small,
)
from docent.messages import Message
from docent.types import (
    Answered,
    AnswerRequest,
    Event,
    Passage,
    PassagesFound,
    Preview,
    Searching,
    StoredDocument,
)


def _reading(wanted: Sequence[StoredDocument]) -> Searching:
    return Searching(
        Message("all of {files}", files=", ".join(display_name(document.name) for document in wanted))
    )


async def _answer_from_whole(
    request: AnswerRequest,
    wanted: Sequence[StoredDocument],
    passages: tuple[Passage, ...],
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Answer from documents that are read whole: all at once where they fit, else part by part."""
    yield _reading(wanted)
    draft.found = len(passages)
    draft.lap("retrieve")
    yield PassagesFound(passages)
    draft.closely = await is_small(services)
    request = replace(request, history=())
    budget = await fit_passages(request, passages, services, most=len(passages))
    if services.model is None or not budget.fits or not budget.dropped:
        async with aclosing(
            answer_from_passages(request, passages, budget, documents, services, draft)
        ) as events:
            async for event in events:
                yield event
        return
    tokens = write_from_notes(request.question, passages, services.model, services, draft)
    async with aclosing(stream_checked(tokens, services.policy, draft, instead=replies.NO_MODEL)) as events:
        async for event in events:
            yield event
    async for event in cite_answer(request.question, passages, passages, draft, show_cited_only=True):
        yield event


async def answer_from_all_of(
    request: AnswerRequest,
    wanted: Sequence[StoredDocument],
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Read documents whole for one topic, or to compare them."""
    passages = await asyncio.to_thread(documents.read_whole, wanted)
    async with aclosing(_answer_from_whole(request, wanted, passages, documents, services, draft)) as events:
        async for event in events:
            yield event


async def summarise(
    request: AnswerRequest,
    wanted: Sequence[StoredDocument],
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Summarise documents: from what was saved, by the model, or without one from their own sentences.

    These are shown at once, until the words of the model come.
    """
    passages = await asyncio.to_thread(documents.read_whole, wanted)
    plain = len(wanted) == 1 and services.persona.instructions == INSTRUCTIONS
    saving = services.summaries if plain else None
    if saving and services.model and (saved := await asyncio.to_thread(saving.get, wanted[0], passages)):
        draft.model, draft.found = saved.model, len(passages)
        yield _reading(wanted)
        yield draft.answered(CitedAnswer(saved.text, saved.citations), cited_of(saved.citations, passages))
        return
    draft.instead = await asyncio.to_thread(key_sentences_of_each, passages)
    small = await is_small(services)
    if services.model is None or small:
        yield _reading(wanted)
        yield draft.notice(replies.TOO_SMALL if small else replies.NO_MODEL)
        await list_documents(documents, draft)
        draft.found = len(passages)
        yield draft.answered(draft.instead, cited_of(draft.instead.citations, passages))
        return
    yield Preview(draft.instead.text)
    async with aclosing(_answer_from_whole(request, wanted, passages, documents, services, draft)) as events:
        async for event in events:
            if saving and isinstance(event, Answered) and is_worth_saving(event.answer):
                await asyncio.to_thread(saving.save, wanted[0], event.answer)
            yield event
