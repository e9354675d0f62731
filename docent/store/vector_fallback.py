"""Nearest neighbours while Chroma is away: the catalog's own vectors are compared.

That is exact and takes 0.1 s for every 10,000 chunks, so nothing is lost but time. Once the server is back it
gets what it missed.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from docent.errors import StoreError
from docent.store.catalog import Catalog
from docent.store.packing import as_vector, unpack_vectors
from docent.store.protocols import Hit
from docent.store.repair import IndexGap, is_wasteful, libraries, mend_vectors
from docent.store.rows import CHUNKS
from docent.store.vectors import ChromaVectors

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0
ROWS = 10_000


class VectorFallback:
    """A vector index that always answers; `behind` while Chroma lacks something of the catalog."""

    def __init__(self, vectors: ChromaVectors, catalog: Catalog, *, served: bool) -> None:
        self._vectors = vectors
        self._catalog = catalog
        self.served = served
        self._behind = threading.Event()
        self._compacting = False
        self._closing = threading.Event()
        self._waiter: threading.Thread | None = None

    @property
    def behind(self) -> bool:
        return self._behind.is_set()

    def put(self, library: str, chunk_ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        self._forward(lambda: self._vectors.put(library, chunk_ids, vectors))

    def drop(self, library: str, chunk_ids: Sequence[str]) -> None:
        self._forward(lambda: self._vectors.drop(library, chunk_ids))

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        if not self.behind:
            try:
                return self._vectors.nearest(library, vector, limit)
            except StoreError as error:
                hits = self._compare_exactly(library, vector, limit)
                if hits:  # else nothing is missing, as in a library that was just deleted
                    self._fall_behind(error)
                return hits
        return self._compare_exactly(library, vector, limit)

    def count(self, library: str) -> int:
        return self._vectors.count(library)

    def chunk_ids(self, library: str) -> set[str]:
        return self._vectors.chunk_ids(library)

    def held(self, library: str, chunk_ids: Sequence[str]) -> int:
        """Count after Chroma has got what it missed. Raises StoreError while its server is away."""
        if self.behind and not self._compacting:
            try:
                self.catch_up()
            except StoreError:
                if self.served:
                    raise
        return self._vectors.held(library, chunk_ids)

    def drop_library(self, library: str) -> None:
        self._forward(lambda: self._vectors.drop_library(library))

    def catch_up(self) -> IndexGap:
        """Bring Chroma in step with the catalog and return the gap. Raises StoreError while it is away."""
        with self._catalog.write_lock:
            steps = [mend_vectors(self._catalog, self._vectors, name) for name in libraries(self._catalog)]
            self._behind.clear()
        return IndexGap(sum(step.missing for step in steps), sum(step.left_over for step in steps))

    def compact(self) -> None:
        """Rewrite the index when most of it is deleted vectors; meanwhile the catalog answers.

        First, what Chroma's own files refused, as on a full disk, is tried again.
        """
        if self.served:
            return
        if self.behind:
            with suppress(StoreError):
                self.catch_up()
        if self.behind or not is_wasteful(self._catalog, self._vectors):
            return
        self._compacting = True
        self._behind.set()
        try:
            for library in libraries(self._catalog):
                self._vectors.drop_library(library)
                mend_vectors(self._catalog, self._vectors, library)
            self.catch_up()  # changes made meanwhile
            self._vectors.sweep()
        except StoreError as error:
            self._fall_behind(error)
        finally:
            self._compacting = False

    def close(self) -> None:
        self._closing.set()
        if self._waiter is not None:
            self._waiter.join()
        self._vectors.close()

    def _forward(self, change: Callable[[], None]) -> None:
        """Pass a change to Chroma; if that fails, it gets the change from the catalog later."""
        if self.behind:
            return
        try:
            change()
        except StoreError as error:
            self._fall_behind(error)

    def _fall_behind(self, error: StoreError) -> None:
        log.warning("%s Until then questions are answered from the catalog, more slowly.", error)
        self._behind.set()
        if self.served and (self._waiter is None or not self._waiter.is_alive()):
            self._waiter = threading.Thread(target=self._wait, name="waiting for Chroma", daemon=True)
            self._waiter.start()

    def _wait(self) -> None:
        while not self._closing.wait(RETRY_SECONDS):
            try:
                if self._vectors.answers():
                    self.catch_up()
                    log.warning("The Chroma server is back, and has what it missed.")
                    return
            except StoreError:
                continue

    def _compare_exactly(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        wanted = as_vector(vector)
        best: list[Hit] = []
        with self._catalog.read() as db:
            rows = db.execute(
                f"SELECT c.id, v.data FROM {CHUNKS} JOIN vectors v ON v.chunk = c.n WHERE l.name = ?",
                (library,),
            )
            while some := rows.fetchmany(ROWS):
                scores = unpack_vectors([data for _, data in some]) @ wanted
                hits = (Hit(key.hex(), float(score)) for (key, _), score in zip(some, scores, strict=True))
                best = heapq.nlargest(limit, [*best, *hits], key=lambda hit: hit.score)
        return best
