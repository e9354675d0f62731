"""The lexical index: every library's words on a shelf of its own.

How telling a word is, and how long pieces are, is counted in the libraries that are asked and nowhere else,
so that nobody learns from an order or a score what stands in a library they may not read.

It holds nothing of its own: whatever is here can be written again from the catalog.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from docent.store.languages import asked
from docent.store.protocols import Hit
from docent.store.shelf import Known, Shelf
from docent.types import Chunk

GONE = ".gone"


class Words:
    """Chunks by their words, and documents by id and library.

    It knows nothing of owners, versions or states: the store asks it only about what may be seen. Calls come
    from several threads; one thread writes at a time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._writing = threading.Lock()
        if (folder / "meta.json").exists():  # one index for all libraries, as it was once
            shutil.rmtree(folder)
        for left in folder.glob(f"*{GONE}"):
            shutil.rmtree(left)
        self._shelves = {path.name: Shelf(path) for path in sorted(folder.glob("*")) if path.is_dir()}

    def put(self, document_id: str, library: str, chunks: Sequence[Chunk], *, language: str) -> None:
        """Index a document's chunks, in place of any that were indexed for it before."""
        label = _label(library)
        with self._writing:
            if label not in self._shelves:
                self._shelves = {**self._shelves, label: Shelf(self._folder / label)}
            self._shelves[label].put(document_id, chunks, language=language)

    def drop(self, document_ids: Iterable[str]) -> None:
        """Forget these documents; unknown ids are ignored."""
        ids = list(document_ids)
        with self._writing:
            for shelf in self._shelves.values():
                shelf.drop(ids)

    def clear(self) -> None:
        with self._writing:
            for shelf in self._shelves.values():
                shelf.clear()

    def commit(self) -> None:
        """Make everything put and dropped so far durable and visible to searches."""
        with self._writing:
            written = [label for label, shelf in self._shelves.items() if shelf.changed]
            for label in written:
                self._shelves[label].commit()
            for label, shelf in list(self._shelves.items()):
                if label in written and not shelf.count():
                    self._remove(label)
                elif written and label != written[-1]:
                    shelf.rest()  # only the library written last is likely to be written next

    def close(self) -> None:
        """Let go of the folder; what was not committed is forgotten."""
        with self._writing:
            for shelf in self._shelves.values():
                shelf.rest()

    def matching(
        self, query: str, limit: int, *, libraries: Sequence[str], documents: Sequence[str]
    ) -> list[Hit]:
        """Chunks by BM25, within these libraries and, unless that is empty, these documents."""
        return self._best(query, limit, libraries, documents=documents, chunks=())

    def scores(self, query: str, chunk_ids: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        """BM25 of those of the named chunks that match at all."""
        if not chunk_ids:
            return {}
        return dict(self._best(query, len(chunk_ids), libraries, documents=(), chunks=chunk_ids))

    def rarity(self, terms: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        return _rarity(self._known(terms, libraries).values(), terms)

    def count(self) -> int:
        """How many chunks are indexed; cheap."""
        return sum(shelf.count() for shelf in self._shelves.values())

    def chunk_ids(self) -> set[str]:
        return {chunk for shelf in self._shelves.values() for chunk in shelf.ids("chunk")}

    def document_ids(self) -> set[str]:
        return {document for shelf in self._shelves.values() for document in shelf.ids("whole")}

    def held(self, document_ids: Iterable[str]) -> int:
        """How many entries, of chunks or whole documents, are left of these documents."""
        ids = list(document_ids)
        return sum(shelf.held(ids) for shelf in self._shelves.values())

    def _best(
        self,
        query: str,
        limit: int,
        libraries: Sequence[str],
        *,
        documents: Sequence[str],
        chunks: Sequence[str],
    ) -> list[Hit]:
        known = self._known(asked(query), libraries)
        hits = [
            hit
            for shelf, terms in _weighed(known).items()
            for hit in shelf.matching(terms, limit, documents=documents, chunks=chunks)
        ]
        # Equal scores in the order of their ids: the same question always gets the same answer.
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]

    def _known(self, terms: Sequence[str], libraries: Sequence[str]) -> dict[Shelf, Known]:
        shelves = self._shelves
        labels = [_label(library) for library in libraries]
        return {shelves[label]: shelves[label].known(terms) for label in labels if label in shelves}

    def _remove(self, label: str) -> None:
        """With the last document of a library its dictionary goes, too."""
        self._shelves[label].rest()
        self._shelves = {other: shelf for other, shelf in self._shelves.items() if other != label}
        # Renamed first: half a folder, after a kill, would be taken for a damaged index.
        gone = self._folder / (label + GONE)
        (self._folder / label).rename(gone)
        shutil.rmtree(gone)


def _weighed(known: Mapping[Shelf, Known]) -> dict[Shelf, dict[str, float]]:
    """The terms that each shelf holds, with how much more telling they are in all of them than in itself."""
    terms = {term for one in known.values() for term, held in one.holding.items() if held}
    together = _rarity(known.values(), terms)
    found: dict[Shelf, dict[str, float]] = {}
    for shelf, one in known.items():
        alone = _rarity([one], terms) if len(known) > 1 else together
        # In the order of the question: a sum of the same numbers in another order is another sum.
        found[shelf] = {term: together[term] / alone[term] for term, held in one.holding.items() if held}
    return found


def _rarity(known: Iterable[Known], terms: Iterable[str]) -> dict[str, float]:
    counts = list(known)
    entries = sum(one.entries for one in counts)
    held = {term: sum(one.holding[term] for one in counts) for term in terms}
    # A term may be counted in more pieces than there are: deleted ones are forgotten a while later.
    return {term: math.log(1 + (max(entries - n, 0) + 0.5) / (n + 0.5)) for term, n in held.items()}


def _label(library: str) -> str:
    """A folder's name, whatever the library is called."""
    return hashlib.sha256(library.encode()).hexdigest()[:24]
