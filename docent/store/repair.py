"""Bring words and vectors in step with the catalog, from which both can be written again."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from docent.errors import DamagedStore
from docent.store.catalog import Catalog
from docent.store.originals import Originals
from docent.store.packing import unpack_vectors
from docent.store.protocols import VectorIndex
from docent.store.rows import CHUNKS, CHUNKS_WITH_TEXT, DOCUMENTS, chunks_of, keys_of
from docent.store.vectors import ChromaVectors
from docent.store.word_index import WordIndex
from docent.types import Chunk

log = logging.getLogger(__name__)
AT_ONCE = 2000
LINKS = 140  # bytes for a vector in a graph, besides the vector itself
SMALL_GRAPHS = 500_000
PROBED = 10


class IndexGap(NamedTuple):
    """The difference between an index and the catalog, in chunks."""

    missing: int
    left_over: int

    @classmethod
    def between(cls, wanted: set[str], indexed: set[str]) -> IndexGap:
        return cls(len(wanted - indexed), len(indexed - wanted))

    def __str__(self) -> str:
        return f"{self.missing} missing, {self.left_over} too many"

    @property
    def sound(self) -> bool:
        return not self.missing and not self.left_over


def open_vectors(folder: Path, *, anew: bool) -> ChromaVectors:
    """Open the vectors in a folder; replace them by an empty index when they are damaged."""
    if anew:
        _discard(folder)
    try:
        return ChromaVectors(folder, name="docent", url="")
    except DamagedStore as error:
        log.warning("%s", error)
        _discard(folder)
        return ChromaVectors(folder, name="docent", url="")


def open_words(folder: Path, *, anew: bool) -> WordIndex:
    """Open the words in a folder; replace them by an empty index when they are damaged."""
    if anew:
        _discard(folder)
    try:
        return WordIndex(folder)
    except DamagedStore:
        log.warning("The word index in %s was damaged. It is written again from the catalog.", folder)
        _discard(folder)
        return WordIndex(folder)


def _discard(folder: Path) -> None:
    if folder.exists():
        log.warning("%s is not as it was left, so it is written again from the catalog.", folder)
        shutil.rmtree(folder)


def libraries(catalog: Catalog) -> list[str]:
    with catalog.read() as db:
        return [str(name) for (name,) in db.execute("SELECT name FROM libraries")]


def chunk_ids(catalog: Catalog) -> set[str]:
    with catalog.read() as db:
        return {key.hex() for (key,) in db.execute("SELECT id FROM chunks")}


def embedded(catalog: Catalog, library: str) -> set[str]:
    """Return the ids of the chunks whose vector is in the catalog."""
    with catalog.read() as db:
        rows = db.execute(
            f"SELECT c.id FROM {CHUNKS} JOIN vectors v ON v.chunk = c.n WHERE l.name = ?", (library,)
        )
        return {key.hex() for (key,) in rows}


def mend_vectors(catalog: Catalog, vectors: VectorIndex, library: str) -> IndexGap:
    """Delete vectors without a chunk, and write the missing ones from the catalog."""
    wanted, indexed = embedded(catalog, library), vectors.chunk_ids(library)
    vectors.drop(library, sorted(indexed - wanted))
    for some in _batches(sorted(wanted - indexed)):
        ids, rows = _vectors_of(catalog, some)
        vectors.put(library, ids, rows)
    return IndexGap.between(wanted, indexed)


def is_wasteful(catalog: Catalog, vectors: ChromaVectors) -> bool:
    """Return True if most of the graphs is deleted vectors: Chroma never reuses their space."""
    with catalog.read() as db:
        count, width = db.execute("SELECT count(*), coalesce(max(length(data)), 0) FROM vectors").fetchone()
    needed = count * (width * 2 + LINKS)  # the catalog has 2 bytes for each number, a graph 4
    return vectors.graph_bytes() > SMALL_GRAPHS + 2 * int(needed)


def answers_well(catalog: Catalog, vectors: VectorIndex, library: str) -> bool:
    """Return True if the index finds as many as it should; a graph that lost its file finds only new ones."""
    with catalog.read() as db:
        row = db.execute(
            f"SELECT v.data FROM {CHUNKS} JOIN vectors v ON v.chunk = c.n WHERE l.name = ? LIMIT 1",
            (library,),
        ).fetchone()
    if row is None:
        return True
    try:
        found = vectors.nearest(library, unpack_vectors([row[0]])[0].tolist(), PROBED)
        return len(found) == min(PROBED, vectors.count(library))
    except DamagedStore:
        return False


def mend_words(catalog: Catalog, words: WordIndex) -> IndexGap:
    """Delete documents that are too many, and write those that lack a chunk; all of them if that fails."""
    gap = IndexGap.between(chunk_ids(catalog), words.chunk_ids())
    if gap.sound:
        return gap
    with catalog.read() as db:
        held = dict(db.execute(f"SELECT d.id, l.name FROM {DOCUMENTS} WHERE d.chunks > 0").fetchall())
        owners = {key.hex(): document for document, key in db.execute(f"SELECT d.id, c.id FROM {CHUNKS}")}
    missing = owners.keys() - words.chunk_ids()
    words.drop(words.document_ids() - held.keys())
    _write(catalog, words, {owners[chunk_id]: held[owners[chunk_id]] for chunk_id in missing})
    if words.chunk_ids() != owners.keys():
        words.clear()
        _write(catalog, words, held)
    return gap


def _write(catalog: Catalog, words: WordIndex, documents: Mapping[str, str]) -> None:
    for document, library in documents.items():
        with catalog.read() as db:
            (language,) = db.execute("SELECT language FROM documents WHERE id = ?", (document,)).fetchone()
        words.put(document, library, _chunks(catalog, document), language=language)
    words.commit()


def sweep_originals(catalog: Catalog, originals: Originals, *, besides: set[str]) -> None:
    """Remove files that no document came from, whole or half copied, besides those named."""
    originals.sweep_parts()
    with catalog.read() as db:
        kept = {sha256 for (sha256,) in db.execute("SELECT sha256 FROM documents")}
    for sha256 in set(originals.held()) - kept - besides:
        originals.drop(sha256)


def lost_originals(catalog: Catalog, kept: Collection[str]) -> list[str]:
    """Return the names of the documents whose original is missing."""
    with catalog.read() as db:
        rows = db.execute("SELECT name, sha256 FROM documents ORDER BY name").fetchall()
    return [name for name, sha256 in rows if sha256 not in kept]


def _chunks(catalog: Catalog, document: str) -> list[Chunk]:
    with catalog.read() as db:
        rows = db.execute(f"{CHUNKS_WITH_TEXT} WHERE d.id = ? ORDER BY c.n", (document,)).fetchall()
    return chunks_of(rows)


def _vectors_of(catalog: Catalog, chunk_ids: list[str]) -> tuple[list[str], list[list[float]]]:
    keys, marks = keys_of(chunk_ids)
    with catalog.read() as db:
        rows = db.execute(
            f"SELECT c.id, v.data FROM chunks c JOIN vectors v ON v.chunk = c.n WHERE c.id IN ({marks})", keys
        ).fetchall()
    return [key.hex() for key, _ in rows], unpack_vectors([data for _, data in rows]).tolist()


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(itertools.islice(rest, AT_ONCE)):
        yield some
