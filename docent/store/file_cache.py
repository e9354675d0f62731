"""A bounded cache of files that were fetched, whole and checked before anybody sees them."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from docent.errors import DamagedStore
from docent.store.files import sha256_of, storing

MOST_BYTES = 2_000_000_000
IN_USE_SECONDS = 3600
"""Who was given a path may still read it, as a long scan is read: what was used since then is not removed."""


class FileCache:
    """Files by their SHA-256; the least recently used go first. Thread-safe, also between processes."""

    def __init__(self, folder: Path, *, most: int = MOST_BYTES, in_use: float = IN_USE_SECONDS) -> None:
        self._folder = folder
        self._most = most
        self._in_use = in_use
        self._changed = threading.Condition()
        self._fetching: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, sha256: str, fetch: Callable[[Path], bool]) -> Path:
        """Return the path of a file, fetched if it is not here, by one thread for all that ask at once.

        The path does not exist where `fetch` returns False. Raises DamagedStore for other content.
        """
        path = self._folder / sha256
        with self._alone(sha256):
            if not _touch(path) and self._fetch(path, fetch):
                self._evict()
        return path

    def part(self) -> Path:
        """Return a new path beside the files, to write one that `add` then names."""
        return self._folder / f".{secrets.token_hex(8)}.part"

    def add(self, part: Path, sha256: str) -> None:
        """Name a file whose content was checked."""
        part.replace(self._folder / sha256)
        self._evict()

    def drop(self, sha256: str) -> None:
        (self._folder / sha256).unlink(missing_ok=True)

    def names(self) -> set[str]:
        return {entry.name for entry in self._folder.iterdir() if not entry.name.startswith(".")}

    @contextmanager
    def _alone(self, sha256: str) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: sha256 not in self._fetching)
            self._fetching.add(sha256)
        try:
            yield
        finally:
            with self._changed:
                self._fetching.remove(sha256)
                self._changed.notify_all()

    def _fetch(self, path: Path, fetch: Callable[[Path], bool]) -> bool:
        part = self.part()
        with storing(part):
            if not fetch(part):
                return False
            if sha256_of(part) != path.name:
                raise DamagedStore(
                    "An original in the bucket of DOCENT_FILES_URL is not as it was stored. Restore its "
                    "earlier version there, or delete the document and add the file again."
                )
            part.replace(path)
        return True

    def _evict(self) -> None:
        """Remove what was used least recently, until the rest is small enough."""
        here = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # it was removed meanwhile
                here.append((path.stat(), path))
        total = sum(stat.st_size for stat, _ in here)
        before = time.time() - self._in_use
        for stat, path in sorted(here, key=lambda one: one[0].st_atime_ns):
            if stat.st_atime > before or (total <= self._most and not path.name.startswith(".")):
                continue  # a part that is as old was left by a killed process
            path.unlink(missing_ok=True)
            total -= stat.st_size


def _touch(path: Path) -> bool:
    """Note that a file is used; False if it is not here.

    Its modification stays, by which a reader tells that a file has changed.
    """
    with suppress(FileNotFoundError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        return True
    return False
