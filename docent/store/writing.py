"""Writes: files come, change, move between libraries and go, and the index follows each change."""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from docent.errors import DocentError, StorageBusy, UnknownDocument, UnreadableFile
from docent.question_pairs import PairFiles
from docent.regular_files import open_regular
from docent.store.catalog import changes, contents, documents
from docent.store.catalog.schema import EARLIER_INDEXES
from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.store.files import ORIGINALS, UNCLAIMED, KeptOriginal, changed, set_aside, vanished
from docent.store.index.generations import Serving
from docent.store.index.local_index import FOLLOW_SECONDS, OwnerGone, ask_owner
from docent.store.index.owned_index import discard_index
from docent.store.locks import FolderLock, InUse
from docent.store.protocols import Arrival, Catalog, CatalogConnection, Files
from docent.types import ANSWERING, Chunk, Document, Scope, SourceFile, StoredDocument, document_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COPYING = 4  # originals at once: each waits for the disk


class Writer:
    """Changes the catalog in one transaction each; files and the index follow before it returns."""

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        files: Files,
        serving: Callable[[], Serving],
        *,
        database_url: str = "",
    ) -> None:
        self.folder = folder
        self.database_url = database_url
        self.catalog = catalog
        self.files = files
        self.serving = serving
        self._under_way = InUse()

    @contextmanager
    def change(self) -> Iterator[CatalogConnection]:
        """Run a transaction; a document that no path names at its end is removed in it."""
        with self._under_way():
            with self.catalog.write() as db:
                yield db
                gone = changes.nameless(db)
                changes.remove(db, gone)
                owned = self._forget_copies(db, gone) if gone else []
            self.serving().index.follow()
            for folder in owned:
                with suppress(OwnerGone):
                    ask_owner(folder, "follow", seconds=FOLLOW_SECONDS)
            for document in gone:
                self.drop_unused(document.sha256)

    def wait(self) -> None:
        """Wait for the changes under way in this process, with what they remove last."""
        self._under_way.wait()

    def put_words(
        self, file: SourceFile, document: Document, chunks: Sequence[Chunk], *, expected: bool = False
    ) -> None:
        """Store a document so that its words find it; if `expected`, only while it still is.

        The older version of its file goes on answering until the new one has its vectors, too.
        """
        kept = self._keep(file, document.sha256)
        self.files.settle()
        try:
            with self.change() as db:
                self._refuse_changed(file)
                self.files.confirm(db, kept)
                row = documents.document_row(db, document_id(file.library, document.sha256))
                if expected and row is None:
                    raise UnknownDocument("{name} was given up while it was read.", name=document.name)
                self._store(db, file, document, chunks)
        except DocentError:
            self.drop_unused(document.sha256, kept)
            raise

    def put_several(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Store new documents as `put_words` does, in one commit, which costs more than a small file.

        Return False for each that needs `put_words`, because it is here already or is refused.
        """
        with ThreadPoolExecutor(COPYING) as pool:
            kept = list(pool.map(self._try_to_keep, arrivals))
        self.files.settle()
        stored = []
        with self.change() as db:
            for arrival, original in zip(arrivals, kept, strict=True):
                key = document_id(arrival.file.library, arrival.document.sha256)
                new = documents.document_row(db, key) is None and self._is_unchanged(arrival.file)
                if done := new and original is not None:
                    self.files.confirm(db, original)
                    self._store(db, *arrival)
                stored.append(done)
        for arrival, original, done in zip(arrivals, kept, stored, strict=True):
            if not done:
                self.drop_unused(arrival.document.sha256, original)
        return stored

    def put_again(self, document_id: str, document: Document, chunks: Sequence[Chunk]) -> None:
        """Replace what was read of a document before by what was read of it now."""
        generation = self.serving().generation
        with self.change() as db:
            row = documents.document_row(db, document_id)
            if row is None:
                raise UnknownDocument("{name} was deleted while it was read again.", name=document.name)
            (known,) = documents.documents_where(db, generation, "d.id = ?", document_id)
            changes.clear_readings(db, row, document_id=document_id, library=known.library)
            self._forget_pairs([document_id])
            date = document.created or known.date
            contents.insert_reading(db, generation, row, document, chunks, date=date)
            changes.append(db, generation, "words", library=known.library, document_id=document_id)

    def attach(self, file: SourceFile, sha256: str) -> bool:
        """Let a path name a document that is already here; False when it is not."""
        generation = self.serving().generation
        with self.change() as db:
            row = documents.document_row(db, document_id(file.library, sha256))
            if row is None or not documents.is_read(db, row, generation):
                return False
            documents.point(db, generation, documents.library_row(db, file.library), file, row)
        return True

    def put_vectors(self, chunk_ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Store vectors; those of chunks that are gone by now are dropped."""
        serving = self.serving()
        with self._under_way():
            with self.catalog.write() as db:
                stored = contents.put_vectors(db, serving.generation, chunk_ids, vectors)
                for library, ids in stored.items():
                    changes.append(db, serving.generation, "vectors", library=library, chunk_ids=ids)
            serving.index.follow()  # which makes documents ready that have all of theirs

    def put_reading(self, document_id: str, document: Document, chunks: Sequence[Chunk]) -> None:
        """Store what was read of a document in the generation that is being built."""
        generation = self.serving().generation
        with self.catalog.write() as db:
            changes.require(db, generation)
            row = documents.document_row(db, document_id)
            if row is None or documents.is_read(db, row, generation):
                return  # it was deleted meanwhile, or another process was faster
            (known,) = documents.documents_where(db, generation, "d.id = ?", document_id)
            contents.insert_reading(db, generation, row, document, chunks, date=document.created)
            changes.append(db, generation, "words", library=known.library, document_id=document_id)
        self.serving().index.follow()

    def finish(self, generation: int) -> None:
        """Make the documents ready that have all their vectors, after the index has them."""
        with self.catalog.read() as db:
            if not documents.any_complete(db, generation):
                return
        with self.change() as db:
            serves = changes.generations(db)["serving"].number == generation
            documents.finish_complete(db, generation, serving=serves)

    def expect(self, path: Path, sha256: str, *, name: str, library: str, owner: str | None) -> None:
        """Store a file that is to be read later, and queue its document."""
        kept = self.files.keep(path, sha256)
        self.files.settle()
        file = SourceFile(library, documents.UPLOADED + name, path, path.stat().st_size, 0)
        with self.change() as db:
            self.files.confirm(db, kept)
            n = documents.library_row(db, library, owner)
            key = document_id(library, sha256)
            row = documents.queue_document(db, key, n, sha256, name=name, size=file.bytes)
            documents.point(db, self.serving().generation, n, file, row)

    def share(self, document_id: str, library: str, scope: Scope) -> str:
        """Move a private document with its vectors into a shared library and return its id there."""
        with self.change() as db:
            document = documents.document_in(db, self.serving().generation, scope, document_id)
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

    def unshare(self, document_id: str, library: str, scope: Scope) -> str:
        """Take back what this reader shared, into a private library of theirs, and return its id there.

        It stays shared if another reader shared it as well.
        """
        with self.change() as db:
            document = documents.document_in(db, self.serving().generation, scope, document_id)
            if scope.reader is None or not documents.is_from(document, scope.reader):
                raise UnknownDocument(
                    "{name} was not shared by you, so it is not yours to take back.", name=document.name
                )
            new = self._copy(db, document, library, owner=scope.reader, below=documents.UPLOADED)
            for path in document.paths:
                if path.startswith(documents.brought_by(scope.reader)):
                    documents.forget_path(db, document.library, path)
        return new

    def drop_unused(self, sha256: str, kept: KeptOriginal | None = None) -> None:
        """Remove an original that no document came of; `kept` was stored for one that did not come to be."""
        with self.catalog.write() as db:  # so that no process stores a document of it meanwhile
            if kept is not None:
                self.files.withdraw(db, kept)
            if not documents.is_used(db, sha256):
                self.files.release(db, sha256)
                for folder in (
                    self.folder / UNCLAIMED,
                    *(aside / ORIGINALS for aside in set_aside(self.folder)),
                ):
                    (folder / sha256).unlink(missing_ok=True)
        self.files.delete_released()

    def sweep(self) -> None:
        """Remove the originals, and copies of them, that a killed process has left without a document."""
        with self.catalog.read() as db:
            used = documents.used_originals(db)
        for sha256 in self.files.sweep(used):
            self.drop_unused(sha256)
        self.files.delete_released()

    def sweep_copies(self) -> None:
        """Remove from this machine the copies of originals that another one has deleted."""

        def unused(originals: Collection[str]) -> set[str]:
            with self.catalog.read() as db:
                return {sha256 for sha256 in originals if not documents.is_used(db, sha256)}

        self.files.sweep_copies(unused)

    def _store(
        self, db: CatalogConnection, file: SourceFile, document: Document, chunks: Sequence[Chunk]
    ) -> None:
        generation, key = self.serving().generation, document_id(file.library, document.sha256)
        library = documents.library_row(db, file.library)
        row = documents.document_row(db, key)
        if row is None or not documents.is_read(db, row, generation):
            row = documents.queue_document(
                db, key, library, document.sha256, name=document.name, size=file.bytes
            )
            date = document.created or datetime.date.fromtimestamp(file.modified_ns / 1e9).isoformat()
            contents.insert_reading(db, generation, row, document, chunks, date=date)
            changes.append(db, generation, "words", library=file.library, document_id=key)
        documents.point(db, generation, library, file, row)

    def _copy(
        self,
        db: CatalogConnection,
        document: StoredDocument,
        library: str,
        *,
        below: str,
        owner: str | None = None,
    ) -> str:
        """Copy a document with its vectors into another library and return its id there."""
        generation, new = self.serving().generation, document_id(library, document.sha256)
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
        db.execute(
            "INSERT INTO tags (document, tag) SELECT ?, tag FROM tags WHERE document = ? "
            "ON CONFLICT (document, tag) DO NOTHING",
            (row, source),
        )
        path = documents.free_path(db, n, document.name, row, below=below)
        documents.point(db, generation, n, SourceFile(library, path, Path(), document.bytes, 0), row)
        return new

    def _try_to_keep(self, arrival: Arrival) -> KeptOriginal | None:
        """Store a copy; None where `put_words` has to say why there is none."""
        with suppress(DocentError):
            return self._keep(arrival.file, arrival.document.sha256)
        return None

    def _is_unchanged(self, file: SourceFile) -> bool:
        with suppress(UnreadableFile):
            self._refuse_changed(file)
            return True
        return False

    def _keep(self, file: SourceFile, sha256: str) -> KeptOriginal:
        return self.files.keep(file.real or file.full, sha256, links=file.real is None)

    def _forget_copies(self, db: CatalogConnection, gone: Sequence[changes.Removed]) -> list[Path]:
        """Delete documents where they are copied to; before this is committed, so that a kill leaves nothing.

        Return the folders of other generations that a process owns, which has to follow the log.
        """
        self.catalog.forget_copies()
        self._forget_pairs([document.id for document in gone])
        forget_aside(self.folder, gone)
        owned = []
        for generation in changes.generations(db).values():
            if generation.number != self.serving().generation:
                folder = self.folder / "index" / str(generation.number)
                try:
                    lock = FolderLock(folder)
                except StorageBusy:
                    owned.append(folder)
                else:
                    discard_index(folder)
                    changes.trim(db, generation.number, changes.last_position(db, generation.number))
                    lock.release()
        return owned

    def places(self) -> list[tuple[Path, str]]:
        """Return each folder with its database: this one's own, and what restored backups have set aside.

        Where there is a database, the folder may have files from before it.
        """
        before = [(self.folder, "")] if self.database_url else []
        aside = [(folder, "") for folder in set_aside(self.folder)]
        return [(self.folder, self.database_url), *before, *aside]

    def _forget_pairs(self, keys: Sequence[str]) -> None:
        """Delete the questions that were made from documents, also from what was set aside."""
        for folder, database_url in self.places():
            PairFiles(folder, database_url=database_url).forget(set(keys))

    @staticmethod
    def _refuse_changed(file: SourceFile) -> None:
        """Raise UnreadableFile if the file has changed since it was read."""
        try:
            with open_regular(file.real or file.full, links=file.real is None) as opened:
                stat = os.fstat(opened.fileno())
        except FileNotFoundError as error:
            raise vanished(file.full) from error
        except OSError as error:  # a link or a folder is in its place now
            raise changed(file.full) from error
        if (stat.st_size, stat.st_mtime_ns) != (file.bytes, file.modified_ns):
            raise changed(file.full)


def catalogs_aside(storage: Path) -> Iterator[SqliteCatalog]:
    """Yield the catalog of each storage/ that was set aside, open until the next one."""
    for folder in set_aside(storage):
        for earlier in EARLIER_INDEXES:
            shutil.rmtree(folder / earlier, ignore_errors=True)
        if (folder / "index" / "catalog.db").exists():
            with closing(SqliteCatalog(folder / "index" / "catalog.db")) as catalog:
                yield catalog


def forget_aside(storage: Path, gone: Sequence[changes.Removed]) -> None:
    """Delete documents from what restored backups have set aside."""
    for catalog in catalogs_aside(storage):
        with catalog.write() as db:
            for document in gone:
                if (row := documents.document_row(db, document.id)) is not None:
                    documents.withdraw(db, row)
            removed = changes.nameless(db)
            changes.remove(db, removed)
        if removed:
            catalog.forget_copies()
            discard_index(catalog.path.parent)
        catalog.forget_traces()
