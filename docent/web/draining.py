"""End a web replica without ending what people wait for: answers are finished, and pages move to another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chainlit.session import WebsocketSession, ws_sessions_id

from docent.web.api.chat_completions import ShutdownSignal

DRAIN_SECONDS = 30.0
"""The longest wait for answers. Whoever stops a replica must wait longer before killing it."""
PAUSE_SECONDS = 0.2


async def drain(sio: Any, shutdown: ShutdownSignal, *, forced: Callable[[], bool]) -> None:
    """Wait for the answers under way; call it once nothing new can connect.

    A page without one is disconnected at once, and then connects to another replica by itself.
    """
    loop = asyncio.get_running_loop()
    limit = loop.time() + DRAIN_SECONDS
    while loop.time() < limit and not forced():
        sessions = [one for one in ws_sessions_id.values() if sio.manager.is_connected(one.socket_id, "/")]
        idle = [one for one in sessions if one.current_task is None or one.current_task.done()]
        for session in idle:
            await _disconnect(sio, session)
        if len(idle) == len(sessions) and not shutdown.answers:
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _disconnect(sio: Any, session: WebsocketSession) -> None:
    """Close the connection below the socket: a page that is told to disconnect would stay so."""
    await sio.eio.disconnect(sio.manager.eio_sid_from_sid(session.socket_id, "/"))
