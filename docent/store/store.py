"""The store: the catalog is the truth, originals and vectors follow it.

A document becomes visible in the one transaction that writes it, after its vectors are in place;
what a killed process left over in the vector index is in no catalog row, answers nothing, and is
swept at the next start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docent.errors import IndexMismatch, UnknownDocument
from docent.glossary import (
    Chunk,
    Deletion,
    Document,
    Page,
    Scope,
    SourceFile,
    StoredDocument,
    document_id,
)
from docent.store.catalog import Catalog
from docent.store.guard import Lock
from docent.store.originals import Originals
from docent.store.packing import PAGE_COLUMNS, unpack_page, unpack_vectors
from docent.store.protocols import Hit
from docent.store.rows import chunk_of, document_of, insert_document, keys_of, library_row, named, now, rename
from docent.store.scoping import ANSWERS, condition, is_narrow
from docent.store.vectors import Vectors
from docent.store.words import Words

DOCUMENTS = "documents d JOIN libraries l ON l.n = d.library"
MOST_PARAMETERS = 10_000  # in one statement; SQLite's own limit is 32,766
CHUNKS = f"chunks c JOIN {DOCUMENTS.replace('documents d', 'documents d ON d.n = c.document')}"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was when it was last looked at."""

    library: str
    path: str
    bytes: int
    modified_ns: int
    sha256: str
    reason: str = ""
    """Why it could not be read; empty when it was."""


class Store:
    """Everything at rest. Every method may be called from any thread."""

    def __init__(self, folder: Path, *, fingerprint: str) -> None:
        self.folder = folder
        self._lock = Lock(folder)
        try:
            index = folder / "index"
            self._catalog = Catalog(index / "catalog.db")
            self._check(fingerprint)
            self._originals = Originals(folder / "originals")
            self._vectors = Vectors(index / "chroma", name="docent", url="")
            self._words = Words(index / "words")
            self._in_step = index / "in-step"
            if not self._in_step.exists():
                self._sweep()
            self._in_step.unlink(missing_ok=True)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        self._vectors.close()
        self._words.close()
        self._catalog.close()
        self._in_step.touch()  # whoever finds this at the start need not compare every id
        self._lock.release()

    # --- reading, always within a scope ----------------------------------------------------

    def documents(self, scope: Scope) -> list[StoredDocument]:
        where, values = condition(scope)
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT d.*, l.name AS library_name, l.owner, (SELECT json_group_array(path) FROM paths p "
                f"WHERE p.document = d.n) AS paths FROM {DOCUMENTS} WHERE {where} ORDER BY l.name, d.name",
                values,
            )
            return [document_of(row) for row in named(rows)]

    def libraries(self, reader: str | None) -> list[str]:
        with self._catalog.read() as db:
            rows = db.execute("SELECT name FROM libraries WHERE owner IS NULL OR owner = ?", (reader,))
            return sorted(str(name) for (name,) in rows)

    def nearest(self, vector: Sequence[float], limit: int, scope: Scope) -> list[Hit]:
        if is_narrow(scope):
            ids = self._ids(scope)
            hits = [Hit(*pair) for pair in zip(ids, self.similarity(vector, ids), strict=True)]
        else:
            libraries = {document.library for document in self.documents(scope)}
            hits = [hit for library in libraries for hit in self._vectors.nearest(library, vector, limit)]
            known = self._visible([hit.id for hit in hits], scope)
            hits = [hit for hit in hits if hit.id in known]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]

    def matching(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        libraries, documents = self._bounds(scope)
        hits = self._words.matching(query, limit, libraries=libraries, documents=documents)
        known = self._visible([hit.id for hit in hits], scope)
        return [hit for hit in hits if hit.id in known]

    def routing(self, query: str, limit: int, scope: Scope) -> list[Hit]:
        libraries, documents = self._bounds(scope)
        known = {document.id for document in self.documents(scope)}
        hits = self._words.routing(query, limit, libraries=libraries, documents=documents)
        return [hit for hit in hits if hit.id in known]

    def similarity(self, vector: Sequence[float], chunk_ids: Sequence[str]) -> list[float]:
        found: dict[str, float] = {}
        wanted = np.asarray(vector, dtype=np.float32)
        with self._catalog.read() as db:
            for at in range(0, len(chunk_ids), MOST_PARAMETERS):
                keys, marks = keys_of(chunk_ids[at : at + MOST_PARAMETERS])
                rows = db.execute(
                    "SELECT c.id, v.data FROM chunks c JOIN vectors v ON v.chunk = c.n "
                    f"WHERE c.id IN ({marks})",
                    keys,
                ).fetchall()
                if rows:
                    scores = unpack_vectors([data for _, data in rows]) @ wanted
                    found |= {key.hex(): float(score) for (key, _), score in zip(rows, scores, strict=True)}
        return [found.get(chunk_id, -1.0) for chunk_id in chunk_ids]

    def chunks(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Chunk]:
        keys, marks = keys_of(chunk_ids)
        found = self._chunks(f"c.id IN ({marks})", keys, scope)
        return {chunk.id: chunk for chunk in found}

    def chunks_of(self, document_id: str, scope: Scope) -> list[Chunk]:
        return self._chunks("d.id = ?", [document_id], scope)

    def page(self, document_id: str, number: int, scope: Scope) -> Page:
        found = self._pages(document_id, scope, " AND g.number = ?", number)
        if not found:
            raise UnknownDocument(f"Page {number} of this document is not here any more. Ask again.")
        return found[0]

    def pages(self, document_id: str, scope: Scope) -> list[Page]:
        return self._pages(document_id, scope, "")

    def original(self, document_id: str, scope: Scope) -> Path:
        """The file itself, as it was when it was read."""
        for document in self.documents(scope):
            if document.id == document_id:
                return self._originals.path(document.sha256)
        raise UnknownDocument("This document is not here any more. `python -m docent list` shows what is.")

    # --- writing ---------------------------------------------------------------------------

    def known_files(self, library: str) -> list[KnownFile]:
        """Every file of a library that was looked at before, read or not."""
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT p.path, p.bytes, p.modified_ns, d.sha256, '' FROM paths p JOIN libraries l "
                "ON l.n = p.library JOIN documents d ON d.n = p.document WHERE l.name = ?1 "
                "UNION ALL SELECT f.path, f.bytes, f.modified_ns, '', f.reason FROM failures f "
                "JOIN libraries l ON l.n = f.library WHERE l.name = ?1",
                (library,),
            ).fetchall()
        return [KnownFile(library, *row) for row in rows]

    def put(
        self, file: SourceFile, document: Document, chunks: Sequence[Chunk], vectors: NDArray[np.float32]
    ) -> None:
        """Keep a document whole; what this path held before is replaced in the same transaction."""
        new = document_id(file.library, document.sha256)
        self._originals.keep(file.full, document.sha256)
        with self._catalog.turn:
            with self._catalog.write() as db:
                library_row(db, file.library)  # known before its first vector, so that the sweep looks there
            self._vectors.put(file.library, [chunk.id for chunk in chunks], vectors.tolist())
            self._words.put(new, file.library, chunks)
            self._words.commit()
            with self._catalog.write() as db:
                library = library_row(db, file.library)
                db.execute("DELETE FROM failures WHERE library = ? AND path = ?", (library, file.path))
                if db.execute("SELECT 1 FROM documents WHERE id = ?", (new,)).fetchone() is None:
                    insert_document(db, new, library, file, document, chunks, vectors)
                self._point(db, library, file, new)
            self._purge()

    def attach(self, file: SourceFile, sha256: str) -> bool:
        """Let a path name a document that is already here; False when it is not."""
        with self._catalog.turn:
            with self._catalog.write() as db:
                library = library_row(db, file.library)
                new = document_id(file.library, sha256)
                if db.execute("SELECT 1 FROM documents WHERE id = ?", (new,)).fetchone() is None:
                    return False
                db.execute("DELETE FROM failures WHERE library = ? AND path = ?", (library, file.path))
                self._point(db, library, file, new)
            self._purge()
        return True

    def fail(self, file: SourceFile, reason: str) -> None:
        """Note that a file cannot be read; a version read earlier goes on answering."""
        with self._catalog.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                (library_row(db, file.library), file.path, file.bytes, file.modified_ns, reason, now()),
            )

    def forget(self, library: str, path: str) -> None:
        """A file is gone; its document goes with it unless another path names it."""
        with self._catalog.turn:
            with self._catalog.write() as db:
                key = library_row(db, library)
                db.execute("DELETE FROM failures WHERE library = ? AND path = ?", (key, path))
                row = db.execute(
                    "DELETE FROM paths WHERE library = ? AND path = ? RETURNING document", (key, path)
                ).fetchone()
                if row is not None:
                    rename(db, row[0])
            self._purge()

    def delete(self, document_id: str, scope: Scope) -> Deletion:
        """Remove a document with everything derived from it, and count what is left."""
        document = next((d for d in self.documents(scope) if d.id == document_id), None)
        if document is None:
            raise UnknownDocument(f"There is no document {document_id!r} that you may delete.")
        ids = [chunk.id for chunk in self.chunks_of(document_id, scope)]
        with self._catalog.turn:
            found = self._census(document, ids)
            with self._catalog.write() as db:
                db.execute(
                    "DELETE FROM paths WHERE document = (SELECT n FROM documents WHERE id = ?)",
                    (document_id,),
                )
            self._purge()
            self._catalog.forget_traces()
            left = self._census(document, ids)
        return Deletion(document.id, document.name, found, left)

    # --- keeping the derived parts in step ---------------------------------------------------

    def _point(self, db: sqlite3.Connection, library: int, file: SourceFile, document_id: str) -> None:
        db.execute(
            "INSERT OR REPLACE INTO paths (library, path, document, bytes, modified_ns) "
            "SELECT ?, ?, n, ?, ? FROM documents WHERE id = ?",
            (library, file.path, file.bytes, file.modified_ns, document_id),
        )

    def _purge(self) -> None:
        """Remove every document that no path names any more."""
        with self._catalog.read() as db:
            gone = db.execute(
                f"SELECT d.n, d.id, l.name, d.sha256 FROM {DOCUMENTS} "
                "WHERE NOT EXISTS (SELECT 1 FROM paths p WHERE p.document = d.n)"
            ).fetchall()
        for n, document, library, sha256 in gone:
            with self._catalog.write() as db:
                rows = db.execute("SELECT id FROM chunks WHERE document = ?", (n,)).fetchall()
                db.execute(
                    "DELETE FROM vectors WHERE chunk IN (SELECT n FROM chunks WHERE document = ?)", (n,)
                )
                for table in ("chunks", "pages"):
                    db.execute(f"DELETE FROM {table} WHERE document = ?", (n,))
                db.execute("DELETE FROM documents WHERE n = ?", (n,))
                shared = db.execute("SELECT 1 FROM documents WHERE sha256 = ?", (sha256,)).fetchone()
            self._vectors.drop(library, [key.hex() for (key,) in rows])
            self._words.drop([document])
            self._words.commit()
            if shared is None:
                self._originals.drop(sha256)

    def _sweep(self) -> None:
        """Bring vectors and originals in step with the catalog after a process was killed."""
        self._originals.sweep_parts()
        with self._catalog.read() as db:
            held: dict[str, set[str]] = {name: set() for (name,) in db.execute("SELECT name FROM libraries")}
            for name, key in db.execute(f"SELECT l.name, c.id FROM {CHUNKS}"):
                held[name].add(key.hex())
            kept = {sha256 for (sha256,) in db.execute("SELECT sha256 FROM documents")}
        for library, wanted in held.items():
            there = self._vectors.chunk_ids(library)
            self._vectors.drop(library, sorted(there - wanted))
            self._restore(library, sorted(wanted - there))
        self._sweep_words(set().union(*held.values()))
        for sha256 in set(self._originals.held()) - kept:
            self._originals.drop(sha256)
        self._purge()

    def _sweep_words(self, wanted: set[str]) -> None:
        """Words in step with the catalog: all documents again, when any chunk is too many or missing."""
        if self._words.chunk_ids() == wanted:
            return
        self._words.clear()
        with self._catalog.read() as db:
            documents = db.execute(f"SELECT d.id, l.name, l.owner FROM {DOCUMENTS}").fetchall()
        for document, library, owner in documents:
            self._words.put(document, library, self.chunks_of(document, Scope(reader=owner)))
        self._words.commit()

    def _restore(self, library: str, chunk_ids: Sequence[str]) -> None:
        """Vectors that the index lost come back from the catalog, without embedding again."""
        with self._catalog.read() as db:
            for chunk_id in chunk_ids:
                row = db.execute(
                    "SELECT v.data FROM vectors v JOIN chunks c ON c.n = v.chunk WHERE c.id = ?",
                    (bytes.fromhex(chunk_id),),
                ).fetchone()
                self._vectors.put(library, [chunk_id], unpack_vectors([row[0]]).tolist())

    def _check(self, fingerprint: str) -> None:
        stored = self._catalog.value("fingerprint")
        if stored and stored != fingerprint:
            raise IndexMismatch(
                f"storage/ was indexed with {stored}; settings ask for {fingerprint}. "
                "Run: python ingest.py --rebuild"
            )
        if not stored:
            self._catalog.set_value("fingerprint", fingerprint)

    # --- small steps -------------------------------------------------------------------------

    def _census(self, document: StoredDocument, chunk_ids: Sequence[str]) -> dict[str, int]:
        """How much of a document is where."""
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
        }

    def _chunks(self, which: str, values: Sequence[Any], scope: Scope) -> list[Chunk]:
        where, scoped = condition(scope)
        with self._catalog.read() as db:
            rows = db.execute(
                'SELECT c.id, d.id, c.page, c.start, c."end", c.header, c.heading, c.tokens, g.text '
                f"FROM {CHUNKS} JOIN pages g ON g.document = d.n AND g.number = c.page "
                f"WHERE {which} AND {where} AND {ANSWERS} ORDER BY c.n",
                [*values, *scoped],
            ).fetchall()
        return [chunk_of(row) for row in rows]

    def _pages(self, document_id: str, scope: Scope, which: str, *values: Any) -> list[Page]:
        where, scoped = condition(scope)
        columns = ", ".join(f"g.{column}" for column in PAGE_COLUMNS.split(", "))
        with self._catalog.read() as db:
            rows = db.execute(
                f"SELECT {columns} FROM {DOCUMENTS} JOIN pages g ON g.document = d.n "
                f"WHERE d.id = ? AND {where}{which} ORDER BY g.number",
                [document_id, *scoped, *values],
            ).fetchall()
        return [unpack_page(row) for row in rows]

    def _bounds(self, scope: Scope) -> tuple[list[str], list[str]]:
        """Libraries and, in a narrow scope, documents; what the lexical index is asked within."""
        documents = self.documents(scope)
        libraries = sorted({document.library for document in documents})
        return libraries, [document.id for document in documents] if is_narrow(scope) else []

    def _ids(self, scope: Scope) -> list[str]:
        where, values = condition(scope)
        with self._catalog.read() as db:
            rows = db.execute(f"SELECT c.id FROM {CHUNKS} WHERE {where} AND {ANSWERS}", values).fetchall()
        return [key.hex() for (key,) in rows]

    def _visible(self, chunk_ids: Sequence[str], scope: Scope) -> set[str]:
        where, values = condition(scope)
        keys, marks = keys_of(chunk_ids)
        with self._catalog.read() as db:
            rows = db.execute(
                f"SELECT c.id FROM {CHUNKS} WHERE c.id IN ({marks}) AND {where} AND {ANSWERS}",
                [*keys, *values],
            ).fetchall()
        return {key.hex() for (key,) in rows}
