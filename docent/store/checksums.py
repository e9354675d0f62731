"""Checksums of the index files, recorded when the store is closed and compared before it opens them.

Chroma trusts its own files: one altered block of its graph ends the process (signal 11), and with a lost
folder it answers from what is left without an error.
"""

from __future__ import annotations

import json
import os
import zlib
from enum import Enum
from pathlib import Path

BLOCK = 1 << 22
CHECKSUMS = "in-step"


class Trust(Enum):
    """The state of an index as known before it is opened."""

    SOUND = "as it was left"
    UNSURE = "not closed, so it catches up with the log and is counted"
    BROKEN = "altered or lost, so it is written again"


class IndexChecksums:
    """The recorded checksums of storage/index; they are valid only while the store is closed."""

    def __init__(self, index: Path, *, parts: tuple[str, ...]) -> None:
        self._index = index
        self._file = index / CHECKSUMS
        self._opening = index / "opening"
        self._parts = parts

    def check(self) -> dict[str, Trust]:
        """Return the state of each part, and remove the record: from now on the files change."""
        found = {part: self._trust(part) for part in self._parts}
        self._file.unlink(missing_ok=True)
        self._opening.touch()
        return found

    def mark_opened(self) -> None:
        """Note that every part was opened and read without killing the process."""
        self._opening.unlink(missing_ok=True)

    def record(self, *, distrusted: frozenset[str] = frozenset()) -> None:
        """Record the checksums of all parts but those named, once everything is closed."""
        marks = {part: self._checksums(part) if part not in distrusted else None for part in self._parts}
        part_file = self._file.with_suffix(".part")
        part_file.write_text(json.dumps(marks))
        part_file.replace(self._file)

    def _trust(self, part: str) -> Trust:
        if not self._file.exists():
            # A process that died while opening may have died of what it opened.
            return Trust.BROKEN if self._opening.exists() else Trust.UNSURE
        try:
            mark = json.loads(self._file.read_text())[part]
        except (ValueError, KeyError, TypeError):
            return Trust.UNSURE
        return Trust.SOUND if mark is not None and mark == self._checksums(part) else Trust.BROKEN

    def _checksums(self, part: str) -> dict[str, int]:
        """Return a checksum for every file of a part; 1 GB takes a second."""
        folder = self._index / part
        return {
            str(path.relative_to(folder)): _checksum(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.endswith(".lock")
        }


def _checksum(path: Path) -> int:
    found = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            found = zlib.crc32(block, found)
    return found ^ (os.stat(path).st_size << 32)
