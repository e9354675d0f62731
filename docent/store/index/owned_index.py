"""Words and vectors in the process that writes them, with what guards their files between two starts.

Chroma trusts its own files: one altered block of its graph ends the process (signal 11), and with a lost
folder it answers from what is left without an error. So checksums of the files are recorded when they are
closed, and compared before they are opened.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from pathlib import Path

from docent.errors import DamagedStore, StoreError
from docent.store.catalog import changes, contents
from docent.store.index.followers import CatalogContent, Follower, PositionFile
from docent.store.index.vectors import ChromaVectors
from docent.store.index.word_index import WordIndex
from docent.store.locks import FolderLock, InUse
from docent.store.protocols import Catalog, DerivedIndex, Hit, StoreContents

log = logging.getLogger(__name__)
CHROMA, WORDS = "chroma", "words"
BEAT_SECONDS = 2.0
LONG = 1000  # changes that were followed and are still in the log
LINKS = 140  # bytes for a vector in a graph, besides the vector itself
SMALL_GRAPHS = 500_000
BLOCK = 1 << 22  # read at once for a checksum
CHECKSUMS = "in-step"


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
        on_level: Callable[[bool], None],
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._catalog = catalog
        self._generation = generation
        self._name, self._url = chroma
        self._on_level = on_level
        self._content = CatalogContent(catalog, generation)
        self._following = threading.Lock()
        self._using = InUse()  # Chroma must not be closed under a query
        self._failure: StoreError | None = None
        self._compacting = False
        self._closed = False
        self._untrimmed = False
        """Something was deleted whose change others have not followed yet, so it is still in the log."""
        self._beat = 0.0
        self._followers: dict[str, Follower] = {}
        self._positions = {part: PositionFile(folder, part) for part in (CHROMA, WORDS)}
        self._checksums = IndexChecksums(folder, parts=(CHROMA, WORDS))
        trust = self._checksums.check()
        if self._url:
            shutil.rmtree(folder / CHROMA, ignore_errors=True)
        with ExitStack() as on_failure:
            try:
                self.words = self._open_words(trust[WORDS])
                on_failure.callback(self.words.close)
                self._open_vectors(Trust.UNSURE if self._url else trust[CHROMA])
            except KeyboardInterrupt:
                self._checksums.mark_opened()  # opening was interrupted, and did not kill the process
                raise
            on_failure.pop_all()
        self._checksums.mark_opened()

    @property
    def behind(self) -> bool:
        """True while Chroma lacks something, so that the catalog answers in its place."""
        return self._failure is not None or self._compacting

    def follow(self) -> None:
        """Bring both level with the change log; where Chroma fails, it gets what it missed later."""
        with self._following:
            if self._closed:  # the next one that opens it catches up
                return
            dropped = self._word_follower.catch_up()
            if not self._compacting:
                self._catch_up_vectors()
        self._untrimmed = self._untrimmed or dropped
        self._beat = 0.0
        self.beat()
        self._on_level(dropped)

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        failure = None
        if not self.behind:
            try:
                with self._using():
                    if not self._closed:  # else another generation serves now
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
        with self._opened():
            return self.words.held([document_id]), self._vectors.held(library, chunk_ids)

    def contents(self) -> StoreContents:
        """Return the ids of what words and vectors hold."""
        with self._opened():
            libraries = self._content.libraries()
            vectors = {name: self._vectors.chunk_ids(name) for name in libraries}
            return StoreContents(vectors, self.words.chunk_ids())

    def compare(self) -> list[str]:
        """Return each difference to the catalog in a sentence, id by id, while nobody writes."""
        with self._catalog.write() as db, self._following:
            self._word_follower.catch_up()
            if not self.behind:
                self._catch_up_vectors()
            embedded = contents.embedded_chunk_ids(db, self._generation)
            chunks = contents.every_chunk_id(db, self._generation)
            there = self.contents()
        pairs = {
            f"vectors of {name}": (embedded.get(name, set()), ids) for name, ids in there.vectors.items()
        }
        pairs["words"] = chunks, there.words
        complaints = [
            f"{name}: {len(expected - indexed)} missing, {len(indexed - expected)} too many"
            for name, (expected, indexed) in pairs.items()
            if expected != indexed
        ]
        if self.behind:
            complaints.append("vectors: Chroma lacks some, so the catalog answers in its place, more slowly")
        return complaints

    def write_anew(self) -> None:
        with self._following:
            self._word_follower.write_anew()
            self._vector_follower.write_anew()
            self._failure = None

    def tidy(self) -> None:
        self._compact()
        self._trim()

    def beat(self) -> None:
        if time.monotonic() - self._beat < BEAT_SECONDS:
            return
        self._beat = time.monotonic()
        if self._untrimmed:  # names of libraries are in the log, and perhaps those of their owners
            self._untrimmed = not self._trim(1)
        else:
            self._catalog.followed_by_all(self._generation, self._level())

    def _hold(self, position: int) -> None:
        """Keep the changes after a position in the log, while words or vectors are written anew."""
        if position < 0 or time.monotonic() - self._beat > BEAT_SECONDS:
            self._beat = time.monotonic()
            others = [one.position for one in self._followers.values() if one.position >= 0]
            self._catalog.followed_by_all(self._generation, min([position, *others]))

    def _level(self) -> int:
        return min(one.position for one in self._followers.values())

    def _compact(self) -> None:
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

    def _trim(self, least: int = LONG) -> bool:
        """Remove the changes that all have followed from the log, once there are so many.

        Return False where something is left that other processes, or this one, have not followed.
        """
        own = self._level()
        level = self._catalog.followed_by_all(self._generation, own)
        with self._catalog.read() as db:
            long = changes.count_up_to(db, self._generation, level) >= least
        if long:
            with self._catalog.write() as db:
                changes.trim(db, self._generation, level)
        return 0 <= own <= level

    def close(self) -> None:
        with suppress(StoreError):
            self.follow()
        with self._following:
            self._closed = True
            self._using.wait()
            self._vectors.close()
            self.words.close()
            with suppress(StoreError, OSError):  # on a full disk the next start compares
                self._word_follower.note()
                self._vector_follower.note()
            with suppress(OSError):
                self._checksums.record(
                    distrusted=frozenset({CHROMA}) if self._url or self.behind else frozenset()
                )
        self._lock.release()

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Keep it open for the block. Raises StoreError if it is closed, as after a switch."""
        with self._using():
            if self._closed:
                raise StoreError("Another process has exchanged the index meanwhile. Run this again.")
            yield

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
            whole = self._word_follower.is_whole()
        except (DamagedStore, ValueError) as error:
            log.warning("%s", error)
            whole = False
        if not whole:
            log.warning("%s is written again from the catalog.", folder)
            words.close()
            _discard(folder, self._positions[WORDS])
            words = WordIndex(folder)
            self._word_follower = self._follower(words, WORDS)
            self._word_follower.catch_up()
        return words

    def _open_vectors(self, trust: Trust) -> None:
        if trust is Trust.BROKEN:
            _discard(self._folder / CHROMA, self._positions[CHROMA])
        with ExitStack() as on_failure:
            on_failure.callback(self._close_vectors)
            try:
                self._connect_vectors()
                whole = self._vector_follower.is_whole() and not self._is_wasteful()
            except DamagedStore as error:
                log.warning("%s", error)
                whole = False
            if not whole:
                log.warning("%s is written again from the catalog.", self._folder / CHROMA)
                self._close_vectors()
                if not self._url:
                    _discard(self._folder / CHROMA, self._positions[CHROMA])
                self._connect_vectors()
                self._vector_follower.write_anew()
            on_failure.pop_all()

    def _close_vectors(self) -> None:
        if hasattr(self, "_vectors"):
            self._vectors.close()

    def _connect_vectors(self) -> None:
        name = chroma_name(self._name, self._generation) if self._url else "docent"
        self._vectors = ChromaVectors(self._folder / CHROMA, name=name, url=self._url)
        self._vector_follower = self._follower(self._vectors, CHROMA)

    def _follower(self, index: DerivedIndex, part: str) -> Follower:
        self._followers[part] = Follower(
            index, self._positions[part], self._catalog, self._generation, hold=self._hold
        )
        return self._followers[part]

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


class Trust(Enum):
    """The state of an index as known before it is opened."""

    SOUND = "as it was left"
    UNSURE = "not closed, so it catches up with the log and is counted"
    BROKEN = "altered or lost, so it is written again"


class IndexChecksums:
    """The recorded checksums of storage/index; they are valid only while the store is closed."""

    def __init__(self, index: Path, *, parts: tuple[str, ...]) -> None:
        self._index = index
        self._file = index / CHECKSUMS
        self._opening = index / "opening"
        self._parts = parts

    def check(self) -> dict[str, Trust]:
        """Return the state of each part, and remove the record: from now on the files change."""
        found = {part: self._trust(part) for part in self._parts}
        self._file.unlink(missing_ok=True)
        self._opening.touch()
        return found

    def mark_opened(self) -> None:
        """Note that every part was opened and read without killing the process."""
        self._opening.unlink(missing_ok=True)

    def record(self, *, distrusted: frozenset[str] = frozenset()) -> None:
        """Record the checksums of all parts but those named, once everything is closed."""
        marks = {part: self._checksums(part) if part not in distrusted else None for part in self._parts}
        part_file = self._file.with_suffix(".part")
        part_file.write_text(json.dumps(marks))
        part_file.replace(self._file)

    def _trust(self, part: str) -> Trust:
        if not self._file.exists():
            # A process that died while opening may have died of what it opened.
            return Trust.BROKEN if self._opening.exists() else Trust.UNSURE
        try:
            mark = json.loads(self._file.read_text())[part]
        except (ValueError, KeyError, TypeError):
            return Trust.UNSURE
        return Trust.SOUND if mark is not None and mark == self._checksums(part) else Trust.BROKEN

    def _checksums(self, part: str) -> dict[str, int]:
        """Return a checksum for every file of a part; 1 GB takes a second."""
        folder = self._index / part
        return {
            str(path.relative_to(folder)): _checksum(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.endswith(".lock")
        }


def _checksum(path: Path) -> int:
    found = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            found = zlib.crc32(block, found)
    return found ^ (os.stat(path).st_size << 32)


def chroma_name(store: str, generation: int) -> str:
    """Return the name under which a Chroma server knows a generation; version 0.1 knew one only."""
    return store if generation == 1 else f"{store}-{generation}"


def discard_index(folder: Path) -> None:
    """Remove words and vectors, which are written again from the catalog when they are used."""
    for part in (CHROMA, WORDS):
        _discard(folder / part, PositionFile(folder, part))


def _discard(folder: Path, position: PositionFile) -> None:
    """Remove a part of an index that is damaged or not wanted."""
    position.write("")
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)
