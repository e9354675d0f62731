"""Who asks, and what they may see: decided once for each request, before anything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from docent.types import Scope
from docent.web.accounts.keys import PREFIX, Key, Keys
from docent.web.api.http_errors import Refused, not_there

KEYLESS = "local"
"""Who asks without a key, where none is needed."""
HOW = "Send it as: Authorization: Bearer docent-…  Make one with: python -m docent key add NAME"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Caller:
    """One program, and the libraries it may ask."""

    name: str
    libraries: tuple[str, ...] = ()
    """Empty: every shared library."""
    read_only: bool = False

    def changing(self) -> Caller:
        """The same, where documents may be handed in and deleted. Raises Refused."""
        if self.read_only:
            raise Refused(
                403,
                "This key may only ask. To hand in or delete, use one that was made without --read-only.",
                code="read_only_key",
            )
        return self

    def scope(self, library: str = "", **narrower: Any) -> Scope:
        """Where this caller looks; a library that is not theirs is not there."""
        if library and self.libraries and library not in self.libraries:
            raise not_there("library")
        return Scope(libraries=(library,) if library else self.libraries, **narrower)

    def seen(self, libraries: Sequence[str]) -> list[str]:
        return [name for name in libraries if not self.libraries or name in self.libraries]


@dataclass(slots=True)
class Pace:
    """A bucket for each key that fills at its rate; an empty one says when to come back. For any thread."""

    clock: Clock = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_to_wait(self, key: Key) -> float:
        """Take one request from the key's bucket; 0 when there was one."""
        if not key.rate:
            return 0.0
        with self._lock:
            now = self.clock()
            level, at = self._buckets.get(key.name, (float(key.rate), now))
            level = min(key.rate, level + (now - at) * key.rate / 60)
            enough = level >= 1
            self._buckets[key.name] = (level - 1 if enough else level, now)
        return 0.0 if enough else (1 - level) * 60 / key.rate


@dataclass(frozen=True, slots=True)
class Gate:
    keys: Keys
    keyless: Callable[[], bool]
    """Whether whoever reaches this installation may ask: it listens to its own machine, and has no users."""
    pace: Pace = field(default_factory=Pace)

    def caller(self, request: Request) -> Caller:
        """Who asks. Raises Refused."""
        secret = _bearer(request)
        if not secret.startswith(PREFIX) and self.keyless():  # clients that insist on a key send any
            _refuse_foreign_pages(request)
            return Caller(KEYLESS)
        if not secret:
            raise Refused(401, f"A key is needed here. {HOW}", code="missing_key")
        key = self.keys.find(secret)
        if key is None:
            raise Refused(401, f"This key is not known here. {HOW}", code="invalid_key")
        if key.expired:
            raise Refused(401, f"This key was good until {key.expires}. {HOW}", code="expired_key")
        if wait := self.pace.seconds_to_wait(key):
            raise Refused(
                429,
                f"This key may ask {key.rate} times a minute. Wait {wait:.0f} s and ask again.",
                code="rate_limited",
                headers={"Retry-After": str(max(1, round(wait)))},
            )
        return Caller(key.name, key.libraries, key.read_only)

    def reader(self, request: Request) -> None:
        """Let the description be read, also by following a link from another site. Raises Refused."""
        if not self.keyless():
            self.caller(request)


def _bearer(request: Request) -> str:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else request.headers.get("api-key", "").strip()


def _refuse_foreign_pages(request: Request) -> None:
    """A web page of another origin, open in a browser on this machine, must not ask in its user's name."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refused(403, "Pages of other origins may not ask here without a key.", code="foreign_origin")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refused(403, "Pages of other sites may not ask here without a key.", code="foreign_origin")
