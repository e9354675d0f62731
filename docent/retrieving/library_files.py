"""A file in the folder of every library that a search reads, as synonyms.txt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from docent.types import DEFAULT_LIBRARY

Content = TypeVar("Content")


class LibraryFiles(Generic[Content]):
    """One file of every library below data/; a file that was changed counts with the next question."""

    def __init__(self, data: Path, name: str, parse: Callable[[str], Content]) -> None:
        self._data = data
        self._name = name
        self._parse = parse
        self._files: dict[Path, tuple[int, Content]] = {}

    def read(self, library: str) -> Content | None:
        """Return what is in the file of a library; None for most, which have none."""
        if "/" in library or library.startswith("."):
            return None  # no folder of data/
        path = (self._data if library == DEFAULT_LIBRARY else self._data / library) / self._name
        try:
            modified = path.stat().st_mtime_ns
            if self._files.get(path, (-1,))[0] != modified:
                self._files[path] = modified, self._parse(path.read_bytes().decode("utf-8-sig", "replace"))
        except OSError:
            return None
        return self._files[path][1]
