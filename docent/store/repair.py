"""Words and vectors brought in step with the catalog, from which both can be written again."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
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
LINKS = 140  # bytes of a vector's place in a graph, besides itself
SMALL_GRAPHS = 500_000
PROBED = 10


class IndexGap(NamedTuple):
    """How far an index is from the catalog, in chunks."""

    missing: int
    left_over: int

    def __str__(self) -> str:
        return f"{self.missing} missing, {self.left_over} too many"

    @property
    def sound(self) -> bool:
        return not self.missing and not self.left_over


def open_vectors(folder: Path, *, anew: bool) -> ChromaVectors:
    """The vectors in a folder; an empty index in its place when they cannot be opened."""
    if anew:
        _discard(folder)
    try:
        return ChromaVectors(folder, name="docent", url="")
    except DamagedStore as error:
        log.warning("%s", error)
        _discard(folder)
        return ChromaVectors(folder, name="docent", url="")


def open_words(folder: Path, *, anew: bool) -> WordIndex:
    """The words in a folder; an empty index in its place when they cannot be opened."""
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


def embedded(catalog: Catalog, library: str) -> set[str]:
    """Ids of the chunks whose vector the catalog has."""
    with catalog.read() as db:
        rows = db.execute(
            f"SELECT c.id FROM {CHUNKS} JOIN vectors v ON v.chunk = c.n WHERE l.name = ?", (library,)
        )
        return {key.hex() for (key,) in rows}


def step_of_vectors(catalog: Catalog, vectors: VectorIndex, library: str) -> IndexGap:
    wanted, there = embedded(catalog, library), vectors.chunk_ids(library)
    return IndexGap(len(wanted - there), len(there - wanted))


def mend_vectors(catalog: Catalog, vectors: VectorIndex, library: str) -> IndexGap:
    """Forget what no chunk has, and write what is missing from the catalog, without embedding again."""
    wanted, there = embedded(catalog, library), vectors.chunk_ids(library)
    vectors.drop(library, sorted(there - wanted))
    for some in _batches(sorted(wanted - there)):
        ids, rows = _vectors_of(catalog, some)
        vectors.put(library, ids, rows)
    return IndexGap(len(wanted - there), len(there - wanted))


def is_wasteful(catalog: Catalog, vectors: ChromaVectors) -> bool:
    """Whether most of the graphs is of vectors that are gone: Chroma never uses their place again."""
    with catalog.read() as db:
        count, width = db.execute("SELECT count(*), coalesce(max(length(data)), 0) FROM vectors").fetchone()
    needed = count * (width * 2 + LINKS)  # the catalog keeps half as many bytes for a number
    return vectors.graph_bytes() > SMALL_GRAPHS + 2 * int(needed)


def answers_well(catalog: Catalog, vectors: VectorIndex, library: str) -> bool:
    """Whether the index finds as much as it should; a graph that lost its file finds only what is new."""
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


def step_of_words(catalog: Catalog, words: WordIndex) -> IndexGap:
    wanted, there = _chunk_ids(catalog), words.chunk_ids()
    return IndexGap(len(wanted - there), len(there - wanted))


def mend_words(catalog: Catalog, words: WordIndex) -> IndexGap:
    """Documents that are too many, or of which a chunk is missing, are mended; when in doubt, all are."""
    step = step_of_words(catalog, words)
    if step.sound:
        return step
    with catalog.read() as db:
        held = dict(db.execute(f"SELECT d.id, l.name FROM {DOCUMENTS} WHERE d.chunks > 0").fetchall())
        owners = {key.hex(): document for document, key in db.execute(f"SELECT d.id, c.id FROM {CHUNKS}")}
    missing = owners.keys() - words.chunk_ids()
    words.drop(words.document_ids() - held.keys())
    _write(catalog, words, {owners[chunk_id]: held[owners[chunk_id]] for chunk_id in missing})
    if words.chunk_ids() != owners.keys():
        words.clear()
        _write(catalog, words, held)
    return step


def _write(catalog: Catalog, words: WordIndex, documents: Mapping[str, str]) -> None:
    for document, library in documents.items():
        with catalog.read() as db:
            (language,) = db.execute("SELECT language FROM documents WHERE id = ?", (document,)).fetchone()
        words.put(document, library, _chunks(catalog, document), language=language)
    words.commit()


def sweep_originals(catalog: Catalog, originals: Originals, *, besides: set[str]) -> None:
    """Files that no document in the catalog came from, whole or half copied, are removed, besides some."""
    originals.sweep_parts()
    with catalog.read() as db:
        kept = {sha256 for (sha256,) in db.execute("SELECT sha256 FROM documents")}
    for sha256 in set(originals.held()) - kept - besides:
        originals.drop(sha256)


def lost_originals(catalog: Catalog, originals: Originals) -> list[str]:
    """Names of the documents whose file is not kept any more."""
    with catalog.read() as db:
        rows = db.execute("SELECT name, sha256 FROM documents ORDER BY name").fetchall()
    return [name for name, sha256 in rows if not originals.path(sha256).exists()]


def _chunk_ids(catalog: Catalog) -> set[str]:
    with catalog.read() as db:
        return {key.hex() for (key,) in db.execute("SELECT id FROM chunks")}


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
