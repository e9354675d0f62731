"""An answer from passages: the model writes it, or the best sentences are it; then it is cited."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering import replies_without_model as replies
from docent.answering.answer_context import (
    AnswerServices,
    Draft,
    ScopedDocuments,
    answering,
)
from docent.answering.citing.citations import CitedAnswer, cite, link_cited_addresses
from docent.answering.generation import stream_checked, write_from_passages
from docent.answering.multi_hop.shown_hops import bridging, numbered, with_hops
from docent.answering.passage_steps import list_documents
from docent.answering.prompt.token_budget import Budget
from docent.answering.replies_without_model import find_best_sentences
from docent.answering.small_models import (
    INSTEAD,
    is_supported,
    with_best_sentences,
)
from docent.answering.tools.tool_loop import write_using_tools
from docent.answering.tools.toolbox import Toolbox
from docent.messages import joined
from docent.retrieving.query import shorten_question
from docent.types import (
    AnswerRequest,
    Event,
    Passage,
    Token,
)

CITING_SECONDS = 10.0
"""Of a processor, for one answer: 75,000 characters against ten passages took 1.3 (2 cores)."""


async def say_nothing_found(
    passages: Sequence[Passage], documents: ScopedDocuments, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Say that the documents do not answer, with the nearest sentences."""
    draft.not_found = True
    listed = await list_documents(documents, draft)
    if passages or answering(listed):
        cited = replies.nothing_found(
            draft.searched, passages, translated=draft.translated, model=services.model is not None
        )
    else:
        cited = replies.about(listed)
    if unfinished := replies.not_yet(listed):
        yield draft.notice(unfinished)
    yield draft.answered(with_hops(cited, draft), passages)


async def answer_from_passages(
    request: AnswerRequest,
    passages: Sequence[Passage],
    budget: Budget,
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Stream the answer from the passages that fit, and cite it; without a model, take the best sentences."""
    if services.model is None:
        yield draft.notice(replies.NO_MODEL)
    elif not budget.fits or not (budget.passages or services.lent or services.offered):
        yield draft.notice(replies.TOO_LONG)
    else:
        if services.tools_offered:
            toolbox = Toolbox(
                search=lambda query: services.retrieve(query, request.scope),
                documents=documents,
                lent=services.lent,
                offered=services.tools_offered,
            )
            tokens = write_using_tools(request.question, budget, services.model, toolbox, services, draft)
        else:
            tokens = write_from_passages(request.question, budget, services.model, services, draft)
        async with aclosing(
            stream_checked(tokens, services.policy, draft, instead=replies.NO_MODEL)
        ) as events:
            async for event in events:
                if budget.passages or draft.rests_on_tools or not isinstance(event, Token):
                    yield event
        if not (budget.passages or draft.rests_on_tools or draft.failed or draft.refused):
            draft.model = ""  # what it wrote rests on nothing
            async for event in say_nothing_found(passages, documents, services, draft):
                yield event
            return
        if not draft.text.strip() and not draft.failed and not draft.looped:
            yield draft.notice(replies.ONLY_THOUGHT if draft.last.cut_short else replies.SILENT)
        services.counter.learn(budgeted=draft.tokens, counted=draft.last.prompt_tokens)
    await list_documents(documents, draft)
    known = {passage.chunk_id: passage for passage in (*passages, *draft.looked_up)}
    sent = [known[chunk_id] for chunk_id in draft.sent]
    if draft.small:
        sent = list({passage.chunk_id: passage for passage in (*sent, *passages)}.values())
    if sent:
        sent = list({passage.chunk_id: passage for passage in (*sent, *bridging(passages, draft))}.values())
    async for event in cite_answer(request.question, sent or passages, tuple(known.values()), draft):
        yield event


async def cite_answer(
    question: str,
    sent: Sequence[Passage],
    found: Sequence[Passage],
    draft: Draft,
    *,
    show_cited_only: bool = False,
) -> AsyncGenerator[Event, None]:
    """End with the text and its citations; where the model wrote nothing, with the best sentences."""
    if draft.refused:
        yield draft.answered(replies.uncited(draft.refused), ())
        return
    asked = shorten_question(question)
    if not draft.text.strip():
        draft.model = ""
        cited = (
            draft.instead
            or numbered(find_best_sentences(asked, sent, translated=draft.translated), sent, draft)[0]
        )
        yield draft.answered(cited, found)
        return
    reader_left = threading.Event()

    def cite_text() -> tuple[CitedAnswer, tuple[Passage, ...]]:
        cited = cite(
            draft.text,
            sent,
            computed="\n".join(draft.computed),
            finished=draft.finished and not (draft.failed or draft.last.cut_short),
            closely=draft.closely,
            stopped=reader_left.is_set,
            seconds=CITING_SECONDS,
        )
        if draft.small:
            best = find_best_sentences(asked, sent, translated=draft.translated)
            draft.replaced = not is_supported(question, cited)
            cited = with_best_sentences(question, cited, best)
        return numbered(link_cited_addresses(cited, sent), sent, draft)

    try:
        cited, used = await asyncio.to_thread(cite_text)
    finally:
        reader_left.set()
    if draft.replaced:
        yield draft.notice(INSTEAD)
    for warning in replies.warnings(cited, cut_short=draft.last.cut_short and not draft.replaced):
        yield draft.notice(warning)
    draft.lap("cite")
    if draft.tables:
        cited = replace(cited, text=joined((cited.text, *draft.tables), "\n\n"))
    yield draft.answered(cited, used if show_cited_only else found)
