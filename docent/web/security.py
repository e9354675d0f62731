"""Defences around Chainlit: hosts, ids, bounded requests, and headers that confine the page.

Only well-formed ids are accepted, sockets open from our own page only, hosts come from a list,
and every response says which origins a page may talk to: this one.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Packet

from docent.errors import StoreError
from docent.messages import Message
from docent.web.api.http_errors import RequestRefused
from docent.web.api.middleware import ClientGone, bounded_receive, bounded_send
from docent.web.i18n import say
from docent.web.input_checks import (
    NOT_OUR_PAGE,
    TOO_LONG_EVENT,
    are_packets,
    is_plain,
    is_plain_json,
    is_uuid,
)

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

DOCUMENT_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""For a user's document in a tab of its own: no scripts; object-src is the browser's own PDF viewer."""

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
"""Also of a message of the socket."""
LONGEST_NAME = 200
"""Of a path to a file in public/ or of the page; file systems take no longer ones."""
FILES = ("/public/", "/assets/")
BOUNDED_ELSEWHERE = re.compile(r"/mcp|/(mcp|v1)/.*", re.DOTALL)
"""The API, which has bounds of its own."""
UPLOADS = ("/project/file", "/documents/upload")
"""Routes whose handlers bound the length of a body themselves."""
SOCKET = "/ws/"
JSON_BODIES = frozenset(
    (
        *("/set-session-cookie", "/project/threads", "/project/thread", "/project/action"),
        *("/feedback", "/model/download"),
    )
)
"""Routes that read their body as JSON, whatever its content type."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
UNKNOWN_HOST = "Docent is not known by this name here. If it should be, add the name to DOCENT_ALLOWED_HOSTS."
UNUSED = frozenset(
    {
        *("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"),
        *("/mcp", "/copilot/{filename:path}", "/auth/jwt"),
        *("/project/share/{thread_id}", "/project/thread/share", "/project/element"),
    }
)
"""Chainlit's routes that Docent does not use: its own description, tools of others, sharing."""

Connect = Callable[[str, dict[str, Any], dict[str, Any] | None], Awaitable[bool]]


class SecurityHeaders:
    """Add the headers above to every response, and Secure to its cookies where the page came over TLS."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Packet) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":  # as a trusted proxy says: docs/login.md
                    message["headers"] = [_secure_cookie(*header) for header in message["headers"]]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _secure_cookie(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Mark a cookie to be sent over TLS only; return any other header as it is."""
    if name.lower() != b"set-cookie" or b"; secure" in value.lower():
        return name, value
    return name, value + b"; Secure"


REFUSALS = {
    "too_large": Message("A request here may be {most} MB at most. Send less."),
    "too_slow": Message("The request came too slowly. Send it again."),
    "not_our_page": NOT_OUR_PAGE,
}


class BoundedRequests:
    """Refuse what is longer, slower or of another shape than our page sends. The API has its own bounds."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._large = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.app(scope, _packets_only(receive), send)
            return
        if scope["type"] != "http" or BOUNDED_ELSEWHERE.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        started, send = False, bounded_send(send)

        async def send_and_note(message: Packet) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, await self._read_body(scope, receive), send_and_note)
        except RequestRefused as error:
            if not started:
                language = Headers(scope=scope).get("accept-language", "en")
                detail = say(REFUSALS[error.code], language, most=LONGEST_BODY // 1_000_000)
                response = JSONResponse({"detail": detail}, error.status, headers=error.headers)
                await response(scope, receive, send_and_note)
        except ClientGone:
            return

    async def _read_body(self, scope: Scope, receive: Receive) -> Receive:
        """Read and check the body before a handler waits for it; return a `receive` that hands it on."""
        path = scope["path"]
        if "\0" in path or (path.startswith(FILES) and len(path.encode()) > LONGEST_NAME):
            raise RequestRefused(400, "not our page", code="not_our_page")
        if path in UPLOADS:
            return bounded_receive(scope, receive, sys.maxsize, large=self._large)
        receive_bounded = bounded_receive(scope, receive, LONGEST_BODY, large=self._large)
        body, more = b"", True
        while more:
            message = await receive_bounded()
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if body and (
            (path in JSON_BODIES and not is_plain_json(body))
            or (path.startswith(SOCKET) and not are_packets(body.decode(errors="replace")))
        ):
            raise RequestRefused(400, "not our page", code="not_our_page")
        return _replayed(body, receive)


def _packets_only(receive: Receive) -> Receive:
    async def receive_packets() -> Packet:
        message = await receive()
        if message["type"] == "websocket.receive" and not are_packets(message.get("text") or ""):
            return {"type": "websocket.disconnect", "code": 1003}
        return message

    return receive_packets


def _replayed(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def replay() -> Packet:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class BoundedMessages:
    """Replace a socket's message that is too long to be read by an event of our own.

    engine.io would close the connection, and the page would connect again without a word. A higher bound
    there would let anybody have 16 MB of JSON parsed.
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
    """Refuse requests under other host names than the allowed ones, as DNS rebinding makes them."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self.app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._allows(Headers(scope=scope).get("host", "")):
            await self.app(scope, receive, send)
        elif BOUNDED_ELSEWHERE.fullmatch(scope["path"]):
            await RequestRefused(400, UNKNOWN_HOST, code="unknown_host").response()(scope, receive, send)
        else:
            await PlainTextResponse(UNKNOWN_HOST, status_code=400)(scope, receive, send)

    def _allows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        wildcards = (f"*.{name.split('.', n)[n]}" for n in range(1, name.count(".") + 1))
        return not self._hosts.isdisjoint((name, "*", *wildcards))


def only_well_formed(connect: Connect) -> Connect:
    """Wrap a socket's connect handler: it gets well-formed ids, and only the fields that Docent uses."""

    async def checked(sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> bool:
        auth = auth if isinstance(auth, dict) else {}
        thread = auth.get("threadId")
        if not is_uuid(auth.get("sessionId")) or (thread and not is_uuid(thread)):
            raise ConnectionRefusedError("the session or thread id is not well-formed")
        profile = auth.get("chatProfile")
        fields = {
            "sessionId": auth["sessionId"],
            "threadId": thread or None,
            "clientType": "webapp",
            "chatProfile": profile if isinstance(profile, str) and is_plain(unquote(profile)) else None,
        }
        try:
            return await connect(sid, environ, fields)
        except StoreError as error:  # the owner of the conversation cannot be read; the page tries again
            raise ConnectionRefusedError(str(error)) from error

    return checked


def secure_app(app: Any, sio: Any, *, hosts: Iterable[str]) -> None:
    """Put the defences around Chainlit's application and its socket, once per process."""
    if getattr(app.state, "secured", False):
        return
    app.state.secured = True
    sio.eio.cors_allowed_origins = None  # engine.io's word for: the page's own origin only
    sio.handlers["/"]["connect"] = only_well_formed(sio.handlers["/"]["connect"])
    _remove_unused(app.router)
    app.add_middleware(BoundedRequests)
    app.add_middleware(BoundedMessages)
    app.add_exception_handler(RequestValidationError, not_our_page)
    app.add_middleware(KnownHosts, hosts=[*LOOPBACK, *hosts])
    app.add_middleware(SecurityHeaders)


async def not_our_page(request: Request, error: Exception) -> Response:
    """Answer a malformed request without quoting it: FastAPI cannot write a NaN or half a character."""
    detail = say(NOT_OUR_PAGE, request.headers.get("accept-language", "en"))
    return JSONResponse({"detail": detail}, 422)


def _remove_unused(router: Any) -> None:
    """Remove the unused routes, also of included routers, which FastAPI keeps whole."""
    router.routes[:] = [route for route in router.routes if getattr(route, "path", None) not in UNUSED]
    for route in router.routes:
        if (included := getattr(route, "original_router", None)) is not None:
            _remove_unused(included)
