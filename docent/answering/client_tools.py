"""Answers for a program that lends its own tools: the model may ask for them, and the program runs them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from docent.answering.answer_context import AnswerServices, Draft
from docent.answering.generation import OVERFLOWS, write
from docent.answering.models.client import ChatMessage, ModelClient
from docent.answering.output_filter import OutputFilter, addresses
from docent.answering.prompt import templates
from docent.answering.prompt.templates import quotable
from docent.answering.prompt.token_budget import FRAME, Budget
from docent.errors import ModelOverflow
from docent.types import ClientTools, Event, ToolCall


def with_rules_of_tools(services: AnswerServices) -> AnswerServices:
    """Return the services with the rules for a model that may call a client's tools."""
    return replace(
        services, persona=replace(services.persona, rules=services.persona.rules + templates.TOOLS)
    )


def tokens_of_tools(tools: ClientTools, count: Callable[[str], int]) -> int:
    """Count the tokens of the tools and of what came of them so far."""
    texts = [json.dumps(tools.schemas)]
    for each in tools.rounds:
        texts += [each.text, json.dumps([dict(call.arguments) for call in each.calls]), *each.results]
    return sum(count(text) + FRAME for text in texts)


async def write_or_call(
    question: str,
    tools: ClientTools,
    budget: Budget,
    model: ModelClient,
    services: AnswerServices,
    draft: Draft,
    calls: list[ToolCall],
) -> AsyncGenerator[Event, None]:
    """Stream the model's text; add to `calls` the tools that it asks for, of those that are offered."""
    draft.model = model.name
    results = [result for each in tools.rounds for result in each.results]
    draft.computed += results
    options = replace(
        services.options,
        tools=() if tools.choice == "none" else tools.schemas,
        tool_choice=tools.choice,
    )
    for left in reversed(range(OVERFLOWS)):
        draft.send(budget)
        known = addresses([*(passage.text for passage in budget.passages), *results])
        messages = [
            *templates.messages(
                question, budget.passages, budget.history, instructions=services.persona.instructions
            ),
            *_messages_of_rounds(tools),
        ]
        asked: list[ToolCall] = []
        output = OutputFilter(passages=len(budget.passages), known=known)
        tokens = write(messages, model=model, options=options, output=output, draft=draft, calls=asked)
        try:
            async with aclosing(tokens):
                async for token in tokens:
                    yield token
            break
        except ModelOverflow:
            if draft.text or not left or len(budget.passages) < 2:
                raise
            budget = budget.halved()
    offered = [call for call in asked if call.name in tools.names and options.tools]
    calls += offered if tools.parallel else offered[:1]


def _messages_of_rounds(tools: ClientTools) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    for each in tools.rounds:
        messages.append({"role": "assistant", "content": quotable(each.text), "calls": each.calls})
        messages += [
            {"role": "tool", "content": quotable(result), "call": call}
            for call, result in zip(each.calls, each.results, strict=True)
        ]
    return messages
