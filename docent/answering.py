"""The corridor from a question to its answer.

What is wanted is decided by words; a question is condensed, searched, budgeted, streamed and cited.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from docent.errors import InputError, ModelError
from docent.generating import intents, listing, prompt, shelf, speaking
from docent.generating.budget import Budget, fit, recent
from docent.generating.citations import Cited, cite, only_cited
from docent.generating.client import ModelClient, Wishes
from docent.generating.condensing import standing_alone
from docent.generating.extractive import best_sentences
from docent.generating.output import Filter, addresses
from docent.generating.personas import PLAIN, Persona
from docent.generating.policy import NO_POLICY, Policy
from docent.generating.record import Record
from docent.generating.shelf import Shelf
from docent.generating.tokens import Learning, counter_for
from docent.generating.tools import Toolbox
from docent.generating.using import write_with_tools
from docent.generating.whole import write_from_all
from docent.generating.writing import within, write, write_within
from docent.glossary import (
    NO_PREFERENCES,
    Chunk,
    Event,
    Found,
    Page,
    Passage,
    Preferences,
    Scope,
    Searching,
    StoredDocument,
    Token,
    Turn,
)
from docent.store.protocols import Reader

Retrieve = Callable[[str, Scope], Sequence[Passage]]

MOST_PASSAGES = 50

NO_MODEL = "No language model answered; these are the best sentences found."
TOO_LONG = (
    "The question is longer than the model's context; no language model answered. Ask a shorter one, "
    "or raise DOCENT_CONTEXT_TOKENS."
)
SILENT = "The model gave no answer; these are the best sentences found. Ask again, perhaps in other words."


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is sent, how long the answer may be, and what counts as found."""

    context_tokens: int
    answer_tokens: int
    passages: int
    relevant_from: float = 0.0
    """Below this relevance of the best passage, the documents do not answer."""
    tool_steps: int = 0
    """How often the model may use tools for one answer."""


async def answer(
    question: str,
    *,
    history: Sequence[Turn],
    scope: Scope,
    retrieve: Retrieve,
    model: ModelClient | None,
    bounds: Bounds,
    reader: Reader | None = None,
    persona: Persona = PLAIN,
    preferences: Preferences = NO_PREFERENCES,
    counter: Learning | None = None,
    policy: Policy = NO_POLICY,
    anyway: bool = False,
) -> AsyncGenerator[Event, None]:
    """Everything that happens from the question to its answer; the last event is `Answered`.

    Without a reader, every request is taken as a question. `counter` carries what the server's
    counts have taught from one answer to the next. `anyway` lets the model answer what the
    documents do not. What the person prefers goes before the persona, and that before the bounds.
    """
    _check(preferences, bounds)
    temperature = persona.temperature if preferences.temperature is None else preferences.temperature
    asking = _Asking(
        history=history,
        scope=scope,
        retrieve=retrieve,
        model=model,
        bounds=replace(
            bounds,
            answer_tokens=preferences.answer_tokens or bounds.answer_tokens,
            passages=preferences.passages or bounds.passages,
        ),
        wishes=Wishes(preferences.answer_tokens, temperature),
        shelf=None if reader is None else _Shelf(reader, scope),
        persona=persona,
        counter=counter or Learning(counter_for(model.name if model is not None else "")),
        policy=policy,
    )
    record = Record(question)
    documents: list[StoredDocument] = []
    if asking.shelf is not None:
        documents = await asyncio.to_thread(asking.shelf.documents)
        record.not_ready = shelf.not_ready(documents)
    if breach := policy.breach(question, of="question"):
        if policy.refuses:
            yield record.answered(speaking.plain(breach.says), ())
            return
        yield record.notice(breach.says)
    async with aclosing(_wanted(question, documents, asking, record, anyway=anyway)) as events:
        async for event in events:
            yield event


def _check(preferences: Preferences, bounds: Bounds) -> None:
    """Refuse what no control of ours offers."""
    allowed = {
        "temperature": (0, 2),
        "answer_tokens": (16, bounds.context_tokens // 2),
        "passages": (1, MOST_PASSAGES),
    }
    for name, (least, most) in allowed.items():
        value = getattr(preferences, name)
        if value is not None and not least <= value <= most:
            raise InputError(f"{name} is {value}; it must be from {least} to {most}. Choose another.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """What every step of one answer works with."""

    history: Sequence[Turn]
    scope: Scope
    retrieve: Retrieve
    model: ModelClient | None
    bounds: Bounds
    shelf: Shelf | None
    persona: Persona
    counter: Learning
    policy: Policy
    wishes: Wishes


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The reader's documents, with their scope applied."""

    reader: Reader
    scope: Scope

    def documents(self) -> list[StoredDocument]:
        return self.reader.documents(self.scope)

    def chunks_of(self, document_id: str) -> list[Chunk]:
        return self.reader.chunks_of(document_id, self.scope)

    def page(self, document_id: str, number: int) -> Page:
        return self.reader.page(document_id, number, self.scope)


def _wanted(
    question: str, documents: list[StoredDocument], asking: _Asking, record: Record, *, anyway: bool
) -> AsyncGenerator[Event, None]:
    """The way that leads to what is wanted."""
    intent = intents.intent_of(question, shelf.answering(documents))
    if asking.model is not None and (anyway or intent.kind == "anyway"):
        return _ungrounded(
            question if intent.kind != "anyway" else intents.last_question(asking.history), asking, record
        )
    match intent.kind:
        case "greeting":
            return _told(speaking.plain(asking.persona.greeting or speaking.HELLO), record)
        case "thanks":
            return _told(speaking.plain(speaking.WELCOME), record)
        case "about" if asking.shelf is not None:
            return _told(speaking.about(documents), record)
        case "mentions" if asking.shelf is not None:
            return listing.list_mentions(intent.term, documents, asking.shelf, record)
        case "whole" if asking.shelf is not None:
            return _whole(question, intent.documents, asking, asking.shelf, record)
        case _:
            return _searched(question, asking, record)


async def _told(
    cited: Cited, record: Record, passages: Sequence[Passage] = ()
) -> AsyncGenerator[Event, None]:
    yield record.answered(cited, passages)


# --- a question ----------------------------------------------------------------------------


async def _searched(question: str, asking: _Asking, record: Record) -> AsyncGenerator[Event, None]:
    instructions = asking.persona.instructions
    bounds = asking.bounds
    record.searched = await standing_alone(
        question,
        recent(asking.history, count=asking.counter.count, room=bounds.context_tokens // 4),
        model=asking.model,
        instructions=instructions,
    )
    record.lap("condense")
    yield Searching(record.searched)
    passages = tuple(await asyncio.to_thread(asking.retrieve, record.searched, asking.scope))
    record.found = len(passages)
    record.lap("retrieve")
    yield Found(passages)
    if max((passage.relevance for passage in passages), default=0.0) < bounds.relevant_from or not passages:
        cited = speaking.nothing_found(record.searched, passages, model=asking.model is not None)
        yield record.answered(cited, passages)
        return
    budget = fit(
        question,
        passages,
        asking.history,
        count=asking.counter.count,
        instructions=instructions,
        context_tokens=bounds.context_tokens,
        answer_tokens=bounds.answer_tokens,
        most=bounds.passages,
    )
    async with aclosing(_from_passages(question, passages, budget, asking, record)) as events:
        async for event in events:
            yield event


async def _from_passages(
    question: str, passages: Sequence[Passage], budget: Budget, asking: _Asking, record: Record
) -> AsyncGenerator[Event, None]:
    """The model's answer from what fits, else the best sentences of what was found."""
    if asking.model is None:
        yield record.notice(NO_MODEL)
    elif not budget.fits or not budget.passages:
        yield record.notice(TOO_LONG)
    else:
        tokens = _writing(question, budget, asking, asking.model, record)
        try:
            async with aclosing(within(tokens, policy=asking.policy, record=record)) as events:
                async for event in events:
                    yield event
            if not record.text.strip():
                yield record.notice(SILENT)
        except ModelError as error:
            yield record.notice(str(error) if record.text.strip() else f"{NO_MODEL} {error}")
        asking.counter.learn(budgeted=record.tokens, counted=record.last.prompt_tokens)
    record.lap("generate")
    known = {passage.chunk_id: passage for passage in (*passages, *record.looked_up)}
    sent = [known[chunk_id] for chunk_id in record.sent]
    async for event in _finished(question, sent or passages, tuple(known.values()), record):
        yield event


def _writing(
    question: str, budget: Budget, asking: _Asking, model: ModelClient, record: Record
) -> AsyncGenerator[Event, None]:
    """The model writes from the passages, with tools where the settings give it some."""
    persona, bounds = asking.persona, asking.bounds
    if bounds.tool_steps and asking.shelf is not None:
        return write_with_tools(
            question,
            budget,
            model=model,
            instructions=persona.instructions,
            wishes=asking.wishes,
            toolbox=Toolbox(search=lambda query: asking.retrieve(query, asking.scope), shelf=asking.shelf),
            steps=bounds.tool_steps,
            count=asking.counter.count,
            window=bounds.context_tokens - bounds.answer_tokens,
            record=record,
        )
    return write_within(
        question,
        budget,
        model=model,
        instructions=persona.instructions,
        wishes=asking.wishes,
        known=addresses(passage.text for passage in budget.passages),
        record=record,
    )


async def _finished(
    question: str, sent: Sequence[Passage], found: Sequence[Passage], record: Record
) -> AsyncGenerator[Event, None]:
    """What was written, with its citations; where nothing was, the best sentences."""
    if record.refused:
        yield record.answered(speaking.plain(record.refused), ())
        return
    if record.text.strip():
        cited = await asyncio.to_thread(cite, record.text, sent)
        for warning in _warnings(cited, record):
            yield record.notice(warning)
    else:
        record.model = ""
        cited = best_sentences(question, sent)
    yield record.answered(cited, found)


def _warnings(cited: Cited, record: Record) -> list[str]:
    warnings = []
    if record.last.cut_short:
        warnings.append("The answer reached the longest length allowed; DOCENT_ANSWER_TOKENS raises it.")
    if cited.doubtful:
        warnings.append(f"In none of the passages: {', '.join(cited.doubtful)}. Check before you rely on it.")
    if cited.unsupported:
        more = f" (and {len(cited.unsupported) - 1} more)" if len(cited.unsupported) > 1 else ""
        warnings.append(f"No passage was found to support: “{cited.unsupported[0]}”{more}")
    return warnings


# --- other ways ----------------------------------------------------------------------------


async def _ungrounded(question: str, asking: _Asking, record: Record) -> AsyncGenerator[Event, None]:
    """The model's own knowledge, labelled as such, with no citations."""
    assert asking.model is not None
    yield Token(speaking.UNGROUNDED)
    history = recent(asking.history, count=asking.counter.count, room=asking.bounds.context_tokens // 4)
    messages = prompt.without_documents(question, history)
    output = Filter(passages=0, known=frozenset())
    record.model = asking.model.name
    tokens = write(messages, model=asking.model, wishes=asking.wishes, output=output, record=record)
    try:
        async with aclosing(within(tokens, policy=asking.policy, record=record)) as events:
            async for event in events:
                yield event
    except ModelError as error:
        yield record.notice(str(error))
    record.lap("generate")
    if record.refused:
        yield record.answered(speaking.plain(record.refused), ())
        return
    if not record.text.strip():
        record.model = ""
    yield record.notice("This answer comes from the model alone; none of your documents supports it.")
    text = record.text.strip() or "No answer came."
    yield record.answered(speaking.plain(speaking.UNGROUNDED + text), ())


async def _whole(
    question: str, wanted: Sequence[StoredDocument], asking: _Asking, kept: Shelf, record: Record
) -> AsyncGenerator[Event, None]:
    """Documents read from beginning to end, in order."""
    yield Searching(f"all of {', '.join(document.name for document in wanted)}")

    passages = await asyncio.to_thread(shelf.read_all, kept, wanted)
    record.found = len(passages)
    record.lap("retrieve")
    yield Found(passages)
    budget = fit(
        question,
        passages,
        (),
        count=asking.counter.count,
        instructions=asking.persona.instructions,
        context_tokens=asking.bounds.context_tokens,
        answer_tokens=asking.bounds.answer_tokens,
        most=len(passages),
    )
    if asking.model is None or not budget.fits or not budget.dropped:
        async with aclosing(_from_passages(question, passages, budget, asking, record)) as events:
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
    try:
        async with aclosing(within(reading, policy=asking.policy, record=record)) as events:
            async for event in events:
                yield event
    except ModelError as error:
        yield record.notice(str(error) if record.text.strip() else f"{NO_MODEL} {error}")
    record.lap("generate")
    if record.refused or not record.text.strip():
        async for event in _finished(question, passages, passages, record):
            yield event
        return
    cited, shown = await asyncio.to_thread(lambda: only_cited(cite(record.text, passages), passages))
    for warning in _warnings(cited, record):
        yield record.notice(warning)
    yield record.answered(cited, shown)
