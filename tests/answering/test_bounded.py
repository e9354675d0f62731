"""A hostile model server: nothing that it sends costs more memory, time or processor than an answer may."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from docent.answering.models.client import LEAST_CHARACTERS, Timeouts
from docent.errors import ModelFailed, ModelTimeout
from tests.answering.test_clients import BOTH, mirror, native, text_of

MEMORY = 32_000_000
"""Bytes that a client may need at most; what these servers would send has no end."""
JSON, NDJSON, SSE = "application/json", "application/x-ndjson", "text/event-stream"


@dataclass
class Hostile:
    url: str
    sent: int = 0


@asynccontextmanager
async def hostile(
    parts: Callable[[], Iterable[bytes]], *, kind: str, headers: str = "", pause: float = 0
) -> AsyncIterator[Hostile]:
    """A server that sends these parts to whoever asks, until that one leaves."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{headers}connection: close\r\n\r\n"
        writer.write(head.encode())
        try:
            for part in parts():
                writer.write(part)
                there.sent += len(part)
                await writer.drain()
                await asyncio.sleep(pause)
        except (ConnectionError, asyncio.CancelledError):
            pass
        writer.close()

    answering: set[Any] = set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        there = Hostile(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield there
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


def piece(client: Any, text: str) -> bytes:
    """A piece of an answer, in the client's protocol."""
    if client is native:
        said = {"model": "mistral", "message": {"role": "assistant", "content": text}, "done": False}
        return json.dumps(said).encode() + b"\n"
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    said = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


def kind_of(client: Any) -> str:
    return NDJSON if client is native else SSE


async def peak(work: Any) -> int:
    """The most memory that the work needed, in bytes."""
    tracemalloc.start()
    try:
        await work
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LINE = [b'{"message": {"content": "', *[b"x" * 65_536] * 3_000]
LINES_OF_AN_EVENT = [b"data: x\n" * 4_096] * 3_000
NUMBERS = [b"[" + b"0," * 32_000] * 3_000


@BOTH
@pytest.mark.parametrize("parts", [LINE, LINES_OF_AN_EVENT], ids=["a line", "an event of lines"])
async def test_a_piece_without_an_end(client, parts):
    """A line, or an event of many lines, that never ends is given up, and is not kept in memory."""
    if client is native and parts is LINES_OF_AN_EVENT:
        parts = [b"x" * 32_768] * 6_000
    async with hostile(lambda: parts, kind=kind_of(client)) as server:

        async def asked() -> None:
            with pytest.raises(ModelFailed, match="more than 131,072 bytes"):
                await text_of(client(server.url))

        assert await peak(asked()) < MEMORY


@BOTH
async def test_a_list_of_models_without_an_end(client):
    """A reply that is read whole has a largest size, and the sentence says whose fault it was."""
    async with hostile(lambda: NUMBERS, kind=JSON) as server:

        async def asked() -> None:
            status = await client(server.url).check()
            assert "more than 4,000,000 bytes" in status.sentence

        assert await peak(asked()) < MEMORY


@BOTH
async def test_a_refusal_without_an_end(client):
    """The words of an error are bounded like any reply, also where an answer was asked for."""
    async with hostile(lambda: NUMBERS, kind=JSON) as server:
        with pytest.raises(ModelFailed):
            await text_of(client(server.url))
        assert server.sent < MEMORY


@BOTH
async def test_a_compressed_reply_is_not_unpacked(client):
    """A few kilobytes may hold gigabytes, so compression is not asked for and not read."""
    bomb = gzip.compress(b"x" * 50_000_000)
    more = f"content-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n"
    async with hostile(lambda: [bomb], kind=kind_of(client), headers=more) as server:

        async def asked() -> None:
            with pytest.raises(ModelFailed, match="compressed"):
                await text_of(client(server.url))

        assert await peak(asked()) < MEMORY


@BOTH
@pytest.mark.parametrize("text", ["word ", ""], ids=["words", "nothing"])
async def test_an_answer_without_an_end(client, text):
    """A model that goes on far beyond the tokens asked for is stopped, also where it says nothing."""
    async with hostile(lambda: itertools.repeat(piece(client, text)), kind=kind_of(client)) as server:
        said = ""
        with pytest.raises(ModelFailed, match="far more than the 16 tokens"):
            async with aclosing(client(server.url, answer_tokens=16).stream([])) as pieces:
                async for one in pieces:
                    said += one.text
        assert len(said) <= LEAST_CHARACTERS


@BOTH
async def test_an_answer_has_a_time_in_all(client):
    """A server that sends its pieces just in time, for ever, is stopped when the whole time is over."""
    short = Timeouts(connect=30.0, first_token=60.0, token=60.0, whole=1.0)
    async with hostile(
        lambda: itertools.repeat(piece(client, "a ")), kind=kind_of(client), pause=0.1
    ) as server:
        with pytest.raises(ModelTimeout, match="still answering after 1 s"):
            await text_of(client(server.url, timeouts=short))


async def test_arguments_of_a_tool_without_an_end():
    """The arguments of a tool call count like the words of an answer."""
    part = {"index": 0, "id": "1", "function": {"name": "search", "arguments": "x" * 1_000}}
    choice = {"index": 0, "delta": {"tool_calls": [part]}, "finish_reason": None}
    event = b"data: " + json.dumps({"id": "1", "choices": [choice]}).encode() + b"\n\n"
    async with hostile(lambda: itertools.repeat(event), kind=SSE) as server:
        with pytest.raises(ModelFailed, match="far more than"):
            await text_of(mirror(server.url))


@BOTH
@pytest.mark.parametrize("said", [b"[" * 100_000, b'{"choices": [{"delta": {"content": 5}}]}'])
async def test_json_of_another_kind(client, said):
    """JSON that is nested beyond reason, or has no text where a text belongs, is a sentence, no traceback."""
    part = said + b"\n" if client is native else b"data: " + said + b"\n\n"
    async with hostile(lambda: [part], kind=kind_of(client)) as server:
        with pytest.raises(ModelFailed):
            await text_of(client(server.url))


async def test_a_pull_without_an_end():
    """News of a pull have a longest line, and a longest silence."""
    async with hostile(lambda: LINE, kind=NDJSON) as server:

        async def asked() -> None:
            with pytest.raises(ModelFailed, match="more than 131,072 bytes"):
                async for _ in native(server.url).pull():
                    pass

        assert await peak(asked()) < MEMORY


async def test_a_pull_that_falls_silent(monkeypatch):
    """It ends with what to do, instead of waiting for ever."""
    monkeypatch.setattr("docent.answering.models.ollama_client.PULL_SILENCE", 0.3)
    async with hostile(lambda: [b'{"status": "pulling"}\n'] * 2, kind=NDJSON, pause=3) as server:
        with pytest.raises(ModelFailed, match="broke off"):
            async for _ in native(server.url).pull():
                pass
