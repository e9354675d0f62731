"""What is let in, and what the page may do once it is in the browser.

Only well-formed ids are accepted, sockets open from our own page only, hosts come from a list,
and every response says which origins a page may talk to: this one.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docent.errors import StoreError
from docent.web.api.refusals import Refused

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",  # Chainlit's page starts with inline scripts
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

SHOWN_ALONE = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""For a user's document opened by itself: it runs nothing; object-src is the browser's own PDF viewer."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
}

LONGEST_BODY = 1_000_000
"""Also of what comes over the socket."""
BOUNDED_ELSEWHERE = ("/v1/", "/ws/", "/project/file")
TOO_LONG = "This is longer than anything that this page sends. Send less."

TOO_LONG_EVENT = "message_too_long"

LOOPBACK = ("localhost", "127.0.0.1", "::1")
UNKNOWN_HOST = "Docent is not known by this name here. If it should be, add the name to DOCENT_ALLOWED_HOSTS."
UNUSED = frozenset(
    {
        *("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"),
        *("/mcp", "/copilot/{filename:path}", "/auth/jwt"),
        *("/project/share/{thread_id}", "/project/thread/share", "/project/element"),
    }
)
"""Chainlit's routes for what Docent does not do: describing itself, running tools of others, sharing."""

Connect = Callable[[str, dict[str, Any], dict[str, Any] | None], Awaitable[bool]]


class SafeHeaders:
    """Adds the headers above to every response, and Secure to its cookies where the page came over TLS."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":  # as a trusted proxy says: docs/login.md
                    message["headers"] = [_secure(*header) for header in message["headers"]]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _secure(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A cookie that is sent over TLS only; any other header as it is."""
    if name.lower() != b"set-cookie" or b"; secure" in value.lower():
        return name, value
    return name, value + b"; Secure"


class BoundedBodies:
    """Refuses what is longer than anything that the page sends; the HTTP API has bounds of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(BOUNDED_ELSEWHERE):
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > LONGEST_BODY:
            await PlainTextResponse(TOO_LONG, status_code=413)(scope, receive, send)
            return
        read = 0

        async def receive_bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            # A body that did not declare its length ends here, as if its sender had gone.
            return message if read <= LONGEST_BODY else {"type": "http.disconnect"}

        await self.app(scope, receive_bounded, send)


class BoundedMessages:
    """Puts an event of its own in the place of a socket's message that is too long to be read.

    engine.io drops the line of whoever sends one, so that the page connects again and says nothing. A wider
    bound there would let anybody have 16 MB of JSON parsed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_bounded() -> Message:
            message = await receive()
            if len(message.get("text") or message.get("bytes") or "") > LONGEST_BODY:
                return {"type": "websocket.receive", "text": f'42["{TOO_LONG_EVENT}"]'}
            return message

        await self.app(scope, receive_bounded if scope["type"] == "websocket" else receive, send)


class KnownHosts:
    """Answers to the names that it is known by: a page that made a name of its own lead here is refused."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self.app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._knows(Headers(scope=scope).get("host", "")):
            await self.app(scope, receive, send)
        elif scope["path"].startswith("/v1/"):
            await Refused(400, UNKNOWN_HOST, code="unknown_host").response()(scope, receive, send)
        else:
            await PlainTextResponse(UNKNOWN_HOST, status_code=400)(scope, receive, send)

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        around = (f"*.{name.split('.', n)[n]}" for n in range(1, name.count(".") + 1))
        return not self._hosts.isdisjoint((name, "*", *around))


def is_well_formed(identifier: object) -> bool:
    """Whether an id that came from a browser is one that our page would have made."""
    if not isinstance(identifier, str):
        return False
    try:
        return str(uuid.UUID(identifier)) == identifier.lower()
    except ValueError:
        return False


def only_well_formed(connect: Connect) -> Connect:
    """Wrap a socket's connect handler so that it sees well-formed ids only."""

    async def guarded(sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> bool:
        auth = auth if isinstance(auth, dict) else {}
        thread = auth.get("threadId")
        if not is_well_formed(auth.get("sessionId")) or (thread and not is_well_formed(thread)):
            raise ConnectionRefusedError("the session or thread id is not well-formed")
        try:
            return await connect(sid, environ, auth)
        except StoreError as error:  # whose conversation it is cannot be read; the page tries again
            raise ConnectionRefusedError(str(error)) from error

    return guarded


def fortify(app: Any, sio: Any, *, hosts: Iterable[str]) -> None:
    """Put the defences around Chainlit's application and its socket; once per process."""
    if getattr(app.state, "fortified", False):
        return
    app.state.fortified = True
    sio.eio.cors_allowed_origins = None  # engine.io's word for: the page's own origin only
    sio.handlers["/"]["connect"] = only_well_formed(sio.handlers["/"]["connect"])
    _close_unused(app.router)
    app.add_middleware(BoundedBodies)
    app.add_middleware(BoundedMessages)
    app.add_middleware(KnownHosts, hosts=[*LOOPBACK, *hosts])
    app.add_middleware(SafeHeaders)


def _close_unused(router: Any) -> None:
    """Also in routers that were included: FastAPI keeps them whole."""
    router.routes[:] = [route for route in router.routes if getattr(route, "path", None) not in UNUSED]
    for route in router.routes:
        if (included := getattr(route, "original_router", None)) is not None:
            _close_unused(included)
