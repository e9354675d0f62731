"""How long and how slow a request may be, and that nobody works for a client that has gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from docent.web.api.http_errors import Refused

LARGEST_JSON = 4_000_000
SECONDS_PER_PART = 30.0
"""A client that sends a part of its request, or takes a part of its answer, slower than this is let go."""
BYTES_PER_SECOND = 10_000
"""The slowest that a body may come beyond its first part; a byte now and then kept a request for days."""
CLOSING = {"Connection": "close"}
"""For a request whose rest is not read: what comes after it on this connection could not be told from it."""

LARGE_JSON = 200_000
SECONDS_PER_MB = 0.1
"""Between large requests: parsing one takes 6 ms a megabyte, in which nobody else is answered."""

T = TypeVar("T")


class Gone(Exception):
    """The client went away, or takes nothing; nobody is left to tell."""


def bounded(scope: Scope, receive: Receive, most: int, *, large: asyncio.Lock) -> Receive:
    """The body as it comes, up to a size and not slower than it must be; large JSON in turn, with pauses."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    taken, whole = 0, False
    begun = time.monotonic()

    async def within() -> Message:
        nonlocal taken, whole
        if declared.isdigit() and int(declared) > most:
            raise _too_large(most)
        if whole:
            return await receive()
        try:
            late = begun + SECONDS_PER_PART + taken / BYTES_PER_SECOND - time.monotonic()
            message = await asyncio.wait_for(receive(), min(SECONDS_PER_PART, max(late, 0)))
        except TimeoutError:
            sentence = "The request came too slowly. Send it again."
            raise Refused(408, sentence, code="too_slow", headers=CLOSING) from None
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > most:
            raise _too_large(most)
        if whole and LARGE_JSON < taken and most == LARGEST_JSON:
            async with large:
                await asyncio.sleep(SECONDS_PER_MB * taken / 1e6)
        return message

    return within


def impatient(send: Send) -> Send:
    """Sends, unless the client takes nothing for too long: then its model, threads and memory are freed."""

    async def within(message: Message) -> None:
        try:
            await asyncio.wait_for(send(message), SECONDS_PER_PART)
        except TimeoutError:
            raise Gone from None

    return within


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns; it is cancelled as soon as the client goes away. Raises Gone."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Gone
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Events(StreamingResponse):
    """Server-sent events; when the client goes, what makes them is ended at once."""

    def __init__(self, events: AsyncGenerator[str, None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)


def _too_large(most: int) -> Refused:
    return Refused(
        413,
        f"A request here may be {most / 1e6:.0f} MB at most. Send less.",
        code="too_large",
        headers=CLOSING,
    )
