"""The index of one generation: words by tantivy and vectors by Chroma, level with the change log."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docent.errors import DamagedStore, StorageBusy, StoreError
from docent.store import changes, contents, documents
from docent.store.checksums import IndexChecksums, Trust
from docent.store.ownership import FolderLock, OwnerClient, OwnerGone, OwnerServer, ReadWriteLock
from docent.store.protocols import Catalog, Change, DerivedIndex, Hit
from docent.store.vectors import ChromaVectors
from docent.store.word_index import WordIndex
from docent.types import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
CHROMA, WORDS = "chroma", "words"
OPENING_SECONDS = 30.0  # that an owner may take to open or close its index
LONGEST_POSITION = 64
ASK_SECONDS = 0.05
NEAREST_SECONDS = 5.0  # until the vectors of the catalog are compared instead
LONG = 1000  # changes that were followed and are still in the log
LINKS = 140  # bytes for a vector in a graph, besides the vector itself
SMALL_GRAPHS = 500_000


class CatalogContent:
    """What words and vectors are made of, read from the catalog."""

    def __init__(self, catalog: Catalog, generation: int) -> None:
        self._catalog = catalog
        self._generation = generation

    def words_of(self, document_id: str) -> tuple[str, list[Chunk]] | None:
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

    def library_vectors(self, library: str) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        with self._catalog.read() as db:
            yield from contents.vectors_of_library(db, self._generation, library)

    def chunk_count(self) -> int:
        with self._catalog.read() as db:
            return contents.count_chunks(db, self._generation)

    def vector_counts(self) -> dict[str, int]:
        with self._catalog.read() as db:
            return contents.count_vectors(db, self._generation)


class PositionFile:
    """The position that words or vectors have reached in the log, in a small file that stays open.

    It is not synced: a position that is older after a power cut only means more to apply again.
    """

    def __init__(self, folder: Path, part: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(folder / f"{part}.position", os.O_RDWR | os.O_CREAT, 0o600)

    def read(self) -> str:
        return os.pread(self._handle, LONGEST_POSITION, 0).decode(errors="replace").strip()

    def write(self, position: str) -> None:
        try:
            os.pwrite(self._handle, position.ljust(LONGEST_POSITION).encode(), 0)
        except OSError as error:
            raise StoreError(
                "The index in storage/ could not be written ({why}). Nothing stored is lost. Free some space "
                "on that disk; the index then follows by itself.",
                why=error.strerror,
            ) from error

    def close(self) -> None:
        os.close(self._handle)


class Follower:
    """Keeps words or vectors level with the change log."""

    def __init__(self, index: DerivedIndex, file: PositionFile, catalog: Catalog, generation: int) -> None:
        self._index = index
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

    def catch_up(self) -> None:
        """Apply the changes since its position; durable on return."""
        if self.position < 0:
            self.write_anew()
        while some := self._after():
            relevant = [change for change in some if change.kind in self._index.follows]
            if relevant:
                self._index.apply(relevant, self._content)
                self._file.write(f"{self._log} {some[-1].position}")
            self.position = some[-1].position

    def write_anew(self) -> None:
        with self._catalog.read() as db:
            # What comes while it is written is applied later.
            last = changes.last_position(db, self._generation)
        self._file.write("")
        self._index.write_anew(self._content)
        self._file.write(f"{self._log} {last}")
        self.position = last

    def is_whole(self) -> bool:
        """Return False if something is missing or left over that no change accounts for."""
        while True:
            self.catch_up()
            if self._index.is_whole(self._content):
                return True
            if not self._after():  # else another process wrote meanwhile
                return False

    def note(self) -> None:
        """Store the position that it has, also where nothing had to be done to reach it."""
        if self.position >= 0:
            self._file.write(f"{self._log} {self.position}")

    def _after(self) -> list[Change]:
        with self._catalog.read() as db:
            return changes.after(db, self._generation, self.position)

    def _stored_position(self) -> int:
        log_name, _, position = self._file.read().partition(" ")
        return int(position) if log_name == self._log and position.isdigit() else -1


class OwnedIndex:
    """Words and vectors in the process that writes them."""

    def __init__(
        self,
        folder: Path,
        lock: FolderLock,
        catalog: Catalog,
        generation: int,
        *,
        chroma: tuple[str, str],
        on_level: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._catalog = catalog
        self._generation = generation
        self._name, self._url = chroma
        self._on_level = on_level
        self._content = CatalogContent(catalog, generation)
        self._following = threading.Lock()
        self._using = ReadWriteLock()  # Chroma must not be closed under a query
        self._failure: StoreError | None = None
        self._compacting = False
        self._positions = {part: PositionFile(folder, part) for part in (CHROMA, WORDS)}
        self._checksums = IndexChecksums(folder, parts=(CHROMA, WORDS))
        trust = self._checksums.check()
        if self._url:
            shutil.rmtree(folder / CHROMA, ignore_errors=True)
        try:
            self.words = self._open_words(trust[WORDS])
            try:
                self._open_vectors(Trust.UNSURE if self._url else trust[CHROMA])
            except BaseException:
                self.words.close()
                raise
        except KeyboardInterrupt:
            self._checksums.mark_opened()  # opening was interrupted, and did not kill the process
            raise
        self._checksums.mark_opened()

    @property
    def behind(self) -> bool:
        """True while Chroma lacks something, so that the catalog answers in its place."""
        return self._failure is not None or self._compacting

    def follow(self) -> None:
        """Bring both level with the change log; where Chroma fails, it gets what it missed later."""
        with self._following:
            self._word_follower.catch_up()
            if not self._compacting:
                self._catch_up_vectors()
        self._on_level()

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        failure = None
        if not self.behind:
            try:
                with self._using.shared():
                    return self._vectors.nearest(library, vector, limit)
            except StoreError as error:
                failure = error
        with self._catalog.read() as db:
            hits = contents.nearest_exactly(db, self._generation, library, vector, limit)
        if failure and hits:  # else nothing is missing, as in a library that was just deleted
            self._fail(failure)
        return hits

    def held(self, library: str, document_id: str, chunk_ids: Sequence[str]) -> tuple[int, int]:
        """Count after Chroma has got what it missed. Raises StoreError while its server is away."""
        if self._failure is not None:
            with self._following:
                self._catch_up_vectors()
        if self._failure is not None and self._url:
            raise self._failure
        with self._using.shared():
            return self.words.held([document_id]), self._vectors.held(library, chunk_ids)

    def ids(self) -> tuple[set[str], dict[str, set[str]]]:
        """Return the ids of the chunks in the words, and of those in the vectors of each library."""
        with self._following, self._using.shared():
            libraries = self._content.libraries()
            return self.words.chunk_ids(), {name: self._vectors.chunk_ids(name) for name in libraries}

    def write_anew(self) -> None:
        with self._following:
            self._word_follower.write_anew()
            self._vector_follower.write_anew()
            self._failure = None

    def compact(self) -> None:
        """Rewrite Chroma's graphs when most of them is deleted vectors; meanwhile the catalog answers."""
        if self._url or self.behind or not self._is_wasteful():
            return
        with self._following:
            self._compacting = True
        try:
            self._vector_follower.write_anew()
            self._vectors.sweep()
        except StoreError as error:
            self._fail(error)
        finally:
            self._compacting = False
        self.follow()

    def trim(self) -> None:
        """Remove the changes that both have followed from the log, once there are many."""
        level = min(self._word_follower.position, self._vector_follower.position)
        with self._catalog.read() as db:
            long = changes.count_up_to(db, self._generation, level) >= LONG
        if long:
            with self._catalog.write() as db:
                changes.trim(db, self._generation, level)

    def close(self) -> None:
        with suppress(StoreError):
            self.follow()
        with self._following, self._using.exclusive():
            self._vectors.close()
            self.words.close()
            with suppress(StoreError, OSError):  # on a full disk the next start compares
                self._word_follower.note()
                self._vector_follower.note()
            for position in self._positions.values():
                position.close()
            with suppress(OSError):
                self._checksums.record(
                    distrusted=frozenset({CHROMA}) if self._url or self.behind else frozenset()
                )
        self._lock.release()

    def _open_words(self, trust: Trust) -> WordIndex:
        folder = self._folder / WORDS
        if trust is Trust.BROKEN:
            _discard(folder, self._positions[WORDS])
        try:
            words = WordIndex(folder)
        except DamagedStore:
            _discard(folder, self._positions[WORDS])
            words = WordIndex(folder)
        self._word_follower = self._follower(words, WORDS)
        try:
            if not self._word_follower.is_whole():
                raise DamagedStore("The words are not whole.")
        except (DamagedStore, ValueError) as error:
            log.warning("The words are written again: %s", error)
            words.close()
            _discard(folder, self._positions[WORDS])
            words = WordIndex(folder)
            self._word_follower = self._follower(words, WORDS)
            self._word_follower.catch_up()
        return words

    def _open_vectors(self, trust: Trust) -> None:
        if trust is Trust.BROKEN:
            _discard(self._folder / CHROMA, self._positions[CHROMA])
        try:
            self._connect_vectors()
            if not self._vector_follower.is_whole() or self._is_wasteful():
                raise DamagedStore("The vectors are not whole, or most of them are deleted ones.")
        except DamagedStore as error:
            log.warning("The vectors are written again: %s", error)
            if hasattr(self, "_vectors"):
                self._vectors.close()
            if not self._url:
                _discard(self._folder / CHROMA, self._positions[CHROMA])
            self._connect_vectors()
            self._vector_follower.write_anew()
        except BaseException:
            if hasattr(self, "_vectors"):
                self._vectors.close()
            raise

    def _connect_vectors(self) -> None:
        name = chroma_name(self._name, self._generation) if self._url else "docent"
        self._vectors = ChromaVectors(self._folder / CHROMA, name=name, url=self._url)
        self._vector_follower = self._follower(self._vectors, CHROMA)

    def _follower(self, index: DerivedIndex, part: str) -> Follower:
        return Follower(index, self._positions[part], self._catalog, self._generation)

    def _catch_up_vectors(self) -> None:
        try:
            self._vector_follower.catch_up()
            if self._failure is not None:
                if not self._vector_follower.is_whole():
                    self._vector_follower.write_anew()
                log.warning("Chroma has what it missed, and answers again.")
            self._failure = None
        except StoreError as error:
            self._fail(error)

    def _fail(self, error: StoreError) -> None:
        if self._failure is None:
            log.warning("%s Until then questions are answered from the catalog, more slowly.", error)
        self._failure = error

    def _is_wasteful(self) -> bool:
        """Return True if most of the graphs is deleted vectors: Chroma never reuses their space."""
        if self._url:
            return False
        with self._catalog.read() as db:
            count, width = contents.vector_bytes(db, self._generation)
        needed = count * (width * 2 + LINKS)  # the catalog has 2 bytes for each number, a graph 4
        return self._vectors.graph_bytes() > SMALL_GRAPHS + 2 * needed


class LocalIndex:
    """Words and vectors of a generation, in the process that owns them or in any other.

    Another process reads the words itself. For the nearest vectors it asks the owner, and compares every
    vector of the catalog where none answers. Where there is no owner any more, it becomes the owner.
    """

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        generation: int,
        *,
        chroma: tuple[str, str],
        on_level: Callable[[], None],
        on_wake: Callable[[], str],
    ) -> None:
        self._folder = folder
        self._catalog = catalog
        self._generation = generation
        self._chroma = chroma
        self._on_level = on_level
        self._on_wake = on_wake
        self._becoming = threading.Lock()
        self._owner: OwnedIndex | None = None
        self._server: OwnerServer | None = None
        self._client = OwnerClient(folder)
        self._words: WordIndex | None = None
        self._position: PositionFile | None = None
        self._words_seen = ""
        self._refreshing = threading.Lock()
        self._closed = False
        self._become_owner()

    @property
    def owner(self) -> OwnedIndex | None:
        return self._owner

    def become_owner(self) -> bool:
        """Own the index, unless another process does; return True if this one does now."""
        if self._owner is None and self._become_owner():
            self._on_level()  # a process that was killed may have left something to finish
        return self._owner is not None

    def _become_owner(self) -> bool:
        with self._becoming:
            if self._owner is not None or self._closed:
                return self._owner is not None
            try:
                lock = FolderLock(self._folder)
            except StorageBusy:
                return False
            try:
                self._owner = OwnedIndex(
                    self._folder,
                    lock,
                    self._catalog,
                    self._generation,
                    chroma=self._chroma,
                    on_level=self._on_level,
                )
            except BaseException:
                lock.release()
                raise
            answers: dict[str, Callable[..., Any]] = {
                "follow": self._owner.follow,
                "nearest": self._owner.nearest,
                "held": self._owner.held,
                "wake": self._on_wake,
            }
            with suppress(
                OSError
            ):  # a file system without sockets: others compare exactly, and are polled for
                self._server = OwnerServer(self._folder, answers)
            return True

    def follow(self) -> None:
        self._ask("follow")

    def wake(self) -> str:
        """Ask the owner for vectors; return why it makes none, if so."""
        return str(self._on_wake() if self._owner else self._ask("wake"))

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        if self._owner is None:
            try:
                found = self._client.call(
                    "nearest", library, list(map(float, vector)), limit, seconds=NEAREST_SECONDS
                )
                return [Hit(*hit) for hit in found]
            except OwnerGone:
                if not self.become_owner():
                    with self._catalog.read() as db:
                        return contents.nearest_exactly(db, self._generation, library, vector, limit)
        assert self._owner is not None
        return self._owner.nearest(library, vector, limit)

    def matching(
        self, query: str, limit: int, *, libraries: Sequence[str], documents: Sequence[str]
    ) -> list[Hit]:
        return self._current_words().matching(query, limit, libraries=libraries, documents=documents)

    def scores(self, query: str, chunk_ids: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        return self._current_words().scores(query, chunk_ids, libraries=libraries)

    def rarity(self, terms: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        return self._current_words().rarity(terms, libraries=libraries)

    def held(self, library: str, document_id: str, chunk_ids: Sequence[str]) -> tuple[int, int]:
        words, vectors = self._ask("held", library, document_id, list(chunk_ids))
        return words, vectors

    def close(self) -> None:
        with self._becoming:
            self._closed = True
            if self._server is not None:
                self._server.close()
            if self._owner is not None:
                self._owner.close()
            self._client.close()
            if self._position is not None:
                self._position.close()

    def _ask(self, name: str, *arguments: Any) -> Any:
        """Do something in the process that owns the index, this one or another."""
        until = time.monotonic() + OPENING_SECONDS
        while self._owner is None:
            try:
                return self._client.call(name, *arguments)
            except OwnerGone:
                if not self.become_owner():
                    if time.monotonic() > until:
                        raise StorageBusy(
                            "{folder} is in use by another Docent, which has not accepted calls for "
                            "{seconds:.0f} s. Stop it and try again.",
                            folder=self._folder,
                            seconds=OPENING_SECONDS,
                        ) from None
                    time.sleep(ASK_SECONDS)
        return self._on_wake() if name == "wake" else getattr(self._owner, name)(*arguments)

    def _current_words(self) -> WordIndex:
        """Return the words as they are now, also as another process wrote them."""
        if self._owner is not None:
            return self._owner.words
        with self._refreshing:
            if self._words is None or self._position is None:
                self._position = PositionFile(self._folder, WORDS)
                self._words_seen = self._position.read()
                self._words = WordIndex(self._folder / WORDS, read_only=True)
            elif (position := self._position.read()) != self._words_seen:
                self._words_seen = position
                self._words.refresh()
            return self._words


def chroma_name(store: str, generation: int) -> str:
    """Return the name under which a Chroma server knows a generation; version 0.1 knew one only."""
    return store if generation == 1 else f"{store}-{generation}"


def discard_index(folder: Path) -> None:
    """Remove words and vectors, which are written again from the catalog when they are used."""
    for part in (CHROMA, WORDS):
        position = PositionFile(folder, part)
        _discard(folder / part, position)
        position.close()


def _discard(folder: Path, position: PositionFile) -> None:
    """Remove a part of an index that is damaged or not wanted."""
    position.write("")
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)
