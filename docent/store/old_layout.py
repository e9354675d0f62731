"""Bring a storage/ that version 0.1 wrote to the folders of today; its catalog is brought by schema.py."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from docent.store.ownership import FolderLock
from docent.store.schema import is_older

log = logging.getLogger(__name__)
EARLIER_INDEXES = ("index-previous", "index-aside", "building")
"""Folders of indexes that did not answer: the one before a rebuild, and the one that was being built."""
PARTS = ("chroma", "words", "in-step", "opening")


def bring_up_to_date(storage: Path, lock: FolderLock) -> bool:
    """Move the parts of the index to the folder of its generation. Raises StorageBusy while others use it.

    What an interrupted switch left aside is put back. Other indexes are removed: they hold nothing that
    is not in the one that answers, or in its originals. Return True if there was something to move.
    """
    index = storage / "index"
    for other in ("index-aside", "index-previous"):
        if not index.exists() and (storage / other).exists():
            (storage / other).rename(index)
    if not is_older(index / "catalog.db"):
        return False
    with lock.alone():
        for earlier in EARLIER_INDEXES:
            if (storage / earlier).exists():
                log.warning("%s was made by an earlier version and is removed.", storage / earlier)
                shutil.rmtree(storage / earlier)
        first = index / "1"
        first.mkdir(exist_ok=True)
        for part in PARTS:
            if (index / part).exists():
                (index / part).replace(first / part)
        for left in ("door", "door.key"):
            (storage / left).unlink(missing_ok=True)
    return True


def adopt(index: Path, log_name: str) -> None:
    """Note that words and vectors are level with the start of the log; opening them counts."""
    for part in ("chroma", "words"):
        if (index / part).exists():
            (index / f"{part}.position").write_text(f"{log_name} 0")
