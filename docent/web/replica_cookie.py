"""Name this replica in a cookie, by which a load balancer sends a browser back to it."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as Packet

COOKIE = "docent_replica"
OF_PROGRAMS = re.compile(r"/(v1|mcp|health|ready|metrics)(/.*)?", re.DOTALL)
STARTS = ("http.response.start", "websocket.accept")


class ReplicaCookie:
    """Set the cookie in answers to a browser that has another one, or none.

    A browser whose replica is gone reaches another, whose name it has from the first answer on: going back
    once the old one runs again would end its conversation's socket.
    """

    def __init__(self, app: ASGIApp, *, name: str) -> None:
        self.app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or OF_PROGRAMS.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        known = HTTPConnection(scope).cookies.get(COOKIE) == self._name

        async def send_with_cookie(message: Packet) -> None:
            if message["type"] in STARTS and not known:
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                headers.append("set-cookie", f"{COOKIE}={self._name}; Path=/; HttpOnly; SameSite=Lax")
                message = {**message, "headers": headers.raw}
            await send(message)

        await self.app(scope, receive, send_with_cookie)
