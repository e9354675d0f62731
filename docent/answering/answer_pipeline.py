"""The way from a request to its answer, from top to bottom.

A question is condensed, searched, fitted into the prompt, streamed and cited. Other requests, told apart
by their words, have shorter ways: documents read whole, the model's own knowledge, replies without a model.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering import intents
from docent.answering import replies_without_model as replies
from docent.answering.answer_context import (
    AnswerServices,
    Draft,
    ScopedDocuments,
    answering,
    not_ready,
    search_in_thread,
)
from docent.answering.citing.citations import CitedAnswer, cite, link_cited_addresses, renumber
from docent.answering.generation import (
    condense,
    stream_checked,
    write,
    write_from_notes,
    write_from_passages,
    write_with_tools,
)
from docent.answering.key_sentences import key_sentences_of_each
from docent.answering.models.client import ModelClient
from docent.answering.output_filter import OutputFilter, display_name
from docent.answering.prompt import templates
from docent.answering.prompt.templates import INSTRUCTIONS
from docent.answering.prompt.token_budget import Budget, fit, newest, recent
from docent.answering.replies_without_model import best_sentences, find_best_sentences, list_mentions
from docent.answering.saved_summaries import cited_of, is_worth_saving
from docent.answering.small_models import (
    INSTEAD,
    is_small,
    is_supported,
    shortened,
    with_best_sentences,
    with_easier_task,
)
from docent.answering.tools.toolbox import Toolbox
from docent.messages import Message, joined
from docent.retrieving.query import shorten_question, shortened_notice
from docent.types import (
    Answered,
    AnswerRequest,
    Event,
    Passage,
    PassagesFound,
    Preview,
    Searching,
    StoredDocument,
    Token,
    Turn,
)

CITING_SECONDS = 10.0
"""Of a processor, for one answer: 75,000 characters against ten passages took 1.3 (2 cores)."""


async def answer(request: AnswerRequest, services: AnswerServices) -> AsyncGenerator[Event, None]:
    """Answer a request, event by event; the last event is `Answered`."""
    services = services.preferring(request.preferences)
    request = replace(request, history=newest(request.history))
    documents = ScopedDocuments(services.store, request.scope)
    draft = Draft(request.question)
    listed: list[StoredDocument] = []
    if intents.needs_documents(shorten_question(request.question)):
        listed = await asyncio.to_thread(documents.all)
        draft.not_ready = not_ready(listed)
    breach = await asyncio.to_thread(services.policy.breach, request.question, of="question")
    if breach and services.policy.refuses:
        yield draft.answered(replies.uncited(breach.says), ())
        return
    if breach:
        yield draft.notice(breach.says)
    if ignored := services.ignored_instructions(request.preferences):
        yield draft.notice(ignored)
    async with aclosing(_events(request, documents, listed, services, draft)) as events:
        async for event in events:
            yield event


def _events(
    request: AnswerRequest,
    documents: ScopedDocuments,
    listed: Sequence[StoredDocument],
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Choose the way to answer by the words of the request."""
    intent = intents.intent_of(shorten_question(request.question), answering(listed), at_hand=request.at_hand)
    if services.model is not None and (request.anyway or intent.kind == "anyway"):
        question = request.question
        if intent.kind == "anyway":
            question = intent.term or (request.history[-1].question if request.history else "")
        if not question:
            return _reply(replies.uncited(replies.NO_QUESTION), draft)
        return _answer_without_documents(replace(request, question=question), services.model, services, draft)
    match intent.kind:
        case "greeting":
            return _reply(replies.uncited(services.persona.greeting or replies.HELLO), draft)
        case "thanks":
            return _reply(replies.uncited(replies.WELCOME), draft)
        case "about":
            return _reply(replies.about(listed), draft)
        case "which":
            return _reply(replies.which(answering(listed)), draft)
        case "mentions":
            return list_mentions(intent.term, listed, documents, draft)
        case "summary":
            return _summarise(request, intent.documents, documents, services, draft)
        case "whole":
            return _answer_from_all_of(request, intent.documents, documents, services, draft)
        case _:
            return _answer_question(request, documents, services, draft)


async def _reply(cited: CitedAnswer, draft: Draft) -> AsyncGenerator[Event, None]:
    yield draft.answered(cited, ())


async def _answer_question(
    request: AnswerRequest, documents: ScopedDocuments, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Condense, retrieve and budget; then let the model write, and cite."""
    history = await _recent_turns(request, services)
    draft.small = services.model is not None and await is_small(services.model, services)
    # A small model answers when it should rewrite, and what it writes then would be searched.
    rewriting = replace(services, model=None) if draft.small else services
    draft.searched = shorten_question(await condense(shorten_question(request.question), history, rewriting))
    draft.lap("condense")
    yield Searching(draft.searched)
    if unsearched := shortened_notice(request.question):
        yield draft.notice(unsearched)
    passages = tuple(await search_in_thread(draft.searched, services.retrieve, draft.searched, request.scope))
    draft.found = len(passages)
    draft.lap("retrieve")
    yield PassagesFound(passages)
    # Whether the documents answer is decided here and never asked of the model.
    if max((passage.relevance for passage in passages), default=-1.0) < services.limits.relevant_from:
        draft.not_found = True
        listed = await _list_documents(documents, draft)
        if passages or answering(listed):
            cited = replies.nothing_found(draft.searched, passages, model=services.model is not None)
        else:
            cited = replies.about(listed)
        if unfinished := replies.not_yet(listed):
            yield draft.notice(unfinished)
        yield draft.answered(cited, passages)
        return
    readable = passages
    if draft.small:
        services = with_easier_task(services)
        request = replace(request, question=draft.searched, history=())
        readable = shortened(draft.searched, passages[: services.limits.passages])
    budget = await _budget(request, readable, services, most=services.limits.passages)
    draft.lap("budget")
    async with aclosing(
        _answer_from_passages(request, passages, budget, documents, services, draft)
    ) as events:
        async for event in events:
            yield event


async def _recent_turns(request: AnswerRequest, services: AnswerServices) -> tuple[Turn, ...]:
    # In a thread: counting a long conversation takes 30 ms.
    return await asyncio.to_thread(
        recent, request.history, count=services.counter.count, space=services.limits.context_tokens // 4
    )


async def _list_documents(documents: ScopedDocuments, draft: Draft) -> list[StoredDocument]:
    """List the documents, and note those that are not ready; not before the first token, which would wait."""
    listed = await asyncio.to_thread(documents.all)
    draft.not_ready = not_ready(listed)
    return listed


async def _budget(
    request: AnswerRequest, passages: Sequence[Passage], services: AnswerServices, *, most: int
) -> Budget:
    # In a thread: counting twenty passages takes 25 ms, in which no other answer would be passed on.
    return await asyncio.to_thread(
        fit,
        request.question,
        passages,
        request.history,
        count=services.counter.count,
        instructions=services.persona.instructions,
        context_tokens=services.limits.context_tokens,
        answer_tokens=services.limits.answer_tokens,
        most=most,
    )


async def _answer_from_passages(
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
    elif not budget.fits or not budget.passages:
        yield draft.notice(replies.TOO_LONG)
    else:
        if services.limits.tool_steps:
            toolbox = Toolbox(
                search=lambda query: services.retrieve(query, request.scope), documents=documents
            )
            tokens = write_with_tools(request.question, budget, services.model, toolbox, services, draft)
        else:
            tokens = write_from_passages(request.question, budget, services.model, services, draft)
        async with aclosing(
            stream_checked(tokens, services.policy, draft, instead=replies.NO_MODEL)
        ) as events:
            async for event in events:
                yield event
        if not draft.text.strip() and not draft.failed and not draft.looped:
            yield draft.notice(replies.ONLY_THOUGHT if draft.last.cut_short else replies.SILENT)
        services.counter.learn(budgeted=draft.tokens, counted=draft.last.prompt_tokens)
    await _list_documents(documents, draft)
    known = {passage.chunk_id: passage for passage in (*passages, *draft.looked_up)}
    sent = [known[chunk_id] for chunk_id in draft.sent]
    if draft.small:
        sent = list({passage.chunk_id: passage for passage in (*sent, *passages)}.values())
    async for event in _cite(request.question, sent or passages, tuple(known.values()), draft):
        yield event


def _reading(wanted: Sequence[StoredDocument]) -> Searching:
    return Searching(
        Message("all of {files}", files=", ".join(display_name(document.name) for document in wanted))
    )


async def _answer_from_whole_documents(
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
    request = replace(request, history=())
    budget = await _budget(request, passages, services, most=len(passages))
    if services.model is None or not budget.fits or not budget.dropped:
        async with aclosing(
            _answer_from_passages(request, passages, budget, documents, services, draft)
        ) as events:
            async for event in events:
                yield event
        return
    tokens = write_from_notes(request.question, passages, services.model, services, draft)
    async with aclosing(stream_checked(tokens, services.policy, draft, instead=replies.NO_MODEL)) as events:
        async for event in events:
            yield event
    async for event in _cite(request.question, passages, passages, draft, show_cited_only=True):
        yield event


async def _answer_from_all_of(
    request: AnswerRequest,
    wanted: Sequence[StoredDocument],
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Read documents whole for one topic, or to compare them."""
    passages = await asyncio.to_thread(documents.read_whole, wanted)
    async with aclosing(
        _answer_from_whole_documents(request, wanted, passages, documents, services, draft)
    ) as events:
        async for event in events:
            yield event


async def _summarise(
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
    small = services.model is not None and await is_small(services.model, services)
    if services.model is None or small:
        yield _reading(wanted)
        yield draft.notice(replies.TOO_SMALL if small else replies.NO_MODEL)
        await _list_documents(documents, draft)
        draft.found = len(passages)
        yield draft.answered(draft.instead, cited_of(draft.instead.citations, passages))
        return
    yield Preview(draft.instead.text)
    async with aclosing(
        _answer_from_whole_documents(request, wanted, passages, documents, services, draft)
    ) as events:
        async for event in events:
            if saving and isinstance(event, Answered) and is_worth_saving(event.answer):
                await asyncio.to_thread(saving.save, wanted[0], event.answer)
            yield event


async def _answer_without_documents(
    request: AnswerRequest, model: ModelClient, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Answer from the model's own knowledge, labelled as such, without passages, numbers or links."""
    yield Token(f"{replies.UNGROUNDED} ")
    draft.shown = True
    draft.model = model.name
    tokens = write(
        templates.without_documents(request.question, await _recent_turns(request, services)),
        model=model,
        options=services.options,
        output=OutputFilter(passages=0, known=frozenset()),
        draft=draft,
    )
    async with aclosing(stream_checked(tokens, services.policy, draft, instead="")) as events:
        async for event in events:
            yield event
    if draft.refused:
        yield draft.answered(replies.uncited(draft.refused), ())
        return
    if not draft.text.strip():
        draft.model = ""
    yield draft.notice(replies.FROM_THE_MODEL)
    text = draft.text.strip() or Message("No answer came. Ask again.")
    yield draft.answered(replies.uncited(joined((replies.UNGROUNDED, text), " ")), ())


async def _cite(
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
    if not draft.text.strip():
        draft.model = ""
        yield draft.answered(draft.instead or best_sentences(shorten_question(question), sent), found)
        return
    reader_left = threading.Event()

    def cite_text() -> tuple[CitedAnswer, tuple[Passage, ...]]:
        cited = cite(
            draft.text,
            sent,
            computed="\n".join(draft.computed),
            finished=draft.finished and not (draft.failed or draft.last.cut_short),
            stopped=reader_left.is_set,
            seconds=CITING_SECONDS,
        )
        if draft.small:
            best = find_best_sentences(shorten_question(question), sent)
            draft.replaced = not is_supported(question, cited)
            cited = with_best_sentences(question, cited, best)
        return renumber(link_cited_addresses(cited, sent), sent)

    try:
        cited, used = await asyncio.to_thread(cite_text)
    finally:
        reader_left.set()
    if draft.replaced:
        yield draft.notice(INSTEAD)
    for warning in replies.warnings(cited, cut_short=draft.last.cut_short and not draft.replaced):
        yield draft.notice(warning)
    draft.lap("cite")
    yield draft.answered(
        replace(cited, text="\n\n".join((cited.text, *draft.tables))), used if show_cited_only else found
    )
