"""Any server that speaks OpenAI's protocol, through the `openai` package; only this file imports it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import httpx
import openai

from docent.answering.models.bounded_transport import EVENT, BoundedTransport
from docent.answering.models.client import (
    DEFAULT_OPTIONS,
    LONGEST_SERVER_TEXT,
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
from docent.messages import Message
from docent.types import JsonFormat, StepProgress, ToolCall

IDENTIFYING_HEADERS = tuple(
    f"X-Stainless-{name}"
    for name in (
        "Lang",
        "Package-Version",
        "OS",
        "Arch",
        "Runtime",
        "Runtime-Version",
        "Async",
        "Read-Timeout",
    )
)
"""Headers in which the package would describe this machine to the server."""


WINDOWS = ("max_model_len", "context_length", "context_window")
"""Names under which vLLM, OpenRouter and Groq list the longest context of a model."""


class BrokenOff(ModelFailed):
    """The connection ended. The package itself repeats a request that was refused."""


class OpenAIClient:
    """A client of any server with OpenAI's protocol."""

    sampling: Mapping[str, float] = {}
    """Options beside the protocol's own: hosted servers refuse what they do not know."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        key: str,
        answer_tokens: int,
        temperature: float,
        timeouts: Timeouts,
    ) -> None:
        self.name = name
        self._url = url
        self._key = key
        self._answer_tokens = answer_tokens
        self._temperature = temperature
        self._timeouts = timeouts
        self._includes_usage = True
        self._json_forms = ["json_schema", "json_object"]
        """Of response_format, those that the server has not refused."""

    def stream(
        self, messages: Sequence[ChatMessage], options: GenerationOptions = DEFAULT_OPTIONS
    ) -> AsyncGenerator[Piece, None]:
        return once_more(lambda: self._once(messages, options), BrokenOff)

    async def _once(
        self, messages: Sequence[ChatMessage], options: GenerationOptions
    ) -> AsyncGenerator[Piece, None]:
        ended = ""
        first = True
        limits = StreamLimits(self.name, options.answer_tokens or self._answer_tokens, self._timeouts)
        calls = _Calls(limits)
        async with self._client(EVENT) as client:
            try:
                async with asyncio.timeout(limits.seconds(first=True)):
                    chunks = await self._request(client, messages, options)
                    chunk = await anext(chunks, None)
                first = False
                while chunk is not None:
                    ended = ended or (chunk.choices and chunk.choices[0].finish_reason) or ""
                    calls.add(chunk)
                    piece = _piece(chunk, cut_short=ended == "length")
                    limits.spend(piece.text, piece.thought)
                    yield piece
                    async with asyncio.timeout(limits.seconds(first=False)):
                        chunk = await anext(chunks, None)
            except TimeoutError as error:
                raise limits.too_slow(first=first) from error
            except httpx.TransportError as error:  # the package does not wrap these while it streams
                raise self._broken_off() from error
            except openai.APIError as error:
                raise self._translated(error) from error
            except UNREADABLE as error:
                raise unreadable_reply(self._url, error) from error
        if not ended:  # this protocol has no other sign of an answer that broke off
            raise self._broken_off()
        if complete := calls.complete(self.name):
            yield Piece(calls=complete)

    async def _request(
        self, client: openai.AsyncOpenAI, messages: Sequence[ChatMessage], options: GenerationOptions
    ) -> Any:
        body: list[Any] = [_wire_message(message) for message in messages]
        more: dict[str, Any] = {"tools": list(options.tools)} if options.tools else {}
        if options.tools and options.tool_choice != "auto":
            more["tool_choice"] = options.tool_choice
        json_form = self._json_form(options.json_format)
        if options.json_format is not None and json_form:
            more["response_format"] = _response_format(options.json_format, json_form)
        if self._includes_usage:
            more["stream_options"] = {"include_usage": True}
        try:
            return await client.chat.completions.create(
                model=self.name,
                messages=body,
                max_tokens=options.answer_tokens or self._answer_tokens,
                temperature=self._temperature if options.temperature is None else options.temperature,
                stream=True,
                extra_body=dict(self.sampling),
                **more,
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            # Some hosted servers refuse what they do not know.
            if json_form and "response_format" in str(error):
                self._json_forms.remove(json_form)
            elif self._includes_usage and "stream_options" in str(error):
                self._includes_usage = False
            else:
                raise
            return await self._request(client, messages, options)

    def _json_form(self, wanted: JsonFormat | None) -> str:
        """Return the strictest form of response_format that the server may take; empty for none."""
        if wanted is None:
            return ""
        forms = self._json_forms if wanted.schema is not None else ["json_object"]
        return next((form for form in forms if form in self._json_forms), "")

    async def pull(self) -> AsyncGenerator[StepProgress, None]:
        """Report that the model is there, or raise ModelMissing: this protocol cannot fetch one."""
        if not (await self.check()).ready:
            raise self._missing()
        yield StepProgress(Message("{model} is there", model=self.name), 1, 1)

    async def warm(self) -> None:
        """Do nothing: a hosted server would bill it, and a local one keeps its model loaded."""

    async def models(self) -> tuple[str, ...]:
        listed = await self._listed()
        return (self.name,) if listed is None else tuple(model.id for model in listed)

    async def describe(self) -> tuple[ServedModel, ...]:
        """Return the sizes that llama.cpp's server adds to its list, and the windows that others do."""
        listed = await self._listed()
        if listed is None:
            return (ServedModel(self.name),)
        return tuple(
            ServedModel(
                model.id,
                bytes=whole_number(_meta(model).get("size")),
                context_tokens=whole_number(_meta(model).get("n_ctx_train"))
                or next(filter(None, (whole_number(getattr(model, key, None)) for key in WINDOWS)), 0),
            )
            for model in listed
        )

    async def parameters(self) -> int | None:
        """Return what llama.cpp's server adds to its list; no other server says it."""
        own = (model for model in await self._listed() or () if model.id == self.name)
        count = next((_meta(model).get("n_params") for model in own), None)
        return count if isinstance(count, int) else None

    async def calls_tools(self) -> bool:
        return True  # tools are part of the protocol; llama.cpp writes them for any model

    async def _listed(self) -> list[openai.types.Model] | None:
        """Return the server's list; None from one of a single model, as Azure's serverless endpoints are."""
        try:
            async with self._client() as client, asyncio.timeout(self._timeouts.connect * 2):
                return [model async for model in client.models.list() if model.id]
        except openai.NotFoundError:
            return None
        except (openai.APIError, httpx.HTTPError, TimeoutError) as error:
            raise self._translated(error) from error
        except UNREADABLE as error:
            raise unreadable_reply(self._url, error) from error

    async def check(self) -> ModelStatus:
        try:
            names = set(await self.models())
        except ModelError as error:
            return ModelStatus(False, error.message, "start the model server, or correct DOCENT_MODEL_URL")
        if not {self.name, f"{self.name}:latest"} & names:  # Ollama's mirror lists its tags
            return ModelStatus(
                False, self._missing().message, "load it there, or name another in DOCENT_MODEL"
            )
        return ModelStatus(True, f"{self.name} at {self._url}")

    def _client(self, end: re.Pattern[bytes] | None = None) -> openai.AsyncOpenAI:
        """Return a connection for one request; the events of a stream have an `end`."""
        headers: dict[str, Any] = dict.fromkeys(IDENTIFYING_HEADERS, openai.Omit())
        if self._key:
            headers["api-key"] = self._key  # Azure's name for the key
        return openai.AsyncOpenAI(
            base_url=self._url if self._url.endswith("/v1") else f"{self._url}/v1",
            api_key=self._key or "none",
            default_headers=headers,
            max_retries=1,
            timeout=httpx.Timeout(None, connect=self._timeouts.connect),
            http_client=httpx.AsyncClient(
                trust_env=False,
                transport=BoundedTransport(self._url, end=end),
                timeout=httpx.Timeout(None, connect=self._timeouts.connect),
            ),
        )

    def _broken_off(self) -> BrokenOff:
        return BrokenOff(
            "{model} stopped in the middle of its answer: the server at {url} closed the "
            "connection. Ask again; its log says why it stopped.",
            model=self.name,
            url=self._url,
        )

    def _missing(self) -> ModelMissing:
        return ModelMissing(
            "The model server at {url} does not have the model {model!r}. Load it there, or name "
            "another in DOCENT_MODEL.",
            url=self._url,
            model=self.name,
        )

    def _translated(self, error: Exception) -> ModelError:
        match error:
            case openai.APIConnectionError() if isinstance(error.__cause__, ModelError):
                return error.__cause__  # the package wraps what our transport says of a reply
            case openai.NotFoundError():
                return self._missing()
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return ModelFailed(
                    "The model server at {url} refused the key. Set DOCENT_MODEL_KEY or "
                    "DOCENT_MODEL_KEY_FILE.",
                    url=self._url,
                )
            case openai.BadRequestError() if "context" in str(error):
                return ModelOverflow(
                    "The question and its passages do not fit the context of {model}. Ask a shorter "
                    "question, start a new chat, or lower DOCENT_PASSAGES.",
                    model=self.name,
                )
            case openai.APIStatusError():
                return ModelFailed(
                    "The model server could not answer: {why}. Ask again in a moment.",
                    why=str(error)[:LONGEST_SERVER_TEXT],
                )
            case _:
                return ModelUnreachable(
                    "No model server answers at {url}. Start it, or correct DOCENT_MODEL_URL.", url=self._url
                )


def _response_format(wanted: JsonFormat, form: str) -> dict[str, Any]:
    if form == "json_object":
        return {"type": form}
    described: dict[str, Any] = {"name": wanted.name, "schema": dict(wanted.schema or {})}
    if wanted.strict is not None:
        described["strict"] = wanted.strict
    return {"type": form, form: described}


def _wire_message(message: ChatMessage) -> dict[str, Any]:
    """Return a message in the form of this protocol."""
    wire: dict[str, Any] = {"role": message["role"], "content": message["content"]}
    if calls := message.get("calls"):
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for call in calls
        ]
    if call := message.get("call"):
        wire["tool_call_id"] = call.id
    return wire


def _piece(chunk: Any, *, cut_short: bool) -> Piece:
    """Return the piece of one event. The counts mostly come last, alone."""
    delta = chunk.choices[0].delta if chunk.choices else None
    text = getattr(delta, "content", None) or ""
    if not isinstance(text, str):  # the package checks no types
        raise TypeError(f"{type(text).__name__} is no text")
    return Piece(
        whole_characters(text),
        whole_characters(
            str(getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None) or "")
        ),
        prompt_tokens=int(chunk.usage.prompt_tokens or 0) if chunk.usage is not None else 0,
        answer_tokens=int(chunk.usage.completion_tokens or 0) if chunk.usage is not None else 0,
        cut_short=cut_short,
    )


def _meta(model: Any) -> Mapping[str, Any]:
    """Return what llama.cpp's server says of a model beside the protocol."""
    meta = getattr(model, "meta", None)
    return meta if isinstance(meta, dict) else {}


class _Calls:
    """Collects tool calls, which come in pieces."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._parts: dict[int, list[str]] = {}

    def add(self, chunk: Any) -> None:
        for choice in chunk.choices:
            for part in choice.delta.tool_calls or ():
                known = self._parts.setdefault(part.index, ["", "", ""])
                function = part.function
                parts = [part.id, function and function.name, function and function.arguments]
                texts = [text or "" for text in parts]
                self._limits.spend(*texts)
                known[:] = [before + text for before, text in zip(known, texts, strict=True)]

    def complete(self, model: str) -> tuple[ToolCall, ...]:
        try:
            return tuple(
                ToolCall(name, arguments_of(json.loads(arguments or "{}")), id=key)
                for key, name, arguments in self._parts.values()
            )
        except (json.JSONDecodeError, TypeError) as error:
            raise ModelFailed(
                "{model} asked for a tool in a form that cannot be read. Ask again, or switch tools off.",
                model=model,
            ) from error
