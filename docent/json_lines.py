"""Lines of JSON at rest: a file of storage/ that people can read and edit, or rows in PostgreSQL."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from docent.errors import InputError
from docent.postgres import open_schema

if TYPE_CHECKING:
    from docent.postgres.connections import PostgresConnection

DOCUMENT = "document_id"
"""The key of a line that names its document, with which it goes."""
WRITING = 6_101_774_004
"""The advisory lock in PostgreSQL of who changes lines."""

_writing = threading.Lock()


class JsonLines(Protocol):
    """The lines of one file. Any number of threads and processes may use them."""

    def read(self) -> list[str]:
        """Return every line, the oldest first. Raises InputError for a file that cannot be read."""

    def append(self, lines: Sequence[str]) -> None: ...

    def change(self, is_kept: Callable[[str], bool], add: Sequence[str] = ()) -> int:
        """Remove the lines that are not kept and add others, in one step; return how many were removed."""

    def forget(self, documents: Collection[str]) -> None:
        """Remove the lines of these documents; before this returns, nothing of them is left."""

    def count(self, documents: Collection[str]) -> int:
        """Return how many lines there are of these documents."""


def open_lines(path: Path, database_url: str) -> JsonLines:
    """Open the lines of a file of storage/, in PostgreSQL where a URL names a database."""
    return LineTable(database_url, path.name) if database_url else LineFile(path)


class LineFile:
    """A file with a JSON object a line; each change that removes some replaces it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        try:
            # JSON may hold characters at which splitlines() splits.
            lines = self._path.read_text(encoding="utf-8-sig").split("\n")
        except FileNotFoundError:
            return []
        except UnicodeDecodeError as error:
            raise InputError(
                "{path} is not text in UTF-8. Name a file with a JSON object a line.", path=self._path
            ) from error
        except OSError as error:
            raise InputError(
                "{path} cannot be read: {strerror}. Name a file of questions.",
                path=self._path,
                strerror=error.strerror,
            ) from error
        return lines

    def append(self, lines: Sequence[str]) -> None:
        if lines:
            with _locked(self._path.parent), self._path.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())

    def change(self, is_kept: Callable[[str], bool], add: Sequence[str] = ()) -> int:
        if not add and not self._path.exists():
            return 0
        with _locked(self._path.parent):
            lines = [line for line in self.read() if line.strip()]
            kept = [line for line in lines if is_kept(line)]
            if add or len(kept) < len(lines):
                self._write([*kept, *add])
        return len(lines) - len(kept)

    def forget(self, documents: Collection[str]) -> None:
        if documents:
            self.change(lambda line: _document(line) not in documents)

    def count(self, documents: Collection[str]) -> int:
        return sum(_document(line) in documents for line in self.read())

    def _write(self, lines: Iterable[str]) -> None:
        """Write the file anew: whole, or not at all."""
        part = self._path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)


class LineTable:
    """The lines of one file in the database that DOCENT_DATABASE_URL names."""

    def __init__(self, database_url: str, file: str) -> None:
        self._database = open_schema(database_url, "lines", write_lock=WRITING)
        self._file = file

    def read(self) -> list[str]:
        with self._database.read() as db:
            rows = db.execute("SELECT line FROM lines WHERE file = ? ORDER BY n", (self._file,)).fetchall()
        return [line for (line,) in rows]

    def append(self, lines: Sequence[str]) -> None:
        if lines:
            with self._database.write() as db:
                self._insert(db, lines)

    def change(self, is_kept: Callable[[str], bool], add: Sequence[str] = ()) -> int:
        with self._database.write() as db:
            rows = db.execute("SELECT n, line FROM lines WHERE file = ?", (self._file,)).fetchall()
            removed = [(n,) for n, line in rows if not is_kept(line)]
            db.executemany("DELETE FROM lines WHERE n = ?", removed)
            self._insert(db, add)
        return len(removed)

    def _insert(self, db: PostgresConnection, lines: Sequence[str]) -> None:
        db.executemany(
            "INSERT INTO lines (file, document_id, line) VALUES (?, ?, ?)",
            [(self._file, _document(line), line) for line in lines],
        )

    def forget(self, documents: Collection[str]) -> None:
        if documents:
            with self._database.write() as db:
                db.execute(
                    "DELETE FROM lines WHERE file = ? AND document_id IN (SELECT value FROM json_each(?))",
                    (self._file, json.dumps(list(documents))),
                )

    def count(self, documents: Collection[str]) -> int:
        with self._database.read() as db:
            rows = db.execute(
                "SELECT count(*) FROM lines WHERE file = ? AND document_id IN "
                "(SELECT value FROM json_each(?))",
                (self._file, json.dumps(list(documents))),
            ).fetchall()
        return int(rows[0][0])


def line_of(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False)


def _document(line: str) -> str:
    """Return the document that a line names; of one that a power cut left unfinished, none."""
    with suppress(ValueError):
        row = json.loads(line)
        if isinstance(row, dict):
            return str(row.get(DOCUMENT) or "")
    return ""


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the files of lines in a folder against other threads and processes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)  # the folder, since each change may replace the file
        try:
            with suppress(OSError):  # some network drives lock no folder
                fcntl.flock(handle, fcntl.LOCK_EX)
            with _writing:
                yield
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(
            "{path} cannot be written: {strerror}. Make it writable, or free some space.",
            path=folder,
            strerror=error.strerror,
        ) from error
