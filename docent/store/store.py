"""The store: a catalog that holds every fact, an index that follows its change log, and the original files.

Every change is one transaction of the catalog; the index follows before the call returns. What a killed
process left to do stands in the log, and the next one that owns the index does it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from docent.errors import FilesUnreachable, StoreError, UnknownDocument
from docent.messages import restored, stored
from docent.store.catalog import changes, contents, documents
from docent.store.catalog.dialect import among
from docent.store.catalog.schema import bring_up_to_date
from docent.store.catalog.scoping import ANSWERS, in_scope
from docent.store.catalog.sqlite_catalog import open_catalog
from docent.store.deleting import Deleter
from docent.store.files import open_files
from docent.store.index import languages
from docent.store.index.generations import Serving, ServingIndex, Switched, bind, sweep, switch_to
from docent.store.index.local_index import LocalIndex
from docent.store.locks import FolderLock
from docent.store.organising import Groups, Organiser
from docent.store.protocols import Catalog, KnownFile, StoreContents
from docent.store.searching import Search
from docent.store.writing import Writer
from docent.types import Chunk, Document, Page, Scope, SourceFile, State, StoredDocument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


def _ignore() -> None: ...


class Store:
    """Everything at rest. Thread-safe; any number of processes may have it open.

    With `building` it works on the generation that is being built, beside the one that answers. Its searches
    are those of Search, and its larger changes those of Writer and Deleter.
    """

    on_wanted: Callable[[], None] = staticmethod(_ignore)
    """Called when vectors are wanted; set by the process that makes them."""

    def __init__(
        self,
        folder: Path,
        *,
        fingerprint: str,
        chroma_url: str = "",
        database_url: str = "",
        files_url: str = "",
        files_key: str = "",
        building: bool = False,
    ) -> None:
        self.folder = folder.absolute()
        self._chroma_url, self._held_up = chroma_url, ""
        with ExitStack() as on_failure:
            self._lock = FolderLock(folder, shared=True)
            on_failure.callback(self._lock.release)
            if not database_url:
                bring_up_to_date(folder, self._lock)
            self._catalog = open_catalog(folder, database_url)
            on_failure.callback(self._catalog.close)
            self.files = open_files(self.folder, files_url, self._catalog, secret=files_key)
            self._writer = writer = Writer(
                self.folder, self._catalog, self.files, self._current, database_url=database_url
            )
            self.expect, self.attach = writer.expect, writer.attach
            self.put_words, self.put_several = writer.put_words, writer.put_several
            self.put_again, self.put_reading = writer.put_again, writer.put_reading
            self.put_vectors = writer.put_vectors
            self.share, self.unshare = writer.share, writer.unshare
            deleter = Deleter(writer)
            self.delete, self.delete_several = deleter.delete, deleter.delete_several
            self.delete_library, self.forget_owner = deleter.delete_library, deleter.forget_owner
            search = Search(self._catalog, self._current)
            self.documents, self.places = search.documents, search.places
            self.nearest, self.matching = search.nearest, search.matching
            self.similarity, self.agreement = search.similarity, search.agreement
            self.read_ahead, self.rarity = search.read_ahead, search.rarity
            self.organiser = Organiser(self._catalog, self._current)
            self.groups = Groups(self._catalog)
            self.waiting = Waiting(self._catalog, lambda: self._current().generation)
            generation = bind(
                self._catalog, self.folder, self._lock, fingerprint, building=building, chroma=self._chroma()
            )
            self._serving = ServingIndex(self._catalog, generation, self._open_index, fixed=building)
            on_failure.callback(self._serving.close)
            self._settle()
            on_failure.pop_all()

    @property
    def owned(self) -> bool:
        """True if this process owns the index, which it does as soon as no other process does."""
        return self._current().index.become_owner()

    @property
    def lag(self) -> float:
        """The seconds since this process last saw its words and vectors level with the catalog."""
        return self._serving.lag

    def save(self) -> None:
        """Free unused space and take a snapshot; called when nothing has changed for a while."""
        self._current().index.tidy()
        self.files.tidy()
        self._catalog.save()

    def close(self) -> None:
        if self._serving.close():
            with suppress(StoreError):  # a catalog that cannot be read was reported before
                self._catalog.save()
        self._catalog.close()
        self._lock.release()

    def complaints(self) -> list[str]:
        """Return each inconsistency as a sentence; an empty list when there is none."""
        complaints = [f"the catalog: {line}" for line in self._catalog.complaints()]
        complaints += self._current().index.compare()
        with self._catalog.read() as db:
            originals = db.execute("SELECT name, sha256 FROM documents ORDER BY name").fetchall()
        with suppress(FilesUnreachable):  # which `files.check` says
            kept = set(self.files.held())
            if lost := [name for name, sha256 in originals if sha256 not in kept]:
                complaints.append(f"originals missing: {', '.join(lost[:5])}")
        return complaints

    def contents(self) -> StoreContents:
        """Return what words, vectors and originals hold. Raises StorageBusy unless this owns the index."""
        return self._current().index.contents()._replace(originals=frozenset(self.files.held()))

    def mend(self) -> None:
        """Write words and vectors again from the catalog."""
        self._current().index.write_anew()

    def document(self, document_id: str, scope: Scope) -> StoredDocument:
        """Return one document, also one that waits to replace an older version."""
        with self._catalog.read(scope) as db:
            return documents.document_in(db, self._current().generation, scope, document_id)

    def libraries(self, reader: str | None) -> list[str]:
        with self._catalog.read(Scope(reader=reader)) as db:
            return documents.libraries_of(db, reader)

    def terms(self, text: str, language: str) -> list[str]:
        return languages.terms(text, language)

    def searched(self, question: str) -> frozenset[str]:
        return frozenset(languages.asked(question))

    def chunks(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Chunk]:
        where, values = in_scope(scope)
        with self._catalog.read(scope) as db:
            return contents.chunks_by_id(
                db, self._current().generation, chunk_ids, f"{where} AND {ANSWERS}", values
            )

    def chunks_of(self, document_id: str, scope: Scope) -> list[Chunk]:
        where, values = in_scope(scope)
        condition = f"d.id = ? AND {where} AND {ANSWERS} ORDER BY c.n"
        with self._catalog.read(scope) as db:
            return contents.chunks_where(db, self._current().generation, condition, [document_id, *values])

    def plain_pages(self, wanted: Collection[tuple[str, int]], scope: Scope) -> dict[tuple[str, int], Page]:
        where, values = in_scope(scope)
        with self._catalog.read(scope) as db:
            return contents.plain_pages(db, self._current().generation, wanted, where, values)

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        found = self._pages(document_id, scope, "g.number = ?", number)
        if not found:
            raise UnknownDocument("Page {n} of this document is not here any more. Ask again.", n=number)
        return found[0]

    def pages(self, document_id: str, scope: Scope) -> list[Page]:
        return self._pages(document_id, scope, "1 = 1")

    def original(self, document_id: str, scope: Scope) -> Path:
        """Return the file itself, as it was when it was read."""
        return self.files.open(self.document(document_id, scope).sha256)

    def has_original(self, document: StoredDocument) -> bool:
        """Return False where only another machine has the file of a document."""
        return self.files.shared or self.files.open(document.sha256).exists()

    def known_files(self, library: str) -> list[KnownFile]:
        """Return every file of a library's folder that was looked at before, read or not."""
        with self._catalog.read() as db:
            return documents.known_files(db, self._current().generation, library)

    def failures(self, scope: Scope) -> list[KnownFile]:
        """Return the files of folders that could not be read, in the libraries of the scope."""
        with self._catalog.read(scope) as db:
            failed = documents.failures(db, scope.reader)
        return [file for file in failed if not scope.libraries or file.library in scope.libraries]

    def put(
        self, file: SourceFile, document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32]
    ) -> None:
        """Store a document with words and vectors."""
        self.put_words(file, document, chunks)
        self.put_vectors([chunk.id for chunk in chunks], vectors)

    def fail(self, file: SourceFile, reason: str) -> None:
        """Note that a file cannot be read; a version read earlier goes on answering."""
        with self._catalog.write() as db:
            documents.note_failure(db, file, reason)

    def forget(self, library: str, path: str) -> None:
        """Forget a file that is gone, and its document unless another path names it."""
        with self._writer.change() as db:
            documents.forget_path(db, library, path)

    def lacking(self) -> int:
        """Count the chunks that have no vector yet."""
        with self._catalog.read() as db:
            return contents.count_without_vectors(db, self._current().generation)

    def come_to_rest(self) -> None:
        """Wait for the changes under way, which remove last what they replaced, and for the index."""
        self._writer.wait()
        self._current().index.follow()  # another process may have stored the last vectors, but no more yet

    def want_vectors(self) -> None:
        """Ask for vectors to be made, because a reader waits for them."""
        self._current().index.wake()

    def hold_up(self, why: str) -> None:
        """Note why no vectors are being made; empty when they are."""
        self._held_up = why

    def held_up(self) -> str:
        """Return why no vectors are being made, also by another process."""
        return self._held_up or restored(self._current().index.wake())

    def begin(self, document_id: str) -> None:
        """Note that a queued document is being read."""
        with self._catalog.write() as db:
            documents.begin_reading(db, document_id)

    def give_up(self, document_id: str, reason: str) -> None:
        """Mark a document as failed, with the reason; an older version of it goes on answering."""
        with self._writer.change() as db:
            row = documents.document_row(db, document_id)
            # Another reader may have handed in the same bytes.
            if row is not None and not documents.is_read(db, row, self._current().generation):
                documents.give_up(db, row, reason)

    def cancel(self, document_id: str, scope: Scope) -> bool:
        """Withdraw a document that is not ready yet and return True; return False if it is ready."""
        if self.document(document_id, scope).state in (State.READY, State.PARTIAL):
            return False
        self.withdraw(document_id)
        return True

    def withdraw(self, document_id: str) -> None:
        """Remove any reader's document; if it was to replace an older version, that one stays."""
        with self._writer.change() as db:
            if (row := documents.document_row(db, document_id)) is not None:
                documents.withdraw(db, row)

    def missing(self) -> list[StoredDocument]:
        """Return the documents that the serving generation has and the one that is being built has not."""
        with self._catalog.read() as db:
            serving = changes.generations(db)["serving"].number
            ids = changes.missing_in(db, self._current().generation, serving=serving)
            condition, value = among("d.id", ids)
            known = {d.id: d for d in documents.documents_where(db, serving, condition, value)}
        return [known[key] for key in ids]

    def read_before(self, document_id: str) -> Document | None:
        """Return a document as the serving generation has read it; None when it is gone."""
        with self._catalog.read() as db:
            return contents.read_whole(db, changes.generations(db)["serving"].number, document_id)

    def switch(self) -> Switched:
        """Let the generation that was built answer, if it has everything."""
        generation = self._current().generation
        switched = switch_to(self._catalog, self.folder, self._lock, generation, self._chroma())
        if switched == "switched":
            self._settle()
        return switched

    def _pages(self, document_id: str, scope: Scope, which: str, *values: int) -> list[Page]:
        where, scoped = in_scope(scope)
        condition = f"d.id = ? AND {where} AND {which}"
        with self._catalog.read(scope) as db:
            return contents.pages_where(
                db, self._current().generation, condition, [document_id, *scoped, *values]
            )

    def _current(self) -> Serving:
        return self._serving.now()

    def _open_index(self, generation: int) -> LocalIndex:
        return LocalIndex(
            self.folder / "index" / str(generation),
            self._catalog,
            generation,
            chroma=self._chroma(),
            on_level=lambda dropped: self._level(generation, dropped),
            on_wake=self._wake,
        )

    def _level(self, generation: int, dropped: bool) -> None:
        self._writer.finish(generation)
        if dropped:
            self._writer.sweep_copies()

    def _chroma(self) -> tuple[str, str]:
        """Return the name of this store on a Chroma server, and the server's URL; both empty without one."""
        if not self._chroma_url:
            return "", ""
        if not self._catalog.value("name"):
            self._catalog.set_value("name", uuid.uuid4().hex)
        return self._catalog.value("name"), self._chroma_url

    def _wake(self) -> str:
        self.on_wanted()
        return stored(self._held_up)

    def _settle(self) -> None:
        """Finish what a killed process left to do; where another process owns the index, that one does."""
        serving = self._current()
        if serving.index.owned:
            self._writer.finish(serving.generation)
            with self._writer.change():  # which removes older versions that were replaced
                pass
            self._writer.sweep()
            sweep(self._catalog, self.folder, self._chroma())


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
