"""Read a chat request: its question and conversation, its files and tools, the form of its answer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace

from docent.answering.models.client import arguments_of
from docent.app import Docent
from docent.types import ClientTools, JsonFormat, Scope, ToolCall, ToolRound, Turn
from docent.web.api.document_routes import ID_PREFIX
from docent.web.api.http_errors import RequestRefused, not_found
from docent.web.api.schemas import ChatMessage, ChatRequest, ChosenFunction, Json


def question_and_history(messages: Sequence[ChatMessage]) -> tuple[str, tuple[Turn, ...]]:
    """Return the last message of the user, and the questions and answers before it."""
    at = _question_at(messages)
    if messages[at].unreadable_type:
        raise RequestRefused(
            400,
            f"A question is text; {messages[at].unreadable_type[:40]!r} cannot be read here. Hand a document "
            "or picture in at /v1/files, then ask about it.",
            code="unsupported_content",
            param="messages",
        )
    if not messages[at].text.strip():
        raise _no_question()
    turns: list[Turn] = []
    question = ""
    for message in messages[:at]:
        if message.role == "user":
            question = message.text
        elif message.role == "assistant" and question and not message.tool_calls:
            turns.append(Turn(question, message.text))
            question = ""
    return messages[at].text, tuple(turns)


def _question_at(messages: Sequence[ChatMessage]) -> int:
    """Return where the question is: the last message, but for tool calls and their results."""
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].role == "user":
            return at
        if messages[at].role == "assistant" and not messages[at].tool_calls:
            break
    raise _no_question()


def _no_question() -> RequestRefused:
    return RequestRefused(
        400, "The last message must be a user's question.", code="no_question", param="messages"
    )


def scope_of(messages: Sequence[ChatMessage], scope: Scope, docent: Docent) -> Scope:
    """Return the scope of a question: of the files that it names, where it names some.

    Raises RequestRefused for a file that does not exist or that this client may not see.
    """
    named = [name.removeprefix(ID_PREFIX) for name in messages[_question_at(messages)].files]
    if not named:
        return scope
    visible = {document.id for document in docent.store.documents(replace(scope, documents=tuple(named)))}
    if not set(named) <= visible:
        raise not_found("file")
    return replace(scope, documents=tuple(dict.fromkeys(named)))


def asks_for_json(request: ChatRequest) -> bool:
    return request.response_format is not None and request.response_format.type != "text"


def json_format(request: ChatRequest) -> JsonFormat | None:
    """Return the form of answer that a request asks for; None for a text. Raises RequestRefused."""
    form = request.response_format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return JsonFormat()
    if form.json_schema is None or form.json_schema.json_schema is None:
        raise RequestRefused(
            422,
            "response_format: type json_schema needs json_schema with a name and a schema.",
            code="malformed",
            param="response_format",
        )
    if request.tools:
        raise RequestRefused(
            400,
            "A request has either tools or a response_format in JSON. Ask for the JSON when the tools have "
            "been used.",
            code="unsupported_combination",
            param="response_format",
        )
    from docent.answering.answer_schema import checked_schema  # 0.1 s, for those who ask for JSON

    wanted = form.json_schema
    return JsonFormat(checked_schema(wanted.json_schema or {}), wanted.name, wanted.strict)


def client_tools(request: ChatRequest) -> ClientTools | None:
    """Return the tools that a client lends, with what came of them; None if there are none."""
    rounds = _rounds(request.messages[_question_at(request.messages) + 1 :])
    if not request.tools and not rounds:
        return None
    choice = request.tool_choice or "auto"
    tools = ClientTools(
        schemas=tuple(tool.model_dump(exclude_none=True) for tool in request.tools or ()),
        choice=choice.model_dump() if isinstance(choice, ChosenFunction) else choice,
        parallel=request.parallel_tool_calls is not False,
        rounds=rounds,
    )
    if isinstance(choice, ChosenFunction) and choice.function.name not in tools.names:
        raise RequestRefused(
            400,
            f"tool_choice names {choice.function.name!r}, which is none of the tools.",
            code="invalid_tool_choice",
            param="tool_choice",
        )
    return tools


def _rounds(messages: Sequence[ChatMessage]) -> tuple[ToolRound, ...]:
    """Return the calls after the question, each with its result. Raises RequestRefused for one without."""
    rounds: list[ToolRound] = []
    results = {message.tool_call_id: message.text for message in messages if message.role == "tool"}
    for message in messages:
        calls = tuple(
            ToolCall(call.function.name, _arguments(call.function.arguments), call.id)
            for call in message.tool_calls or ()
        )
        if not calls:
            continue
        if missing := next((call.id for call in calls if call.id not in results), ""):
            raise _unpaired(f"The tool call {missing[:80]!r} has no message with its result.")
        rounds.append(ToolRound(message.text, calls, tuple(results.pop(call.id) for call in calls)))
    if results:
        unknown = str(next(iter(results)))[:80]
        raise _unpaired(f"A tool's message names {unknown!r}, which no call before it has.")
    return tuple(rounds)


def _arguments(written: str) -> Json:
    try:
        return arguments_of(json.loads(written or "{}"))
    except (ValueError, TypeError, RecursionError) as error:
        raise _unpaired("The arguments of a tool call are no JSON object.") from error


def _unpaired(sentence: str) -> RequestRefused:
    return RequestRefused(400, sentence, code="invalid_tool_messages", param="messages")


def tool_calls_json(calls: Sequence[ToolCall]) -> list[Json]:
    """Return tool calls in OpenAI's form. Ollama gives them no ids, so those that have none get one."""
    return [
        {
            "id": call.id or f"call_{uuid.uuid4().hex[:24]}",
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": json.dumps(dict(call.arguments), ensure_ascii=False),
            },
        }
        for call in calls
    ]
