"""The pairs of question and page that Docent made from documents, at rest in storage/.

`synthetic.jsonl` has one JSON object a line, as `docent eval` reads them; `synthetic-done.jsonl` says which
documents were gone through. The lines of a document go with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from docent.errors import InputError

PAIRS = "synthetic.jsonl"
DONE = "synthetic-done.jsonl"
DOCUMENT = "document_id"
"""The key of a line that names its document."""

WRITING = threading.Lock()

Row = Mapping[str, Any]


class PairFiles:
    """The two files of one storage folder; any number of threads and processes may use them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def done(self) -> dict[str, Row]:
        """Return the record of each document that was gone through, the latest of several."""
        return {str(row.get(DOCUMENT)): row for row in self._rows(DONE)}

    def add(self, pairs: Sequence[Row], done: Row) -> None:
        """Add the pairs of one document, and the record that it was gone through."""
        with locked(self._folder):
            self._append(PAIRS, pairs)
            self._append(DONE, [done])

    def count(self, documents: Collection[str]) -> int:
        """Return how many pairs there are of these documents."""
        return sum(row.get(DOCUMENT) in documents for row in self._rows(PAIRS))

    def forget(self, documents: Collection[str]) -> None:
        """Remove the lines of these documents; before this returns, nothing of them stands in a file."""
        if documents and any((self._folder / name).exists() for name in (PAIRS, DONE)):
            with locked(self._folder):
                for name in (PAIRS, DONE):
                    self._keep(name, lambda row: row.get(DOCUMENT) not in documents)

    def clear(self, library: str) -> int:
        """Remove every line of a library, and return how many pairs that were."""
        with locked(self._folder):
            removed = self._keep(PAIRS, lambda row: row.get("library") != library)
            self._keep(DONE, lambda row: row.get("library") != library)
        return removed

    def _rows(self, name: str) -> Iterator[Row]:
        """Yield the lines of a file; one that a power cut left unfinished is none."""
        with suppress(FileNotFoundError), (self._folder / name).open(encoding="utf-8") as file:
            for line in file:
                with suppress(ValueError):
                    row = json.loads(line)
                    if isinstance(row, dict):
                        yield row

    def _append(self, name: str, rows: Sequence[Row]) -> None:
        if rows:
            with (self._folder / name).open("a", encoding="utf-8") as file:
                file.writelines(_line(row) for row in rows)
                file.flush()
                os.fsync(file.fileno())

    def _keep(self, name: str, is_kept: Any) -> int:
        """Write a file anew with the lines that are kept; return how many were not."""
        path = self._folder / name
        rows = list(self._rows(name))
        kept = [row for row in rows if is_kept(row)]
        if len(kept) < len(rows):
            write_lines(path, map(_line, kept))
        return len(rows) - len(kept)


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def write_lines(path: Path, lines: Iterator[str]) -> None:
    """Write a file anew: whole, or not at all."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the files of questions in a folder against other threads and processes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)  # the folder, since each change may replace the file
        try:
            with suppress(OSError):  # some network drives lock no folder
                fcntl.flock(handle, fcntl.LOCK_EX)
            with WRITING:
                yield
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(
            "{path} cannot be written: {strerror}. Make it writable, or free some space.",
            path=folder,
            strerror=error.strerror,
        ) from error
