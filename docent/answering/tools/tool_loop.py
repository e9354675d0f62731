"""A model with tools: it may ask for them in so many steps; then it has to answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering.draft import Draft
from docent.answering.generation import OVERFLOWS, write
from docent.answering.models.client import ModelClient, ToolCall
from docent.answering.output_filter import OutputFilter, addresses, display_name
from docent.answering.prompt import templates
from docent.answering.prompt.budget import FRAME, Budget
from docent.answering.services import AnswerServices
from docent.answering.tools.toolbox import Toolbox, ToolResult
from docent.errors import ModelOverflow
from docent.types import Event, StepProgress, Token

AT_ONCE = 4
"""The most calls of one step that are run; a model in a loop asks for dozens."""
AGAIN = ToolResult("asked again", "You have had this answer already. Use it, or answer with what you have.")
FULL = ToolResult("no more room", "There is no room for more. Answer with what you have.")


async def write_with_tools(
    question: str,
    budget: Budget,
    model: ModelClient,
    toolbox: Toolbox,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Stream tokens, and a `StepProgress` for each call. Passages found are numbered on from those sent."""
    limits, count = services.limits, services.counter.count
    draft.model = model.name
    schemas = await asyncio.to_thread(toolbox.schemas)
    dialogue = _Dialogue(question, budget, services.persona.instructions, count)
    dialogue.tokens += count(json.dumps(schemas))
    dialogue.space = limits.context_tokens - limits.answer_tokens - dialogue.tokens
    draft.send(budget)
    draft.tokens = dialogue.tokens
    step = overflows = 0
    while step <= limits.tool_steps:
        calls: list[ToolCall] = []
        output = OutputFilter(
            passages=len(dialogue.shown), known=addresses(passage.text for passage in dialogue.shown)
        )
        offered = replace(
            services.options, tools=schemas if step < limits.tool_steps and dialogue.space > 0 else ()
        )
        draft.text = ""  # text before a tool call is no part of the answer
        try:
            async with aclosing(
                write(
                    dialogue.messages, model=model, options=offered, output=output, draft=draft, calls=calls
                )
            ) as tokens:
                async for token in tokens:
                    yield token
        except ModelOverflow:
            overflows += 1
            if draft.text or overflows == OVERFLOWS or not dialogue.shorten(draft):
                raise
            dialogue.space = 0  # no more tools: the server counts more than we do
            continue
        if not calls or not offered.tools:
            return
        if draft.text:
            yield Token("\n\n")  # the next text may not continue a word of this one
        dialogue.ask(calls[:AT_ONCE], draft.text)
        for call in calls[:AT_ONCE]:
            result = await dialogue.use(call, toolbox)
            draft.steps.append(display_name(result.step))
            if not result.passages:
                draft.computed += [result.step, result.text]
            if result.shown:
                draft.tables.append(result.shown)
            yield StepProgress(display_name(result.step), step + 1, limits.tool_steps)
        dialogue.report(draft)
        step += 1


class _Dialogue:
    """The messages so far and their tokens, the passages shown, and the tokens that tools may still add."""

    space = 0

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
        """Add the model's tool calls, with the text that it wrote before them."""
        self.messages.append({"role": "assistant", "content": text, "calls": tuple(calls)})
        asked = json.dumps([dict(call.arguments) for call in calls])
        cost = self._count(text) + self._count(asked) + FRAME
        self.space -= cost
        self.tokens += cost

    async def use(self, call: ToolCall, toolbox: Toolbox) -> ToolResult:
        """Run a tool call and add its result, if there is space."""
        result = await self._run(call, toolbox)
        cost = self._count(result.text) + FRAME
        if cost > self.space:
            result = FULL
        self.space -= cost
        self.tokens += self._count(result.text) + FRAME
        self.shown += result.passages
        self.messages.append({"role": "tool", "content": result.text, "call": call})
        return result

    async def _run(self, call: ToolCall, toolbox: Toolbox) -> ToolResult:
        key = json.dumps([call.name, dict(call.arguments)], sort_keys=True, default=str)
        if key in self._used:
            return AGAIN
        self._used.add(key)
        return await asyncio.to_thread(toolbox.use, call, tuple(self.shown))

    def report(self, draft: Draft) -> None:
        draft.sent = tuple(passage.chunk_id for passage in self.shown)
        draft.looked_up = tuple(self.shown[len(self._budget.passages) :])
        draft.tokens = self.tokens

    def shorten(self, draft: Draft) -> bool:
        """Shorten a prompt that the server refused: without tool results, then to half of the passages."""
        if len(self.messages) == self._begun:
            if len(self._budget.passages) < 2:
                return False
            self._budget = self._budget.halved()
        self._begin()
        draft.send(self._budget)
        draft.looked_up = ()
        return True
