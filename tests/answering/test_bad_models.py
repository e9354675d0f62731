"""What a bad model or a bad server writes: each has its sentence, and the passages that were found stay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from docent.answering import replies_without_model as replies
from tests.answering.build import FOUND, answer_of, events, notices
from tests.answering.test_clients import mirror, native

QUESTION = "When does the museum open?"
TRUE = "The museum opens at 9:30 and closes at 18:00"


def ollama_line(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"model": "mistral", "message": message, "done": False}).encode() + b"\n"


def openai_line(text: str) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "mistral"}
    return b"data: " + json.dumps(head | delta).encode() + b"\n\n"


OLLAMA_END = (
    b'{"model":"mistral","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'
)
OPENAI_END = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"mistral","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'  # noqa: E501
BOTH = pytest.mark.parametrize(
    ("client", "line", "end"),
    [
        pytest.param(native, ollama_line, OLLAMA_END, id="ollama"),
        pytest.param(mirror, openai_line, OPENAI_END, id="openai"),
    ],
)
Line = Callable[[str], bytes]


@asynccontextmanager
async def server(*parts: bytes) -> AsyncIterator[str]:
    """A server that answers every request with these bytes, and closes the connection."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\n"
        )
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def answered(client: Any, *parts: bytes) -> tuple[Any, str]:
    async with server(*parts) as url:
        found = await events(QUESTION, client(url))
    answer = answer_of(found)
    assert answer.passages == tuple(FOUND)  # the retrieval result stays, whatever was written
    return answer, notices(found)


@BOTH
@pytest.mark.parametrize(
    "sign", ["<|im_end|>", "<|eot_id|>", "</s>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "[/INST]"]
)
async def test_signs_of_a_chat_template(client: Any, line: Line, end: bytes, sign: str):
    """Signs that a server should have taken for itself are not shown; the sentence before them is cited."""
    half = len(sign) // 2
    parts = (line(f"{TRUE} [1]."), line(sign[:half]), line(sign[half:]), end)
    answer, _ = await answered(client, *parts)
    assert answer.text.strip() == f"{TRUE} [1]."
    assert sign in answer.receipt.removed
    assert len(answer.citations) == 1


@BOTH
async def test_thinking_tags(client: Any, line: Line, end: bytes):
    """Thoughts between tags are counted and not shown, also where the tags come in pieces."""
    answer, _ = await answered(
        client, line("<thi"), line("nk>Let me see."), line("</th"), line(f"ink>{TRUE} [1]."), end
    )
    assert answer.text == f"{TRUE} [1]."
    assert answer.receipt.thought > 10


@BOTH
async def test_only_thoughts(client: Any, line: Line, end: bytes):
    """A model that thinks and does not answer is reported; the best sentences answer."""
    answer, said = await answered(client, line("<think>Let me see. What is asked?"), end)
    assert said == str(replies.SILENT)
    assert answer.citations


@BOTH
@pytest.mark.parametrize("text", ["", " ", "\n\n", "<|im_end|>"])
async def test_nothing(client: Any, line: Line, end: bytes, text: str):
    """A model that writes nothing is reported; the best sentences answer."""
    answer, said = await answered(client, line(text), end)
    assert said == str(replies.SILENT)
    assert answer.citations


@BOTH
async def test_another_language(client: Any, line: Line, end: bytes):
    """An answer that no passage supports, since it is in another language, is marked and not cited."""
    answer, said = await answered(client, line("博物馆上午九点半开门，下午六点关门。"), end)
    assert answer.text.startswith("博物馆")
    assert "No passage was found to support" in said
    assert not answer.citations


@BOTH
async def test_bytes_that_are_no_text(client: Any, line: Line, end: bytes):
    """Invalid UTF-8 in the middle of an answer ends it with a sentence, or is shown as a replacement sign."""
    broken = line("XX").replace(b"XX", b"\xc3\x28 \xff")
    answer, said = await answered(client, line(f"{TRUE} [1]. "), broken, end)
    assert TRUE in answer.text
    assert "\ufffd" in answer.text or "nothing that such a model server says" in said


@BOTH
async def test_the_end_in_the_middle_of_a_character(client: Any, line: Line, end: bytes):
    """A server that dies between two bytes of a letter leaves what came, and a sentence."""
    whole = line("caf\u00e9").replace(b"\\u00e9", "é".encode())
    cut = whole[: whole.index("é".encode()) + 1]
    answer, said = await answered(client, line(f"{TRUE} [1]. "), cut)
    assert TRUE in answer.text
    assert "Ask again" in said
    assert answer.receipt.broken_off


@BOTH
async def test_half_a_character_in_json(client: Any, line: Line, end: bytes):
    """A surrogate without its other half, as a badly cut emoji leaves, does not break the answer."""
    answer, _ = await answered(client, line(f"{TRUE} [1]. "), line("XX").replace(b"XX", b"\\ud83d"), end)
    assert answer.text.encode()
    assert TRUE in answer.text
