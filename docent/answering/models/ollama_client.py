"""Ollama by its native protocol, through the `ollama` package; the only file that imports it.

Its OpenAI mirror cannot set the context size, and the package's own `chat` cannot say that an
overlong prompt must be an error instead of losing its beginning; so the request is written here.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx
import ollama

from docent.answering.models.bounded_transport import LINE, BoundedTransport
from docent.answering.models.client import (
    DEFAULT_OPTIONS,
    LONGEST_SERVER_TEXT,
    SAMPLING,
    UNREADABLE,
    ChatMessage,
    GenerationOptions,
    ModelStatus,
    Piece,
    ServedModel,
    StreamLimits,
    Timeouts,
    arguments_of,
    once_more,
    too_slow,
    unreadable_reply,
    whole_characters,
    whole_number,
)
from docent.errors import (
    ModelError,
    ModelFailed,
    ModelMissing,
    ModelOverflow,
    ModelUnreachable,
)
from docent.types import StepProgress, ToolCall

OVERFLOW = (
    "exceed_context_size",
    "exceeds the available context",
    "longer than the context",
    "context length",
)

PULL_SILENCE = 600.0
"""Seconds between two reports of a pull; a slow disk checks 40 GB in less."""
LONGEST_PULL = 24 * 3600.0
"""Seconds: 40 GB by a line of 4 Mbit/s."""

FAULTS = (ConnectionError, TimeoutError, httpx.HTTPError, ollama.ResponseError, *UNREADABLE)


class OllamaClient:
    """A client of Ollama."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        key: str,
        context_tokens: int,
        answer_tokens: int,
        temperature: float,
        keep_alive: str,
        timeouts: Timeouts,
    ) -> None:
        self.name = name
        self._url = url
        self._key = key
        self._keep_alive = keep_alive
        self._timeouts = timeouts
        self._options = {
            "num_ctx": context_tokens,  # the same in every request: another value reloads the model
            "num_predict": answer_tokens,
            "temperature": temperature,
            **SAMPLING,
        }

    def stream(
        self, messages: Sequence[ChatMessage], options: GenerationOptions = DEFAULT_OPTIONS
    ) -> AsyncGenerator[Piece, None]:
        return once_more(lambda: self._once(messages, options), ModelFailed)

    async def models(self) -> tuple[str, ...]:
        return tuple(model.model or "" for model in await self._listed())

    async def describe(self) -> tuple[ServedModel, ...]:
        listed = await self._listed()
        try:
            async with self._client() as client, asyncio.timeout(self._timeouts.connect * 2):
                shown = [(await client.show(model.model)).modelinfo or {} for model in listed]
        except FAULTS as error:
            raise _translated(error, self) from error
        return tuple(
            ServedModel(
                model.model or "",
                bytes=whole_number(model.size),
                context_tokens=whole_number(info.get(f"{info.get('general.architecture')}.context_length")),
            )
            for model, info in zip(listed, shown, strict=True)
        )

    async def _listed(self) -> list[ollama.ListResponse.Model]:
        """Return the server's list without the models that only embed."""
        try:
            async with self._client() as client, asyncio.timeout(self._timeouts.connect * 2):
                models = (await client.list()).models
        except FAULTS as error:
            raise _translated(error, self) from error
        return [
            model
            for model in models
            if model.model and "bert" not in ((model.details and model.details.family) or "")
        ]

    async def parameters(self) -> int | None:
        try:
            async with self._client() as client, asyncio.timeout(self._timeouts.connect * 2):
                count = ((await client.show(self.name)).modelinfo or {}).get("general.parameter_count")
        except FAULTS as error:
            raise _translated(error, self) from error
        return count if isinstance(count, int) else None

    async def calls_tools(self) -> bool:
        try:
            async with self._client() as client, asyncio.timeout(self._timeouts.connect * 2):
                return "tools" in ((await client.show(self.name)).capabilities or ())
        except FAULTS as error:
            raise _translated(error, self) from error

    async def check(self) -> ModelStatus:
        try:
            names = set(await self.models())
        except ModelError as error:
            return ModelStatus(False, error.message, self._start)
        if not {self.name, f"{self.name}:latest"} & names:
            return ModelStatus(False, self._missing().message, self._pull, can_pull=True)
        return ModelStatus(True, f"{self.name} at {self._url}")

    async def pull(self) -> AsyncGenerator[StepProgress, None]:
        ends = time.monotonic() + LONGEST_PULL
        async with self._client(LINE) as client:
            try:
                status = ""
                steps = await client.pull(self.name, stream=True)
                while True:
                    async with asyncio.timeout(min(PULL_SILENCE, ends - time.monotonic())):
                        step = await anext(steps, None)
                    if step is None:
                        break
                    status = (step.status or status)[:LONGEST_SERVER_TEXT]
                    what = f"Pulling {self.name}: {status}"
                    yield StepProgress(what, step.completed or 0, step.total or 0)
            except TimeoutError:
                status = ""
            except FAULTS as error:
                if isinstance(error, ollama.ResponseError):
                    raise ModelFailed(
                        "The model server could not fetch {model!r}: {why}. Check the name at "
                        "https://ollama.com/library, and that the server may reach the network.",
                        model=self.name,
                        why=_words(error),
                    ) from error
                raise _translated(error, self) from error
        if status != "success":
            raise ModelFailed(
                "Fetching {model!r} broke off. Run it again: {command} (it goes on where it stopped)",
                model=self.name,
                command=self._pull,
            )

    async def warm(self) -> None:
        body = self._body([], DEFAULT_OPTIONS) | {"stream": False}
        async with self._client() as client:
            try:
                async with asyncio.timeout(self._timeouts.first_token):
                    await client._request(ollama.ChatResponse, "POST", "/api/chat", json=body)
            except TimeoutError as error:
                raise too_slow(self.name, self._timeouts.first_token, first=True) from error
            except FAULTS as error:
                raise _translated(error, self) from error

    def _body(self, messages: Sequence[ChatMessage], options: GenerationOptions) -> dict[str, Any]:
        wanted = {"num_predict": options.answer_tokens, "temperature": options.temperature}
        body = {
            "model": self.name,
            "messages": [_wire_message(message) for message in messages],
            "stream": True,
            "truncate": False,
            "shift": False,  # the same in every request, like num_ctx
            "keep_alive": self._keep_alive,
            "options": self._options | {key: value for key, value in wanted.items() if value is not None},
        }
        body |= {"tools": list(options.tools)} if options.tools else {}
        if options.json_format is not None:
            schema = options.json_format.schema
            body["format"] = "json" if schema is None else dict(schema)
        return body if options.think else body | {"think": False}

    async def _once(
        self, messages: Sequence[ChatMessage], options: GenerationOptions
    ) -> AsyncGenerator[Piece, None]:
        body = self._body(messages, options)
        limits = StreamLimits(self.name, body["options"]["num_predict"], self._timeouts)
        async with self._client(LINE) as client:
            replies = await client._request(ollama.ChatResponse, "POST", "/api/chat", json=body, stream=True)
            async with aclosing(replies) as answers:
                answer = await self._next(answers, limits, first=True)
                yield _piece(answer)
                while not answer.done:
                    answer = await self._next(answers, limits, first=False)
                    yield _piece(answer)

    async def _next(
        self, answers: AsyncGenerator[ollama.ChatResponse, None], limits: StreamLimits, *, first: bool
    ) -> ollama.ChatResponse:
        """Return the server's next reply, within the limits of time and length."""
        try:
            async with asyncio.timeout(limits.seconds(first=first)):
                answer = await anext(answers)
            limits.spend(answer.message.content or "", answer.message.thinking or "")
            return answer
        except StopAsyncIteration:
            raise ModelFailed(
                "{model} stopped in the middle of its answer: the server at {url} closed the "
                "connection. Ask again; its log says why it stopped.",
                model=self.name,
                url=self._url,
            ) from None
        except TimeoutError as error:
            raise limits.too_slow(first=first) from error
        except FAULTS as error:
            raise _translated(error, self) from error

    def _client(self, end: re.Pattern[bytes] | None = None) -> Any:
        """Return a connection for one request: closing it stops the model. A stream's lines have an `end`."""
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        return ollama.AsyncClient(
            host=self._url,
            headers=headers,
            timeout=httpx.Timeout(None, connect=self._timeouts.connect),
            follow_redirects=False,
            trust_env=False,
            transport=BoundedTransport(self._url, end=end),
        )

    @property
    def _in_compose(self) -> bool:
        """The host has the name of the service in docker-compose.yml."""
        return urlsplit(self._url).hostname == "ollama"

    @property
    def _start(self) -> str:
        return "docker compose up -d ollama" if self._in_compose else "ollama serve"

    @property
    def _pull(self) -> str:
        pull = f"ollama pull {self.name}"
        return f"docker compose exec ollama {pull}" if self._in_compose else pull

    def _missing(self) -> ModelMissing:
        return ModelMissing(
            "The model server at {url} does not have the model {model!r}. Run: {command}",
            url=self._url,
            model=self.name,
            command=self._pull,
        )

    def _unreachable(self) -> ModelUnreachable:
        return ModelUnreachable(
            "No model server answers at {url}. Start it with: {command} (or set DOCENT_MODEL_URL to "
            "where it is, or DOCENT_MODEL to a GGUF file, which needs no server)",
            url=self._url,
            command=self._start,
        )


def _wire_message(message: ChatMessage) -> dict[str, Any]:
    """Return a message in the form of this protocol."""
    wire = {"role": message["role"], "content": message["content"]}
    if calls := message.get("calls"):
        functions = [{"name": call.name, "arguments": dict(call.arguments)} for call in calls]
        wire["tool_calls"] = [{"function": function} for function in functions]
    if call := message.get("call"):
        wire["tool_name"] = call.name
    return wire


def _piece(answer: ollama.ChatResponse) -> Piece:
    """Return the piece of one line; the last line has the counts."""
    return Piece(
        whole_characters(answer.message.content or ""),
        whole_characters(answer.message.thinking or ""),
        prompt_tokens=answer.prompt_eval_count or 0,
        answer_tokens=answer.eval_count or 0,
        cut_short=answer.done_reason == "length",
        calls=_calls(answer),
    )


def _calls(answer: ollama.ChatResponse) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(call.function.name, arguments_of(call.function.arguments))
        for call in answer.message.tool_calls or ()
    )


def _words(error: ollama.ResponseError) -> str:
    """Return the server's own words, for a person."""
    return str(error.error).strip()[:LONGEST_SERVER_TEXT]


def _translated(error: Exception, client: OllamaClient) -> ModelError:
    """Return an error of the server or the network as one of ours."""
    if isinstance(error, (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout, TimeoutError)):
        return client._unreachable()
    if isinstance(error, ollama.ResponseError):
        text = str(error.error)
        if error.status_code == 404:
            return client._missing() if "model" in text else unreadable_reply(client._url, error)
        if any(words in text for words in OVERFLOW):
            return ModelOverflow(
                "The question and its passages do not fit the context of {model} ({n} tokens). Ask a "
                "shorter question, start a new chat, or raise DOCENT_CONTEXT_TOKENS.",
                model=client.name,
                n=client._options["num_ctx"],
            )
        return ModelFailed(
            "The model server could not answer: {why}. Ask again in a moment.", why=_words(error)
        )
    if isinstance(error, UNREADABLE):
        return unreadable_reply(client._url, error)
    return ModelFailed(
        "The connection to the model server at {url} broke off ({why}). Ask again; if it stays so, "
        "the server's log says why.",
        url=client._url,
        why=type(error).__name__,
    )
