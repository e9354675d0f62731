"""Building the index anew beside the old one, which keeps its place until the new one is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docent.store.guard import Lock


@contextmanager
def rebuilding(folder: Path) -> Iterator[Path]:
    """A place for a new store; it takes the old one's place only when the block ends well."""
    Lock(folder).release()  # says at once when another process is at work here
    building, index, previous = folder / "building", folder / "index", folder / "index-previous"
    shutil.rmtree(building, ignore_errors=True)
    yield building
    lock = Lock(folder)
    try:
        shutil.rmtree(previous, ignore_errors=True)
        if index.exists():
            index.rename(previous)
        (building / "index").rename(index)
        (folder / "originals").mkdir(exist_ok=True)
        for original in (building / "originals").iterdir():
            original.replace(folder / "originals" / original.name)
        shutil.rmtree(building)
    finally:
        lock.release()
