"""The text of an answer while it is written: drawn in batches, and saved once a second.

A restart loses a second of an unfinished answer at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import chainlit as cl
from chainlit.data import get_data_layer
from chainlit.utils import utc_now

UNFINISHED = "docent_unfinished"
"""Key, in a message's metadata, of the question until its answer is complete."""
WRITER = "docent_writer"
"""Key, beside it, of the process that writes the answer, where others may be asked for the conversation."""
DRAW_INTERVAL = 0.03  # seconds; faster than anybody reads, and fewer updates for a fast model's page
DRAW_INTERVAL_PER_ANSWER = 0.0014  # more for each answer being written: 50 are drawn ten times a second
SAVE_INTERVAL = 1.0  # seconds
LONGEST_WAIT = 5.0  # seconds that who opens a conversation waits for the citations of an answer in it

_streams: dict[str, AnswerStream] = {}
"""By message id: the answers that are being written in this process."""
_saves: set[asyncio.Task[None]] = set()


class AnswerStream:
    """The text of one message while it is written: draw it in batches, and save it every second."""

    def __init__(self, message: cl.Message, question: str) -> None:
        self._message = message
        self._pending = ""
        self._drawing: asyncio.Task[None] | None = None
        self._completed: asyncio.Event | None = None
        """Set when the citations of a whole text were handed over to be saved; None while it is written."""
        self.interrupted = False
        """Set when Docent is shut down; the text that was saved is what remains."""
        self.context = copy_context()
        """Tells Chainlit whose message this is, also at a shutdown, which runs in no conversation."""
        message.metadata = {UNFINISHED: question}
        _streams[message.id] = self
        self._save()

    @property
    def text(self) -> str:
        return self._message.content

    async def push(self, text: str) -> None:
        """Draw the first word at once, and those that follow together a moment later."""
        if not self._message.streaming:
            await self._message.stream_token(text)
            return
        self._pending += text
        if self._drawing is None:
            self._drawing = asyncio.create_task(self._draw_later())

    async def flush(self) -> None:
        """Draw what is pending."""
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None
        await self._draw()

    async def complete(self) -> None:
        """Draw what is pending of a text that is whole; citations and sources follow until `finish`."""
        self._completed = asyncio.Event()
        await self.flush()

    async def finish(self) -> None:
        """Draw what is pending; the message is complete as far as its text came."""
        _streams.pop(self._message.id, None)
        if self._completed is not None:
            self._completed.set()
        await self.flush()

    async def wait_for_citations(self, thread_id: str) -> None:
        """Wait until this answer is handed over to be saved, if it is in the thread and its text is whole."""
        if self._completed is not None and self._message.thread_id == thread_id:
            await self._completed.wait()

    async def interrupt(self) -> None:
        """Save the unfinished text for the next start."""
        self.interrupted = True
        await self.finish()
        self._save()

    async def _draw_later(self) -> None:
        await asyncio.sleep(DRAW_INTERVAL + DRAW_INTERVAL_PER_ANSWER * len(_streams))
        self._drawing = None
        await self._draw()
        if time.monotonic() - self._saved_at > SAVE_INTERVAL:
            self._save()

    async def _draw(self) -> None:
        pending, self._pending = self._pending, ""
        if pending:
            await self._message.stream_token(pending)

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        layer = get_data_layer()
        if layer is not None:
            step = self._message.to_dict()
            step["streaming"] = False
            step["createdAt"] = step["createdAt"] or utc_now()
            task = asyncio.create_task(layer.create_step(step))
            _saves.add(task)  # the event loop itself references tasks weakly
            task.add_done_callback(_saves.discard)


async def interrupt_all() -> None:
    """Save every unfinished answer before Docent ends."""
    streams = list(_streams.values())
    await asyncio.gather(
        *(asyncio.create_task(stream.interrupt(), context=stream.context) for stream in streams)
    )
    await asyncio.gather(*_saves)


async def wait_for_citations(thread_id: str) -> None:
    """Wait a little for the citations of an answer whose last word was just written in a conversation."""
    waits = [stream.wait_for_citations(thread_id) for stream in _streams.values()]
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*waits), LONGEST_WAIT)


def unfinished_question(metadata: Mapping[str, Any] | None) -> str:
    """Return the question of an answer that was never finished; "" for any other message."""
    question = (metadata or {}).get(UNFINISHED)
    return question if isinstance(question, str) else ""


def text_so_far(message_id: str) -> str | None:
    """Return the text of an answer that is being written; None for any other message."""
    stream = _streams.get(message_id)
    return None if stream is None else stream.text


def is_being_written(message_id: str) -> bool:
    """Tell whether an answer is being written now, perhaps in another tab."""
    return message_id in _streams
