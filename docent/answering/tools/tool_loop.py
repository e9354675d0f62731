"""An answer that the model writes with tools: it may ask for them in so many steps; then it has to answer.

A model that calls tools in its protocol's own form is asked so. Another writes "Action" and "Action Input" as
text (the form of ReAct); what does not parse to the letter ends the steps, and the answer is written as ever.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from docent.answering.answer_context import AnswerServices, Draft
from docent.answering.generation import OVERFLOWS, complete, write, write_from_passages
from docent.answering.models.client import ChatMessage, GenerationOptions, ModelClient, ToolCallingModel
from docent.answering.output_filter import OutputFilter, addresses, display_name
from docent.answering.prompt import templates
from docent.answering.prompt.token_budget import FRAME, Budget
from docent.answering.tools.toolbox import Toolbox, ToolResult
from docent.errors import ModelError, ModelFailed, ModelOverflow
from docent.types import Event, StepProgress, Token, ToolCall

AT_ONCE = 4
"""The most calls of one step that are run; a model in a loop asks for dozens."""
AGAIN = ToolResult("asked again", "You have had this answer already. Use it, or answer with what you have.")
FULL = ToolResult("no more room", "There is no room for more. Answer with what you have.")
ACTION = re.compile(
    r"(?:Thought:[^\n]*\n\s*)?Action:[ \t]*(?P<name>[\w-]{1,64})[ \t]*\n\s*"
    r"Action Input:[ \t]*(?P<arguments>\{.*\})\s*",
    re.DOTALL,
)
"""A call of a tool as text, and nothing else."""
OBSERVATION = re.compile(r"\n\s*Observation:", re.IGNORECASE)
"""From here on a model invents what the tool would return."""
ACTION_TOKENS = 256
CHOOSING = GenerationOptions(answer_tokens=ACTION_TOKENS, temperature=0.0, think=False)
TEXT_FORM = """

You may use a tool before you answer. To use one, write these two lines and nothing else:
Action: the name of the tool
Action Input: its arguments as one JSON object
You are then told what it returned. When you need no tool, write only: Answer

Tools:
"""
FINISH = "Answer the question now, from the passages and from what the tools returned. Use no tool."


async def calls_tools(model: ModelClient) -> bool:
    """Tell whether a model calls tools in its protocol's own form."""
    if not isinstance(model, ToolCallingModel):
        return False
    try:
        return await model.calls_tools()
    except ModelError:
        return True  # the same server is asked for the answer next, and its error is reported there


async def write_using_tools(
    question: str,
    budget: Budget,
    model: ModelClient,
    toolbox: Toolbox,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Stream an answer with tools, in the form that the model and its server understand.

    A server may refuse tools although its protocol has them (vLLM without its flag); then they are text.
    """
    if await calls_tools(model):
        try:
            async with aclosing(
                write_with_tools(question, budget, model, toolbox, services, draft)
            ) as events:
                async for event in events:
                    yield event
            return
        except ModelFailed as error:
            if draft.text or draft.steps or "tool" not in str(error).lower():
                raise
    async with aclosing(write_with_text_tools(question, budget, model, toolbox, services, draft)) as events:
        async for event in events:
            yield event


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
            _note(result, draft)
            yield StepProgress(display_name(result.step), step + 1, limits.tool_steps)
        dialogue.report(draft)
        step += 1


async def write_with_text_tools(
    question: str,
    budget: Budget,
    model: ModelClient,
    toolbox: Toolbox,
    services: AnswerServices,
    draft: Draft,
) -> AsyncGenerator[Event, None]:
    """Stream the answer of a model that calls tools as text; its calls are not shown as text."""
    limits, count = services.limits, services.counter.count
    draft.model = model.name
    schemas = await asyncio.to_thread(toolbox.schemas)
    offered = described(schemas)
    dialogue = _Dialogue(question, budget, services.persona.instructions, count, as_text=True)
    dialogue.tokens += count(offered)
    dialogue.space = limits.context_tokens - limits.answer_tokens - dialogue.tokens - ACTION_TOKENS
    draft.send(budget)
    for step in range(1, limits.tool_steps + 1):
        try:
            written = await complete(with_tools_as_text(dialogue.messages, offered), model, CHOOSING)
        except ModelOverflow:
            break  # the answer is written without tools
        call = action_of(written, {str(schema["function"]["name"]) for schema in schemas})
        if call is None:
            break
        dialogue.ask([call], f"Action: {call.name}\nAction Input: {json.dumps(dict(call.arguments))}")
        result = await dialogue.use(call, toolbox)
        _note(result, draft)
        yield StepProgress(display_name(result.step), step, limits.tool_steps)
        if result in (AGAIN, FULL):
            break
    dialogue.report(draft)
    output = OutputFilter(
        passages=len(dialogue.shown), known=addresses(passage.text for passage in dialogue.shown)
    )
    messages = dialogue.finished
    tokens = write(messages, model=model, options=services.options, output=output, draft=draft)
    try:
        async with aclosing(tokens):
            async for token in tokens:
                yield token
    except ModelOverflow:
        if draft.text:
            raise
        async for token in write_from_passages(question, budget, model, services, draft):
            yield token


def described(schemas: Sequence[Mapping[str, Any]]) -> str:
    """Return the tools as a model without tool calls is told of them."""
    lines = []
    for schema in schemas:
        function = schema["function"]
        arguments = {
            name: about.get("description", "")
            for name, about in function["parameters"].get("properties", {}).items()
        }
        lines.append(
            f"{function['name']} {json.dumps(arguments, ensure_ascii=False)}: {function['description']}"
        )
    return "\n".join(lines)


def with_tools_as_text(messages: Sequence[ChatMessage], offered: str) -> list[ChatMessage]:
    first = {**messages[0], "content": messages[0]["content"] + TEXT_FORM + offered}
    return [first, *messages[1:]]


def action_of(written: str, names: set[str]) -> ToolCall | None:
    """Return the call that a text is; None for anything else, such as an answer or an unknown tool."""
    match = ACTION.fullmatch(OBSERVATION.split(written, maxsplit=1)[0].strip())
    if match is None or match["name"] not in names:
        return None
    try:
        arguments = json.loads(match["arguments"], parse_constant=str)
    except (json.JSONDecodeError, RecursionError):
        return None
    return ToolCall(match["name"], arguments) if isinstance(arguments, dict) else None


def _note(result: ToolResult, draft: Draft) -> None:
    draft.steps.append(display_name(result.step))
    draft.lent = draft.lent or result.lent
    if not result.passages:
        draft.computed += [result.step, result.text]
    if result.shown:
        draft.tables.append(result.shown)


class _Dialogue:
    """The messages so far and their tokens, the passages shown, and the tokens that tools may still add."""

    space = 0

    def __init__(
        self,
        question: str,
        budget: Budget,
        instructions: str,
        count: Callable[[str], int],
        *,
        as_text: bool = False,
    ) -> None:
        self._question = question
        self._instructions = instructions
        self._budget = budget
        self._count = count
        self._as_text = as_text
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
        calls_sent = {} if self._as_text else {"calls": tuple(calls)}
        self.messages.append({"role": "assistant", "content": text, **calls_sent})
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
        if self._as_text:
            self.messages.append({"role": "user", "content": f"Observation: {result.text}"})
        else:
            self.messages.append({"role": "tool", "content": result.text, "call": call})
        return result

    @property
    def finished(self) -> list[ChatMessage]:
        """The messages of a dialogue as text, ended by the request to answer."""
        if len(self.messages) == self._begun:
            return self.messages
        last = self.messages[-1]
        return [
            *self.messages[:-1],
            {**last, "content": f"{last['content']}\n\n{FINISH}{templates.asked(self._question)}"},
        ]

    async def _run(self, call: ToolCall, toolbox: Toolbox) -> ToolResult:
        key = json.dumps([call.name, dict(call.arguments)], sort_keys=True, default=str)
        if key in self._used:
            return AGAIN
        self._used.add(key)
        if toolbox.lent is not None and call.name in toolbox.lent:
            return await toolbox.lent.use(call, self.space - FRAME)
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
