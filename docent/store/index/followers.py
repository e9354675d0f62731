"""Words and vectors follow the change log: each keeps the position that it has reached, and catches up.

Why a log: docs/decisions/0018-change-log.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from docent.errors import StoreError
from docent.store.catalog import changes, contents, documents
from docent.store.protocols import Catalog, Change, DerivedIndex
from docent.types import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_POSITION = 64


class CatalogContent:
    """Reads from the catalog of which words and vectors are made."""

    def __init__(self, catalog: Catalog, generation: int) -> None:
        self._catalog = catalog
        self._generation = generation
        self.on_read: Callable[[], None] = lambda: None
        """Called for each document and each block of vectors: writing everything anew takes minutes."""

    def words_of(self, document_id: str) -> tuple[str, list[Chunk]] | None:
        self.on_read()
        with self._catalog.read() as db:
            return contents.words_of(db, self._generation, document_id)

    def vectors_of(self, chunk_ids: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        with self._catalog.read() as db:
            return contents.vectors_by_id(db, self._generation, chunk_ids)

    def documents(self) -> list[tuple[str, str]]:
        with self._catalog.read() as db:
            return contents.read_documents(db, self._generation)

    def libraries(self) -> list[str]:
        with self._catalog.read() as db:
            return documents.every_library(db)

    def library_vectors(
        self, library: str, *, at_once: int = contents.ROWS
    ) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        with self._catalog.read() as db:
            for block in contents.vectors_of_library(db, self._generation, library, at_once=at_once):
                self.on_read()
                yield block

    def chunk_count(self) -> int:
        with self._catalog.read() as db:
            return contents.count_chunks(db, self._generation)

    def vector_counts(self) -> dict[str, int]:
        with self._catalog.read() as db:
            return contents.count_vectors(db, self._generation)


class PositionFile:
    """The position that words or vectors have reached in the log, in a small file.

    It is not synced: a position that is older after a power cut only means more to apply again.
    """

    def __init__(self, folder: Path, part: str) -> None:
        self._path = folder / f"{part}.position"

    def read(self) -> str:
        with suppress(FileNotFoundError):
            return self._path.read_text(errors="replace").strip()
        return ""

    def write(self, position: str) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:  # in place: a kill leaves the one or the other, and a full disk has room for it
                os.pwrite(handle, position.ljust(LONGEST_POSITION).encode(), 0)
            finally:
                os.close(handle)
        except OSError as error:
            raise StoreError(
                "The index in storage/ could not be written ({why}). Nothing stored is lost. Free some space "
                "on that disk; the index then follows by itself.",
                why=error.strerror,
            ) from error


class Follower:
    """Keeps words or vectors level with the change log."""

    def __init__(
        self,
        index: DerivedIndex,
        file: PositionFile,
        catalog: Catalog,
        generation: int,
        *,
        hold: Callable[[int], None],
    ) -> None:
        """Take `hold`, which keeps the changes after a position in the log for a while."""
        self._index = index
        self._hold = hold
        self._file = file
        self._catalog = catalog
        self._generation = generation
        self._content = CatalogContent(catalog, generation)
        with catalog.read() as db:
            self._log = changes.log_name(db)
            first, last = changes.first_gap(db, generation), changes.last_position(db, generation)
        found = self._stored_position()
        self.position = found if first <= found <= last else -1
        """-1: everything has to be written again."""

    def catch_up(self) -> bool:
        """Apply the changes since its position; durable on return. Return True if something was dropped."""
        dropped = False
        if self.position < 0:
            self.write_anew()
        while True:
            if (some := self._after()) is None:  # others removed changes that it has not followed
                self.write_anew()
                continue
            relevant = [change for change in some if change.kind in self._index.follows]
            if relevant:
                self._index.apply(relevant, self._content)
                self._file.write(f"{self._log} {some[-1].position}")
            self.position = some[-1].position if some else self.position
            dropped = dropped or any(change.kind in ("drop", "library") for change in some)
            if len(some) < changes.AT_ONCE:  # what others commit meanwhile, they call for again
                return dropped

    def write_anew(self) -> None:
        self.position = -1
        # Everything, until it is known from where on. Otherwise what others delete meanwhile leaves the log,
        # and it would have to be written once more, perhaps without end.
        self._hold(-1)
        with self._catalog.read() as db:
            # What comes while it is written is applied later.
            last = changes.last_position(db, self._generation)
        self._file.write("")
        self._content.on_read = lambda: self._hold(last)
        try:
            self._index.write_anew(self._content)
        finally:
            self._content.on_read = lambda: None
        self._file.write(f"{self._log} {last}")
        self.position = last

    def is_whole(self) -> bool:
        """Return False if something is missing or left over that no change accounts for."""
        while True:
            self.catch_up()
            if self._index.is_whole(self._content):
                return True
            if self._after() == []:  # else another process wrote meanwhile
                return False

    def note(self) -> None:
        """Store the position that it has, also where nothing had to be done to reach it."""
        if self.position >= 0:
            self._file.write(f"{self._log} {self.position}")

    def _after(self) -> list[Change] | None:
        """Return the next changes; None where some of them are not in the log any more."""
        with self._catalog.read() as db:
            if self.position < changes.first_gap(db, self._generation):
                return None
            return changes.after(db, self._generation, self.position)

    def _stored_position(self) -> int:
        log_name, _, position = self._file.read().partition(" ")
        return int(position) if log_name == self._log and position.isdigit() else -1
