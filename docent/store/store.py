"""The store: the catalog is the truth, originals, words and vectors follow it.

A document is visible in the one transaction that writes it, after its words are in place; its
vectors follow. What a killed process left over in a derived index is in no catalog row, answers
nothing, and is swept at the next start.
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
    is_wasteful,
    libraries,
    lost_originals,
    mend_vectors,
    mend_words,
    open_vectors,
    open_words,
    step_of_vectors,
    step_of_words,
    sweep_originals,
)
from docent.store.vector_fallback import VectorFallback
from docent.store.vectors import ChromaVectors
from docent.store.word_index import WordIndex

log = logging.getLogger(__name__)
CHROMA, WORDS = "chroma", "words"


class DerivedIndexes(NamedTuple):
    vectors: VectorFallback
    words: WordIndex
    checksums: IndexChecksums
    was_closed: bool
    """By its last owner, so that nothing can be left over."""

    def steps(self, catalog: Catalog) -> list[tuple[str, IndexGap]]:
        """How far each is from the catalog, by name."""
        there = libraries(catalog)
        found = [(f"vectors of {name}", step_of_vectors(catalog, self.vectors, name)) for name in there]
        return [*found, ("words", step_of_words(catalog, self.words))]

    def mend(self, catalog: Catalog) -> None:
        """Bring both in step with the catalog."""
        self.vectors.catch_up()
        mend_words(catalog, self.words)

    def close(self, *, in_step: bool) -> None:
        """After the catalog's last write: what is found like this at the next start need not be compared.

        Unless somebody was stopped in the middle of a change: then it is, as after a kill.
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
        if trust[WORDS] is not Trust.SOUND or not words.count():  # empty: of another version, thrown away
            mend_words(catalog, words)
        if chroma_url:
            shutil.rmtree(index / CHROMA, ignore_errors=True)
            vectors = _served(catalog, chroma_url)
        else:
            vectors = _kept(index / CHROMA, catalog, trust[CHROMA])
    except BaseException as error:
        words.close()
        if isinstance(error, KeyboardInterrupt):
            checksums.mark_opened()  # by somebody who was stopped, and did not die of it
        raise
    checksums.mark_opened()
    index = VectorFallback(vectors, catalog, served=bool(chroma_url))
    return DerivedIndexes(index, words, checksums, trust[WORDS] is Trust.SOUND)


def _kept(folder: Path, catalog: Catalog, trust: Trust) -> ChromaVectors:
    there = libraries(catalog)  # first: should the catalog be damaged, nothing is open yet
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
    """On a server every store has collections of its own, by a name that is kept in its catalog."""
    name = catalog.value("name")
    if not name:
        name = uuid.uuid4().hex
        catalog.set_value("name", name)
    vectors = ChromaVectors(Path(), name=name, url=url)
    for library in libraries(catalog):
        mend_vectors(catalog, vectors, library)
    return vectors


class Store(PersonalStore):
    """Everything at rest. Every method may be called from any thread."""

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
        """Whether this process is the one that works on the folder."""
        return True

    def complaints(self) -> list[str]:
        """What does not hold together here, in words; empty when everything does."""
        with self._catalog.write_lock:
            found = [f"the catalog: {line}" for line in self._catalog.complaints()]
            steps = self._derived.steps(self._catalog)
            found += [f"{name}: {step}" for name, step in steps if not step.sound]
        lost = lost_originals(self._catalog, self._originals)
        return found + ([f"originals missing: {', '.join(lost[:5])}"] if lost else [])

    def mend(self) -> None:
        """Bring words and vectors in step with the catalog."""
        with self._catalog.write_lock:
            self._derived.mend(self._catalog)

    def save(self) -> None:
        """Called when nothing has changed for a while: room is made, and a snapshot taken of the catalog."""
        self._derived.vectors.compact()
        self._catalog.save()

    def close(self) -> None:
        self._derived.close(in_step=not self._catalog.write_lock.interrupted)
        self._save_quietly()
        self._catalog.close()
        self._lock.release()

    def _open(self, fingerprint: str, chroma_url: str) -> None:
        """The index that is in place now."""
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
        """A catalog that cannot be read was complained of before; it is closed all the same."""
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
