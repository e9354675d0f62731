"""The store: originals, words and vectors follow the catalog.

A document is visible in the one transaction that writes it, after its words are in place; its vectors
follow. What a killed process left over in a derived index is in no catalog row, answers nothing, and is
swept at the next start, when damaged or outdated indexes are repaired.
"""

from __future__ import annotations

import logging
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from docent.errors import DamagedStore, IndexMismatch, StoreError
from docent.store.catalog import Catalog
from docent.store.checksums import IndexChecksums, Trust
from docent.store.index_swap import settle
from docent.store.locks import FolderLock
from docent.store.old_index import kept_elsewhere, sweep_unfinished
from docent.store.originals import Originals
from docent.store.personal_documents import PersonalStore
from docent.store.repair import (
    IndexGap,
    answers_well,
    chunk_ids,
    embedded,
    is_wasteful,
    libraries,
    lost_originals,
    mend_vectors,
    mend_words,
    open_vectors,
    open_words,
    sweep_originals,
)
from docent.store.vector_fallback import VectorFallback
from docent.store.vectors import ChromaVectors
from docent.store.word_index import WordIndex

log = logging.getLogger(__name__)
CHROMA, WORDS = "chroma", "words"


class DerivedIndexes(NamedTuple):
    """Words and vectors, both derived from the catalog."""

    vectors: VectorFallback
    words: WordIndex
    checksums: IndexChecksums
    was_closed: bool
    """True if the last owner closed it in order, so that nothing can be left over."""

    def mend(self, catalog: Catalog) -> None:
        """Bring both in step with the catalog."""
        self.vectors.catch_up()
        mend_words(catalog, self.words)

    def close(self, *, in_step: bool) -> None:
        """Close both after the catalog's last write, and record their checksums if they are in step.

        After an interrupted change nothing is recorded: the next start compares every id, as after a kill.
        """
        kept = not (self.vectors.served or self.vectors.behind)
        distrusted = frozenset[str]() if kept else frozenset({CHROMA})
        self.vectors.close()
        self.words.close()
        if in_step:
            self.checksums.record(distrusted=distrusted)


def open_indexes(index: Path, catalog: Catalog, *, chroma_url: str) -> DerivedIndexes:
    checksums = IndexChecksums(index, parts=(CHROMA, WORDS))
    trust = checksums.check()
    words = open_words(index / WORDS, anew=trust[WORDS] is Trust.BROKEN)
    try:
        # Words without entries may replace those of another version.
        if trust[WORDS] is not Trust.SOUND or not words.count():
            mend_words(catalog, words)
        if chroma_url:
            shutil.rmtree(index / CHROMA, ignore_errors=True)
            vectors = _served(catalog, chroma_url)
        else:
            vectors = _kept(index / CHROMA, catalog, trust[CHROMA])
    except BaseException as error:
        words.close()
        if isinstance(error, KeyboardInterrupt):
            checksums.mark_opened()  # opening was interrupted, and did not kill the process
        raise
    checksums.mark_opened()
    fallback = VectorFallback(vectors, catalog, served=bool(chroma_url))
    return DerivedIndexes(fallback, words, checksums, trust[WORDS] is Trust.SOUND)


def _kept(folder: Path, catalog: Catalog, trust: Trust) -> ChromaVectors:
    there = libraries(catalog)  # first: if the catalog is damaged, nothing is open yet
    vectors = open_vectors(folder, anew=trust is Trust.BROKEN)
    wasteful = is_wasteful(catalog, vectors)
    if trust is Trust.SOUND and not wasteful and any(vectors.count(library) for library in there):
        return vectors
    try:
        if wasteful or not _in_step(catalog, vectors):
            vectors.close()
            if wasteful:
                shutil.rmtree(folder)
            vectors = open_vectors(folder, anew=not wasteful)
            for library in there:
                mend_vectors(catalog, vectors, library)
    except BaseException:
        vectors.close()
        raise
    return vectors


def _in_step(catalog: Catalog, vectors: ChromaVectors) -> bool:
    try:
        for library in libraries(catalog):
            mend_vectors(catalog, vectors, library)
    except DamagedStore as error:
        log.warning("%s", error)
        return False
    return all(answers_well(catalog, vectors, library) for library in libraries(catalog))


def _served(catalog: Catalog, url: str) -> ChromaVectors:
    """Open the vectors on a server, in collections of this store by a name that its catalog keeps."""
    name = catalog.value("name")
    if not name:
        name = uuid.uuid4().hex
        catalog.set_value("name", name)
    vectors = ChromaVectors(Path(), name=name, url=url)
    for library in libraries(catalog):
        mend_vectors(catalog, vectors, library)
    return vectors


class StoreContents(NamedTuple):
    """Everything that follows the catalog, by its ids."""

    vectors: dict[str, set[str]]
    """Ids of the chunks that have a vector, by library."""
    words: set[str]
    """Ids of the chunks in the word index."""
    originals: set[str]
    """SHA-256 of every original."""


class Store(PersonalStore):
    """Everything at rest. Thread-safe."""

    def __init__(self, folder: Path, *, fingerprint: str, chroma_url: str = "") -> None:
        self.folder = folder
        self._lock = FolderLock(folder)
        try:
            settle(folder, fingerprint=fingerprint, chroma_url=chroma_url)
            self._open(fingerprint, chroma_url)
        except BaseException:
            self._lock.release()
            raise

    @property
    def owned(self) -> bool:
        """True if this process owns the folder."""
        return True

    def complaints(self) -> list[str]:
        """Return each inconsistency as a sentence; an empty list when there is none."""
        with self._catalog.write_lock:
            complaints = [f"the catalog: {line}" for line in self._catalog.complaints()]
            contents = self.contents()
            gaps = {
                f"vectors of {library}": IndexGap.between(embedded(self._catalog, library), indexed)
                for library, indexed in contents.vectors.items()
            }
            gaps["words"] = IndexGap.between(chunk_ids(self._catalog), contents.words)
            lost = lost_originals(self._catalog, contents.originals)
        complaints += [f"{name}: {gap}" for name, gap in gaps.items() if not gap.sound]
        if self.vectors_behind():
            complaints.append("vectors: Chroma lacks some, so the catalog answers in its place, more slowly")
        return complaints + ([f"originals missing: {', '.join(lost[:5])}"] if lost else [])

    def contents(self) -> StoreContents:
        """Return what words, vectors and originals hold, to compare it with the catalog."""
        vectors = {library: self._vectors.chunk_ids(library) for library in libraries(self._catalog)}
        return StoreContents(vectors, self._words.chunk_ids(), set(self._originals.held()))

    def vectors_behind(self) -> bool:
        """Return True while Chroma lacks vectors that the catalog has, which then answers in its place."""
        return self._vectors.behind

    def mend(self) -> None:
        """Bring words and vectors in step with the catalog."""
        with self._catalog.write_lock:
            self._derived.mend(self._catalog)

    def save(self) -> None:
        """Free unused space and take a snapshot; called when nothing has changed for a while."""
        self._derived.vectors.compact()
        self._catalog.save()

    def close(self) -> None:
        self._derived.close(in_step=not self._catalog.write_lock.interrupted)
        self._save_quietly()
        self._catalog.close()
        self._lock.release()

    def _open(self, fingerprint: str, chroma_url: str) -> None:
        """Open the index that is in place now."""
        index = self.folder / "index"
        self._clear_caches()
        self._catalog = Catalog(index / "catalog.db")
        try:
            self._check(fingerprint)
            self._originals = Originals(self.folder / "originals")
            self._derived = open_indexes(index, self._catalog, chroma_url=chroma_url)
        except BaseException:
            self._catalog.close()
            raise
        self._vectors, self._words = self._derived.vectors, self._derived.words
        if not self._derived.was_closed:
            kept = kept_elsewhere(self.folder)
            sweep_originals(self._catalog, self._originals, besides=kept)
            sweep_unfinished(self.folder, {*kept, *self._originals.held()})
            self._purge()

    def _save_quietly(self) -> None:
        """Take a snapshot, and ignore a catalog that cannot be read: that was reported before."""
        with suppress(StoreError):
            self._catalog.save()

    def _check(self, fingerprint: str) -> None:
        stored = self._catalog.value("fingerprint")
        if stored and stored != fingerprint:
            raise IndexMismatch(
                "storage/ was indexed with {stored}; settings ask for {fingerprint}. Run: python "
                "ingest.py --rebuild",
                stored=stored,
                fingerprint=fingerprint,
            )
        if not stored:
            self._catalog.set_value("fingerprint", fingerprint)
