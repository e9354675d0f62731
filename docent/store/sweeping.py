"""After a process was killed: vectors, words and originals brought in step with the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from docent.glossary import Chunk
from docent.store.catalog import Catalog
from docent.store.originals import Originals
from docent.store.packing import unpack_vectors
from docent.store.rows import CHUNKS, DOCUMENTS, keys_of
from docent.store.vectors import Vectors
from docent.store.words import Words

BATCH = 1000


def sweep_originals(catalog: Catalog, originals: Originals) -> None:
    originals.sweep_parts()
    with catalog.read() as db:
        kept = {sha256 for (sha256,) in db.execute("SELECT sha256 FROM documents")}
    for sha256 in set(originals.held()) - kept:
        originals.drop(sha256)


def sweep_vectors(catalog: Catalog, vectors: Vectors) -> None:
    """Every chunk whose vector the catalog has is in the index, and nothing else is."""
    with catalog.read() as db:
        held: dict[str, set[str]] = {name: set() for (name,) in db.execute("SELECT name FROM libraries")}
        for name, key in db.execute(f"SELECT l.name, c.id FROM {CHUNKS} JOIN vectors v ON v.chunk = c.n"):
            held[name].add(key.hex())
    for library, wanted in held.items():
        there = vectors.chunk_ids(library)
        vectors.drop(library, sorted(there - wanted))
        _restore(catalog, vectors, library, sorted(wanted - there))


def _restore(catalog: Catalog, vectors: Vectors, library: str, chunk_ids: Sequence[str]) -> None:
    """Vectors that the index lost come back from the catalog, without embedding again."""
    for at in range(0, len(chunk_ids), BATCH):
        keys, marks = keys_of(chunk_ids[at : at + BATCH])
        with catalog.read() as db:
            rows = db.execute(
                f"SELECT c.id, v.data FROM chunks c JOIN vectors v ON v.chunk = c.n WHERE c.id IN ({marks})",
                keys,
            ).fetchall()
        data = unpack_vectors([data for _, data in rows])
        vectors.put(library, [key.hex() for key, _ in rows], data.tolist())


def sweep_words(catalog: Catalog, words: Words, chunks_of: Callable[[str], list[Chunk]]) -> None:
    """Documents that are too many, or of which a chunk is missing, are mended; when in doubt, all are."""
    with catalog.read() as db:
        libraries = dict(db.execute(f"SELECT d.id, l.name FROM {DOCUMENTS} WHERE d.chunks > 0").fetchall())
        wanted = {key.hex(): document for document, key in db.execute(f"SELECT d.id, c.id FROM {CHUNKS}")}
    there = words.chunk_ids()
    if there == wanted.keys():
        return
    words.drop(words.document_ids() - libraries.keys())
    _write(words, {wanted[chunk_id] for chunk_id in wanted.keys() - there}, libraries, chunks_of)
    if words.chunk_ids() != wanted.keys():
        words.clear()
        _write(words, libraries, libraries, chunks_of)


def _write(
    words: Words,
    documents: Iterable[str],
    libraries: Mapping[str, str],
    chunks_of: Callable[[str], list[Chunk]],
) -> None:
    for document in documents:
        words.put(document, libraries[document], chunks_of(document))
    words.commit()
