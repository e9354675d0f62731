"""Documents put into a store as the ingesting corridor does it, with an embedder that counts words."""

from __future__ import annotations

import hashlib
from pathlib import Path

from docent.glossary import Document, Page, Scope, SourceFile, document_id
from docent.indexing import chunk, embedded_text
from docent.store import Store
from tests.fakes.embedder import WordHashEmbedder

EMBEDDER = WordHashEmbedder()
EVERYTHING = Scope()


def put(store: Store, folder: Path, path: str, text: str, *, library: str = "default") -> str:
    """Write a file and keep it; its document's id."""
    full = folder / library / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_text(text)
    document = Document(hashlib.sha256(text.encode()).hexdigest(), path, "text", (Page(1, text),))
    new = document_id(library, document.sha256)
    chunks = chunk(document, document_id=new, tokenizer=EMBEDDER.tokenizer, size=200, overlap=25, limit=256)
    vectors = EMBEDDER.embed([embedded_text(one) for one in chunks])
    stat = full.stat()
    store.put(SourceFile(library, path, full, stat.st_size, stat.st_mtime_ns), document, chunks, vectors)
    return new


def nearest(store: Store, question: str) -> list[str]:
    """The texts nearest in meaning, best first."""
    hits = store.nearest(EMBEDDER.embed_query(question), 10, EVERYTHING)
    chunks = store.chunks([hit.id for hit in hits], EVERYTHING)
    return [chunks[hit.id].text for hit in hits]


def matching(store: Store, question: str) -> set[str]:
    """The texts found by their words."""
    hits = store.matching(question, 10, EVERYTHING)
    return {chunk.text for chunk in store.chunks([hit.id for hit in hits], EVERYTHING).values()}
