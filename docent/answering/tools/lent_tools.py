"""The tools of other servers for one answer: offered by name, allowed by a person, their results quoted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docent.answering.answer_context import AnswerServices
from docent.answering.client_tools import with_rules_of_tools
from docent.answering.prompt import templates
from docent.answering.prompt.templates import quotable
from docent.answering.tools.tool_servers import LentTool, ToolServers
from docent.answering.tools.toolbox import ToolResult
from docent.errors import InputError
from docent.messages import Message
from docent.types import AnswerRequest, AskConsent, ToolCall, ToolProposal

if TYPE_CHECKING:
    from mcp.types import CallToolResult

LONGEST_RESULT = 8_000
"""Characters of a result that the model is shown."""
CHARACTERS_PER_TOKEN = 3
LONGEST_DESCRIPTION = 1_000
LONGEST_SCHEMA = 8_000
LONGEST_STEP = 120
NO_TEXT = "It returned nothing that can be read as text."
CUT = "\n[The rest is left out.]"
NOBODY_TO_ASK = "This tool may change something, and there is nobody to allow it here. Answer without it."
NOT_ALLOWED = "The person did not allow this. Answer without it, and do not ask for it again."


class LentTools:
    """The tools of other servers that one answer may use."""

    def __init__(self, servers: ToolServers, tools: Sequence[LentTool], ask: AskConsent | None) -> None:
        self._servers = servers
        self._tools = {
            offered_name(tool): tool for tool in tools if len(json.dumps(tool.parameters)) <= LONGEST_SCHEMA
        }
        self._ask = ask

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    @property
    def schemas(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": quotable(f"{tool.server}: {tool.description}"[:LONGEST_DESCRIPTION]),
                    "parameters": tool.parameters,
                },
            }
            for name, tool in self._tools.items()
        )

    async def use(self, call: ToolCall, space: int) -> ToolResult:
        """Run a tool, if it changes nothing or the person allows it; `space` is in tokens."""
        tool = self._tools[call.name]
        arguments = dict(call.arguments)
        what = Message("{server}: {tool}", server=tool.server, tool=tool.title)
        if not tool.read_only:
            proposal = ToolProposal(tool.server, tool.name, tool.title, arguments)
            if self._ask is None or not await self._ask(proposal):
                refusal = NOBODY_TO_ASK if self._ask is None else NOT_ALLOWED
                return ToolResult(Message("Not allowed: {what}", what=what), refusal)
        try:
            result = await self._servers.call(tool, arguments)
        except InputError as error:
            return ToolResult(
                Message("{tool}: {why}", tool=what, why=error.message), f"Error: {quotable(str(error))}"
            )
        text = _text(result)[: min(LONGEST_RESULT, max(space, 0) * CHARACTERS_PER_TOKEN)]
        if result.isError:
            reason = " ".join(text.split())[:LONGEST_STEP]
            step = Message("{tool}: {why}", tool=what, why=reason)
            return ToolResult(step, f"Error: {templates.tool_result(call.name, text)}")
        written = json.dumps(arguments, ensure_ascii=False)[:LONGEST_STEP] if arguments else ""
        step = Message("Asked {what} {arguments}", what=what, arguments=written)
        return ToolResult(step, templates.tool_result(call.name, text), lent=True)


def offered_name(tool: LentTool) -> str:
    """Return the name by which the model calls a tool; no tool of Docent's own has two underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{tool.server}__{tool.name}")[:64]


def _text(result: CallToolResult) -> str:
    """Return the texts of a result, or its data where it has none; pictures and sounds are left out."""
    texts = [block.text for block in result.content if block.type == "text"]
    texts += [
        block.resource.text
        for block in result.content
        if block.type == "resource" and hasattr(block.resource, "text")
    ]
    if not texts and result.structuredContent is not None:
        texts = [json.dumps(result.structuredContent, ensure_ascii=False)]
    text = "\n".join(texts).strip() or NO_TEXT
    return text if len(text) <= LONGEST_RESULT else text[: LONGEST_RESULT - len(CUT)] + CUT


async def with_lent_tools(
    request: AnswerRequest, services: AnswerServices
) -> tuple[AnswerServices, list[Message]]:
    """Return the services with the tools that are lent now, and a sentence for each server that is silent."""
    allowed = services.limits.tool_steps and services.limits.tools != "off"
    if not services.tool_servers or not allowed or services.model is None:
        return services, []
    tools, sentences = await services.tool_servers.tools()
    if not tools:
        return services, sentences
    lent = LentTools(services.tool_servers, tools, request.ask_consent)
    return replace(with_rules_of_tools(services), lent=lent), sentences
