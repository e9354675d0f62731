"""The generation of the index that answers now, which may change under a process that is running."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from docent.errors import StoreError
from docent.store import changes
from docent.store.protocols import Catalog, Index

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Serving:
    """The generation that answers, and its index."""

    generation: int
    index: Index
    version: int
    """Of the catalog: what was read of an earlier version may be old."""


class ServingIndex:
    """Opens the index of the serving generation, and of the next one when another process has switched.

    While `fixed` it stays with one generation, which is being built.
    """

    def __init__(
        self, catalog: Catalog, generation: int, open_index: Callable[[int], Index], *, fixed: bool
    ) -> None:
        self._catalog = catalog
        self._open_index = open_index
        self._fixed = fixed
        self._switching = threading.RLock()
        self._closing = threading.Event()
        self._serving = Serving(generation, open_index(generation), catalog.version)
        self._watcher = threading.Thread(target=self._watch, name="following", daemon=True)
        self._watcher.start()

    def now(self) -> Serving:
        version = self._catalog.version
        if version != self._serving.version:
            number = self._serving.generation
            if not self._fixed:
                with self._catalog.read() as db:
                    number = changes.generations(db)["serving"].number
            with self._switching:
                before = self._serving
                if number == before.generation:
                    self._serving = replace(before, version=version)
                else:
                    self._serving = Serving(number, self._open_index(number), version)
                    before.index.close()
        return self._serving

    def close(self) -> bool:
        """Close the index; return True if this process owned it."""
        self._closing.set()
        self._watcher.join()
        index = self._serving.index
        index.close()
        return index.owned

    def _watch(self) -> None:
        """Follow what other processes wrote and could not say, and try again what Chroma refused."""
        seen = self._serving.version
        while not self._closing.wait(POLL_SECONDS):
            try:
                version, index = self._catalog.version, self.now().index
                if index.owned and (version != seen or index.behind):
                    index.follow()
                seen = version
            except (StoreError, OSError, sqlite3.Error) as error:  # it is tried again
                log.warning("%s", error)
