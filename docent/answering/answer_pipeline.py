"""The way from a request to its answer, from top to bottom.

A question is condensed, searched, fitted into the prompt, streamed and cited. Other requests, told apart
by their words, have shorter ways: documents read whole, the model's own knowledge, replies without a model.
"""

from __future__ import annotations

import asyncio
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
)
from docent.answering.citing.citations import CitedAnswer
from docent.answering.client_tools import tokens_of_tools, with_rules_of_tools, write_or_call
from docent.answering.generation import (
    stream_checked,
    write,
)
from docent.answering.models.client import ModelClient
from docent.answering.multi_hop.hop_planning import plan_hops
from docent.answering.multi_hop.hop_search import find_in_hops
from docent.answering.multi_hop.shown_hops import hops_first
from docent.answering.output_filter import OutputFilter
from docent.answering.passage_answer import answer_from_passages, cite_answer, say_nothing_found
from docent.answering.passage_steps import find_passages, fit_passages, is_relevant, recent_turns
from docent.answering.prompt import templates
from docent.answering.prompt.token_budget import newest
from docent.answering.replies_without_model import list_mentions
from docent.answering.small_models import (
    is_cited_closely,
    is_small,
    shortened,
    with_easier_task,
)
from docent.answering.tools.code_answers import tell, tools_needed, work_out
from docent.answering.tools.lent_tools import with_lent_tools
from docent.answering.whole_documents import answer_from_all_of, summarise
from docent.errors import InputError
from docent.messages import Message, joined
from docent.retrieving.query import shorten_question
from docent.types import (
    Answered,
    AnswerRequest,
    ClientTools,
    Event,
    Passage,
    PassagesFound,
    StoredDocument,
    Token,
    ToolCall,
)


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
        if request.json_format is not None:
            raise InputError(breach.says)
        yield draft.answered(replies.uncited(breach.says), ())
        return
    if breach:
        yield draft.notice(breach.says)
    if ignored := services.ignored_instructions(request.preferences):
        yield draft.notice(ignored)
    worked_out = None if request.table_id else await work_out(request, documents, services)
    ways = (
        _events(request, documents, listed, services, draft)
        if worked_out is None
        else tell(worked_out, draft)
    )
    async with aclosing(ways) as events:
        async for event in events:
            yield event


def _events(
    request: AnswerRequest,
    documents: ScopedDocuments,
    listed: Sequence[StoredDocument],
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Choose the way to answer by the form that a program asks for, else by the words of the request."""
    if request.json_format is not None:
        from docent.answering.json_answer import answer_in_json  # 0.1 s, for those who ask for JSON

        return answer_in_json(request, request.json_format, documents, services, draft)
    tools = request.client_tools
    if tools is not None and (tools.choice != "none" or tools.rounds) and services.model is not None:
        return _answer_with_client_tools(request, tools, services.model, documents, services, draft)
    if request.table_id:
        return _answer_from_table_or_passages(request, documents, services, draft)
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
            return summarise(request, intent.documents, documents, services, draft)
        case "whole":
            return answer_from_all_of(request, intent.documents, documents, services, draft)
        case _:
            return _answer_from_table_or_passages(request, documents, services, draft)


async def _reply(cited: CitedAnswer, draft: Draft) -> AsyncGenerator[Event, None]:
    yield draft.answered(cited, ())


async def _answer_from_table_or_passages(
    request: AnswerRequest, documents: ScopedDocuments, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Answer with a table over many documents if the question asks for one, else from passages."""
    if services.tables is not None:
        async with aclosing(services.tables.answer(request, draft)) as events:
            async for event in events:
                yield event
                if isinstance(event, Answered):
                    return
    async with aclosing(_answer_question(request, documents, services, draft)) as events:
        async for event in events:
            yield event


async def _answer_question(
    request: AnswerRequest, documents: ScopedDocuments, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Condense, retrieve and budget; then let the model write, and cite."""
    draft.small = await is_small(services)
    draft.closely = await is_cited_closely(services)
    passages: tuple[Passage, ...] = ()
    hops = await plan_hops(request, services, draft)
    async with aclosing(
        find_in_hops(hops, request, documents, services, draft)
        if hops
        else find_passages(request, services, draft)
    ) as finding:
        async for event in finding:
            if isinstance(event, PassagesFound):
                passages = event.passages
            yield event
    if draft.hops:
        request = replace(request, question=draft.searched, history=())
    if not draft.small:
        services, silent = await with_lent_tools(request, services)
        for sentence in silent:
            yield draft.notice(sentence)
        offered = await asyncio.to_thread(tools_needed, request.question, documents, services)
        services = replace(services, offered=offered)
    # Whether the documents answer is decided here and never asked of the model.
    is_answered = is_relevant(passages, services)
    if not is_answered and services.lent is None and not services.offered:
        async for event in say_nothing_found(passages, documents, services, draft):
            yield event
        return
    readable = passages if is_answered else ()
    if draft.small:
        services = with_easier_task(services)
        request = replace(request, question=draft.searched, history=())
        readable = shortened(draft.searched, passages[: services.limits.passages])
    budget = await fit_passages(request, readable, services, most=services.limits.passages)
    draft.lap("budget")
    writing = answer_from_passages(request, passages, budget, documents, services, draft)
    async with aclosing(hops_first(writing, draft)) as events:
        async for event in events:
            yield event


async def _answer_with_client_tools(
    request: AnswerRequest,
    tools: ClientTools,
    model: ModelClient,
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Let the model answer from the passages and from what the client's tools returned, or call a tool.

    Text that rests on neither passages nor results is not shown: the reply is then that nothing was found.
    """
    services = with_rules_of_tools(services)
    passages: tuple[Passage, ...] = ()
    async with aclosing(find_passages(request, services, draft)) as finding:
        async for event in finding:
            if isinstance(event, PassagesFound):
                passages = event.passages
            yield event
    readable = passages if is_relevant(passages, services) else ()
    reserved = await asyncio.to_thread(tokens_of_tools, tools, services.counter.count)
    budget = await fit_passages(request, readable, services, most=services.limits.passages, reserved=reserved)
    draft.lap("budget")
    if not budget.fits:
        raise InputError(
            "The question, the tools and their results do not fit the model's context. Send fewer tools or "
            "shorter results, or raise DOCENT_CONTEXT_TOKENS."
        )
    is_grounded = bool(budget.passages or tools.rounds)
    calls: list[ToolCall] = []
    tokens = write_or_call(request.question, tools, budget, model, services, draft, calls)
    async with aclosing(stream_checked(tokens, services.policy, draft, instead=replies.NO_MODEL)) as events:
        async for event in events:
            if is_grounded or not isinstance(event, Token):
                yield event
    if calls and not draft.refused:
        draft.computed.clear()
        text = templates.MARK.sub("", draft.text).strip()
        answered = draft.answered(replies.uncited(text), passages)
        yield replace(answered, answer=replace(answered.answer, calls=tuple(calls)))
    elif not is_grounded:
        draft.model = ""
        async for event in say_nothing_found(passages, documents, services, draft):
            yield event
    else:
        async for event in cite_answer(request.question, budget.passages or passages, passages, draft):
            yield event


async def _answer_without_documents(
    request: AnswerRequest, model: ModelClient, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Answer from the model's own knowledge, labelled as such, without passages, numbers or links."""
    yield Token(f"{replies.UNGROUNDED} ")
    draft.shown = True
    draft.model = model.name
    tokens = write(
        templates.without_documents(request.question, await recent_turns(request, services)),
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
