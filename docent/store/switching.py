"""Which index in storage/ is the one that answers: `index`; `index-previous` is kept, `building` grows.

Every step is a rename, and `settle` finishes what a killed process left half done.
"""

from __future__ import annotations

import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

from docent.errors import DamagedStore, StorageBusy, StoreError
from docent.store.door import Line, OwnerGone
from docent.store.guard import Lock
from docent.store.previous import Kept, Previous
from docent.store.vectors import Vectors

WHOLE = "whole"
"""A mark in building/: everything that the old index has is there, too."""

Switched = Literal["switched", "busy", "behind"]
"""busy: who answers from the old index cannot take the new one; behind: the old one has changed since."""


def switch(folder: Path, *, chroma_url: str) -> Switched:
    """Let the new index take the old one's place, also for the process that answers from it now."""
    try:
        lock = Lock(folder)
    except StorageBusy:
        try:
            return _asked(folder, "take_new")  # type: ignore[no-any-return]
        except StorageBusy:
            return "busy"
    try:
        if not is_level(folder):
            return "behind"
        put_new(folder, chroma_url=chroma_url)
        return "switched"
    finally:
        lock.release()


def _asked(folder: Path, what: str) -> Any:
    """Of the owner of a folder. Raises StorageBusy when it has no door, or does not answer."""
    try:
        line = Line(folder, fingerprint="")
    except OwnerGone as error:
        raise StorageBusy(
            "{folder} is in use by another Docent. Stop it and run this again.", folder=folder
        ) from error
    try:
        return line.call(what, (), {})
    except OwnerGone as error:
        raise StorageBusy(
            "The Docent that owns {folder} ended before it answered. Run this again.", folder=folder
        ) from error
    finally:
        line.close()


def settle(folder: Path, *, fingerprint: str, chroma_url: str) -> None:
    """Called by whoever owns the folder, before the index is opened."""
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
    """Let the index before the last rebuild answer again; its fingerprint. Once more goes forward again."""
    try:
        lock = Lock(folder)
    except StorageBusy:
        return str(_asked(folder, "take_earlier"))
    try:
        found = fingerprint_of(earlier(folder))
        put_earlier(folder)
        return found
    finally:
        lock.release()


def forget_previous(folder: Path, *, chroma_url: str) -> bool:
    """Remove the index before the last rebuild; False when there was none."""
    try:
        lock = Lock(folder)
    except StorageBusy:
        return bool(_asked(folder, "forget_earlier"))
    try:
        return remove_earlier(folder, chroma_url=chroma_url)
    finally:
        lock.release()


def give_up(folder: Path, *, chroma_url: str) -> None:
    """Remove an index that is being built, unless somebody is at it."""
    building = folder / "building"
    if building.exists():
        Lock(building).release()
        if (building / "index").exists():
            _remove(building / "index", chroma_url)
        shutil.rmtree(building)


def earlier(folder: Path) -> Path:
    """The index before the last rebuild. Raises StoreError when none is kept."""
    previous, *_ = _places(folder)
    if not previous.exists():
        raise StoreError(
            "There is no earlier index in {folder}. One is kept when the index is built anew with: "
            "python ingest.py --rebuild",
            folder=folder,
        )
    return previous


def put_earlier(folder: Path) -> None:
    """Exchange the index that answers and the one before it. Whoever calls owns the folder."""
    previous, index, aside, _ = _places(folder)
    index.rename(aside)
    previous.rename(index)
    aside.rename(previous)


def remove_earlier(folder: Path, *, chroma_url: str) -> bool:
    """Whoever calls owns the folder."""
    previous, *_ = _places(folder)
    if not previous.exists():
        return False
    _remove(previous, chroma_url)
    return True


def put_new(folder: Path, *, chroma_url: str) -> None:
    """The index that was built takes the place of the one that answers. Whoever calls owns the folder."""
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
    """Whether the new index is whole and has the documents that the old one has now."""
    building = folder / "building"
    if not (building / WHOLE).exists():
        return False
    return _documents(building) == _documents(folder)


def _documents(folder: Path) -> set[tuple[str, str]]:
    catalog = Previous(folder / "index", originals=folder / "originals")
    try:
        there = [*catalog.documents(), *(kept for kept, *_ in catalog.expected() if _is_kept(kept))]
        return {(kept.id, file.path) for kept in there for file in kept.files}
    finally:
        catalog.close()


def _is_kept(kept: Kept) -> bool:
    """Without its file a document that waits to be read cannot be carried over."""
    return kept.files[0].full.exists()


def fingerprint_of(index: Path) -> str:
    catalog = Previous(index, originals=index)
    try:
        return catalog.fingerprint
    finally:
        catalog.close()


def _remove(index: Path, chroma_url: str) -> None:
    """Its collections on a server first: only its catalog says which they are."""
    name, libraries = _collections(index) if chroma_url else ("", [])
    if name:
        with closing(Vectors(Path(), name=name, url=chroma_url)) as vectors:
            for library in libraries:
                vectors.drop_library(library)
    shutil.rmtree(index)


def _collections(index: Path) -> tuple[str, list[str]]:
    """The name under which a server knows an index, and its libraries; nobody can say of a damaged one."""
    if (index / "catalog.db").exists():
        with suppress(DamagedStore), closing(Previous(index, originals=index)) as catalog:
            return catalog.name, [library for library, *_ in catalog.libraries()]
    return "", []


def _places(folder: Path) -> tuple[Path, Path, Path, Path]:
    return folder / "index-previous", folder / "index", folder / "index-aside", folder / "building"
