"""Whether the derived indexes are still as they were left: a seal, set when the store is closed.

Chroma trusts its own files: one altered block of its graph ends the process (signal 11), and a lost
folder makes it answer with what is left, silently. So the files are compared before anything reads them.
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
    """What is known of an index before it is opened."""

    SOUND = "as it was left"
    UNSURE = "not closed, so every id is compared"
    BROKEN = "altered or lost, so it is written again"


class IndexChecksums:
    """The seal of storage/index: broken on opening, set on closing."""

    def __init__(self, index: Path, *, parts: tuple[str, ...]) -> None:
        self._index = index
        self._file = index / CHECKSUMS
        self._opening = index / "opening"
        self._parts = parts

    def check(self) -> dict[str, Trust]:
        """What to think of each part; from now on the seal is off."""
        found = {part: self._trust(part) for part in self._parts}
        self._file.unlink(missing_ok=True)
        self._opening.touch()
        return found

    def mark_opened(self) -> None:
        """Every part was opened and read, and the process lives."""
        self._opening.unlink(missing_ok=True)

    def record(self, *, distrusted: frozenset[str] = frozenset()) -> None:
        """Everything is closed and in step, but for the parts named."""
        marks = {part: self._checksums(part) if part not in distrusted else None for part in self._parts}
        part_file = self._file.with_suffix(".part")
        part_file.write_text(json.dumps(marks))
        part_file.replace(self._file)

    def _trust(self, part: str) -> Trust:
        if not self._file.exists():
            # Whoever died while opening may have died of what it opened.
            return Trust.BROKEN if self._opening.exists() else Trust.UNSURE
        try:
            mark = json.loads(self._file.read_text())[part]
        except (ValueError, KeyError, TypeError):
            return Trust.UNSURE
        return Trust.SOUND if mark is not None and mark == self._checksums(part) else Trust.BROKEN

    def _checksums(self, part: str) -> dict[str, int]:
        """A checksum for every file of a part: 1 GB takes a second."""
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
