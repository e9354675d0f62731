"""A real model behind the fake Ollama server: llama.cpp writes, the fake speaks Ollama's protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.fakes.ollama_replies import Message, text_of

OPTIONS = {
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "min_p": "min_p",
    "repeat_penalty": "repeat_penalty",
    "repeat_last_n": "repeat_last_n",
    "stop": "stop",
}
"""Ollama's options that llama.cpp's server has too, and its names for them."""


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of the real model's answer; the last one has the end and the counts."""

    text: str
    finish_reason: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Upstream:
    """The address of a llama.cpp server and its key."""

    url: str
    key: str

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the tokens of a conversation in the model's own chat template and vocabulary."""
        with self._client() as client:
            plain = [_plain(message) for message in messages]
            prompt = client.post("/apply-template", json={"messages": plain}).json()["prompt"]
            body = {"content": prompt, "add_special": True, "parse_special": True}
            return len(client.post("/tokenize", json=body).json()["tokens"])

    async def write(
        self, messages: Sequence[Message], options: dict[str, Any], form: Any = None
    ) -> AsyncIterator[Written]:
        """Let the model answer, in JSON if a `form` is given; closing the iterator stops it."""
        body = {
            "messages": [_plain(message) for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            **{name: options[key] for key, name in OPTIONS.items() if options.get(key) is not None},
        }
        if form:
            body["response_format"] = {"type": "json_object", **({"schema": form} if form != "json" else {})}
        finish = ""
        async with (
            httpx.AsyncClient(base_url=self.url, headers=self._headers, timeout=None) as client,
            client.stream("POST", "/v1/chat/completions", json=body) as response,
        ):
            response.raise_for_status()
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line.removeprefix("data: "))
                for choice in event["choices"]:
                    finish = choice["finish_reason"] or finish
                    if text := choice["delta"].get("content"):
                        yield Written(text)
                if usage := event.get("usage"):
                    yield Written("", finish_reason=finish, tokens=usage["completion_tokens"])

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self._headers, timeout=60)


def _plain(message: Message) -> dict[str, str]:
    return {"role": message["role"], "content": text_of(message)}
