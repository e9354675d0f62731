"""Deletions: a document is removed from every index and database, and what is left of it is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from docent.errors import UnknownDocument
from docent.store import versions
from docent.store.conversations import Quoted, quoted
from docent.store.old_index import asides, drop_aside, drop_unfinished, forget_elsewhere
from docent.store.reads import ReadingStore
from docent.store.rows import DOCUMENTS, clear_document, document_row, keys_of
from docent.types import Deletion, Quotes, Scope, StoredDocument, document_id


class DeletingStore(ReadingStore):
    """The methods of the store that delete."""

    def cancel(self, document_id: str, scope: Scope) -> bool:
        """Withdraw a document that is not ready yet and return True; return False if it is ready.

        An older version of its file goes on answering.
        """
        with self._catalog.write_lock:
            document = self.document(document_id, scope)
            if document.state in versions.FINISHED:
                return False
            self.withdraw(document.id)
        return True

    def delete(self, document_id: str, scope: Scope, *, quotes: Quotes = "blank") -> Deletion:
        """Delete a document with everything derived from it and what answers quote of it; count what is left.

        `quotes` says whether these answers are deleted or their quotes blanked. Raises StoreError where the
        conversations cannot be changed; the document is then still there.
        """
        answers = self._quoted([self._deletable(document_id, scope)])
        erased = self._erase(answers, quotes)
        with self._catalog.write_lock:
            document = self._deletable(document_id, scope)
            ids = self._chunk_ids(document_id)
            found = self._census(document, ids)
            self.withdraw(document.id)
            left = self._census(document, ids)
        self._catalog.forget_deleted()
        # Again, because an answer under way may have been stored meanwhile.
        found |= {"answers": erased + self._erase(answers, quotes)}
        left |= {"answers": sum(answers.count(folder) for folder in self._conversations())}
        return Deletion(document.id, document.name, found, left)

    def _erase(self, answers: Quoted, quotes: Quotes) -> int:
        return sum(answers.erase(folder, quotes) for folder in self._conversations())

    def _conversations(self) -> list[Path]:
        """Return the folders that may hold conversations."""
        return [self.folder, *asides(self.folder)]

    def _deletable(self, document_id: str, scope: Scope) -> StoredDocument:
        document = next((d for d in self.documents(scope) if d.id == document_id), None)
        if document is None:
            raise UnknownDocument("There is no document {name!r} that you may delete.", name=document_id)
        return document

    def _quoted(self, documents: Sequence[StoredDocument]) -> Quoted:
        """Return what answers may quote of documents, also under ids from before they were shared."""
        with self._catalog.read() as db:
            libraries = [name for (name,) in db.execute("SELECT name FROM libraries")]
            there = {key for (key,) in db.execute("SELECT id FROM documents")}
        own = {document.id for document in documents}
        earlier = {document_id(name, one.sha256) for name in libraries for one in documents} - there
        everything = [Scope(reader=one.owner) for one in documents]
        texts = [
            "\n".join(page.text for page in self.pages(one.id, scope))
            for one, scope in zip(documents, everything, strict=True)
        ]
        return quoted(own | earlier, [chunk for one in own for chunk in self._chunk_ids(one)], texts)

    def withdraw(self, document_id: str) -> None:
        """Remove any reader's document; if it was to replace an older version, that one stays."""
        with self._catalog.write_lock:
            with self._catalog.write() as db:
                n = document_row(db, document_id)
                if n is not None:
                    versions.withdraw(db, n)
            self._purge()

    def _purge(self) -> None:
        """Remove every document that no path names any more."""
        with self._catalog.read() as db:
            gone = db.execute(
                f"SELECT d.n, d.id, l.name, d.sha256 FROM {DOCUMENTS} WHERE {versions.NAMELESS}"
            ).fetchall()
        if gone:
            self._catalog.snapshots.drop()
            forget_elsewhere(self.folder, [document for _, document, _, _ in gone])
        for n, document, library, sha256 in gone:
            ids = self._chunk_ids(document)
            with self._catalog.write() as db:
                clear_document(db, n)
                db.execute("DELETE FROM documents WHERE n = ?", (n,))
                shared = db.execute("SELECT 1 FROM documents WHERE sha256 = ?", (sha256,)).fetchone()
            self._vectors.drop(library, ids)
            self._words.drop([document])
            self._words.commit()
            if shared is None:
                self._originals.drop(sha256)
                drop_unfinished(self.folder, sha256)
                drop_aside(self.folder, sha256)

    def _chunk_ids(self, document_id: str) -> list[str]:
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT c.id FROM chunks c JOIN documents d ON d.n = c.document WHERE d.id = ?",
                (document_id,),
            ).fetchall()
        return [key.hex() for (key,) in rows]

    def _census(self, document: StoredDocument, chunk_ids: Sequence[str]) -> dict[str, int]:
        """Count what each part of the store holds of a document."""
        with self._catalog.read() as db:
            keys, marks = keys_of(chunk_ids)
            (chunks,) = db.execute(f"SELECT count(*) FROM chunks WHERE id IN ({marks})", keys).fetchone()
            (pages,) = db.execute(
                "SELECT count(*) FROM pages g JOIN documents d ON d.n = g.document WHERE d.id = ?",
                (document.id,),
            ).fetchone()
            (shared,) = db.execute(
                "SELECT count(*) FROM documents WHERE sha256 = ? AND id <> ?", (document.sha256, document.id)
            ).fetchone()
        original = self._originals.path(document.sha256).exists() and not shared
        return {
            "pages": pages,
            "chunks": chunks,
            "words": self._words.held([document.id]),
            "vectors": self._vectors.held(document.library, chunk_ids),
            "originals": int(original),
            "copies": 0 if shared else self._originals.copies.held(document.sha256),
        }
