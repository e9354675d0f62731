"""Documents of single readers: handed in, queued until they are read, private or shared, and deleted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from docent.errors import StoreError, UnknownDocument, UnknownLibrary
from docent.messages import stored
from docent.store import versions
from docent.store.old_index import forget_name_elsewhere
from docent.store.packing import unpack_vectors
from docent.store.rows import (
    NAMED,
    UPLOADED,
    brought_by,
    copy_document,
    document_row,
    forget_name,
    free_path,
    library_row,
    now,
)
from docent.store.writes import WritingStore
from docent.types import (
    ANSWERING,
    Deletion,
    Scope,
    SourceFile,
    State,
    StoredDocument,
    document_id,
)


class PersonalStore(WritingStore):
    """The methods of the store for documents that readers hand in."""

    def expect(self, path: Path, sha256: str, *, name: str, library: str, owner: str | None) -> None:
        """Store a file that is to be read later, and queue its document."""
        with self._catalog.write_lock.preparing():
            self._originals.keep(path, sha256)
            file = SourceFile(library, UPLOADED + name, path, path.stat().st_size, 0)
            key = document_id(library, sha256)
            with self._catalog.write_lock:
                self._originals.keep(path, sha256)  # a deletion may have taken it meanwhile
                with self._catalog.write() as db:
                    n = library_row(db, library, owner)
                    db.execute(
                        "INSERT INTO documents (id, library, sha256, name, added, bytes, state, visible) "
                        f"VALUES (?, ?, ?, ?, ?, ?, '{State.QUEUED}', 0) ON CONFLICT (id) DO UPDATE "
                        f"SET state = '{State.QUEUED}', reason = '', name = excluded.name "
                        f"WHERE state = '{State.FAILED}'",
                        (key, n, sha256, name, now(), file.bytes),
                    )
                    document = document_row(db, key)
                    assert document is not None
                    versions.point(db, n, file, document)
                self._purge()

    def expected(self) -> list[StoredDocument]:
        """Return the documents of all readers that are not read yet."""
        return self._every_document(f"d.state IN ('{State.QUEUED}', '{State.LOADING}')")

    def begin(self, document_id: str) -> None:
        """Note that a queued document is being read."""
        with self._catalog.write() as db:
            db.execute(
                f"UPDATE documents SET state = '{State.LOADING}' WHERE id = ? AND state = '{State.QUEUED}'",
                (document_id,),
            )

    def give_up(self, document_id: str, reason: str) -> None:
        """Mark a document as failed, with the reason; an older version of it goes on answering."""
        with self._catalog.write_lock:
            with self._catalog.write() as db:
                n = document_row(db, document_id)
                if n is None or versions.was_read(db, n):  # another reader handed in the same bytes
                    return
                db.execute(
                    f"UPDATE documents SET state = '{State.FAILED}', reason = ? WHERE n = ?",
                    (stored(reason), n),
                )
                if versions.is_waiting(db, n):
                    versions.withdraw(db, n)
            self._purge()

    def share(self, document_id_: str, library: str, scope: Scope) -> str:
        """Move a private document with its vectors into a shared library and return its id there."""
        with self._catalog.write_lock:
            document = self.document(document_id_, scope)
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
            new = self._put_into(library, document, below=brought_by(document.owner))
            self.withdraw(document.id)
        return new

    def unshare(self, document_id_: str, library: str, scope: Scope) -> str:
        """Take back what this reader shared, into a private library of theirs, and return its id there.

        It stays shared if another reader shared it as well.
        """
        with self._catalog.write_lock:
            document = self.document(document_id_, scope)
            if scope.reader is None or not is_from(document, scope.reader):
                raise UnknownDocument(
                    "{name} was not shared by you, so it is not yours to take back.", name=document.name
                )
            new = self._put_into(library, document, owner=scope.reader)
            with self._catalog.write() as db:
                n = library_row(db, document.library)
                start = brought_by(scope.reader)
                for path in document.paths:
                    if path.startswith(start):
                        db.execute("DELETE FROM paths WHERE library = ? AND path = ?", (n, path))
            self._purge()
        return new

    def _put_into(
        self, library: str, document: StoredDocument, *, owner: str | None = None, below: str = UPLOADED
    ) -> str:
        """Copy a document with its vectors into another library and return its id there."""
        new = document_id(library, document.sha256)
        with self._catalog.write() as db:
            n = library_row(db, library, owner)
            there = document_row(db, new)
            was_read = there is not None and versions.was_read(db, there)
        handed_in: list[str] = []
        if not was_read:  # the same bytes may have failed there, for want of a password
            handed_in = [path for one in self._every_document("d.id = ?", new) for path in one.paths]
            self.withdraw(new)
            self._copy(document, library, n, new)
        with self._catalog.write() as db:
            key = document_row(db, new)
            assert key is not None
            for path in (*handed_in, free_path(db, n, document.name, key, below=below)):
                versions.point(db, n, SourceFile(library, path, Path(), document.bytes, 0), key)
        return new

    def delete_library(self, library: str, scope: Scope) -> Deletion:
        """Delete a private library with everything in it, and count what is left."""
        answers = self._quoted(self._private(library, scope))
        erased = self._erase(answers, "blank")
        with self._catalog.write_lock:
            documents = self._private(library, scope)
            ids = {document.id: self._chunk_ids(document.id) for document in documents}
            found = self._census_of(documents, ids)
            with self._catalog.write() as db:
                n = library_row(db, library)
                db.execute("DELETE FROM paths WHERE library = ?", (n,))
                db.execute("DELETE FROM failures WHERE library = ?", (n,))
            self._purge()
            left = self._census_of(documents, ids)
            self._vectors.drop_library(library)
            with self._catalog.write() as db:
                db.execute("DELETE FROM libraries WHERE n = ?", (n,))
            self._catalog.snapshots.drop()  # it names the library's owner
        self._catalog.forget_deleted()
        found |= {"answers": erased + self._erase(answers, "blank")}
        left |= {"answers": sum(answers.count(folder) for folder in self._conversations())}
        return Deletion("", library, found, left)

    def _private(self, library: str, scope: Scope) -> list[StoredDocument]:
        """Return the documents of a reader's own library. Raises UnknownLibrary for any other."""
        if scope.reader is None or library not in self.libraries(scope.reader):
            raise UnknownLibrary("There is no private library {name!r} that you may delete.", name=library)
        documents = self._every_document("l.name = ? AND l.owner = ?", library, scope.reader)
        if not documents and library in self.libraries(None):
            raise UnknownLibrary("{name!r} is shared; it is not one reader's to delete.", name=library)
        return documents

    def forget_owner(self, owner: str) -> int:
        """Delete every private library of a reader, and their name in what they shared; count the documents.

        Raises StoreError if something of them is left.
        """
        own = self._every_document("l.owner = ?", owner)
        for library in sorted(set(self.libraries(owner)) - set(self.libraries(None))):
            self.delete_library(library, Scope(reader=owner))
        with self._catalog.write_lock:
            with self._catalog.write() as db:
                forget_name(db, owner)
            self._catalog.snapshots.drop()
        self._catalog.forget_deleted()
        forget_name_elsewhere(self.folder, owner)
        with self._catalog.read() as db:
            named = db.execute(NAMED, {"owner": owner, "start": brought_by(owner)}).fetchone()[0]
        if named:
            raise StoreError(
                "Something of {name} is left in the catalog of documents. Try again; if it happens "
                "again, see what is wrong with: python -m docent doctor",
                name=owner,
            )
        return len(own)

    def _census_of(
        self, documents: Sequence[StoredDocument], ids: Mapping[str, Sequence[str]]
    ) -> dict[str, int]:
        total: Counter[str] = Counter()
        for document in documents:
            total.update(self._census(document, ids[document.id]))
        return dict(total)

    def _copy(self, document: StoredDocument, library: str, n: int, new: str) -> None:
        """Copy a document to its new id, with the pages, chunks and vectors that it has."""
        moved = {old: _moved(old, new) for old in self._chunk_ids(document.id)}
        chunks = self._chunks_where("d.id = ? ORDER BY c.n", [document.id])
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT c.id, v.data FROM vectors v JOIN chunks c ON c.n = v.chunk "
                "JOIN documents d ON d.n = c.document WHERE d.id = ?",
                (document.id,),
            ).fetchall()
        own = [replace(one, id=moved[one.id], document_id=new) for one in chunks]
        self._words.put(new, library, own, language=document.language)
        self._words.commit()
        vectors = unpack_vectors([data for _, data in rows]).tolist()
        self._vectors.put(library, [moved[key.hex()] for key, _ in rows], vectors)
        with self._catalog.write() as db:
            copy_document(db, document.id, new, n, moved)


def is_from(document: StoredDocument, reader: str) -> bool:
    """Return True if a shared document was shared by this reader."""
    return document.owner is None and any(path.startswith(brought_by(reader)) for path in document.paths)


def _moved(chunk_id: str, document_id: str) -> str:
    return hashlib.sha256(f"{document_id}:{chunk_id}".encode()).hexdigest()[:32]
