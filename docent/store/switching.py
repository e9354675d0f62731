"""Which index in storage/ is the one that answers: `index`; `index-previous` is kept, `building` grows.

Every step is a rename, and `settle` finishes what a killed process left half done.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from docent.errors import StorageBusy, StoreError
from docent.store.guard import Lock
from docent.store.previous import Previous
from docent.store.vectors import Vectors

WHOLE = "whole"
"""A mark in building/: everything that the old index has is there, too."""


def switch(folder: Path) -> Literal["switched", "busy", "behind"]:
    """Let the new index take the old one's place.

    busy: another process answers from the old one; behind: the old one has changed since.
    """
    try:
        lock = Lock(folder)
    except StorageBusy:
        return "busy"
    try:
        if not _is_level(folder):
            return "behind"
        _switch(folder)
        return "switched"
    finally:
        lock.release()


def settle(folder: Path, *, fingerprint: str) -> None:
    """Called by whoever owns the folder, before the index is opened."""
    previous, index, aside, building = _places(folder)
    if not index.exists():
        if aside.exists():
            aside.rename(index)
        elif (building / WHOLE).exists():
            _switch(folder)
        elif previous.exists():
            previous.rename(index)
    elif aside.exists():
        (previous if not previous.exists() else aside).mkdir(exist_ok=True)
        shutil.rmtree(previous)
        aside.rename(previous)
    if (building / WHOLE).exists():
        if not (building / "index").exists():
            shutil.rmtree(building)
        elif _fingerprint(building / "index") == fingerprint and _is_level(folder):
            _switch(folder)


def roll_back(folder: Path) -> str:
    """Let the index before the last rebuild answer again; its fingerprint. Once more goes forward again."""
    lock = Lock(folder)
    try:
        previous, index, aside, _ = _places(folder)
        if not previous.exists():
            raise StoreError(
                f"There is no earlier index in {folder}. One is kept when the index is built anew with: "
                "python ingest.py --rebuild"
            )
        index.rename(aside)
        previous.rename(index)
        aside.rename(previous)
        return _fingerprint(index)
    finally:
        lock.release()


def forget_previous(folder: Path, *, chroma_url: str) -> bool:
    """Remove the index before the last rebuild; False when there was none."""
    lock = Lock(folder)
    try:
        previous = folder / "index-previous"
        if not previous.exists():
            return False
        _remove(previous, chroma_url)
        return True
    finally:
        lock.release()


def give_up(folder: Path) -> None:
    """Remove an index that is being built, unless somebody is at it."""
    building = folder / "building"
    if building.exists():
        Lock(building).release()
        shutil.rmtree(building)


def _switch(folder: Path) -> None:
    previous, index, _, building = _places(folder)
    (folder / "originals").mkdir(exist_ok=True)
    for original in (building / "originals").glob("*"):
        original.replace(folder / "originals" / original.name)
    if index.exists():
        shutil.rmtree(previous, ignore_errors=True)
        index.rename(previous)
    (building / "index").rename(index)
    shutil.rmtree(building)


def _is_level(folder: Path) -> bool:
    """Whether the new index is whole and has the documents that the old one has now."""
    _, index, _, building = _places(folder)
    if not (building / WHOLE).exists():
        return False
    return _documents(building / "index") == _documents(index)


def _documents(index: Path) -> set[tuple[str, str]]:
    catalog = Previous(index, originals=index)
    try:
        return {(kept.id, file.path) for kept in catalog.documents() for file in kept.files}
    finally:
        catalog.close()


def _fingerprint(index: Path) -> str:
    catalog = Previous(index, originals=index)
    try:
        return catalog.fingerprint
    finally:
        catalog.close()


def _remove(index: Path, chroma_url: str) -> None:
    if chroma_url:
        catalog = Previous(index, originals=index)
        try:
            if catalog.name:
                vectors = Vectors(Path(), name=catalog.name, url=chroma_url)
                for library, *_ in catalog.libraries():
                    vectors.drop_library(library)
                vectors.close()
        finally:
            catalog.close()
    shutil.rmtree(index)


def _places(folder: Path) -> tuple[Path, Path, Path, Path]:
    return folder / "index-previous", folder / "index", folder / "index-aside", folder / "building"
