"""The protocol of a model client, and what both clients share: options, pieces, timeouts and limits."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from docent.errors import ModelFailed, ModelTimeout
from docent.types import JsonFormat, StepProgress, ToolCall

ChatMessage = Mapping[str, Any]
"""A role (system, user, assistant, tool) and a content; an assistant's may have `calls`, a tool's its `call`.

Each client writes these in the words of its protocol.
"""


HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def whole_characters(text: str) -> str:
    """Return the text without halves of characters, which JSON may hold and nothing else can store."""
    return HALF_CHARACTER.sub("\ufffd", text)


def arguments_of(arguments: Any) -> dict[str, Any]:
    """Return a tool call's arguments as plain JSON; a number beyond all bounds (1e999) is a text."""
    if not isinstance(arguments, Mapping):
        raise TypeError(f"{arguments!r} names no arguments")
    text = whole_characters(json.dumps(dict(arguments), ensure_ascii=False))
    plain: dict[str, Any] = json.loads(text, parse_constant=str)
    return plain


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the model's answer; the last one has the server's own counts."""

    text: str = ""
    thought: str = ""
    """The model's thoughts before it answers; not shown."""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cut_short: bool = False
    """The answer ended because it reached the longest length allowed."""
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """The options of one answer, where they differ from those of the client."""

    answer_tokens: int | None = None
    temperature: float | None = None
    think: bool = True
    """False: a model that can think first should not, for a short task."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """As JSON schemas, in the form that both protocols share."""
    tool_choice: str | Mapping[str, Any] = "auto"
    """In the form of OpenAI's protocol; Ollama's has none."""
    json_format: JsonFormat | None = None
    """Write JSON. Servers that can, hold the model to it; what comes has to be checked all the same."""


DEFAULT_OPTIONS = GenerationOptions()


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The state of the model: ready, or the reason and the command that mends it."""

    ready: bool
    sentence: str
    remedy: str = ""
    can_pull: bool = False
    """The server is there and only the model is missing: `pull` would fetch it."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that the server has, as far as the server describes it; 0 is unknown."""

    name: str
    bytes: int = 0
    context_tokens: int = 0
    """The longest context that it was trained on."""


def whole_number(value: Any) -> int:
    """Return a number of a server's description; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


LONGEST_ANSWER = 3600.0
"""Seconds: 4,096 tokens, half of the usual window, by a machine that writes one or two in a second."""
CHARACTERS = 16
"""For each token asked for; a token of prose has about 4, one of a program's indentation more."""
LEAST_CHARACTERS = 4_000  # some hosted servers pass over a small limit of tokens


SAMPLING = {"min_p": 0.05, "repeat_penalty": 1.05, "repeat_last_n": 64}
"""Against loops, for protocols that have them; the penalty is small, since figures have to be
repeated exactly (docs/performance.md, "Small models")."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for the first token, between two tokens, and for a whole answer."""

    connect: float
    first_token: float
    token: float
    whole: float = LONGEST_ANSWER


async def once_more(
    ask: Callable[[], AsyncGenerator[Piece, None]], broken: type[ModelFailed]
) -> AsyncGenerator[Piece, None]:
    """Stream an answer; ask again if it broke before its first piece, as that of an unloaded model does."""
    begun = False
    try:
        async with aclosing(ask()) as pieces:
            async for piece in pieces:
                begun = True
                yield piece
        return
    except broken:
        if begun:
            raise
    async with aclosing(ask()) as pieces:
        async for piece in pieces:
            yield piece


class StreamLimits:
    """The limits of one answer in characters and seconds, for servers that ignore the options."""

    def __init__(self, name: str, tokens: int, timeouts: Timeouts) -> None:
        self._name = name
        self._tokens = tokens
        self._timeouts = timeouts
        self._left = max(LEAST_CHARACTERS, CHARACTERS * tokens)
        self._ends = time.monotonic() + timeouts.whole

    def seconds(self, *, first: bool) -> float:
        """Return how long to wait for the next piece."""
        wait = self._timeouts.first_token if first else self._timeouts.token
        return min(wait, max(self._ends - time.monotonic(), 0))

    def spend(self, *texts: str) -> None:
        """Count a piece, even an empty one. Raises ModelError when the answer takes too much."""
        self._left -= 1 + sum(map(len, texts))
        if self._left < 0:
            raise ModelFailed(
                "{model} wrote far more than the {n} tokens that it was asked for, and was stopped. "
                "Ask again; if it stays so, its server does not keep to the length asked for.",
                model=self._name,
                n=self._tokens,
            )
        if time.monotonic() > self._ends:
            raise self.too_slow(first=False)

    def too_slow(self, *, first: bool) -> ModelTimeout:
        if time.monotonic() >= self._ends:
            return ModelTimeout(
                "{model} was still answering after {seconds:g} s, and was stopped. Ask for a shorter "
                "answer, or choose a smaller model.",
                model=self._name,
                seconds=self._timeouts.whole,
            )
        wait = self._timeouts.first_token if first else self._timeouts.token
        return too_slow(self._name, wait, first=first)


LONGEST_SERVER_TEXT = 300
"""Characters of a server's own words that are shown to a person."""

UNREADABLE = (ValueError, TypeError, AttributeError, RecursionError)
"""The errors of the packages over a reply that is no JSON, or JSON of another shape."""


def unreadable_reply(url: str, error: Exception) -> ModelFailed:
    return ModelFailed(
        "What came from {url} is nothing that such a model server says ({why}). Ask again; if it "
        "stays so, correct DOCENT_MODEL_URL, or DOCENT_PROVIDER for one of the other protocol.",
        url=url,
        why=type(error).__name__,
    )


def too_slow(name: str, seconds: float, *, first: bool) -> ModelTimeout:
    if first:
        return ModelTimeout(
            "{model} did not begin to answer within {seconds:g} s; a large model on a slow machine "
            "may need longer the first time. Ask again, or raise DOCENT_FIRST_TOKEN_TIMEOUT.",
            model=name,
            seconds=seconds,
        )
    return ModelTimeout(
        "{model} fell silent for {seconds:g} s in the middle of its answer. Ask again, or raise "
        "DOCENT_TOKEN_TIMEOUT.",
        model=name,
        seconds=seconds,
    )


class ModelClient(Protocol):
    """A language model behind a server. Errors are the ModelError family, each with its remedy."""

    name: str

    def stream(
        self, messages: Sequence[ChatMessage], options: GenerationOptions = DEFAULT_OPTIONS
    ) -> AsyncGenerator[Piece, None]:
        """Stream the answer. Closing the iterator closes the connection at once."""

    async def check(self) -> ModelStatus:
        """Ask the server whether it is there and has the model."""

    async def parameters(self) -> int | None:
        """Return how many parameters the model has; None where its server does not say."""

    async def models(self) -> tuple[str, ...]:
        """List the models of the server that can write, in its order."""

    async def describe(self) -> tuple[ServedModel, ...]:
        """List the same models with their sizes."""

    def pull(self) -> AsyncGenerator[StepProgress, None]:
        """Let the server fetch the model; progress is in bytes."""

    async def warm(self) -> None:
        """Load the model now, so that the first question does not wait for it."""


@runtime_checkable
class ToolCallingModel(Protocol):
    """A model client that knows if its model calls tools; one that does not is asked in text."""

    async def calls_tools(self) -> bool:
        """Tell whether the model calls tools in the protocol's own form."""
