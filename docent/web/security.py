"""What is let in, and what the page may do once it is in the browser.

Only well-formed ids are accepted, sockets open from our own page only, hosts come from a list,
and every response says which origins a page may talk to: this one.
"""

from __future__ import annotations

import asyncio
import re
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from engineio.payload import Payload
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Packet

from docent.errors import StoreError
from docent.messages import Message
from docent.web.api.http_errors import Refused
from docent.web.api.request_limits import Gone, bounded, impatient
from docent.web.i18n import say
from docent.web.well_formed import NOT_OUR_PAGE, is_plain, is_plain_json

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
LONGEST_NAME = 200
"""Of a file in public/ or of the page; longer ones are more than a file system takes."""
FILES = ("/public/", "/assets/")
BOUNDED_ELSEWHERE = ("/v1/",)
UPLOAD = "/project/file"
SOCKET = "/ws/"
PACKETS = re.compile(r"(4\d[^\x1e]*|[0-356][^\x1e]*)(\x1e|$)", re.DOTALL)
"""engine.io's, of the kinds that a page sends; what else comes ended its handler with a traceback."""
JSON_BODIES = frozenset(
    ("/set-session-cookie", "/project/threads", "/project/thread", "/project/action", "/feedback")
)
"""Whose handlers read JSON, whatever type it says it has."""

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
        async def send_with_headers(message: Packet) -> None:
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


REFUSALS = {
    "too_large": Message("A request here may be {most} MB at most. Send less."),
    "too_slow": Message("The request came too slowly. Send it again."),
    "not_our_page": NOT_OUR_PAGE,
}


class BoundedRequests:
    """Refuses what is longer, slower or of another shape than the page sends; the HTTP API has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._large = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.app(scope, _packets_only(receive), send)
            return
        if scope["type"] != "http" or scope["path"].startswith(BOUNDED_ELSEWHERE):
            await self.app(scope, receive, send)
            return
        begun, send = False, impatient(send)

        async def noting(message: Packet) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, await self._received(scope, receive), noting)
        except Refused as error:
            if not begun:
                language = Headers(scope=scope).get("accept-language", "en")
                detail = say(REFUSALS[error.code], language, most=LONGEST_BODY // 1_000_000)
                response = JSONResponse({"detail": detail}, error.status, headers=error.headers)
                await response(scope, receive, noting)
        except Gone:
            return  # it takes nothing: nobody is left to tell

    async def _received(self, scope: Scope, receive: Receive) -> Receive:
        """The request as its handler may read it: the body is here before a handler waits for it."""
        path = scope["path"]
        if "\0" in path or (path.startswith(FILES) and len(path.encode()) > LONGEST_NAME):
            raise Refused(400, "not our page", code="not_our_page")
        if path == UPLOAD:
            return bounded(
                scope, receive, sys.maxsize, large=self._large
            )  # its handler knows how long it may be
        bounded_receive = bounded(scope, receive, LONGEST_BODY, large=self._large)
        body, more = b"", True
        while more:
            message = await bounded_receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if body and (
            (path in JSON_BODIES and not is_plain_json(body))
            or (path.startswith(SOCKET) and not are_packets(body.decode(errors="replace")))
        ):
            raise Refused(400, "not our page", code="not_our_page")
        return _replayed(body, receive)


def are_packets(text: str) -> bool:
    """Whether a message or body of a socket consists of packets that engine.io can take."""
    if text.count("\x1e") >= Payload.max_decode_packets:
        return False
    at = 0
    while at < len(text) and (found := PACKETS.match(text, at)):
        at = found.end()
    return 0 < at == len(text)


def _packets_only(receive: Receive) -> Receive:
    async def within() -> Packet:
        message = await receive()
        if message["type"] == "websocket.receive" and not are_packets(message.get("text") or ""):
            return {"type": "websocket.disconnect", "code": 1003}
        return message

    return within


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def within() -> Packet:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return within


class BoundedMessages:
    """Puts an event of its own in the place of a socket's message that is too long to be read.

    engine.io drops the line of whoever sends one, so that the page connects again and says nothing. A wider
    bound there would let anybody have 16 MB of JSON parsed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_bounded() -> Packet:
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
    """Wrap a socket's connect handler so that it sees well-formed ids, and only what Docent uses."""

    async def guarded(sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> bool:
        auth = auth if isinstance(auth, dict) else {}
        thread = auth.get("threadId")
        if not is_well_formed(auth.get("sessionId")) or (thread and not is_well_formed(thread)):
            raise ConnectionRefusedError("the session or thread id is not well-formed")
        profile = auth.get("chatProfile")
        known = {
            "sessionId": auth["sessionId"],
            "threadId": thread or None,
            "clientType": "webapp",
            "chatProfile": profile if isinstance(profile, str) and is_plain(unquote(profile)) else None,
        }
        try:
            return await connect(sid, environ, known)
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
    app.add_middleware(BoundedRequests)
    app.add_middleware(BoundedMessages)
    app.add_exception_handler(RequestValidationError, not_our_page)
    app.add_middleware(KnownHosts, hosts=[*LOOPBACK, *hosts])
    app.add_middleware(SafeHeaders)


async def not_our_page(request: Request, error: Exception) -> Response:
    """FastAPI's own answer quotes what was sent, and cannot write a NaN or half a character of it."""
    detail = say(
        "This was not sent by Docent's own page. Go back to it and try again.",
        request.headers.get("accept-language", "en"),
    )
    return JSONResponse({"detail": detail}, 422)


def _close_unused(router: Any) -> None:
    """Also in routers that were included: FastAPI keeps them whole."""
    router.routes[:] = [route for route in router.routes if getattr(route, "path", None) not in UNUSED]
    for route in router.routes:
        if (included := getattr(route, "original_router", None)) is not None:
            _close_unused(included)
