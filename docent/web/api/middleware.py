"""Bound, answer and log API requests before the chat application would see them."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docent.web.api.http_errors import RequestRefused
from docent.web.monitoring import Metrics, Stopwatch, log_line

LARGEST_JSON = 4_000_000
SECONDS_PER_PART = 30.0
"""A client that takes longer to send a part of its request, or to take a part of its answer, is cut off."""
BYTES_PER_SECOND = 10_000
"""The lowest rate of a body beyond its first part; a byte now and then kept a request open for days."""
CLOSING = {"Connection": "close"}
"""For a request whose rest is not read: the next one on this connection could not be told from it."""

LARGE_JSON = 200_000
SECONDS_PER_MB = 0.1
"""Between large requests: parsing one takes 6 ms a megabyte, in which nobody else is answered."""

API_PATHS = re.compile(
    r"/((v1|mcp)(/.*)?|\.well-known/.*|health|ready|metrics|openapi\.json|api-docs)", re.DOTALL
)
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
CLIENT_GONE = 499
"""The status that is logged where no client was left to get one."""

T = TypeVar("T")


class ClientGone(Exception):
    """The client disconnected, or takes nothing."""


class ApiMiddleware:
    """Send API requests to the API, within bounds and logged, and the others to the chat."""

    def __init__(self, app: ASGIApp, *, api: Callable[[], FastAPI], metrics: Metrics) -> None:
        self._chat = app
        self._api = api
        self._metrics = metrics
        self._large = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not API_PATHS.fullmatch(scope["path"]):
            await self._chat(scope, receive, send)
            return
        watch = Stopwatch()
        request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        if not REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["id"] = request_id
        send, status = bounded_send(send), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        api = self._api()
        most = api.state.largest.get(scope["path"], LARGEST_JSON)
        try:
            await api(scope, bounded_receive(scope, receive, most, large=self._large), send_with_id)
        except RequestRefused as error:  # the body was too long or too slow
            if status == 0:
                await error.response()(scope, receive, send_with_id)
        except ClientGone:
            status = CLIENT_GONE
        except Exception as error:  # the API has answered with status 500; uvicorn would print its words
            self._metrics.report_unexpected(error, request_id)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()
            log_line(
                "request",
                id=request_id,
                method=scope["method"],
                route=route,
                status=status,
                ms=watch.milliseconds,
                caller=scope["state"].get("caller", ""),
            )


def bounded_receive(scope: Scope, receive: Receive, most: int, *, large: asyncio.Lock) -> Receive:
    """Return a `receive` that refuses a body that is too long or comes too slowly.

    Large JSON bodies pass one at a time, with pauses in which others are answered.
    """
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    received, complete = 0, False
    started = time.monotonic()

    async def receive_within_bounds() -> Message:
        nonlocal received, complete
        if declared.isdigit() and int(declared) > most:
            raise _too_large(most)
        if complete:
            return await receive()
        try:
            left = started + SECONDS_PER_PART + received / BYTES_PER_SECOND - time.monotonic()
            message = await asyncio.wait_for(receive(), min(SECONDS_PER_PART, max(left, 0)))
        except TimeoutError:
            sentence = "The request came too slowly. Send it again."
            raise RequestRefused(408, sentence, code="too_slow", headers=CLOSING) from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > most:
            raise _too_large(most)
        if complete and LARGE_JSON < received and most == LARGEST_JSON:
            async with large:
                await asyncio.sleep(SECONDS_PER_MB * received / 1e6)
        return message

    return receive_within_bounds


def _too_large(most: int) -> RequestRefused:
    return RequestRefused(
        413,
        f"A request here may be {most / 1e6:.0f} MB at most. Send less.",
        code="too_large",
        headers=CLOSING,
    )


def bounded_send(send: Send) -> Send:
    """Return a `send` that raises ClientGone where the client takes nothing for too long.

    What was held for the client (its model call, threads and memory) is freed then.
    """

    async def send_within_bounds(message: Message) -> None:
        try:
            await asyncio.wait_for(send(message), SECONDS_PER_PART)
        except TimeoutError:
            raise ClientGone from None

    return send_within_bounds


async def cancel_if_client_leaves(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of the work; cancel it when the client disconnects. Raises ClientGone."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(StreamingResponse):
    """Server-sent events, whose source is closed as soon as the client disconnects."""

    def __init__(self, events: AsyncGenerator[str, None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)
