"""Vectors in the background: documents answer by their words while these are made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from docent.errors import DocentError
from docent.indexing import embedded_text
from docent.indexing.embedding import Embedder
from docent.store import Store

BATCH = 256  # chunks: a second or two of work, so that a stop and a question's progress come soon
IDLE = 1.0  # seconds between two looks, when nobody says that there is work
LOOK = 0.1


class Background:
    """Makes the vectors that chunks lack, in batches across documents, wherever they came from."""

    def __init__(self, *, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._trouble: DocentError | None = None

    def start(self) -> None:
        """There is, or will be, work; starting twice is once."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vectors", daemon=True)
                self._thread.start()
        self._wake.set()

    def wait(self, on_progress: Callable[[int], None]) -> None:
        """Return when every chunk has its vector; told meanwhile how many are left."""
        self.start()
        while left := self._store.lacking():
            if self._trouble is not None:
                raise self._trouble
            on_progress(left)
            time.sleep(LOOK)
        on_progress(0)

    def close(self) -> None:
        """Stop after the batch under way; whoever opens the store next goes on from there."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._fill()
                self._trouble = None
            except DocentError as error:  # told by `wait`, and tried again: a model server may come back
                self._trouble = error
                self._closing.wait(IDLE)
            self._wake.wait(IDLE)
            self._wake.clear()

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
