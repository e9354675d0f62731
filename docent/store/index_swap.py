"""Build an index beside the one in use, put it in its place, and roll back.

In storage/, `index` answers, `index-previous` is kept for a rollback, and `building` grows. Every step of a
swap is a rename, and `settle` finishes what a killed process left half done.
"""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from docent.errors import DamagedStore, StorageBusy, StoreError
from docent.store.locks import FolderLock
from docent.store.old_index import OldDocument, OldIndex
from docent.store.rpc import OwnerGone, RpcClient
from docent.store.vectors import ChromaVectors
from docent.types import Document

if TYPE_CHECKING:
    from docent.store.store import Store

WHOLE = "whole"
"""A file in building/ that marks the new index as complete."""

Switched = Literal["switched", "busy", "behind"]
"""busy: the process that answers has other settings; behind: the old index has changed since."""


def switch(folder: Path, *, chroma_url: str) -> Switched:
    """Put the new index in the place of the old one, also for a process that answers from it now."""
    try:
        lock = FolderLock(folder)
    except StorageBusy:
        try:
            return _ask_owner(folder, "take_new")  # type: ignore[no-any-return]
        except StorageBusy:
            return "busy"
    try:
        if not is_level(folder):
            return "behind"
        put_new(folder, chroma_url=chroma_url)
        return "switched"
    finally:
        lock.release()


def _ask_owner(folder: Path, what: str) -> Any:
    """Call a method of the process that owns the folder. Raises StorageBusy when it does not answer."""
    try:
        client = RpcClient(folder, fingerprint="")
    except OwnerGone as error:
        raise StorageBusy(
            "{folder} is in use by another Docent. Stop it and run this again.", folder=folder
        ) from error
    try:
        return client.call(what, (), {})
    except OwnerGone as error:
        raise StorageBusy(
            "The Docent that owns {folder} ended before it answered. Run this again.", folder=folder
        ) from error
    finally:
        client.close()


def settle(folder: Path, *, fingerprint: str, chroma_url: str) -> None:
    """Finish a swap that was interrupted. The caller owns the folder and has not opened the index."""
    previous, index, aside, building = _places(folder)
    if not index.exists():
        if aside.exists():
            aside.rename(index)
        elif (building / WHOLE).exists():
            put_new(folder, chroma_url=chroma_url)
        elif previous.exists():
            previous.rename(index)
    elif aside.exists():
        if previous.exists():
            shutil.rmtree(previous)
        aside.rename(previous)
    if (building / WHOLE).exists():
        if not (building / "index").exists():
            shutil.rmtree(building)
        elif fingerprint_of(building / "index") == fingerprint and is_level(folder):
            put_new(folder, chroma_url=chroma_url)


def roll_back(folder: Path) -> str:
    """Exchange the index in use and the one before the last rebuild; return the fingerprint of the latter.

    A second call undoes the first.
    """
    try:
        lock = FolderLock(folder)
    except StorageBusy:
        return str(_ask_owner(folder, "take_earlier"))
    try:
        found = fingerprint_of(earlier(folder))
        put_earlier(folder)
        return found
    finally:
        lock.release()


def forget_previous(folder: Path, *, chroma_url: str) -> bool:
    """Remove the index before the last rebuild; False when there was none."""
    try:
        lock = FolderLock(folder)
    except StorageBusy:
        return bool(_ask_owner(folder, "forget_earlier"))
    try:
        return remove_earlier(folder, chroma_url=chroma_url)
    finally:
        lock.release()


def give_up(folder: Path, *, chroma_url: str) -> None:
    """Remove an index that is being built, unless a process is building it."""
    building = folder / "building"
    if building.exists():
        FolderLock(building).release()
        if (building / "index").exists():
            _remove(building / "index", chroma_url)
        shutil.rmtree(building)


def earlier(folder: Path) -> Path:
    """Return the folder of the index before the last rebuild. Raises StoreError when none is kept."""
    previous, *_ = _places(folder)
    if not previous.exists():
        raise StoreError(
            "There is no earlier index in {folder}. One is kept when the index is built anew with: "
            "python ingest.py --rebuild",
            folder=folder,
        )
    return previous


def put_earlier(folder: Path) -> None:
    """Exchange the index that answers and the one before it. The caller owns the folder."""
    previous, index, aside, _ = _places(folder)
    index.rename(aside)
    previous.rename(index)
    aside.rename(previous)


def remove_earlier(folder: Path, *, chroma_url: str) -> bool:
    """Remove the index before the last rebuild. The caller owns the folder."""
    previous, *_ = _places(folder)
    if not previous.exists():
        return False
    _remove(previous, chroma_url)
    return True


def put_new(folder: Path, *, chroma_url: str) -> None:
    """Put the new index in the place of the one that answers. The caller owns the folder."""
    previous, index, _, building = _places(folder)
    if index.exists():
        remove_earlier(folder, chroma_url=chroma_url)  # first: a Chroma server may be away
    (folder / "originals").mkdir(exist_ok=True)
    for original in (building / "originals").glob("*"):
        original.replace(folder / "originals" / original.name)
    if index.exists():
        index.rename(previous)
    (building / "index").rename(index)
    shutil.rmtree(building)


def is_level(folder: Path) -> bool:
    """Return True if the new index is complete and has the documents that the old one has now."""
    building = folder / "building"
    if not (building / WHOLE).exists():
        return False
    return _documents(building) == _documents(folder)


def _documents(folder: Path) -> set[tuple[str, str]]:
    catalog = OldIndex(folder / "index", originals=folder / "originals")
    try:
        there = [*catalog.documents(), *(kept for kept, *_ in catalog.expected() if _is_kept(kept))]
        return {(kept.id, file.path) for kept in there for file in kept.files}
    finally:
        catalog.close()


def _is_kept(kept: OldDocument) -> bool:
    """Return True if the file is kept; a document that waits to be read cannot be carried over without it."""
    return kept.files[0].full.exists()


def fingerprint_of(index: Path) -> str:
    catalog = OldIndex(index, originals=index)
    try:
        return catalog.fingerprint
    finally:
        catalog.close()


def _remove(index: Path, chroma_url: str) -> None:
    """Remove an index; first its collections on a server, since only its catalog names them."""
    name, libraries = _collections(index) if chroma_url else ("", [])
    if name:
        with closing(ChromaVectors(Path(), name=name, url=chroma_url)) as vectors:
            for library in libraries:
                vectors.drop_library(library)
    shutil.rmtree(index)


def _collections(index: Path) -> tuple[str, list[str]]:
    """Return the name under which a server knows an index, and its libraries; nothing for a damaged one."""
    if (index / "catalog.db").exists():
        with suppress(DamagedStore), closing(OldIndex(index, originals=index)) as catalog:
            return catalog.name, [library for library, *_ in catalog.libraries()]
    return "", []


def _places(folder: Path) -> tuple[Path, Path, Path, Path]:
    return folder / "index-previous", folder / "index", folder / "index-aside", folder / "building"


class Rebuild:
    """Fills a new store from the catalog in `folder`; after a kill it continues where it stopped."""

    def __init__(self, folder: Path, *, new: Store) -> None:
        self._new = new
        self._old = OldIndex(folder / "index", originals=folder / "originals")
        (new.folder / WHOLE).unlink(missing_ok=True)

    def missing(self) -> list[OldDocument]:
        """Return what the old index has and the new one does not; forget here what was deleted meanwhile."""
        wanted = {kept.id: kept for kept in self._documents()}
        with self._new._catalog.read() as db:
            there = {str(key) for (key,) in db.execute("SELECT id FROM documents")}
        for gone in there - wanted.keys():
            self._new.withdraw(gone)
        return [kept for key, kept in wanted.items() if key not in there]

    def document(self, kept: OldDocument) -> Document:
        """Return the document with the text of its pages, as it was read before."""
        return self._old.whole(kept)

    def finish(self) -> None:
        """Copy paths, dates and failures as the old index has them now, and mark the new index complete."""
        documents = self._documents()
        for kept in documents:
            for file in kept.files:
                self._new.attach(file, kept.document.sha256)
        for file, reason in self._old.failures():
            self._new.fail(file, reason)
        for kept, owner, reason in self._old.expected():
            self._expect(kept, owner, reason)
        with self._new._catalog.write() as db:
            db.executemany(
                "UPDATE documents SET added = ? WHERE id = ?", [(kept.added, kept.id) for kept in documents]
            )
        self._new.mend()
        (self._new.folder / WHOLE).touch()

    def _documents(self) -> list[OldDocument]:
        """Return what the old index has now; libraries get their owners here before they get any document."""
        documents = self._old.documents()
        with self._new._catalog.write() as db:
            db.executemany(
                "INSERT INTO libraries (name, owner, added) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, added = excluded.added",
                self._old.libraries(),
            )
        return documents

    def _expect(self, kept: OldDocument, owner: str | None, reason: str) -> None:
        """Carry over a document that waits to be read, or that could not be."""
        one = kept.document
        original = kept.files[0].full
        if original.exists():
            self._new.expect(original, one.sha256, name=one.name, library=kept.library, owner=owner)
            if reason:
                self._new.give_up(kept.id, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._old.close()
