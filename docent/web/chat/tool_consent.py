"""Ask the person before the model calls a tool of another server that may change something there."""

from __future__ import annotations

import json

import chainlit as cl

from docent.types import ToolProposal
from docent.web.chat.page_session import escape_markdown, language
from docent.web.i18n import say

ALLOW, REFUSE = "allow_tool", "refuse_tool"
"""Names of the buttons."""
SECONDS = 120
"""Without an answer in this time, the tool is not called."""
LONGEST_ARGUMENTS = 4_000


async def ask_consent(proposal: ToolProposal) -> bool:
    """Show the call with two buttons; return True if the person allows it. The question then disappears."""
    text = say(
        "The model wants to use **{tool}** of {server}, which may change something there:",
        language(),
        tool=escape_markdown(proposal.title),
        server=escape_markdown(proposal.server),
    )
    question = cl.AskActionMessage(
        content=f"{text}\n\n{_as_code(proposal)}",
        actions=[
            cl.Action(name=ALLOW, payload={}, label=say("Allow once", language()), icon="check"),
            cl.Action(name=REFUSE, payload={}, label=say("Do not allow", language()), icon="x"),
        ],
        timeout=SECONDS,
    )
    question.type = "system_message"  # it cannot be rated
    try:
        answer = await question.send()
    finally:
        await question.remove()
    return answer is not None and answer["name"] == ALLOW


def _as_code(proposal: ToolProposal) -> str:
    written = json.dumps({proposal.tool: dict(proposal.arguments)}, ensure_ascii=False, indent=2)
    more = len(written) - LONGEST_ARGUMENTS
    if more > 0:
        left_out = say("… and {n:,} more characters", language(), n=more)
        written = f"{written[:LONGEST_ARGUMENTS]}\n{left_out}"
    return "```json\n" + written.replace("`", "'") + "\n```"
