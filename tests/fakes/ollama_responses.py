"""Responses of the fake Ollama server: the JSON of both protocols, streamed or whole."""

from __future__ import annotations

import asyncio
import json
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tests.fakes.ollama_answer import Answer, ChatRequest, Part, generate, prepare
from tests.fakes.ollama_state import BrokeOff, ConnectionCut, Recorded, Refused, Script, State, timestamp

JSON = "application/json; charset=utf-8"


def json_line(value: Any) -> bytes:
    """Return a value as a line of newline-delimited JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# --- formats -------------------------------------------------------------------------------


class Format(ABC):
    """The JSON of an endpoint's answers."""

    content_type = "application/x-ndjson"

    @abstractmethod
    def part(self, answer: Answer, part: Part) -> bytes:
        """Return one part of a stream."""

    @abstractmethod
    def last(self, answer: Answer) -> bytes:
        """Return the end of a complete stream."""

    @abstractmethod
    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        """Return the answer to a request without a stream."""

    @abstractmethod
    def error(self, refused: Refused) -> dict[str, Any]:
        """Return the body of a refusal."""

    @abstractmethod
    def error_line(self, text: str) -> bytes:
        """Return a failure in the middle of a stream."""


def _tool_calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{random.randrange(36**6):08x}",
            "function": {"index": index, "name": call["name"], "arguments": call.get("arguments", {})},
        }
        for index, call in enumerate(answer.tool_calls)
    ]


class OllamaFormat(Format):
    """Format of /api/chat."""

    def part(self, answer: Answer, part: Part) -> bytes:
        message = {"role": "assistant", "content": part.text}
        message |= {"thinking": part.thinking} if part.thinking else {}
        return self._message(answer, message, done=False)

    def last(self, answer: Answer) -> bytes:
        calls = b""
        if answer.tool_calls:
            message = {"role": "assistant", "content": "", "tool_calls": _tool_calls(answer)}
            calls = self._message(answer, message, done=False)
        return calls + json_line(self._done(answer, {"role": "assistant", "content": ""}))

    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        message |= {"thinking": thinking} if thinking else {}
        message |= {"tool_calls": _tool_calls(answer)} if answer.tool_calls else {}
        return self._done(answer, message)

    def error(self, refused: Refused) -> dict[str, Any]:
        return {"error": refused.text}

    def error_line(self, text: str) -> bytes:
        return json_line({"error": text})

    def _message(self, answer: Answer, message: dict[str, Any], *, done: bool) -> bytes:
        head = {"model": answer.model, "created_at": timestamp()}
        return json_line({**head, "message": message, "done": done})

    def _done(self, answer: Answer, message: dict[str, Any]) -> dict[str, Any]:
        counts = {} if answer.done_reason == "load" else answer.metrics()
        head = {"model": answer.model, "created_at": timestamp()}
        return {**head, "message": message, "done": True, "done_reason": answer.done_reason, **counts}


class OpenAIFormat(Format):
    """Format of /v1/chat/completions."""

    content_type = "text/event-stream"

    def __init__(self, *, usage: bool) -> None:
        self._usage = usage
        self._id = f"chatcmpl-{random.randrange(999)}"
        self._created = int(time.time())

    def part(self, answer: Answer, part: Part) -> bytes:
        delta = {"role": "assistant", "content": part.text}
        delta |= {"reasoning": part.thinking} if part.thinking else {}
        return self._chunk(answer, delta)

    def last(self, answer: Answer) -> bytes:
        delta: dict[str, Any] = {"role": "assistant", "content": ""}
        calls = b""
        if answer.tool_calls:
            calls = self._chunk(answer, {**delta, "tool_calls": self._tool_calls(answer)})
        head = self._head(answer, "chat.completion.chunk")
        usage = self._event({**head, "choices": [], "usage": self._counts(answer)}) if self._usage else b""
        return calls + self._chunk(answer, delta, self._finish(answer)) + usage + b"data: [DONE]\n\n"

    def whole(self, answer: Answer, text: str, thinking: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        message |= {"reasoning": thinking} if thinking else {}
        message |= {"tool_calls": self._tool_calls(answer)} if answer.tool_calls else {}
        choice = {"index": 0, "message": message, "finish_reason": self._finish(answer)}
        return {
            **self._head(answer, "chat.completion"),
            "choices": [choice],
            "usage": self._counts(answer),
        }

    def error(self, refused: Refused) -> dict[str, Any]:
        kind = {400: "invalid_request_error", 404: "not_found_error"}.get(refused.status, "api_error")
        return {"error": {"message": refused.text, "type": kind, "param": None, "code": None}}

    def error_line(self, text: str) -> bytes:
        """Return an empty chunk: this protocol has no error in mid-stream, and the stream just ends."""
        return self._chunk(Answer("", [], [], [], "", 0), {"role": "assistant", "content": ""})

    def _event(self, value: Any) -> bytes:
        return b"data: " + json_line(value) + b"\n"

    def _chunk(self, answer: Answer, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return self._event({**self._head(answer, "chat.completion.chunk"), "choices": [choice]})

    def _head(self, answer: Answer, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": answer.model,
            "system_fingerprint": "fp_ollama",
        }

    def _finish(self, answer: Answer) -> str:
        return "tool_calls" if answer.tool_calls else answer.done_reason

    def _counts(self, answer: Answer) -> dict[str, int]:
        return {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.eval_count,
            "total_tokens": answer.prompt_tokens + answer.eval_count,
        }

    def _tool_calls(self, answer: Answer) -> list[dict[str, Any]]:
        return [
            {
                "id": call["id"],
                "index": index,
                "type": "function",
                "function": {
                    "name": call["function"]["name"],
                    "arguments": json_line(call["function"]["arguments"]).decode().rstrip(),
                },
            }
            for index, call in enumerate(_tool_calls(answer))
        ]


# --- sending -------------------------------------------------------------------------------


class Connection:
    """The sending side of a response."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.opened = False

    async def open(self, status: int, content_type: str) -> None:
        """Send the headers of a response whose length is not known yet."""
        self.opened = True
        headers = [(b"content-type", content_type.encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        await asyncio.sleep(0)  # a client that disconnects is noticed between two tokens

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(self, status: int, content_type: str, body: bytes) -> None:
        """Send a whole response."""
        await self.open(status, content_type)
        await self.write(body)
        await self.close()

    async def send_json(self, status: int, value: Any) -> None:
        await self.send(status, JSON, json_line(value).rstrip())


class WorkResponse(Response):
    """A response made while it is sent, and abandoned when its client disconnects or its server stops.

    Abandoned means left unfinished: the web server then closes the connection, which is also
    how a `ConnectionCut` reaches the client.
    """

    def __init__(self, work: Callable[[Connection], Awaitable[None]], record: Recorded, state: State) -> None:
        super().__init__()
        self._work, self._record, self._state = work, record, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.ensure_future(self._work(Connection(send)))
        disconnected = asyncio.create_task(_until_disconnected(receive))
        stopping = asyncio.create_task(self._state.stopping.wait())
        try:
            await asyncio.wait({work, disconnected, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and disconnected.done():
                self._record.disconnected, self._record.disconnected_at = True, time.monotonic()
        finally:
            for task in (work, disconnected, stopping):
                task.cancel()
            outcome = await asyncio.gather(work, disconnected, stopping, return_exceptions=True)
        if isinstance(outcome[0], Exception) and not isinstance(outcome[0], ConnectionCut):
            raise outcome[0]


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def recording(record: Recorded, send: Send) -> Send:
    """Return a `send` that records the status, and that the response was sent to its end."""

    async def recorded(message: Message) -> None:
        if message["type"] == "http.response.start":
            record.status = message["status"]
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            record.answered = not record.disconnected

    return recorded


async def send_answer(
    connection: Connection, request: ChatRequest, form: Format, *, state: State, record: Recorded
) -> None:
    """Refuse a request, or answer it with a stream or with one object."""
    script = state.take(request.path)
    try:
        answer = await prepare(request, script, state, record)
        if answer is None:
            loaded = Answer(request.model, [], [], [], "load", 0)
            await connection.send_json(200, form.whole(loaded, "", ""))
        elif request.stream:
            await _stream(connection, answer, form, script=script, record=record)
        else:
            await _send_whole(connection, answer, form, script=script, record=record)
    except Refused as refused:
        await connection.send_json(refused.status, form.error(refused))


async def _stream(
    connection: Connection, answer: Answer, form: Format, *, script: Script, record: Recorded
) -> None:
    try:
        async for part in generate(answer, script, record):
            if not connection.opened:
                await connection.open(200, form.content_type)
            await connection.write(form.part(answer, part))
    except BrokeOff as failure:
        if not connection.opened:
            raise Refused(500, str(failure)) from failure
        await connection.write(form.error_line(str(failure)))
        await connection.close()
        return
    except ConnectionCut:
        if not connection.opened:  # the client sees a response begin, so that it is cut and not refused
            await connection.open(200, form.content_type)
            await connection.write(b"\n")
        raise
    if not connection.opened:
        await connection.open(200, form.content_type)
    await connection.write(form.last(answer))
    await connection.close()


async def _send_whole(
    connection: Connection, answer: Answer, form: Format, *, script: Script, record: Recorded
) -> None:
    text, thinking = "", ""
    try:
        async for part in generate(answer, script, record):
            text, thinking = text + part.text, thinking + part.thinking
    except BrokeOff as failure:
        raise Refused(500, str(failure)) from failure
    except ConnectionCut:
        await connection.open(200, JSON)
        await connection.write(b'{"model":')
        raise
    await connection.send_json(200, form.whole(answer, text, thinking))
