"""What a test may order of the stand-in server, and what the server remembers for it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from tests.fakes.ollama_models import Shelf

ANSWERING = ("/api/chat", "/api/generate", "/v1/chat/completions", "/v1/completions")


class BadScript(ValueError):
    """A script that the server does not understand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How to answer the next request, or every request when `sticky`.

    Counts are of tokens already sent; `…_after=0` is right after the response's headers.
    """

    on: str = ""
    """The path it is for; empty means the four that answer (chat and generate, native and /v1)."""
    sticky: bool = False
    voice: Literal["echo", "obedient"] = "echo"
    reply: str | None = None
    """The very words to say, instead of what the voice would."""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    """[{"name": …, "arguments": {…}}]"""
    done_reason: Literal["", "stop", "length"] = ""
    prompt_eval_count: int | None = None
    """Report this count instead of the true one."""
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
    malformed_after: int | None = None
    """Send half of a JSON line, then go on."""
    error_after: int | None = None
    """Send an error line with the text of `error`, and end."""

    @staticmethod
    def read(value: Any) -> Script:
        """Make a script of JSON: a string is a fixed reply, an object names the fields."""
        if isinstance(value, str):
            return Script(reply=value)
        known = {f.name for f in fields(Script)}
        if not isinstance(value, dict) or (strange := sorted(set(value) - known)):
            what = ", ".join(map(repr, strange)) if isinstance(value, dict) else repr(value)
            raise BadScript(f"A script has no {what}; it may have {', '.join(sorted(known))}.")
        return Script(**value)

    def serves(self, path: str) -> bool:
        return path == self.on if self.on else path in ANSWERING


@dataclass(slots=True)
class Recorded:
    """A request as it came in, and what became of it. Times are `time.monotonic()`."""

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
    """What the server is, as opposed to what it is told to do."""

    models: tuple[str, ...] = ("mistral",)
    version: str = "0.40.2"
    num_ctx: int = 4096
    parallel: int | None = None
    """Requests answered at once (OLLAMA_NUM_PARALLEL); None: all of them."""
    max_queue: int = 512
    """Requests that may wait for their turn before others are refused (OLLAMA_MAX_QUEUE)."""
    load_seconds: float = 0.0
    """How long loading a model takes."""
    scripts: tuple[Script, ...] = ()
    manifests: Path | None = None
    """Where installed models are kept when the server ends; None: nowhere."""

    @property
    def numbered(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("-")[0].split("."))


class State:
    """Everything that changes while the server runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        """Forget scripts, records and pulled models: be as on the first day."""
        self.shelf = Shelf(manifests=self.settings.manifests)
        for name in reversed(self.settings.models):
            self.shelf.install(name)
        self.queue: deque[Script] = deque()
        self.sticky: list[Script] = []
        self.records: list[Recorded] = []
        self.places = asyncio.Semaphore(self.settings.parallel) if self.settings.parallel else None
        self.waiting = 0
        for script in self.settings.scripts:
            self.add(script)

    def add(self, script: Script) -> None:
        if script.sticky:
            self.sticky.insert(0, script)
        else:
            self.queue.append(script)

    def take(self, path: str) -> Script:
        """The script for a request: the first queued for its path, or the latest sticky one."""
        for script in self.queue:
            if script.serves(path):
                self.queue.remove(script)
                return script
        return next((script for script in self.sticky if script.serves(path)), Script())


def to_json(records: list[Recorded]) -> str:
    return json.dumps([asdict(record) for record in records])
