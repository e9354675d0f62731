"""When the server is told to stop, the answers of the API end at once, each with an error that says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import uvicorn

from docent.types import Event
from docent.web.api.http_errors import closed


class Stopping:
    """Whether the server stops, and the tasks that wait for the next event of an answer."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self._waiting: set[asyncio.Task[Any]] = set()

    def begin(self) -> None:
        """Call it in the server's event loop."""
        self._stopping.set()
        for task in self._waiting:
            task.cancel()

    async def until(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The same events. Raises Refused when the server stops."""
        async with aclosing(events):
            while (event := await self._next(events)) is not None:
                yield event

    async def _next(self, events: AsyncGenerator[Event, None]) -> Event | None:
        """Only this wait is interrupted: a task that is sending must get what it sends out."""
        if self._stopping.is_set():
            raise closed()
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            return await anext(events, None)
        except asyncio.CancelledError:
            if not self._stopping.is_set() or task.uncancel():  # somebody else cancelled it, too
                raise
            raise closed() from None
        finally:
            self._waiting.discard(task)


class Server(uvicorn.Server):
    """A server that ends the API's answers before it waits for its connections."""

    def __init__(self, config: uvicorn.Config, stopping: Stopping) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: Any = None) -> None:
        self._stopping.begin()
        await super().shutdown(sockets)
