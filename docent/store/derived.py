"""Opening what is derived from the catalog: whatever is damaged or behind is mended, not complained of."""

from __future__ import annotations

import logging
import shutil
import uuid
from pathlib import Path
from typing import NamedTuple

from docent.errors import DamagedStore
from docent.store.catalog import Catalog
from docent.store.mending import (
    Step,
    answers_well,
    is_wasteful,
    libraries,
    mend_vectors,
    mend_words,
    open_vectors,
    open_words,
    step_of_vectors,
    step_of_words,
)
from docent.store.nearby import Nearby
from docent.store.seal import Seal, Trust
from docent.store.vectors import Vectors
from docent.store.words import Words

log = logging.getLogger(__name__)
CHROMA, WORDS = "chroma", "words"


class Derived(NamedTuple):
    vectors: Nearby
    words: Words
    seal: Seal
    was_closed: bool
    """By its last owner, so that nothing can be left over."""

    def steps(self, catalog: Catalog) -> list[tuple[str, Step]]:
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
            self.seal.set(distrusted=distrusted)


def open_derived(index: Path, catalog: Catalog, *, chroma_url: str) -> Derived:
    seal = Seal(index, parts=(CHROMA, WORDS))
    trust = seal.broken()
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
            seal.opened()  # by somebody who was stopped, and did not die of it
        raise
    seal.opened()
    nearby = Nearby(vectors, catalog, served=bool(chroma_url))
    return Derived(nearby, words, seal, trust[WORDS] is Trust.SOUND)


def _kept(folder: Path, catalog: Catalog, trust: Trust) -> Vectors:
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


def _in_step(catalog: Catalog, vectors: Vectors) -> bool:
    try:
        for library in libraries(catalog):
            mend_vectors(catalog, vectors, library)
    except DamagedStore as error:
        log.warning("%s", error)
        return False
    return all(answers_well(catalog, vectors, library) for library in libraries(catalog))


def _served(catalog: Catalog, url: str) -> Vectors:
    """On a server every store has collections of its own, by a name that is kept in its catalog."""
    name = catalog.value("name")
    if not name:
        name = uuid.uuid4().hex
        catalog.set_value("name", name)
    vectors = Vectors(Path(), name=name, url=url)
    for library in libraries(catalog):
        mend_vectors(catalog, vectors, library)
    return vectors
