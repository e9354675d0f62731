"""Writes: files come, change and go, and their vectors follow."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docent.errors import DocentError, UnknownDocument, UnreadableFile
from docent.messages import restored, stored
from docent.regular_files import open_regular
from docent.store import versions
from docent.store.deletions import DeletingStore
from docent.store.packing import pack_vectors
from docent.store.rows import (
    DOCUMENTS,
    UPLOADED,
    clear_document,
    document_row,
    insert_document,
    keys_of,
    library_row,
    now,
    rename,
)
from docent.types import Chunk, Document, Scope, SourceFile, document_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was when it was last looked at."""

    library: str
    path: str
    bytes: int
    modified_ns: int
    sha256: str
    reason: str = ""
    """The reason why it could not be read; empty when it was."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that was read and chunked, ready to be stored."""

    file: SourceFile
    document: Document
    chunks: Sequence[Chunk]


def _ignore() -> None: ...


class WritingStore(DeletingStore):
    """The methods of the store that write."""

    on_wanted: Callable[[], None] = staticmethod(_ignore)
    """Called when vectors are wanted; set by the process that makes them."""
    _held_up = ""

    def known_files(self, library: str) -> list[KnownFile]:
        """Return every file of a library's folder that was looked at before, read or not."""
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT p.path, p.bytes, p.modified_ns, d.sha256, '' FROM paths p JOIN libraries l "
                "ON l.n = p.library JOIN documents d ON d.n = coalesce(p.next, p.document) WHERE l.name = ?1 "
                "AND substr(p.path, 1, length(?2)) <> ?2 "
                "UNION ALL SELECT f.path, f.bytes, f.modified_ns, '', f.reason FROM failures f "
                "JOIN libraries l ON l.n = f.library WHERE l.name = ?1",
                (library, UPLOADED),
            ).fetchall()
        return [
            KnownFile(library, path, size, at, sha256, restored(why)) for path, size, at, sha256, why in rows
        ]

    def failures(self, scope: Scope) -> list[KnownFile]:
        """Return the files of folders that could not be read, in the libraries of the scope."""
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT l.name, f.path, f.bytes, f.modified_ns, '', f.reason FROM failures f "
                "JOIN libraries l ON l.n = f.library WHERE l.owner IS NULL ORDER BY l.name, f.path"
            ).fetchall()
        return [
            KnownFile(library, path, size, at, sha256, restored(why))
            for library, path, size, at, sha256, why in rows
            if not scope.libraries or library in scope.libraries
        ]

    def put(
        self, file: SourceFile, document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32]
    ) -> None:
        """Store a document with words and vectors."""
        self.put_words(file, document, chunks)
        self.put_vectors([chunk.id for chunk in chunks], vectors)

    def put_words(
        self, file: SourceFile, document: Document, chunks: Sequence[Chunk], *, expected: bool = False
    ) -> None:
        """Store a document so that its words find it; if `expected`, only while it still is.

        The older version of its file goes on answering until the new one has its vectors, too.
        """
        new = document_id(file.library, document.sha256)
        with self._catalog.write_lock.preparing():  # a large file takes a while
            self._original(file, document.sha256)
            with self._catalog.write_lock:
                try:
                    _refuse_changed(file)
                    self._original(file, document.sha256)  # a deletion may have taken it meanwhile
                    if expected and not self._every_document("d.id = ?", new):
                        raise UnknownDocument("{name} was given up while it was read.", name=document.name)
                except DocentError:
                    self._drop_unused(document.sha256)
                    raise
                if self.attach(file, document.sha256):
                    return
                self._words.put(new, file.library, chunks, language=document.language)
                self._words.commit()
                with self._catalog.write() as db:
                    library = library_row(db, file.library)
                    n = insert_document(db, new, library, file, document, chunks)
                    self._name(db, library, file, n)
                    versions.finish(db, [n])
                self._purge()

    def put_several(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Store new documents as `put_words` does, in one commit, which costs more than a small file.

        Return False for each that needs `put_words`, because it is here already or is refused.
        """
        kept: dict[str, Arrival] = {}
        with self._catalog.write_lock:
            for one in arrivals:
                new = document_id(one.file.library, one.document.sha256)
                if new not in kept and not self._every_document("d.id = ?", new) and self._is_kept(one):
                    kept[new] = one
            self._originals.settle()
            for new, one in kept.items():
                self._words.put(new, one.file.library, one.chunks, language=one.document.language)
            self._words.commit()
            with self._catalog.write() as db:
                for new, one in kept.items():
                    library = library_row(db, one.file.library)
                    n = insert_document(db, new, library, one.file, one.document, one.chunks)
                    self._name(db, library, one.file, n)
                    versions.finish(db, [n])
            self._purge()
        return [one in kept.values() for one in arrivals]

    def _is_kept(self, one: Arrival) -> bool:
        """Store the original and return True; return False if it has changed since it was read."""
        try:
            self._original(one.file, one.document.sha256, settled=False)
            _refuse_changed(one.file)
        except DocentError:
            self._drop_unused(one.document.sha256)
            return False
        return True

    def _original(self, file: SourceFile, sha256: str, *, settled: bool = True) -> None:
        where, links = file.real or file.full, file.real is None
        self._originals.keep(where, sha256, settled=settled, links=links)

    def _drop_unused(self, sha256: str) -> None:
        """Remove an original that no document came of."""
        with self._catalog.read() as db:
            used = db.execute("SELECT 1 FROM documents WHERE sha256 = ?", (sha256,)).fetchone()
        if used is None:
            self._originals.drop(sha256)

    def put_again(self, document_id: str, document: Document, chunks: Sequence[Chunk]) -> None:
        """Replace what was read of a document before by what was read of it now."""
        with self._catalog.write_lock:
            known = self._every_document("d.id = ?", document_id)
            if not known:
                raise UnknownDocument("{name} was deleted while it was read again.", name=document.name)
            (there,) = known
            old = self._chunk_ids(document_id)
            file = SourceFile(there.library, "", self._originals.path(there.sha256), there.bytes, 0)
            self._words.put(document_id, there.library, chunks, language=document.language)
            self._words.commit()
            with self._catalog.write() as db:
                n = document_row(db, document_id)
                assert n is not None
                clear_document(db, n)
                library = library_row(db, there.library)
                insert_document(db, document_id, library, file, document, chunks)
                db.execute("UPDATE documents SET date = ? WHERE n = ?", (document.created or there.date, n))
                versions.finish(db, [n])
            self._vectors.drop(there.library, old)

    def attach(self, file: SourceFile, sha256: str) -> bool:
        """Let a path name a document that is already here; False when it is not."""
        with self._catalog.write_lock:
            with self._catalog.write() as db:
                n = document_row(db, document_id(file.library, sha256))
                if n is None or not versions.was_read(db, n):
                    return False
                self._name(db, library_row(db, file.library), file, n)
            self._purge()
        return True

    def fail(self, file: SourceFile, reason: str) -> None:
        """Note that a file cannot be read; a version read earlier goes on answering."""
        with self._catalog.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                (
                    library_row(db, file.library),
                    file.path,
                    file.bytes,
                    file.modified_ns,
                    stored(reason),
                    now(),
                ),
            )

    def forget(self, library: str, path: str) -> None:
        """Forget a file that is gone, and its document unless another path names it."""
        with self._catalog.write_lock:
            with self._catalog.write() as db:
                key = library_row(db, library)
                db.execute("DELETE FROM failures WHERE library = ? AND path = ?", (key, path))
                gone = db.execute(
                    "DELETE FROM paths WHERE library = ? AND path = ? RETURNING document", (key, path)
                ).fetchall()
                for (document,) in gone:
                    rename(db, document)
            self._purge()

    def unembedded(self, limit: int, *, besides: Collection[str]) -> list[Chunk]:
        """Return chunks that wait for vectors, in the order their documents came, private ones first."""
        with self._catalog.read() as db:
            waiting = db.execute(
                f"SELECT d.id FROM {DOCUMENTS} WHERE d.state = 'searchable' ORDER BY l.owner IS NULL, d.n"
            ).fetchall()
        found: list[Chunk] = []
        for (key,) in waiting:
            some = self._chunks_where(
                "d.id = ? AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk = c.n) ORDER BY c.n LIMIT ?",
                [key, limit + len(besides)],
            )
            found += [chunk for chunk in some if chunk.id not in besides]
            if len(found) >= limit:
                break
        return found[:limit]

    def lacking(self) -> int:
        """Count the chunks that have no vector yet."""
        with self._catalog.read() as db:
            row = db.execute(
                "SELECT coalesce(sum(chunks - embedded), 0) FROM documents WHERE state = 'searchable'"
            ).fetchone()
        return int(row[0])

    def come_to_rest(self) -> None:
        """Wait for the change under way, which removes last what it replaced."""
        with self._catalog.write_lock:
            pass

    def want_vectors(self) -> None:
        """Ask for vectors to be made, because a reader waits for them."""
        self.on_wanted()

    def hold_up(self, why: str) -> None:
        """Note why no vectors are being made; empty when they are."""
        self._held_up = why

    def held_up(self) -> str:
        return self._held_up

    def put_vectors(self, chunk_ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Store vectors; those of chunks that are gone by now are dropped."""
        rows = dict(zip(chunk_ids, zip(vectors, pack_vectors(vectors), strict=True), strict=True))
        with self._catalog.write_lock:
            keys, marks = keys_of(chunk_ids)
            with self._catalog.read() as db:
                there = db.execute(
                    "SELECT c.n, c.id, d.n, l.name FROM chunks c JOIN documents d ON d.n = c.document "
                    f"JOIN libraries l ON l.n = d.library WHERE c.id IN ({marks})",
                    keys,
                ).fetchall()
            for library in {name for *_, name in there}:
                some = [key.hex() for _, key, _, name in there if name == library]
                self._vectors.put(library, some, [rows[chunk_id][0].tolist() for chunk_id in some])
            with self._catalog.write() as db:
                db.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    [(n, rows[key.hex()][1]) for n, key, _, _ in there],
                )
                versions.finish(db, sorted({document for _, _, document, _ in there}))
            self._purge()

    def _name(self, db: sqlite3.Connection, library: int, file: SourceFile, document: int) -> None:
        db.execute("DELETE FROM failures WHERE library = ? AND path = ?", (library, file.path))
        versions.point(db, library, file, document)


def _refuse_changed(file: SourceFile) -> None:
    """Raise UnreadableFile if the file has changed since it was read."""
    try:
        with open_regular(file.real or file.full, links=file.real is None) as opened:
            stat = os.fstat(opened.fileno())
    except FileNotFoundError as error:
        raise UnreadableFile(
            "{name} vanished while it was read. Ingest again.", name=file.full.name
        ) from error
    except OSError as error:  # a link or a folder is in its place now
        raise _changed(file) from error
    if (stat.st_size, stat.st_mtime_ns) != (file.bytes, file.modified_ns):
        raise _changed(file)


def _changed(file: SourceFile) -> UnreadableFile:
    return UnreadableFile(
        "{name} changed while it was read. Ingest again when it is complete.", name=file.full.name
    )
