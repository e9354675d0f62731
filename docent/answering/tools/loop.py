"""A model with tools: it writes, or asks for a tool, at most so many times; then it has to write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering.generation import OVERFLOWS, write
from docent.answering.models.client import GenerationOptions, ModelClient, ToolCall
from docent.answering.output_filter import Filter, addresses, named
from docent.answering.prompt import templates
from docent.answering.prompt.budget import FRAME, Budget
from docent.answering.receipt import Record
from docent.answering.tools.toolbox import Toolbox, Used
from docent.errors import ModelOverflow
from docent.types import Event, StepProgress, Token

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
    options: GenerationOptions,
    toolbox: Toolbox,
    steps: int,
    count: Callable[[str], int],
    window: int,
    record: Record,
) -> AsyncGenerator[Event, None]:
    """Tokens, and a `StepProgress` for each step. What tools find is numbered on from the passages sent."""
    record.model = model.name
    schemas = await asyncio.to_thread(toolbox.schemas)
    talk = _Talk(question, budget, instructions, count)
    talk.tokens += count(json.dumps(schemas))
    talk.room = window - talk.tokens
    record.send(budget)
    record.tokens = talk.tokens
    step = overflows = 0
    while step <= steps:
        calls: list[ToolCall] = []
        output = Filter(passages=len(talk.shown), known=addresses(passage.text for passage in talk.shown))
        offered = replace(options, tools=schemas if step < steps and talk.room > 0 else ())
        record.text = ""  # what was said on the way to a tool is no part of the answer
        try:
            async with aclosing(
                write(talk.messages, model=model, options=offered, output=output, record=record, calls=calls)
            ) as tokens:
                async for token in tokens:
                    yield token
        except ModelOverflow:
            overflows += 1
            if record.text or overflows == OVERFLOWS or not talk.shorten(record):
                raise
            talk.room = 0  # no more tools: the server counts more than we do
            continue
        if not calls or not offered.tools:
            return
        if record.text:
            yield Token("\n\n")  # what comes next is another text, and may not continue a word of this one
        talk.ask(calls[:AT_ONCE], record.text)
        for call in calls[:AT_ONCE]:
            outcome = await talk.use(call, toolbox)
            _note(outcome, record)
            yield StepProgress(named(outcome.step), step + 1, steps)
        talk.tell(record)
        step += 1


class _Talk:
    """What has been said to the model so far and in how many tokens, what it was shown, and how many tokens
    tools may still add."""

    room = 0

    def __init__(self, question: str, budget: Budget, instructions: str, count: Callable[[str], int]) -> None:
        self._question = question
        self._instructions = instructions
        self._budget = budget
        self._count = count
        self._used: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self.tokens = self._budget.tokens
        self.shown = list(self._budget.passages)
        self.messages = templates.messages(
            self._question, self._budget.passages, self._budget.history, instructions=self._instructions
        )
        self._begun = len(self.messages)

    def ask(self, calls: Sequence[ToolCall], text: str) -> None:
        """What the model asked for, after the text that it said with it."""
        self.messages.append({"role": "assistant", "content": text, "calls": tuple(calls)})
        asked = json.dumps([dict(call.arguments) for call in calls])
        cost = self._count(text) + self._count(asked) + FRAME
        self.room -= cost
        self.tokens += cost

    async def use(self, call: ToolCall, toolbox: Toolbox) -> Used:
        """Answer a call, as far as there is room."""
        outcome = await self._outcome(call, toolbox)
        cost = self._count(outcome.text) + FRAME
        if cost > self.room:
            outcome = FULL
        self.room -= cost
        self.tokens += self._count(outcome.text) + FRAME
        self.shown += outcome.passages
        self.messages.append({"role": "tool", "content": outcome.text, "call": call})
        return outcome

    async def _outcome(self, call: ToolCall, toolbox: Toolbox) -> Used:
        key = json.dumps([call.name, dict(call.arguments)], sort_keys=True, default=str)
        if key in self._used:
            return AGAIN
        self._used.add(key)
        return await asyncio.to_thread(toolbox.use, call, tuple(self.shown))

    def tell(self, record: Record) -> None:
        record.sent = tuple(passage.chunk_id for passage in self.shown)
        record.looked_up = tuple(self.shown[len(self._budget.passages) :])
        record.tokens = self.tokens

    def shorten(self, record: Record) -> bool:
        """Less for a server that found it too long: without what tools found, then half of the passages."""
        if len(self.messages) == self._begun:
            if len(self._budget.passages) < 2:
                return False
            self._budget = self._budget.halved()
        self._begin()
        record.send(self._budget)
        record.looked_up = ()
        return True


def _note(outcome: Used, record: Record) -> None:
    record.steps.append(named(outcome.step))
    if not outcome.passages:
        record.computed += [outcome.step, outcome.text]
    if outcome.shown:
        record.tables.append(outcome.shown)
