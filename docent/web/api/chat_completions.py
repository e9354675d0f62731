"""/v1/models and /v1/chat/completions: ask a library or a persona as if it were a model."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from docent.app import Docent
from docent.errors import DocentError, InputError
from docent.types import Answer, Answered, AnswerRequest, Event, Hop, Preferences, Token, ask_json, hop_json
from docent.web.api.access import ApiClient
from docent.web.api.chat_messages import (
    asks_for_json,
    client_tools,
    json_format,
    question_and_history,
    scope_of,
    tool_calls_json,
)
from docent.web.api.http_errors import (
    RequestRefused,
    answer_broken_off,
    not_found,
    not_open,
    refusal_for,
    unexpected,
)
from docent.web.api.schemas import ChatRequest, Json

EVERYTHING = "docent"
LIBRARY, PERSONA = "library/", "persona/"
LEAST_TOKENS = 16
CITATION_NUMBER = re.compile(r"\[(\d{1,3})\]")


# --- models --------------------------------------------------------------------------------


def list_models(docent: Docent, client: ApiClient) -> list[Json]:
    """Return everything that may be named as a model: all documents, each library, each persona."""
    libraries = client.visible(docent.store.libraries(client.reader))
    personas = [persona for persona in docent.personas if not persona.library or persona.library in libraries]
    names = [EVERYTHING, *(LIBRARY + name for name in libraries), *(PERSONA + each.key for each in personas)]
    return [model_json(name) for name in names]


def model_json(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "docent"}


def resolve_model(name: str, docent: Docent, client: ApiClient) -> tuple[str, str]:
    """Return the library and the persona that a model's name stands for, each empty for none.

    Raises RequestRefused for a model that this client does not have.
    """
    if name not in {model["id"] for model in list_models(docent, client)}:
        raise not_found("model")
    if name.startswith(LIBRARY):
        return name.removeprefix(LIBRARY), ""
    if name.startswith(PERSONA):
        persona = docent.persona(name.removeprefix(PERSONA))
        return persona.library, persona.key
    return "", ""


# --- the question --------------------------------------------------------------------------


def answer_events(request: ChatRequest, docent: Docent, client: ApiClient) -> AsyncGenerator[Event, None]:
    """Start to answer a request and return its events. Raises RequestRefused."""
    library, persona = resolve_model(request.model, docent, client)
    question, history = question_and_history(request.messages)
    instructions = (
        message.text.strip() for message in request.messages if message.role in ("system", "developer")
    )
    tokens = request.answer_tokens
    if tokens is not None:  # clients send what they would send to any model
        tokens = max(LEAST_TOKENS, min(tokens, docent.settings.context_tokens // 2))
    return docent.answer(
        AnswerRequest(
            question=question,
            history=history,
            scope=scope_of(request.messages, client.scope(library), docent),
            persona=persona,
            preferences=Preferences(
                temperature=request.temperature,
                answer_tokens=tokens,
                instructions="\n".join(filter(None, instructions)),
            ),
            json_format=json_format(request),
            client_tools=client_tools(request),
        )
    )


# --- the answer ----------------------------------------------------------------------------


@dataclass(slots=True)
class StopSequenceCutter:
    """End a streamed text before the first stop sequence, also one that two pieces share."""

    stop_sequences: tuple[str, ...]
    shown: str = ""
    ended: bool = False
    _withheld: str = ""

    def add(self, piece: str) -> str:
        """Take the next piece of the text and return what may be shown now."""
        if self.ended:
            return ""
        text = self._withheld + piece
        ends = [at for stop in self.stop_sequences if (at := text.find(stop)) >= 0]
        if ends:
            self.ended, self._withheld = True, ""
            return self._show(text[: min(ends)])
        withheld = max((_overlap(text, stop) for stop in self.stop_sequences), default=0)
        self._withheld = text[len(text) - withheld :]
        return self._show(text[: len(text) - withheld])

    def finish(self) -> str:
        """Return what was withheld because it might have begun a stop sequence."""
        withheld, self._withheld = self._withheld, ""
        return self._show(withheld)

    def _show(self, text: str) -> str:
        self.shown += text
        return text


def stop_sequence_cutter(request: ChatRequest) -> StopSequenceCutter:
    """Return a cutter for the stop sequences of a request; JSON is never cut."""
    return StopSequenceCutter(() if asks_for_json(request) else request.stop_sequences)


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text may begin the stop sequence."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


@dataclass(slots=True)
class CompletionWriter:
    """Write one answer as a completion, whole or as the chunks of a stream."""

    model: str
    footnotes: bool
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, answer: Answer, cutter: StopSequenceCutter) -> Json:
        """Return the whole answer.

        Raises RequestRefused for one that broke off, because few programs look at finish_reason.
        """
        text = cutter.add(answer.text) + cutter.finish() + self.footnote_lines(answer, answer.text)
        reason = finish_reason(answer, cutter)
        if reason == "error":
            raise answer_broken_off(answer.receipt.broken_off)
        message: Json = {"role": "assistant", "content": text, "refusal": None}
        if answer.calls:
            message |= {"content": text or None, "tool_calls": tool_calls_json(answer.calls)}
        return {
            **self._head("chat.completion"),
            "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
            "usage": _usage(answer),
            "docent": ask_json(answer),
        }

    def chunk(self, text: str, *, role: bool = False, finish_reason: str | None = None) -> Json:
        delta: Json = {"role": "assistant", "content": ""} if role else {}
        if text:
            delta["content"] = text
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def calls_chunk(self, answer: Answer) -> Json:
        """Return all tool calls of an answer as one piece of its stream."""
        calls = [{"index": at, **call} for at, call in enumerate(tool_calls_json(answer.calls))]
        choice = {"index": 0, "delta": {"tool_calls": calls}, "finish_reason": None, "logprobs": None}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_chunk(self, answer: Answer) -> Json:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(answer)}

    def footnote_lines(self, answer: Answer, shown: str) -> str:
        """Return the citations as lines of text, for clients that show nothing else.

        Where the streamed text has other numbers than the checked one, the lines have none.
        """
        if not self.footnotes or not answer.citations or answer.fields is not None or answer.calls:
            return ""
        first = {citation.n: citation for citation in reversed(answer.citations)}
        same_numbers = CITATION_NUMBER.findall(shown) == CITATION_NUMBER.findall(answer.text)
        lines = [f"[{n}] {first[n].where}" if same_numbers else f"- {first[n].where}" for n in sorted(first)]
        return "\n\n" + "\n".join(lines)

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def finish_reason(answer: Answer, cutter: StopSequenceCutter) -> str:
    """Return why the text ends. `error`, which OpenAI does not have, is OpenRouter's for a failed model."""
    if answer.receipt.broken_off and not cutter.ended:
        return "error"
    if answer.calls:
        return "tool_calls"
    return "length" if answer.receipt.cut_short and not cutter.ended else "stop"


def _usage(answer: Answer) -> Json:
    prompt, written = answer.receipt.tokens_counted, answer.receipt.tokens_answered
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


async def final_answer(events: AsyncGenerator[Event, None]) -> Answer:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Answered):
                return event.answer
    raise InputError("No answer came. Ask again; if that does not help, run: python -m docent doctor")


async def stream_completion(
    events: AsyncGenerator[Event, None],
    request: ChatRequest,
    writer: CompletionWriter,
    *,
    on_unexpected: Callable[[Exception], None],
) -> AsyncGenerator[str, None]:
    """Yield server-sent events: the text as the model writes it, and the checked one with the last chunk.

    Every stream ends with [DONE]. What fails after the first chunk, when the status 200 is already sent,
    comes as an `error` event before it.
    """
    cutter = stop_sequence_cutter(request)
    yield _sse(writer.chunk("", role=True))
    try:
        async with aclosing(events):
            async for event in events:
                match event:
                    case Token(text):
                        if shown := cutter.add(text):
                            yield _sse(writer.chunk(shown))
                    case Hop():
                        yield _sse({**writer.chunk(""), "docent": {"hop": hop_json(event)}})
                    case Answered(answer):
                        streamed = cutter.shown or cutter.ended
                        tail = ("" if streamed else cutter.add(answer.text)) + cutter.finish()
                        if tail := tail + writer.footnote_lines(answer, cutter.shown):
                            yield _sse(writer.chunk(tail))
                        if answer.calls:
                            yield _sse(writer.calls_chunk(answer))
                        reason = finish_reason(answer, cutter)
                        last = writer.chunk("", finish_reason=reason)
                        yield _sse({**last, "docent": ask_json(answer)})
                        if request.stream_options and request.stream_options.include_usage:
                            yield _sse(writer.usage_chunk(answer))
                        if reason == "error":
                            yield _sse(answer_broken_off(answer.receipt.broken_off).body())
    except DocentError as error:
        yield _sse(refusal_for(error).body())
    except RequestRefused as error:
        yield _sse(error.body())
    except Exception as error:  # a client takes a stream that just stops for a whole answer
        on_unexpected(error)
        yield _sse(unexpected().body())
    yield "data: [DONE]\n\n"


def _sse(payload: Json) -> str:
    return f"data: {json.dumps(payload, ensure_ascii=False, default=str)}\n\n"


# --- shutdown ------------------------------------------------------------------------------


class ShutdownSignal:
    """End the answers of the API, each with an error that says so, when the server is told to stop."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self.answers = 0
        """Answers that are under way."""
        self._waiting: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """End every answer. Call it in the server's event loop."""
        self._stopping.set()
        for task in self._waiting:
            task.cancel()

    @property
    def begun(self) -> bool:
        return self._stopping.is_set()

    async def wait(self) -> None:
        """Wait until the server is told to stop."""
        await self._stopping.wait()

    async def until_shutdown(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Yield the same events. Raises RequestRefused when the server stops."""
        self.answers += 1
        try:
            async with aclosing(events):
                while (event := await self._next(events)) is not None:
                    yield event
        finally:
            self.answers -= 1

    async def _next(self, events: AsyncGenerator[Event, None]) -> Event | None:
        """Interrupt only the wait for an event: what is being sent must still go out."""
        if self._stopping.is_set():
            raise not_open()
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            return await anext(events, None)
        except asyncio.CancelledError:
            if not self._stopping.is_set() or task.uncancel():  # the client's connection was lost, too
                raise
            raise not_open() from None
        finally:
            self._waiting.discard(task)
