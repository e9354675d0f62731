"""An answer while it is written: shown in gulps, and kept so that a restart costs a second of it at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextvars import copy_context
from typing import Any

import chainlit as cl
from chainlit.data import get_data_layer
from chainlit.utils import utc_now

UNFINISHED = "docent_unfinished"
"""Under this key of a message's metadata: the question, until the answer is whole."""
GULP = 0.03  # seconds; faster than anybody reads, and a fast model's page has less to draw
EACH = 0.0014  # seconds more for each answer under way: fifty are shown ten times a second each
KEPT = 1.0  # seconds between two states that are kept

_under_way: dict[str, Stream] = {}
_writing: set[asyncio.Task[None]] = set()


class Stream:
    """The words of one message."""

    def __init__(self, message: cl.Message, question: str) -> None:
        self._message = message
        self._held = ""
        self._soon: asyncio.Task[None] | None = None
        self.broken_off = False
        """Docent ends: what is kept is what there is."""
        self.conversation = copy_context()
        """Chainlit knows from it whose message this is; at its end, Docent speaks for none."""
        message.metadata = {UNFINISHED: question}
        _under_way[message.id] = self
        self._keep()

    async def push(self, text: str) -> None:
        """The first word is shown at once, those that follow a moment later together."""
        if not self._message.streaming:
            await self._message.stream_token(text)
            return
        self._held += text
        if self._soon is None:
            self._soon = asyncio.create_task(self._gulp())

    @property
    def shown(self) -> str:
        return self._message.content

    async def settle(self) -> None:
        """All that came is in the message; what becomes of it is for others to say."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        _under_way.pop(self._message.id, None)
        await self._show()

    async def break_off(self) -> None:
        self.broken_off = True
        await self.settle()
        self._keep()

    async def _gulp(self) -> None:
        await asyncio.sleep(GULP + EACH * len(_under_way))
        self._soon = None
        await self._show()
        if time.monotonic() - self._kept > KEPT:
            self._keep()

    async def _show(self) -> None:
        held, self._held = self._held, ""
        if held:
            await self._message.stream_token(held)

    def _keep(self) -> None:
        self._kept = time.monotonic()
        layer = get_data_layer()
        if layer is not None:
            step = self._message.to_dict()
            step["streaming"] = False
            step["createdAt"] = step["createdAt"] or utc_now()
            task = asyncio.create_task(layer.create_step(step))
            _writing.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(_writing.discard)


async def break_off() -> None:
    """Docent ends: every answer is kept as far as it came."""
    streams = list(_under_way.values())
    await asyncio.gather(
        *(asyncio.create_task(stream.break_off(), context=stream.conversation) for stream in streams)
    )
    await asyncio.gather(*_writing)


def unfinished(metadata: Mapping[str, Any] | None) -> str:
    """The question of an answer that was never finished; empty for any other message."""
    question = (metadata or {}).get(UNFINISHED)
    return question if isinstance(question, str) else ""


def so_far(message_id: str) -> str | None:
    """What has been shown of an answer that is being written."""
    stream = _under_way.get(message_id)
    return None if stream is None else stream.shown


def is_under_way(message_id: str) -> bool:
    """Whether it is being written now, in this process: perhaps in another tab."""
    return message_id in _under_way
