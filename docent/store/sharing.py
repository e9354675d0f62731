"""Documents move between a reader's own libraries and the shared ones."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from docent.errors import UnknownDocument
from docent.store import changes, contents, documents
from docent.store.searching import Serving
from docent.store.writing import Writer
from docent.types import ANSWERING, Scope, SourceFile, StoredDocument, document_id


class Sharer:
    """Shares documents and takes them back, with their vectors, each in one transaction."""

    def __init__(self, serving: Callable[[], Serving], writer: Writer) -> None:
        self._serving = serving
        self._writer = writer

    def share(self, key: str, library: str, scope: Scope) -> str:
        """Move a private document with its vectors into a shared library and return its id there."""
        with self._writer.change() as db:
            document = self._document(db, key, scope)
            if document.owner is None:
                raise UnknownDocument(
                    "{name} is shared already, in library {library!r}.",
                    name=document.name,
                    library=document.library,
                )
            if document.state not in ANSWERING:
                raise UnknownDocument(
                    "{name} has not been read yet. Share it when it answers.", name=document.name
                )
            new = self._copy(db, document, library, below=documents.brought_by(document.owner))
            row = documents.document_row(db, document.id)
            assert row is not None
            documents.withdraw(db, row)
        return new

    def unshare(self, key: str, library: str, scope: Scope) -> str:
        """Take back what this reader shared, into a private library of theirs, and return its id there.

        It stays shared if another reader shared it as well.
        """
        with self._writer.change() as db:
            document = self._document(db, key, scope)
            if scope.reader is None or not documents.is_from(document, scope.reader):
                raise UnknownDocument(
                    "{name} was not shared by you, so it is not yours to take back.", name=document.name
                )
            new = self._copy(db, document, library, owner=scope.reader, below=documents.UPLOADED)
            for path in document.paths:
                if path.startswith(documents.brought_by(scope.reader)):
                    documents.forget_path(db, document.library, path)
        return new

    def _document(self, db: sqlite3.Connection, key: str, scope: Scope) -> StoredDocument:
        condition, values = documents.in_scope(scope)
        known = documents.documents_where(
            db, self._serving().generation, f"d.id = ? AND {condition}", key, *values
        )
        if not known:
            raise UnknownDocument(documents.GONE)
        return known[0]

    def _copy(
        self,
        db: sqlite3.Connection,
        document: StoredDocument,
        library: str,
        *,
        below: str,
        owner: str | None = None,
    ) -> str:
        """Copy a document with its vectors into another library and return its id there."""
        generation, new = self._serving().generation, document_id(library, document.sha256)
        n = documents.library_row(db, library, owner)
        source = documents.document_row(db, document.id)
        # The same bytes may have been handed in there and not read, as for want of a password.
        row = documents.queue_document(
            db, new, n, document.sha256, name=document.name, size=document.bytes, added=document.added
        )
        assert source is not None
        if not documents.is_read(db, row, generation):
            ids = {
                old: hashlib.sha256(f"{new}:{old}".encode()).hexdigest()[:32]
                for old in contents.document_chunk_ids(db, document.id)
            }
            contents.copy_reading(db, generation, source, row, ids)
            changes.append(db, generation, "words", library=library, document_id=new)
            changes.append(db, generation, "vectors", library=library, chunk_ids=list(ids.values()))
            (copy,) = documents.documents_where(db, generation, "d.id = ?", new)
            for path in copy.paths:
                documents.point(db, generation, n, SourceFile(library, path, Path(), document.bytes, 0), row)
        path = documents.free_path(db, n, document.name, row, below=below)
        documents.point(db, generation, n, SourceFile(library, path, Path(), document.bytes, 0), row)
        return new
