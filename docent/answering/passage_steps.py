"""Steps that every way from a request to its answer shares: condense, search, and fit into the prompt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial

from docent.answering.answer_context import (
    AnswerServices,
    Draft,
    ScopedDocuments,
    not_ready,
    search_in_thread,
)
from docent.answering.generation import condense
from docent.answering.prompt.token_budget import Budget, fit, recent
from docent.answering.question_translation import translate_searched
from docent.retrieving.query import shorten_question, shortened_notice
from docent.types import AnswerRequest, Event, Passage, PassagesFound, Searching, StoredDocument, Turn


async def find_passages(
    request: AnswerRequest, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Condense the question and search; the last event has the passages."""
    history = await recent_turns(request, services)
    # A small model answers when it should rewrite, and what it writes then would be searched.
    rewriting = replace(services, model=None) if draft.small else services
    draft.searched = shorten_question(await condense(shorten_question(request.question), history, rewriting))
    draft.lap("condense")
    yield Searching(draft.searched)
    if unsearched := shortened_notice(request.question):
        yield draft.notice(unsearched)
    translations, notices = await translate_searched(request.scope, services, draft)
    for notice in notices:
        yield notice
    search = partial(services.retrieve, translations=translations) if translations else services.retrieve
    passages = tuple(await search_in_thread(draft.searched, search, draft.searched, request.scope))
    draft.found = len(passages)
    draft.lap("retrieve")
    yield PassagesFound(passages)


def is_relevant(passages: Sequence[Passage], services: AnswerServices) -> bool:
    """Tell whether the best passage is likely to answer; the model is never asked."""
    best = max((passage.relevance for passage in passages), default=-1.0)
    return best >= services.limits.relevant_from


async def recent_turns(request: AnswerRequest, services: AnswerServices) -> tuple[Turn, ...]:
    # In a thread: counting a long conversation takes 30 ms.
    return await asyncio.to_thread(
        recent, request.history, count=services.counter.count, space=services.limits.context_tokens // 4
    )


async def list_documents(documents: ScopedDocuments, draft: Draft) -> list[StoredDocument]:
    """List the documents, and note those that are not ready; not before the first token, which would wait."""
    listed = await asyncio.to_thread(documents.all)
    draft.not_ready = not_ready(listed)
    return listed


async def fit_passages(
    request: AnswerRequest,
    passages: Sequence[Passage],
    services: AnswerServices,
    *,
    most: int,
    reserved: int = 0,
) -> Budget:
    """Fit passages and history into the model's window, of which so many tokens are `reserved`."""
    # In a thread: counting twenty passages takes 25 ms, in which no other answer would be passed on.
    return await asyncio.to_thread(
        fit,
        request.question,
        passages,
        request.history,
        count=services.counter.count,
        instructions=services.persona.instructions,
        context_tokens=services.limits.context_tokens - reserved,
        answer_tokens=services.limits.answer_tokens,
        most=most,
    )
