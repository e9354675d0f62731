"""Answers in JSON: data taken from passages, held to a client's schema, each value with its source."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from docent.answering import intents
from docent.answering.answer_context import AnswerServices, Draft, ScopedDocuments, answering
from docent.answering.answer_schema import NoJson, check_answer, read_json
from docent.answering.citing.citations import CitedAnswer
from docent.answering.citing.json_values import CitedFields, cite_values
from docent.answering.models.client import ChatMessage, GenerationOptions, ModelClient, Piece
from docent.answering.output_filter import OutputFilter, addresses, relink
from docent.answering.passage_steps import find_passages, fit_passages, list_documents
from docent.answering.prompt import templates
from docent.answering.prompt.personas import DIRECT
from docent.answering.prompt.token_budget import Budget
from docent.answering.replies_without_model import and_more
from docent.errors import InputError, ModelNoJson, ModelOverflow
from docent.messages import Message
from docent.retrieving.query import shorten_question
from docent.types import AnswerRequest, Event, JsonFormat, Passage, PassagesFound

OVERFLOWS = 4
CITING_SECONDS = 10.0
MOST_NAMED = 5
"""Values without a source that a notice names; the receipt has them all."""
AGAIN = "This cannot be used: {why}. Write the whole JSON again, corrected, and nothing else."


async def answer_in_json(
    request: AnswerRequest,
    form: JsonFormat,
    documents: ScopedDocuments,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Find passages, let the model write JSON of the form, and find the source of each of its values.

    Raises ModelError if the model gives none, and InputError if there is nothing to take data from. There is
    no answer without a model: the best sentences of passages are no JSON.
    """
    model = services.model
    if model is None:
        raise InputError("An answer in JSON takes a language model. Set DOCENT_MODEL.")
    services = _with_rules(services, form)
    passages, budget = await _read_whole(request, documents, services, draft)
    if budget is None:
        async with aclosing(find_passages(request, services, draft)) as finding:
            async for event in finding:
                if isinstance(event, PassagesFound):
                    passages = event.passages
                yield event
        budget = await fit_passages(request, passages, services, most=services.limits.passages)
    if not passages:
        raise InputError(
            "I found nothing about this in your documents. Name the library or the file, or use other words."
        )
    if not budget.fits or not budget.passages:
        raise InputError(
            "The question and its JSON schema leave no room for passages in the model's context. Ask for "
            "fewer fields, or raise DOCENT_CONTEXT_TOKENS."
        )
    draft.lap("budget")
    value, budget = await _write(request, form, budget, model, services, draft)
    draft.lap("generate")
    breach = await asyncio.to_thread(services.policy.breach, _text(value), of="answer")
    if breach and services.policy.refuses:
        raise InputError(breach.says)
    if breach:
        yield draft.notice(breach.says)
    await list_documents(documents, draft)
    cited = await _cite(value, budget.passages)
    draft.lap("cite")
    if cited.unsupported:
        pointers = [text.partition(": ")[0] for text in cited.unsupported]
        yield draft.notice(
            Message(
                "No passage supports the values at {pointers}. They have no citation; check them.",
                pointers=and_more(pointers, MOST_NAMED),
            )
        )
    if cited.unchecked:
        yield draft.notice(
            Message("{n} values were not checked for want of time, and have no citation.", n=cited.unchecked)
        )
    citations = tuple(dict.fromkeys(citation for citation in cited.fields.values() if citation is not None))
    answered = draft.answered(CitedAnswer(_text(value), citations, unsupported=cited.unsupported), passages)
    yield replace(answered, answer=replace(answered.answer, fields=cited.fields))


def _with_rules(services: AnswerServices, form: JsonFormat) -> AnswerServices:
    """Return the services with the rules for data. A server may hold the model to a schema unseen, so it is
    told the schema as well."""
    rules = templates.EXTRACT
    if form.schema is not None:
        rules += f"The JSON schema:\n{templates.quotable(json.dumps(form.schema, ensure_ascii=False))}\n"
    persona = replace(services.persona, rules=rules, thinking=DIRECT, examples=())
    return replace(services, persona=persona)


async def _read_whole(
    request: AnswerRequest, documents: ScopedDocuments, services: AnswerServices, draft: Draft
) -> tuple[tuple[Passage, ...], Budget | None]:
    """Return the documents that the request names, if they fit the prompt as a whole; else no budget."""
    listed = answering(await asyncio.to_thread(documents.all))
    intent = intents.intent_of(shorten_question(request.question), listed)
    wanted = listed if request.scope.documents else intent.documents
    if not wanted:
        return (), None
    passages = await asyncio.to_thread(documents.read_whole, wanted)
    budget = await fit_passages(request, passages, services, most=len(passages))
    if budget.dropped or not budget.fits:
        return (), None
    draft.found = len(passages)
    return passages, budget


async def _write(
    request: AnswerRequest,
    form: JsonFormat,
    budget: Budget,
    model: ModelClient,
    services: AnswerServices,
    draft: Draft,
) -> tuple[Any, Budget]:
    """Return the value that the model wrote, and the passages it was written from.

    A prompt that the server finds too long is sent again with half of the passages.
    """
    draft.model = model.name
    for left in reversed(range(OVERFLOWS)):
        draft.send(budget)
        messages = templates.messages(
            request.question, budget.passages, budget.history, instructions=services.persona.instructions
        )
        try:
            known = addresses(passage.text for passage in budget.passages)
            return await _write_checked(messages, form, known, model, services, draft), budget
        except ModelOverflow:
            if not left or len(budget.passages) < 2:
                raise
            budget = budget.halved()
    raise AssertionError("the last round returns or raises")


async def _write_checked(
    messages: Sequence[ChatMessage],
    form: JsonFormat,
    known: frozenset[str],
    model: ModelClient,
    services: AnswerServices,
    draft: Draft,
) -> Any:
    """Return JSON of the form. The model is told its mistake once. Raises ModelNoJson for a second one."""
    options = replace(services.options, json_format=form)
    draft.last = Piece()
    written = await _ask(messages, model, options, draft)
    services.counter.learn(budgeted=draft.tokens, counted=draft.last.prompt_tokens)
    try:
        return _checked(written, form, known, draft)
    except NoJson as mistake:
        if draft.last.cut_short:
            raise _cut_short(model) from mistake
        corrected = AGAIN.format(why=mistake)
    messages = [
        *messages,
        {"role": "assistant", "content": written},
        {"role": "user", "content": corrected},
    ]
    written = await _ask(messages, model, options, draft)
    try:
        return _checked(written, form, known, draft)
    except NoJson as mistake:
        if draft.last.cut_short:
            raise _cut_short(model) from mistake
        raise ModelNoJson(
            "{model} was asked twice and did not write JSON of this form: {why}. Ask for fewer fields, or "
            "choose a larger model.",
            model=model.name,
            why=str(mistake),
        ) from mistake


def _cut_short(model: ModelClient) -> ModelNoJson:
    return ModelNoJson(
        "{model} reached the longest answer allowed before its JSON was complete. Raise max_tokens, or ask "
        "for fewer fields.",
        model=model.name,
    )


async def _ask(
    messages: Sequence[ChatMessage], model: ModelClient, options: GenerationOptions, draft: Draft
) -> str:
    """Return the model's whole reply; its tokens are added to those of the draft."""
    before, draft.last = draft.last, Piece()
    written = ""
    async with aclosing(model.stream(messages, options)) as pieces:
        async for piece in pieces:
            draft.take(piece)
            written += piece.text
    draft.last = replace(
        draft.last,
        prompt_tokens=before.prompt_tokens + draft.last.prompt_tokens,
        answer_tokens=before.answer_tokens + draft.last.answer_tokens,
    )
    return written


def _checked(written: str, form: JsonFormat, known: frozenset[str], draft: Draft) -> Any:
    """Return the value that was written, without what may not be shown. Raises NoJson."""
    value = _shown(read_json(written), known, draft)
    check_answer(value, form.schema)
    return value


def _shown(value: Any, known: frozenset[str], draft: Draft) -> Any:
    """Return a value whose texts hold no links but those of the passages, and no tags or images."""
    match value:
        case str():
            output = OutputFilter(passages=0, known=known)
            text = output.push(value) + output.close()
            draft.removed += output.removed
            return relink(text, known)
        case list():
            return [_shown(each, known, draft) for each in value]
        case dict():
            return {_shown(key, known, draft): _shown(each, known, draft) for key, each in value.items()}
    return value


async def _cite(value: Any, passages: Sequence[Passage]) -> CitedFields:
    client_left = threading.Event()
    try:
        return await asyncio.to_thread(
            cite_values, value, passages, stopped=client_left.is_set, seconds=CITING_SECONDS
        )
    finally:
        client_left.set()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
