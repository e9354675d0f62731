"""Vectors in the background: documents answer by their words while these are made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from docent.errors import DocentError, EmbeddingError
from docent.indexing import embedded_text
from docent.indexing.embedder import Embedder
from docent.messages import Message
from docent.store import Store

log = logging.getLogger(__name__)

BATCH = 256  # chunks: a second or two of work, so that a stop and a question's progress come soon
IDLE = 1.0  # seconds between two looks, when nobody says that there is work
LOOK = 0.1
SAVE = 600.0  # seconds between two looks whether the catalog's snapshot is still as the catalog


class Background:
    """Makes the vectors that chunks lack, in batches across documents, wherever they came from."""

    def __init__(self, *, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        store.on_wanted = self._start

    def start(self) -> None:
        """There is work, here or for the process that owns the store; starting twice is once."""
        self._start()
        if not self._store.owned:
            self._store.want_vectors()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vectors", daemon=True)
                self._thread.start()
        self._wake.set()

    def wait(self, on_progress: Callable[[int], None]) -> None:
        """Return when every chunk has its vector; told meanwhile how many are left."""
        self.start()
        while left := self._store.lacking():
            if why := self._store.held_up():
                raise EmbeddingError(why)
            on_progress(left)
            time.sleep(LOOK)
        self._store.come_to_rest()
        on_progress(0)

    def close(self) -> None:
        """Drop what is left of the batch under way; whoever opens the store next goes on from there."""
        self._closing.set()
        self._wake.set()
        self._embedder.close()
        if self._thread is not None and self._thread.is_alive():  # not yet where Ctrl+C came as it was begun
            self._thread.join()

    def _run(self) -> None:
        """Only for a store that is ours; should its owner be gone, asking it makes it ours."""
        saved = time.monotonic()
        while not self._closing.is_set():
            try:
                if self._store.lacking() and self._store.owned:
                    self._fill()
                    self._store.hold_up("")
                elif time.monotonic() - saved > SAVE and self._store.owned:
                    self._store.save()
                    saved = time.monotonic()
            except DocentError as error:  # told by `wait`, and tried again: a model server may come back
                self._hold_up(error.message)
            except Exception as error:  # a fault of ours must not leave documents without vectors for good
                if self._closing.is_set():
                    return  # the embedder was closed under it
                log.exception("Vectors could not be made; it is tried again.")
                self._hold_up(
                    Message(
                        "Vectors could not be made ({why}). It is tried again every second; if it goes on, "
                        "restart Docent, and see what is wrong with: python -m docent doctor",
                        why=repr(error),
                    )
                )
            self._wake.wait(IDLE)
            self._wake.clear()

    def _hold_up(self, why: str) -> None:
        if self._store.owned and not self._closing.is_set():
            self._store.hold_up(why)
        self._closing.wait(IDLE)

    def _fill(self) -> None:
        """One batch is embedded while the one before is stored."""
        under_way: frozenset[str] = frozenset()
        storing: Future[None] | None = None
        with ThreadPoolExecutor(1, "storing") as keeper:
            while not self._closing.is_set():
                chunks = self._store.unembedded(BATCH, besides=under_way)
                vectors = self._embedder.embed([embedded_text(chunk) for chunk in chunks])
                if storing is not None:
                    storing.result()
                elif not chunks:
                    return
                ids = [chunk.id for chunk in chunks]
                under_way = frozenset(ids)
                storing = keeper.submit(self._store.put_vectors, ids, vectors) if ids else None
