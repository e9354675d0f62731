"""Summaries that a model writes: saved beside the copies of a document, and written ahead in the background.

They are deleted with the document's original, and counted among its copies. Writing ahead gives way: a
question of a person ends it, and it begins again when no question is being answered. What was asked for comes
first; with nothing of that left, the writer looks for more.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docent.answering.saved_summaries import SavedSummary, load_summary, summary_bytes
from docent.errors import DocentError
from docent.store import COPIES, Copies, Store
from docent.types import Answer, Event, Passage, Scope, StoredDocument

if TYPE_CHECKING:  # 30 ms to import: files are read without it
    import asyncio

log = logging.getLogger(__name__)

Write = Callable[[], Coroutine[Any, Any, None]]
Job = tuple[str, Write]
"""The id of a document, and the writing of its summary."""
Find = Callable[[], Coroutine[Any, Any, Job | None]]
"""Returns the next document to summarise, and the writing of it; None where there is none."""
LOOK_SECONDS = 30.0
"""Between two looks for more, where the last one found nothing."""


@dataclass(frozen=True, slots=True)
class SummaryFiles:
    """The summaries of one model, a file for each original."""

    store: Store
    model: str
    reader: str | None

    def has(self, document: StoredDocument) -> bool:
        """Tell whether there is a summary of a document."""
        return (self.store.folder / COPIES / document.sha256 / self._name).exists()

    def get(self, document: StoredDocument, passages: Sequence[Passage]) -> SavedSummary | None:
        """Return the summary of a document; None where there is none, or it quotes what is there no more."""
        path = self.store.folder / COPIES / document.sha256 / self._name
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        return load_summary(data, passages)

    def save(self, document: StoredDocument, answer: Answer) -> None:
        """Save a summary beside the other copies of the document's original, unless that is gone."""
        original = self.store.original(document.id, Scope(reader=self.reader))
        copies = Copies(self.store.folder / COPIES)
        copies.remove(original, self._name)
        copies.get(original, self._name, lambda: summary_bytes(answer))

    @property
    def _name(self) -> str:
        return f"summary-{hashlib.sha256(self.model.encode()).hexdigest()[:16]}.json"


class SummaryWriter:
    """Writes summaries one after the other, while no question is being answered. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._questions = 0
        self._current: tuple[str, asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self._thread: threading.Thread | None = None
        self._find: Find | None = None
        self._look_at = 0.0
        self._closed = False

    def look_for_more(self, find: Find) -> None:
        """Ask for the next document now, and whenever nothing is left to write."""
        with self._changed:
            self._find = find
            self._start()
            self._changed.notify_all()

    def add(self, document_id: str, write: Write) -> None:
        """Write the summary of a document in the background; once, however often it is asked for."""
        with self._changed:
            running = self._current is not None and self._current[0] == document_id
            if self._closed or running or any(waiting == document_id for waiting, _ in self._waiting):
                return
            self._waiting.append((document_id, write))
            self._start()
            self._changed.notify_all()

    def cancel(self, document_id: str) -> None:
        """Write no summary of a document, and stop the one that is being written."""
        with self._changed:
            self._waiting = deque(one for one in self._waiting if one[0] != document_id)
            if self._current is not None and self._current[0] == document_id:
                self._stop_current()

    def close(self) -> None:
        """Stop writing, and wait for the model's connection to close."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._stop_current()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=20)

    async def giving_way(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Yield the events of an answer; no summary is written until it is complete."""
        with self._changed:
            self._questions += 1
            self._stop_current()
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            with self._changed:
                self._questions -= 1
                self._changed.notify_all()

    def _stop_current(self) -> None:
        if self._current is not None:
            _, loop, task = self._current
            loop.call_soon_threadsafe(task.cancel)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="summaries", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        import asyncio

        while (job := self._next()) is not None:
            finished = asyncio.run(self._write(*job))
            with self._changed:
                if finished and self._waiting and self._waiting[0][0] == job[0]:
                    self._waiting.popleft()

    def _next(self) -> Job | None:
        """Wait until something may be written, and return it; None once this is closed."""
        while True:
            with self._changed:
                while not (self._closed or self._is_due()):
                    remaining = self._look_at - time.monotonic()
                    self._changed.wait(remaining if self._find is not None and remaining > 0 else None)
                if self._closed:
                    return None
                if self._waiting:
                    return self._waiting[0]
                find = self._find
            found = None if find is None else self._found(find)
            if found is None:
                self._look_at = time.monotonic() + LOOK_SECONDS
            else:
                self.add(*found)

    def _is_due(self) -> bool:
        """Tell whether there is something to write, or it is time to look for it."""
        looks = self._find is not None and time.monotonic() >= self._look_at
        return not self._questions and (bool(self._waiting) or looks)

    def _found(self, find: Find) -> Job | None:
        import asyncio

        try:
            return asyncio.run(find())
        except DocentError as error:  # a store that is busy, a model server that is away: it is looked again
            log.info("No document was looked for to summarise: %s", error)
        except Exception:
            if not self._closed:  # else the store was closed under it
                log.exception("No document could be looked for to summarise; it is tried again.")
        return None

    async def _write(self, document_id: str, write: Write) -> bool:
        """Write one summary; return False if a question ended it, so that it is written later."""
        import asyncio

        task = asyncio.create_task(write())
        with self._changed:
            if self._questions or self._closed:
                task.cancel()
            self._current = (document_id, asyncio.get_running_loop(), task)
        try:
            await asyncio.wait([task])
        finally:
            with self._changed:
                self._current = None
        return not task.cancelled()
