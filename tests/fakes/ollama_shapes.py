"""The looks of an answer: native chat and generate, and their OpenAI-compatible mirrors."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from typing import Any

from tests.fakes.ollama_answer import Answer, Part, Refused, Turn
from tests.fakes.ollama_models import stamp
from tests.fakes.ollama_wire import line


class Shape(ABC):
    """The look of an endpoint's answers."""

    content_type = "application/x-ndjson"

    @abstractmethod
    def part(self, answer: Answer, part: Part) -> bytes:
        """A streamed piece."""

    @abstractmethod
    def last(self, answer: Answer) -> bytes:
        """What ends a stream that went well."""

    @abstractmethod
    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        """The answer to a request that does not stream."""

    def empty(self, turn: Turn, reason: str) -> dict[str, Any]:
        """The answer to a request that only loads or unloads the model."""
        return self.whole(Answer(turn.model, [], [], [], reason, 0), "", "")

    def error(self, refused: Refused) -> dict[str, Any]:
        """The body of a refusal."""
        return {"error": refused.text}

    def error_line(self, text: str) -> bytes:
        """What a failure in the middle of a stream looks like."""
        return line({"error": text})

    def broken(self) -> bytes:
        """Half of a JSON line."""
        return b'{"model":"mistral","created_at":"2026-\n'


# --- the native shapes ---------------------------------------------------------------------


def _calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{random.randrange(36**6):08x}",
            "function": {"index": index, "name": call["name"], "arguments": call.get("arguments", {})},
        }
        for index, call in enumerate(answer.tool_calls)
    ]


def _head(answer: Answer) -> dict[str, Any]:
    return {"model": answer.model, "created_at": stamp()}


def _tail(answer: Answer) -> dict[str, Any]:
    spoken = answer.done_reason not in ("load", "unload")
    return {"done": True, "done_reason": answer.done_reason, **(answer.metrics() if spoken else {})}


class ChatShape(Shape):
    """/api/chat."""

    def part(self, answer: Answer, part: Part) -> bytes:
        message = {"role": "assistant", "content": part.text}
        message |= {"thinking": part.thinking} if part.thinking else {}
        return line({**_head(answer), "message": message, "done": False})

    def last(self, answer: Answer) -> bytes:
        calls = b""
        if answer.tool_calls:
            message = {"role": "assistant", "content": "", "tool_calls": _calls(answer)}
            calls = line({**_head(answer), "message": message, "done": False})
        return calls + line(
            {**_head(answer), "message": {"role": "assistant", "content": ""}, **_tail(answer)}
        )

    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        message |= {"thinking": thinking} if thinking else {}
        message |= {"tool_calls": _calls(answer)} if answer.tool_calls else {}
        return {**_head(answer), "message": message, **_tail(answer)}


class GenerateShape(Shape):
    """/api/generate."""

    def __init__(self, *, raw: bool) -> None:
        self._raw = raw

    def part(self, answer: Answer, part: Part) -> bytes:
        value = {**_head(answer), "response": part.text}
        return line({**value, **({"thinking": part.thinking} if part.thinking else {}), "done": False})

    def last(self, answer: Answer) -> bytes:
        return line(self.whole(answer, "", ""))

    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        value = {**_head(answer), "response": text, **({"thinking": thinking} if thinking else {})}
        kept = not self._raw and answer.done_reason not in ("load", "unload")
        context = {"context": list(range(answer.prompt_tokens + answer.eval_count))} if kept else {}
        return {**value, **_tail(answer), **context}


# --- the OpenAI shapes ---------------------------------------------------------------------


def openai_error(status: int, text: str) -> dict[str, Any]:
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
    return {"error": {"message": text, "type": kind, "param": None, "code": None}}


def event(value: Any) -> bytes:
    return b"data: " + line(value).rstrip() + b"\n\n"


class OpenAIShape(Shape):
    """What both /v1 endpoints have in common."""

    content_type = "text/event-stream"
    kind, chunk_kind, prefix = "", "", ""

    def __init__(self, *, usage: bool) -> None:
        self._usage = usage
        self._id = f"{self.prefix}-{random.randrange(999)}"
        self._created = int(time.time())

    def head(self, answer: Answer, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": answer.model,
            "system_fingerprint": "fp_ollama",
        }

    def finish(self, answer: Answer) -> str:
        return "tool_calls" if answer.tool_calls else answer.done_reason

    def usage(self, answer: Answer) -> dict[str, int]:
        spent = answer.prompt_tokens + answer.eval_count
        return {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.eval_count,
            "total_tokens": spent,
        }

    def chunk(self, answer: Answer, **choice: Any) -> bytes:
        return event({**self.head(answer, self.chunk_kind), "choices": [{"index": 0, **choice}]})

    def done(self, answer: Answer) -> bytes:
        head = self.head(answer, self.chunk_kind)
        used = event({**head, "choices": [], "usage": self.usage(answer)}) if self._usage else b""
        return used + b"data: [DONE]\n\n"

    def error(self, refused: Refused) -> dict[str, Any]:
        return openai_error(refused.status, refused.text)

    def broken(self) -> bytes:
        return b'data: {"id":"' + self._id.encode() + b'","object":"chat.\n\n'


class OpenAIChatShape(OpenAIShape):
    """/v1/chat/completions."""

    kind, chunk_kind, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"

    def part(self, answer: Answer, part: Part) -> bytes:
        delta = {"role": "assistant", "content": part.text}
        delta |= {"reasoning": part.thinking} if part.thinking else {}
        return self.chunk(answer, delta=delta, finish_reason=None)

    def last(self, answer: Answer) -> bytes:
        delta: dict[str, Any] = {"role": "assistant", "content": ""}
        calls = b""
        if answer.tool_calls:
            called = {**delta, "tool_calls": self._calls(answer)}
            calls = self.chunk(answer, delta=called, finish_reason=None)
        ending = self.chunk(answer, delta=delta, finish_reason=self.finish(answer))
        return calls + ending + self.done(answer)

    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        message |= {"reasoning": thinking} if thinking else {}
        message |= {"tool_calls": self._calls(answer)} if answer.tool_calls else {}
        choice = {"index": 0, "message": message, "finish_reason": self.finish(answer)}
        return {**self.head(answer, self.kind), "choices": [choice], "usage": self.usage(answer)}

    def error_line(self, text: str) -> bytes:
        """The mirror turns a failure in mid-stream into a chunk that says nothing, and just ends."""
        empty = Answer("", [], [], [], "", 0)
        return self.chunk(empty, delta={"role": "assistant", "content": ""}, finish_reason=None)

    def _calls(self, answer: Answer) -> list[dict[str, Any]]:
        return [
            {
                "id": call["id"],
                "index": index,
                "type": "function",
                "function": {
                    "name": call["function"]["name"],
                    "arguments": line(call["function"]["arguments"]).decode().rstrip(),
                },
            }
            for index, call in enumerate(_calls(answer))
        ]


class OpenAICompletionShape(OpenAIShape):
    """/v1/completions."""

    kind, chunk_kind, prefix = "text_completion", "text_completion", "cmpl"

    def part(self, answer: Answer, part: Part) -> bytes:
        return self.chunk(answer, text=part.text, finish_reason=None)

    def last(self, answer: Answer) -> bytes:
        return self.chunk(answer, text="", finish_reason=self.finish(answer)) + self.done(answer)

    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "finish_reason": self.finish(answer)}
        return {**self.head(answer, self.kind), "choices": [choice], "usage": self.usage(answer)}

    def error_line(self, text: str) -> bytes:
        return self.chunk(Answer("", [], [], [], "", 0), text="", finish_reason=None)
