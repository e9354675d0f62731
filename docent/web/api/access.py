"""Decide which client sends a request and what it may see, before anything else of it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from docent.types import Scope
from docent.web.accounts.api_keys import PREFIX, ApiKeys
from docent.web.accounts.key_rates import RateLimiter
from docent.web.api.http_errors import RequestRefused, not_found

KEYLESS = "local"
"""Name of a client without a key, where none is needed."""
HINT = "Send it as: Authorization: Bearer docent-…  Make one with: python -m docent key add NAME"


@dataclass(frozen=True, slots=True)
class ApiClient:
    """One program, and the libraries it may use."""

    name: str
    libraries: tuple[str, ...] = ()
    """Empty: every shared library that is open to everybody."""
    read_only: bool = False

    @property
    def reader(self) -> str | None:
        """The reader as whom it searches. What its key names is open to it, whatever its groups."""
        return None if self.libraries else ""

    def require_write_access(self) -> ApiClient:
        """Return this client if it may hand in and delete documents. Raises RequestRefused."""
        if self.read_only:
            raise RequestRefused(
                403,
                "This key may only ask. To hand in or delete, use one that was made without --read-only.",
                code="read_only_key",
            )
        return self

    def scope(self, library: str = "", **filters: Any) -> Scope:
        """Return the scope of this client's searches. A library it may not use is reported as missing."""
        if library and self.libraries and library not in self.libraries:
            raise not_found("library")
        libraries = (library,) if library else self.libraries
        return Scope(reader=self.reader, libraries=libraries, **filters)

    def visible(self, libraries: Sequence[str]) -> list[str]:
        """Return those of the libraries that its `reader` may see which its key names, too."""
        return [name for name in libraries if not self.libraries or name in self.libraries]


@dataclass(frozen=True, slots=True)
class AccessControl:
    """Identify clients by their key, or without one where nobody has to log in."""

    keys: ApiKeys
    keyless: Callable[[], bool]
    """True where no key is needed: Docent listens on its own machine only, and has no users."""
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)

    def identify(self, request: Request) -> ApiClient:
        """Return the client that sent a request. Raises RequestRefused."""
        secret = _bearer(request)
        if not secret.startswith(PREFIX) and self.keyless():  # clients that insist on a key send any
            _refuse_foreign_pages(request)
            return ApiClient(KEYLESS)
        if not secret:
            raise RequestRefused(401, f"A key is needed here. {HINT}", code="missing_key")
        key = self.keys.find(secret)
        if key is None:
            raise RequestRefused(401, f"This key is not known here. {HINT}", code="invalid_key")
        if key.expired:
            raise RequestRefused(401, f"This key was valid until {key.expires}. {HINT}", code="expired_key")
        if wait := self.rate_limiter.seconds_to_wait(key):
            raise RequestRefused(
                429,
                f"This key may ask {key.rate} times a minute. Wait {wait:.0f} s and ask again.",
                code="rate_limited",
                headers={"Retry-After": str(max(1, round(wait)))},
            )
        return ApiClient(key.name, key.libraries, key.read_only)

    def check_reader_of_docs(self, request: Request) -> None:
        """Refuse the API's description to clients without a key; a link from another site may lead to it."""
        if not self.keyless():
            self.identify(request)


def _bearer(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else request.headers.get("api-key", "").strip()


def _refuse_foreign_pages(request: Request) -> None:
    """Refuse a web page of another origin, which the user's browser on this machine may have open."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise RequestRefused(
            403, "Pages of other origins may not ask here without a key.", code="foreign_origin"
        )
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RequestRefused(
            403, "Pages of other sites may not ask here without a key.", code="foreign_origin"
        )
