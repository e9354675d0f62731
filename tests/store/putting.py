"""Put documents into a store as `docent.ingesting` does, with an embedder that counts words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from docent.errors import StoreError
from docent.indexing import chunk, embedded_text
from docent.store import Arrival, Store
from docent.types import Chunk, Document, Page, Scope, SourceFile, document_id
from tests.fakes.embedder import WordHashEmbedder

EMBEDDER = WordHashEmbedder()
EVERYTHING = Scope()


def put(store: Store, folder: Path, path: str, text: str, *, library: str = "default") -> str:
    """Write a file, store it, and return the id of its document."""
    one = arrival(folder, path, text, library=library)
    store.put_words(one.file, one.document, one.chunks)
    vectors = EMBEDDER.embed([embedded_text(piece) for piece in one.chunks])
    store.put_vectors([piece.id for piece in one.chunks], vectors)
    return document_id(library, one.document.sha256)


def put_several(store: Store, folder: Path, texts: Mapping[str, str], *, change: str = "") -> list[bool]:
    """Write files and store them by their words in one step; one may change after it was read."""
    arrivals = [arrival(folder, path, text) for path, text in texts.items()]
    if change:
        (folder / "default" / change).write_text("changed")
    return store.put_several(arrivals)


def arrival(folder: Path, path: str, text: str, *, library: str = "default") -> Arrival:
    """Write a file, read it and chunk it."""
    full = folder / library / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_text(text)
    document = Document(hashlib.sha256(text.encode()).hexdigest(), path, "text", (Page(1, text),))
    new = document_id(library, document.sha256)
    stat = full.stat()
    file = SourceFile(library, path, full, stat.st_size, stat.st_mtime_ns)
    return Arrival(file, document, chunked(document, new))


def chunked(document: Document, new: str, *, size: int = 200, overlap: int = 25) -> list[Chunk]:
    """Cut a document into chunks for the id that it has in the store."""
    tokenizer = EMBEDDER.tokenizer
    return chunk(document, document_id=new, tokenizer=tokenizer, size=size, overlap=overlap, limit=256)


def finish(store: Store) -> None:
    """Make the vectors that are missing, as the background does."""
    while chunks := store.waiting.chunks(100, besides=()):
        store.put_vectors([one.id for one in chunks], EMBEDDER.embed([embedded_text(one) for one in chunks]))


def found(store: Store, question: str, scope: Scope = EVERYTHING) -> set[str]:
    """Return the texts that either search finds."""
    hits = [*store.nearest(EMBEDDER.embed_query(question), 10, scope), *store.matching(question, 10, scope)]
    return {one.text for one in store.chunks([hit.id for hit in hits], scope).values()}


def nearest(store: Store, question: str) -> list[str]:
    """Return the texts nearest in meaning, best first."""
    hits = store.nearest(EMBEDDER.embed_query(question), 10, EVERYTHING)
    chunks = store.chunks([hit.id for hit in hits], EVERYTHING)
    return [chunks[hit.id].text for hit in hits]


def matching(store: Store, question: str) -> set[str]:
    """Return the texts found by their words."""
    hits = store.matching(question, 10, EVERYTHING)
    return {chunk.text for chunk in store.chunks([hit.id for hit in hits], EVERYTHING).values()}


def is_behind(store: Store) -> bool:
    """Return True while Chroma lacks vectors, so that the catalog answers in its place."""
    try:
        return any("Chroma lacks some" in complaint for complaint in store.complaints())
    except StoreError:  # it cannot be compared
        return True
