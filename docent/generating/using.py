"""A model with tools: it writes, or asks for a tool, at most so many times; then it has to write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from docent.generating import prompt
from docent.generating.budget import FRAME, Budget
from docent.generating.client import Call, Message, ModelClient, Wishes
from docent.generating.output import Filter, addresses, named
from docent.generating.record import Record
from docent.generating.tools import Toolbox, Used
from docent.generating.writing import write
from docent.glossary import Event, Passage, Progress

AT_ONCE = 4
"""Calls of one step that are answered; a model in a loop asks for dozens."""
AGAIN = Used("asked again", "You have had this answer already. Use it, or answer with what you have.")
FULL = Used("no more room", "There is no room for more. Answer with what you have.")


async def write_with_tools(
    question: str,
    budget: Budget,
    *,
    model: ModelClient,
    instructions: str,
    wishes: Wishes,
    toolbox: Toolbox,
    steps: int,
    count: Callable[[str], int],
    window: int,
    record: Record,
) -> AsyncGenerator[Event, None]:
    """Tokens, and a `Progress` for each step. What tools find is numbered on from the passages sent."""
    record.model = model.name
    schemas = await asyncio.to_thread(toolbox.schemas)
    messages = prompt.messages(question, budget.passages, budget.history, instructions=instructions)
    shown: list[Passage] = list(budget.passages)
    used: set[str] = set()
    record.send(budget)
    room = window - budget.tokens - count(json.dumps(schemas))
    for step in range(steps + 1):
        calls: list[Call] = []
        output = Filter(passages=len(shown), known=addresses(passage.text for passage in shown))
        offered = replace(wishes, tools=schemas if step < steps and room > 0 else ())
        record.text = ""  # what was said on the way to a tool is no part of the answer
        async with aclosing(
            write(messages, model=model, wishes=offered, output=output, record=record, calls=calls)
        ) as tokens:
            async for token in tokens:
                yield token
        if not calls or not offered.tools:
            return
        messages.append({"role": "assistant", "content": record.text, "calls": tuple(calls[:AT_ONCE])})
        room -= count(record.text) + count(json.dumps([dict(call.arguments) for call in calls])) + FRAME
        for call in calls[:AT_ONCE]:
            outcome = await _use(call, toolbox, shown, used)
            cost = count(outcome.text) + FRAME
            if cost > room:
                outcome = FULL
            room -= cost
            shown += outcome.passages
            messages.append(_answered(call, outcome))
            _note(outcome, record)
            yield Progress(named(outcome.step), step + 1, steps)
        record.sent = tuple(passage.chunk_id for passage in shown)
        record.looked_up = tuple(shown[len(budget.passages) :])


def _note(outcome: Used, record: Record) -> None:
    record.steps.append(named(outcome.step))
    if not outcome.passages:
        record.computed += [outcome.step, outcome.text]
    if outcome.shown:
        record.tables.append(outcome.shown)


async def _use(call: Call, toolbox: Toolbox, shown: list[Passage], used: set[str]) -> Used:
    key = json.dumps([call.name, dict(call.arguments)], sort_keys=True, default=str)
    if key in used:
        return AGAIN
    used.add(key)
    return await asyncio.to_thread(toolbox.use, call, tuple(shown))


def _answered(call: Call, outcome: Used) -> Message:
    return {"role": "tool", "content": outcome.text, "call": call}
