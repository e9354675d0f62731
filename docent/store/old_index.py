"""An index that is not in use: read for a rebuild, and cleared of deleted documents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from docent.messages import restored
from docent.store.catalog import Catalog
from docent.store.packing import PAGE_COLUMNS, unpack_page
from docent.store.rows import DOCUMENTS, forget_name, named
from docent.store.snapshots import UNCLAIMED, Snapshots
from docent.store.versions import READ
from docent.types import Document, SourceFile

KEPT = (
    "SELECT d.*, l.name AS library_name, l.owner, (SELECT json_group_array(json_array(p.path, p.bytes, "
    "p.modified_ns)) FROM paths p WHERE coalesce(p.next, p.document) = d.n) AS files "
    f"FROM {DOCUMENTS}"
)


@dataclass(frozen=True, slots=True)
class OldDocument:
    """Everything of a document that a new index has to know, but its pages."""

    id: str
    library: str
    document: Document
    added: str
    files: tuple[SourceFile, ...]
    """A file for each path; `full` is the original in storage/."""


class OldIndex:
    """The catalog of an index that other processes may have open."""

    def __init__(self, index: Path, *, originals: Path) -> None:
        self._catalog = Catalog(index / "catalog.db")
        self._originals = originals

    @property
    def fingerprint(self) -> str:
        return self._catalog.value("fingerprint")

    @property
    def name(self) -> str:
        """The name under which a Chroma server knows the index; empty where there is no server."""
        return self._catalog.value("name")

    def libraries(self) -> list[tuple[str, str | None, str]]:
        """Return name, owner and date of each library."""
        with self._catalog.read() as db:
            return db.execute("SELECT name, owner, added FROM libraries").fetchall()

    def documents(self) -> list[OldDocument]:
        """Return the newest version of every document that was read."""
        with self._catalog.read() as db:
            rows = db.execute(f"{KEPT} WHERE d.state IN ({READ}) ORDER BY l.owner IS NULL, d.n")
            found = list(named(rows))
        return [self._kept(row) for row in found if row["files"] != "[]"]

    def whole(self, kept: OldDocument) -> Document:
        """Return the document with its pages, as they were read."""
        columns = ", ".join(f"g.{column}" for column in PAGE_COLUMNS.split(", "))
        with self._catalog.read() as db:
            rows = db.execute(
                f"SELECT {columns} FROM pages g JOIN documents d ON d.n = g.document WHERE d.id = ? "
                "ORDER BY g.number",
                (kept.id,),
            ).fetchall()
        one = kept.document
        pages = tuple(unpack_page(row) for row in rows)
        return replace(one, pages=pages)

    def expected(self) -> list[tuple[OldDocument, str | None, str]]:
        """Return the documents that were handed in and not read, with their owners and reasons of failure."""
        with self._catalog.read() as db:
            rows = db.execute(
                f"{KEPT} WHERE d.state NOT IN ({READ}) ORDER BY d.n",
            )
            found = list(named(rows))
        return [
            (self._kept(row), row["owner"], restored(row["reason"])) for row in found if row["files"] != "[]"
        ]

    def failures(self) -> list[tuple[SourceFile, str]]:
        with self._catalog.read() as db:
            rows = db.execute(
                "SELECT l.name, f.path, f.bytes, f.modified_ns, f.reason FROM failures f "
                "JOIN libraries l ON l.n = f.library"
            ).fetchall()
        return [
            (SourceFile(name, path, Path(path), size, at), restored(why))
            for name, path, size, at, why in rows
        ]

    def holds(self, document_ids: Sequence[str]) -> bool:
        """Return True if any of these documents is in the index."""
        wanted = "SELECT 1 FROM documents WHERE id IN (SELECT value FROM json_each(?))"
        with self._catalog.read() as db:
            return db.execute(wanted, (json.dumps(list(document_ids)),)).fetchone() is not None

    def forget(self, document_ids: Sequence[str]) -> None:
        """Delete documents with their text."""
        some = json.dumps(list(document_ids))
        these = "(SELECT n FROM documents WHERE id IN (SELECT value FROM json_each(?)))"
        with self._catalog.write() as db:
            db.execute(f"UPDATE paths SET next = NULL WHERE next IN {these}", (some,))
            db.execute(f"DELETE FROM paths WHERE document IN {these}", (some,))
            db.execute(
                f"DELETE FROM vectors WHERE chunk IN (SELECT n FROM chunks WHERE document IN {these})",
                (some,),
            )
            for table in ("chunks", "pages"):
                db.execute(f"DELETE FROM {table} WHERE document IN {these}", (some,))
            db.execute("DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))", (some,))
        self._catalog.forget_traces()

    def forget_name(self, reader: str) -> None:
        """Delete a reader's name."""
        with self._catalog.write() as db:
            forget_name(db, reader)
        self._catalog.forget_traces()

    def sha256s(self) -> set[str]:
        with self._catalog.read() as db:
            return {sha256 for (sha256,) in db.execute("SELECT sha256 FROM documents")}

    def close(self) -> None:
        self._catalog.close()

    def _kept(self, row: object) -> OldDocument:
        of: dict[str, object] = dict(row)  # type: ignore[call-overload]
        text = {key: str(of[key]) for key in ("sha256", "name", "kind", "title", "language", "date")}
        original = self._originals / text["sha256"]
        files = tuple(
            SourceFile(str(of["library_name"]), path, original, size, modified)
            for path, size, modified in sorted(json.loads(str(of["files"])))
        )
        document = Document(
            text["sha256"], text["name"], text["kind"], (), text["title"], text["language"], text["date"],
            int(str(of["loader"])),
        )  # fmt: skip
        return OldDocument(str(of["id"]), str(of["library_name"]), document, str(of["added"]), files)


def others(folder: Path) -> Iterator[Path]:
    """Yield the indexes in storage/ beside the one in use: the last one, and one that is being built."""
    for index in (folder / "index-previous", folder / "building" / "index"):
        if (index / "catalog.db").exists():
            yield index


def asides(folder: Path) -> list[Path]:
    """Return the folders that keep the content of storage/ from before a backup was restored."""
    return sorted(folder.glob("before-restore-*"))


def _every_other(folder: Path) -> Iterator[Path]:
    """Yield every index in storage/ but the one in use, with those from before a restore."""
    for place in (folder, *asides(folder)):
        yield from others(place)
        if place != folder and (place / "index" / "catalog.db").exists():
            yield place / "index"


def forget_name_elsewhere(folder: Path, reader: str) -> None:
    """Delete a reader's name from every other index."""
    for index in _every_other(folder):
        with closing(OldIndex(index, originals=folder / "originals")) as previous:
            Snapshots(index).drop()
            previous.forget_name(reader)


def forget_elsewhere(folder: Path, document_ids: Sequence[str]) -> None:
    """Delete documents from every other index; its words and vectors are made again when it is used."""
    for index in _every_other(folder):
        previous = OldIndex(index, originals=folder / "originals")
        try:
            if previous.holds(document_ids):
                # The rows last: after a kill they are found, and all of this is done again.
                Snapshots(index).drop()
                if index.parent != folder / "building":  # which is compared once it is complete
                    for derived in ("chroma", "words"):
                        shutil.rmtree(index / derived, ignore_errors=True)
                previous.forget(document_ids)
        finally:
            previous.close()


def drop_unfinished(folder: Path, sha256: str) -> None:
    """Remove a file that an interrupted rebuild had copied before its document."""
    for file in (folder / "building" / "originals").glob(f"*{sha256}*"):
        file.unlink(missing_ok=True)


def drop_aside(folder: Path, sha256: str) -> None:
    """Remove an original that a restored backup or a repaired catalog had set aside."""
    for place in (folder / UNCLAIMED, *(aside / "originals" for aside in asides(folder))):
        (place / sha256).unlink(missing_ok=True)


def sweep_unfinished(folder: Path, known: Collection[str]) -> None:
    """Remove the files of an interrupted rebuild that no index knows."""
    for file in (folder / "building" / "originals").glob("*"):
        if file.name not in known:
            drop_unfinished(folder, file.name)


def kept_elsewhere(folder: Path) -> set[str]:
    """Return the originals that another index in storage/ still refers to."""
    found: set[str] = set()
    for index in others(folder):
        with closing(OldIndex(index, originals=folder / "originals")) as previous:
            found |= previous.sha256s()
    return found
