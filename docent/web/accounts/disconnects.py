"""Who was removed, or has another password since, is shown out of pages that are still open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from chainlit.session import WebsocketSession, ws_sessions_sid

from docent.web.accounts.login import Door
from docent.web.thread_pool import lightly

EVERY = 5.0
"""Seconds; a request by HTTP is refused at once, this is for sockets that stay open."""

LOGGER = logging.getLogger(__name__)
_watching: set[asyncio.Task[None]] = set()


def watch(sio: Any, *, door: Callable[[], Door]) -> None:
    """From now on, in the background."""
    if not _watching:
        _watching.add(asyncio.create_task(_watch(sio, door)))


async def _watch(sio: Any, door: Callable[[], Door]) -> None:
    while True:
        await asyncio.sleep(EVERY)
        try:
            await show_out(sio, door())
        except Exception:  # one failed look must not be the last one
            LOGGER.exception("Open pages could not be compared with the accounts.")


async def show_out(sio: Any, door: Door) -> None:
    """End the sockets, and the answers in them, of people who may no longer be here."""
    for session in list(ws_sessions_sid.values()):
        if not await lightly(door.still_knows, session.token):
            await _end(sio, session)


async def _end(sio: Any, session: WebsocketSession) -> None:
    if session.current_task is not None:
        session.current_task.cancel()
    await sio.disconnect(session.socket_id)
