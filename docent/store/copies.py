"""What is made of originals to be shown, kept for the next time: storage/copies/<sha256>/<name>.

Nothing in it is needed: whatever is missing is made again. It goes with its original.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 500_000_000


class Copies:
    """Bounded: what was not looked at for longest makes room. Every method may be called from any thread."""

    def __init__(self, folder: Path, *, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._lock = threading.Lock()

    def get(self, original: Path, name: str, make: Callable[[], bytes]) -> Path:
        """A copy of an original under this name, made now if it is not there. Raises what `make` raises."""
        path = self._folder / original.name / name
        with suppress(FileNotFoundError):
            os.utime(path)  # and not touch(): one that makes room at this moment would be here again, empty
            return path
        data = make()
        part = path.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
        if not original.exists():  # deleted meanwhile: what was made of it goes as well
            self.drop(original.name)
        self._make_room(besides=path)
        return path

    def drop(self, sha256: str) -> None:
        shutil.rmtree(self._folder / sha256, ignore_errors=True)

    def held(self, sha256: str) -> int:
        folder = self._folder / sha256
        return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0

    def sweep(self, known: Collection[str]) -> None:
        """Remove what belongs to originals that are gone."""
        if self._folder.is_dir():
            for entry in self._folder.iterdir():
                if entry.name not in known:
                    shutil.rmtree(entry, ignore_errors=True)

    def _make_room(self, *, besides: Path) -> None:
        with self._lock:
            there = []
            for path in self._folder.glob("*/*"):
                with suppress(FileNotFoundError):  # a deletion takes them meanwhile
                    there.append((path.stat(), path))
            total = sum(stat.st_size for stat, _ in there)
            for stat, path in sorted(there, key=lambda one: one[0].st_mtime_ns):
                if total <= self._most:
                    return
                if path != besides:
                    path.unlink(missing_ok=True)
                    total -= stat.st_size
