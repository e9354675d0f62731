"""Ask the person before the model calls a tool of another server that may change something there."""

from __future__ import annotations

import asyncio
import json
import uuid

import chainlit as cl

from docent.types import ToolProposal
from docent.web.chat.page_session import escape_markdown, language, note
from docent.web.i18n import say

ALLOW, REFUSE = "allow_tool", "refuse_tool"
"""Names of the buttons; the payload of each names the question."""
SECONDS = 120.0
"""Without an answer in this time, the tool is not called."""
LONGEST_ARGUMENTS = 4_000

_open: dict[str, tuple[str, asyncio.Future[bool]]] = {}
"""Questions without an answer, by their id, with the session that was asked."""


async def ask_consent(proposal: ToolProposal) -> bool:
    """Show the call with two buttons; return True if the person allows it. The question then disappears."""
    text = say(
        "The model wants to use **{tool}** of {server}, which may change something there:",
        language(),
        tool=escape_markdown(proposal.title),
        server=escape_markdown(proposal.server),
    )
    question_id = str(uuid.uuid4())
    payload = {"consent": question_id}
    allow = cl.Action(name=ALLOW, payload=payload, label=say("Allow once", language()), icon="check")
    refuse = cl.Action(name=REFUSE, payload=payload, label=say("Do not allow", language()), icon="x")
    question = note(f"{text}\n\n{_as_code(proposal)}", actions=[allow, refuse])
    answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    _open[question_id] = (cl.context.session.id, answered)
    try:
        await question.send()
        await cl.context.emitter.task_end()  # Chainlit disables every button while an answer is written
        async with asyncio.timeout(SECONDS):
            return await answered
    except TimeoutError:
        return False
    finally:
        del _open[question_id]
        await question.remove()
        await cl.context.emitter.task_start()


def answer_consent(action: cl.Action) -> None:
    """Take the person's click, on a question that their own page was asked."""
    session_id, answered = _open.get(str(action.payload.get("consent")), ("", None))
    if answered is not None and session_id == cl.context.session.id and not answered.done():
        answered.set_result(action.name == ALLOW)


def refuse_open_questions() -> None:
    """Take a new message of the page at hand for a refusal of what it was asked."""
    for session_id, answered in _open.values():
        if session_id == cl.context.session.id and not answered.done():
            answered.set_result(False)


def _as_code(proposal: ToolProposal) -> str:
    written = json.dumps({proposal.tool: dict(proposal.arguments)}, ensure_ascii=False, indent=2)
    more = len(written) - LONGEST_ARGUMENTS
    if more > 0:
        left_out = say("… and {n:,} more characters", language(), n=more)
        written = f"{written[:LONGEST_ARGUMENTS]}\n{left_out}"
    return "```json\n" + written.replace("`", "'") + "\n```"
