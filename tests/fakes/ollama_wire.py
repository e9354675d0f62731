"""The connection to one client: sending as work goes on, and noticing when the client is gone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tests.fakes.ollama_script import Recorded, State


class ConnectionCut(Exception):
    """The server itself breaks the connection off."""


class Wire:
    """What the work behind a response may do with the connection."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def open(self, status: int, content_type: str) -> None:
        """Send the headers of a response whose length is not known yet."""
        headers = [(b"content-type", content_type.encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        await asyncio.sleep(0)  # let a client's leaving be noticed between two tokens

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def json(self, status: int, value: Any) -> None:
        """Send a whole response."""
        await self.open(status, "application/json; charset=utf-8")
        await self.write(line(value).rstrip())
        await self.close()


class Worked(Response):
    """A response made while it is sent, and abandoned as soon as its client or its server goes.

    Abandoned means left unfinished: the web server then closes the connection, which is also
    how a `ConnectionCut` reaches the client.
    """

    def __init__(self, work: Callable[[Wire], Awaitable[None]], record: Recorded, state: State) -> None:
        super().__init__()
        self._work, self._record, self._state = work, record, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.ensure_future(self._work(Wire(send)))
        gone = asyncio.create_task(_until_gone(receive))
        stopping = asyncio.create_task(self._state.stopping.wait())
        try:
            await asyncio.wait({work, gone, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and gone.done():
                self._record.disconnected, self._record.disconnected_at = True, time.monotonic()
        finally:
            for task in (work, gone, stopping):
                task.cancel()
            outcome = await asyncio.gather(work, gone, stopping, return_exceptions=True)
        if isinstance(outcome[0], Exception) and not isinstance(outcome[0], ConnectionCut):
            raise outcome[0]


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def recording(record: Recorded, send: Send) -> Send:
    """Note the status, and whether the response was sent to its end."""

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            record.status = message["status"]
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            record.answered = not record.disconnected

    return noted


def line(value: Any) -> bytes:
    """A value as a line of newline-delimited JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
