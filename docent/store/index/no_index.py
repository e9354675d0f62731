"""The index of a process that nobody asks anything: there is none, and its documents are ready without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Never

from docent.errors import StoreError
from docent.store.catalog import changes
from docent.store.protocols import Catalog, Hit, StoreContents


class NoIndex:
    """Keeps no words and vectors. Whoever answers questions makes them from the catalog."""

    owned = True
    """It does what else the owner of an index does: it finishes what a killed process has left."""
    behind = False

    def __init__(
        self,
        _folder: Path,
        catalog: Catalog,
        generation: int,
        *,
        chroma: tuple[str, str],  # where others keep the vectors
        on_level: Callable[[bool], None],
        on_wake: Callable[[], str],
    ) -> None:
        self._catalog = catalog
        self._generation = generation
        self._on_level = on_level
        self._on_wake = on_wake
        with catalog.read() as db:
            self._seen = changes.last_position(db, generation)

    def become_owner(self) -> bool:
        return True

    def follow(self) -> None:
        """Note what was deleted, since this machine may have copies of files."""
        with self._catalog.read() as db:
            dropped = changes.drops_after(db, self._generation, self._seen)
            self._seen = changes.last_position(db, self._generation)
        self._on_level(dropped)

    def wake(self) -> str:
        return self._on_wake()

    def write_anew(self) -> None: ...

    def tidy(self) -> None: ...

    def beat(self) -> None: ...

    def close(self) -> None: ...

    def compare(self) -> list[str]:
        return []

    def contents(self) -> StoreContents:
        return StoreContents({}, set())

    def held(self, library: str, document_id: str, chunk_ids: Sequence[str]) -> tuple[int, int]:
        return 0, 0

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        _refuse()

    def matching(
        self, query: str, limit: int, *, libraries: Sequence[str], documents: Sequence[str]
    ) -> list[Hit]:
        _refuse()

    def scores(self, query: str, chunk_ids: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        _refuse()

    def rarity(self, terms: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        _refuse()


def _refuse() -> Never:
    raise StoreError("A worker has no index to search. Ask a server: python -m docent serve")
