"""The documents to be read, and the chunks to be embedded, of all readers."""

from __future__ import annotations

from collections.abc import Callable, Collection

from docent.store.catalog import contents, documents
from docent.store.protocols import Catalog
from docent.types import Chunk, State, StoredDocument


class Waiting:
    """The documents and chunks that somebody has to work on, of all readers."""

    def __init__(self, catalog: Catalog, generation: Callable[[], int]) -> None:
        self._catalog = catalog
        self._generation = generation

    @property
    def version(self) -> int:
        """A number that differs once any process has changed the catalog."""
        return self._catalog.version

    def unread(self, limit: int | None = None) -> list[StoredDocument]:
        """Return the documents that are not read yet; with a limit, the first that came."""
        where = f"r.n IS NULL AND d.state IN ('{State.QUEUED}', '{State.LOADING}')"
        order = "l.name, d.name" if limit is None else "d.n"
        with self._catalog.read() as db:
            return documents.documents_where(db, self._generation(), where, order=order, limit=limit)

    def documents(self) -> list[str]:
        """Return the documents whose chunks wait for vectors, in the order they came, private ones first."""
        with self._catalog.read() as db:
            return contents.documents_without_vectors(db, self._generation())

    def chunks(self, limit: int, *, besides: Collection[str], document_id: str = "") -> list[Chunk]:
        """Return chunks that wait for vectors: of one document, or in the order of `documents`."""
        generation = self._generation()
        with self._catalog.read() as db:
            waiting = [document_id] if document_id else contents.documents_without_vectors(db, generation)
            return contents.without_vectors(db, generation, waiting, limit, besides=besides)
