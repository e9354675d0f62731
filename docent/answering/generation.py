"""The model writes: its words pass the filter and are shown, and an overflow sends fewer passages."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from docent.answering.models.client import (
    DEFAULT_OPTIONS,
    ChatMessage,
    GenerationOptions,
    ModelClient,
    ToolCall,
)
from docent.answering.output_filter import Filter
from docent.answering.policy import Policy
from docent.answering.prompt import templates
from docent.answering.prompt.budget import Budget
from docent.answering.receipt import Record
from docent.errors import ModelError, ModelOverflow
from docent.types import Event, Token

THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
OVERFLOWS = 4
"""How often the passages are halved before we give up."""


async def write(
    messages: Sequence[ChatMessage],
    *,
    model: ModelClient,
    options: GenerationOptions,
    output: Filter,
    record: Record,
    calls: list[ToolCall] | None = None,
) -> AsyncGenerator[Event, None]:
    """Tokens as they may be shown; what came before an error is shown too, then the error is raised.

    Tools that the model asks for are added to `calls`, where a list is given.
    """
    try:
        async with aclosing(model.stream(messages, options)) as pieces:
            async for piece in pieces:
                record.take(piece)
                if calls is not None:
                    calls += piece.calls
                for token in _let_go(output.push(piece.text), record):
                    yield token
    except ModelError:
        for token in _let_go(output.close(), record):
            yield token
        raise
    else:
        for token in _let_go(output.close(), record):
            yield token
    finally:
        record.removed += output.removed
        record.thought += output.thought


async def write_within(
    question: str,
    budget: Budget,
    *,
    model: ModelClient,
    instructions: str,
    options: GenerationOptions,
    known: frozenset[str],
    record: Record,
) -> AsyncGenerator[Event, None]:
    """Write from the passages that fit; when the server says that they do not, from half of them."""
    for left in reversed(range(OVERFLOWS)):
        record.send(budget)
        record.model = model.name
        messages = templates.messages(question, budget.passages, budget.history, instructions=instructions)
        output = Filter(passages=len(budget.passages), known=known)
        try:
            async with aclosing(
                write(messages, model=model, options=options, output=output, record=record)
            ) as tokens:
                async for token in tokens:
                    yield token
            return
        except ModelOverflow:
            if record.text or not left or len(budget.passages) < 2:
                raise
            budget = budget.halved()


async def within(
    tokens: AsyncGenerator[Event, None], *, policy: Policy, record: Record
) -> AsyncGenerator[Event, None]:
    """Tokens as long as the content policy lets them pass: the one that breaches it is not shown."""
    warned = False
    async with aclosing(tokens):
        async for event in tokens:
            breach = None if warned else policy.breach(record.text, of="answer")
            if breach is not None and policy.refuses:
                record.refused = breach.says
                return
            if breach is not None:
                warned = True
                yield record.notice(breach.says)
            yield event


async def said(
    messages: Sequence[ChatMessage], *, model: ModelClient, options: GenerationOptions = DEFAULT_OPTIONS
) -> str:
    """What the model answers to a request of ours, whole."""
    async with aclosing(model.stream(messages, options)) as pieces:
        return THOUGHTS.sub("", "".join([piece.text async for piece in pieces])).strip()


def _let_go(text: str, record: Record) -> list[Token]:
    record.text += text
    record.shown = record.shown or bool(text)
    return [Token(record.numbered(text))] if text else []
