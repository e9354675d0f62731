"""State of the fake Ollama server: its models, the scripts of tests, and a record of every request."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tests.fakes.ollama_upstream import Upstream

ANSWER_PATHS = ("/api/chat", "/v1/chat/completions")
_EMBEDDING = re.compile(r"embed|minilm|bge|\be5\b|arctic", re.IGNORECASE)
_NO_TOOLS = re.compile(r"gemma2|phi3\b|tinyllama", re.IGNORECASE)
_THINKING = re.compile(r"qwen3|deepseek-r1|gpt-oss|magistral", re.IGNORECASE)


class BadScript(ValueError):
    """Raised for a script that the server does not understand."""


class Refused(Exception):
    """Raised to answer a request with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class BrokeOff(Exception):
    """Raised when the model fails after the response has begun."""


class ConnectionCut(Exception):
    """Raised to make the server close the connection in the middle of a response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The answer to the next request, or to every request when `sticky`.

    Counts are of tokens already sent; `…_after=0` is right after the response's headers.
    """

    on: str = ""
    """The path it is for; empty means the two that answer (`ANSWER_PATHS`)."""
    sticky: bool = False
    voice: Literal["echo", "obedient"] = "echo"
    """The function of ollama_replies.py that writes the answer."""
    reply: str | None = None
    """The answer, word for word, instead of the one that `voice` writes."""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    """[{"name": …, "arguments": {…}}]"""
    done_reason: Literal["", "stop", "length"] = ""
    delay: float = 0.0
    """Seconds before the first token."""
    seconds_per_token: float = 0.0
    refuse: Literal["", "not_found", "busy", "loading", "memory", "internal", "overflow"] = ""
    """Refuse as the real server does in that case."""
    status: int = 0
    """Refuse with this status and the text of `error`."""
    error: str = ""
    drop_after: int | None = None
    """Cut the connection."""
    error_after: int | None = None
    """Send an error line with the text of `error`, and end."""

    @staticmethod
    def read(value: Any) -> Script:
        """Return the script that a JSON value describes: a string is a fixed reply, an object has fields."""
        if isinstance(value, str):
            return Script(reply=value)
        known = {f.name for f in fields(Script)}
        if not isinstance(value, dict) or (unknown := sorted(set(value) - known)):
            given = ", ".join(map(repr, unknown)) if isinstance(value, dict) else repr(value)
            raise BadScript(f"A script has no {given}; it may have {', '.join(sorted(known))}.")
        return Script(**value)

    def serves(self, path: str) -> bool:
        return path == self.on if self.on else path in ANSWER_PATHS


@dataclass(slots=True)
class Recorded:
    """A request and its outcome. Times are `time.monotonic()`."""

    method: str
    path: str
    headers: dict[str, str]
    received_at: float
    body: Any = None
    status: int | None = None
    answered: bool = False
    """The whole response was sent."""
    tokens_sent: int = 0
    prompt_tokens: int = 0
    messages_dropped: int = 0
    """Messages left out because the prompt was too long for the window."""
    reloaded: bool = False
    """The model had to be loaded for this request."""
    disconnected: bool = False
    disconnected_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Configuration of the server, fixed when it starts."""

    models: tuple[str, ...] = ("mistral",)
    version: str = "0.40.2"
    num_ctx: int = 4096
    scripts: tuple[Script, ...] = ()
    manifests: Path | None = None
    """Folder where installed models are kept when the server ends; None: nowhere."""
    upstream: Upstream | None = None
    """A real model that writes what no script says, and counts every prompt."""

    @property
    def release(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("-")[0].split("."))


class State:
    """Everything that changes while the server runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        """Forget scripts, records and pulled models."""
        self.models = Models(manifests=self.settings.manifests)
        for name in reversed(self.settings.models):
            self.models.install(name)
        self.queue: deque[Script] = deque()
        self.sticky: list[Script] = []
        self.records: list[Recorded] = []
        for script in self.settings.scripts:
            self.add(script)

    def add(self, script: Script) -> None:
        if script.sticky:
            self.sticky.insert(0, script)
        else:
            self.queue.append(script)

    def take(self, path: str) -> Script:
        """Return the first script queued for a path, or else the latest sticky one."""
        for script in self.queue:
            if script.serves(path):
                self.queue.remove(script)
                return script
        return next((script for script in self.sticky if script.serves(path)), Script())


# --- models --------------------------------------------------------------------------------


def full_name(name: str) -> str:
    """Return a model's name with its tag; `latest` when none is given."""
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def timestamp(when: datetime | None = None) -> str:
    """Format a time as the server does: RFC 3339 with nanoseconds, in UTC."""
    return (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


@dataclass(frozen=True, slots=True)
class Model:
    """An installed model."""

    name: str
    modified_at: datetime

    @property
    def embeds(self) -> bool:
        return bool(_EMBEDDING.search(self.name))

    @property
    def thinks(self) -> bool:
        return bool(_THINKING.search(self.name))

    @property
    def calls_tools(self) -> bool:
        """The templates of these models have no place for tools."""
        return not self.embeds and not _NO_TOOLS.search(self.name)

    @property
    def context_length(self) -> int:
        """Tokens it was trained on; a larger window is cut down to it."""
        return 512 if self.embeds else 32768

    @property
    def vector_size(self) -> int:
        return 384 if self.embeds else 4096

    @property
    def parameters(self) -> int:
        """As its tag says: llama3.2:1b, smollm2:135m."""
        if self.embeds:
            return 22_566_912
        size = re.search(r":(\d+(?:\.\d+)?)([mb])", self.name)
        return int(float(size[1]) * (1e6 if size[2] == "m" else 1e9)) if size else 7_248_023_552

    @property
    def details(self) -> dict[str, Any]:
        family = "bert" if self.embeds else "llama"
        return {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": "23M" if self.embeds else "7.2B",
            "quantization_level": "F16" if self.embeds else "Q4_K_M",
        }

    def listed(self) -> dict[str, Any]:
        """Return the entry of /api/tags."""
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": timestamp(self.modified_at),
            "size": 45_960_996 if self.embeds else 4_372_824_384,
            "digest": hashlib.sha256(self.name.encode()).hexdigest(),
            "details": self.details,
        }

    def shown(self) -> dict[str, Any]:
        """Return the answer of /api/show."""
        family = self.details["family"]
        completes = [
            "completion",
            *(["tools"] if self.calls_tools else []),
            *(["thinking"] if self.thinks else []),
        ]
        return {
            "details": self.details,
            "model_info": {
                "general.architecture": family,
                "general.parameter_count": self.parameters,
                f"{family}.context_length": self.context_length,
                f"{family}.embedding_length": self.vector_size,
                "tokenizer.ggml.tokens": None,
            },
            "capabilities": ["embedding"] if self.embeds else completes,
            "modified_at": timestamp(self.modified_at),
        }


@dataclass(slots=True)
class Models:
    """The installed models, and those in memory with the window and `shift` they were started with."""

    installed: dict[str, Model] = field(default_factory=dict)
    in_memory: dict[str, tuple[int, bool]] = field(default_factory=dict)
    manifests: Path | None = None
    """A folder with a file for each model, read at every request: servers may share it."""

    def install(self, name: str) -> None:
        model = Model(full_name(name), datetime.now(UTC))
        self.installed[model.name.lower()] = model
        if self.manifests is not None:
            self.manifests.mkdir(parents=True, exist_ok=True)
            (self.manifests / model.name.replace("/", "%")).touch()

    def get(self, name: str) -> Model:
        """Return an installed model; refuse as the real server does when it is not there."""
        self._read_manifests()
        model = self.installed.get(full_name(name).lower())
        if model is None:
            raise Refused(404, f"model '{name}' not found")
        return model

    def newest(self) -> list[Model]:
        """Return all installed models, the latest first."""
        self._read_manifests()
        return sorted(self.installed.values(), key=lambda model: model.modified_at, reverse=True)

    def load(self, model: Model, *, num_ctx: int, shift: bool) -> bool:
        """Bring a model into memory; return true if that took a (re)load.

        Another window or another `shift` restarts the runner, as the real scheduler does.
        """
        before = self.in_memory.get(model.name)
        self.in_memory[model.name] = (num_ctx, shift)
        return before != (num_ctx, shift)

    def _read_manifests(self) -> None:
        if self.manifests is None or not self.manifests.is_dir():
            return
        for file in self.manifests.iterdir():
            name = file.name.replace("%", "/")
            modified_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            self.installed.setdefault(name.lower(), Model(name, modified_at))
