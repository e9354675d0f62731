"""A small library in a catalog, changed by the catalog's statements as the store changes it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from docent.indexing import embedded_text
from docent.store.catalog import changes, contents, documents
from docent.store.protocols import Catalog
from docent.types import Document, Page, SourceFile, document_id
from tests.store.putting import EMBEDDER, chunked


def text_of(number: int, *, revision: int = 0) -> str:
    """Return a text of several chunks, of which no two documents have the same."""
    return "\n\n".join(
        f"Note {number}, revision {revision}, part {part}: {'the heron waits ' * 30}" for part in range(3)
    )


class Library:
    """The documents of one generation of a catalog."""

    def __init__(self, catalog: Catalog, *, fingerprint: str = "f", role: str = "serving") -> None:
        self.catalog = catalog
        with catalog.write() as db:
            self.generation = changes.begin_generation(db, fingerprint, role)

    def add(
        self,
        path: str,
        text: str,
        *,
        library: str = "default",
        owner: str | None = None,
        embedded: bool = True,
    ) -> str:
        """Store a document at a path, in place of what is there; return its id."""
        read = Document(
            hashlib.sha256(text.encode()).hexdigest(), path, "text", (Page(1, text),), language="en"
        )
        key = document_id(library, read.sha256)
        with self.catalog.write() as db:
            n = documents.library_row(db, library, owner)
            row = documents.queue_document(db, key, n, read.sha256, name=path, size=len(text))
            if not documents.is_read(db, row, self.generation):
                contents.insert_reading(db, self.generation, row, read, chunked(read, key), date="2020-01-01")
                changes.append(db, self.generation, "words", library=library, document_id=key)
            documents.point(db, self.generation, n, SourceFile(library, path, Path(), len(text), 1), row)
        if embedded:
            self.embed(key)
        self.remove_nameless()
        return key

    def embed(self, key: str) -> None:
        """Store the vectors of a document's chunks."""
        with self.catalog.write() as db:
            read = contents.words_of(db, self.generation, key)
            if read is None:
                return
            chunks = read[1]
            vectors = np.asarray(EMBEDDER.embed([embedded_text(chunk) for chunk in chunks]))
            stored = contents.put_vectors(db, self.generation, [chunk.id for chunk in chunks], vectors)
            for library, ids in stored.items():
                changes.append(db, self.generation, "vectors", library=library, chunk_ids=ids)
            documents.finish_complete(db, self.generation, serving=True)

    def read_again(self, key: str, text: str) -> None:
        """Store what was read of a document in place of what was read before."""
        with self.catalog.write() as db:
            row = documents.document_row(db, key)
            if row is None:
                return
            (known,) = documents.documents_where(db, self.generation, "d.id = ?", key)
            changes.clear_readings(db, row, document_id=key, library=known.library)
            read = Document(known.sha256, known.name, "text", (Page(1, text),), language="en")
            contents.insert_reading(db, self.generation, row, read, chunked(read, key), date="2020-01-01")
            changes.append(db, self.generation, "words", library=known.library, document_id=key)

    def delete(self, key: str) -> None:
        with self.catalog.write() as db:
            row = documents.document_row(db, key)
            if row is not None:
                documents.withdraw(db, row)
        self.remove_nameless()

    def delete_library(self, library: str) -> None:
        """Delete all documents of a library, and the library."""
        with self.catalog.read() as db:
            keys = [key for key, name in contents.read_documents(db, self.generation) if name == library]
        for key in keys:
            self.delete(key)
        with self.catalog.write() as db:
            db.execute("DELETE FROM libraries WHERE name = ?", (library,))
            changes.append(db, self.generation, "library", library=library)

    def remove_nameless(self) -> None:
        with self.catalog.write() as db:
            changes.remove(db, changes.nameless(db))

    def trim(self) -> None:
        """Remove every change from the log."""
        with self.catalog.write() as db:
            changes.trim(db, self.generation, changes.last_position(db, self.generation))

    def chunk_ids(self, key: str) -> list[str]:
        with self.catalog.read() as db:
            return contents.document_chunk_ids(db, key)
