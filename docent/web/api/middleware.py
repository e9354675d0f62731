"""Stands before the chat's application: what other programs ask never reaches Chainlit."""

from __future__ import annotations

import asyncio
import re
import sys
import traceback
import uuid
from collections.abc import Callable

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docent.web import logs
from docent.web.api.http_errors import Refused
from docent.web.api.request_limits import LARGEST_JSON, Gone, bounded, impatient
from docent.web.metrics import Metrics, Stopwatch

OURS = re.compile(r"/(v1(/.*)?|health|ready|metrics|openapi\.json|api-docs)", re.DOTALL)
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
GONE = 499
"""The status that is noted where nobody was left to be told one."""


class Door:
    """Ours goes to the API, bounded and noted; the rest goes on to the chat."""

    def __init__(self, app: ASGIApp, *, api: Callable[[], FastAPI], metrics: Metrics) -> None:
        self._chat = app
        self._api = api
        self._metrics = metrics
        self._large = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not OURS.fullmatch(scope["path"]):
            await self._chat(scope, receive, send)
            return
        watch, identity = Stopwatch(), _identity(scope)
        scope.setdefault("state", {})["id"] = identity
        send, status = impatient(send), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            await send(message)

        api = self._api()
        most = api.state.largest.get(scope["path"], LARGEST_JSON)
        try:
            await api(scope, bounded(scope, receive, most, large=self._large), noted)
        except Refused as error:  # the body was too long or too slow
            if status == 0:
                await error.response()(scope, receive, noted)
        except Gone:
            status = GONE
        except Exception as error:  # a mistake of ours, said in the shape that clients read
            self._metrics.errors.labels("unexpected").inc()
            print(f"docent: request {identity} failed: {_where(error)}", file=sys.stderr)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()
            logs.line(
                "request",
                id=identity,
                method=scope["method"],
                route=route,
                status=status,
                ms=watch.milliseconds,
                caller=scope["state"].get("caller", ""),
            )


def _identity(scope: Scope) -> str:
    """The id that the client gave, if it is well-formed, or one of ours."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _where(error: Exception) -> str:
    """What kind of error it was and where, without its words: they may quote a document."""
    places = [
        f"{frame.name} ({frame.filename}:{frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return f"{type(error).__name__} in {' > '.join(places[-4:])}"
