"""The files below some paths, each with its library: the first folder below data/, or "default"."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from docent.errors import InputError
from docent.glossary import DEFAULT_LIBRARY, SYNONYMS, FileReport, SourceFile


def find(paths: Sequence[Path], *, data: Path) -> tuple[list[SourceFile], list[FileReport]]:
    """Every file below the paths, each with its library; and the folders that could not be looked into."""
    files: dict[tuple[str, str], SourceFile] = {}
    closed: list[FileReport] = []
    for path in paths:
        if not os.path.exists(path):  # False also below a folder that may not be entered
            why = "does not exist or may not be looked at"
            raise InputError(f"{path} {why}. Name a file or folder, or put documents into {data}.")
        for full in _files(path, set()):
            if isinstance(full, FolderClosed):
                library, inside = _place(full.folder, data)
                closed.append(FileReport(library, inside, "failed", full.sentence))
            elif (file := source(full, data)) is not None:
                files[file.library, file.path] = file
    return list(files.values()), closed


@dataclass(frozen=True, slots=True)
class FolderClosed:
    folder: Path
    why: str

    @property
    def sentence(self) -> str:
        return f"The folder {self.folder} cannot be read ({self.why}). Allow it: chmod u+rx '{self.folder}'"


def _files(path: Path, seen: set[Path]) -> Iterator[Path | FolderClosed]:
    """Files below a path; hidden ones are left alone, and a link that leads back is followed once."""
    if not path.is_dir():
        yield path
        return
    if (real := path.resolve()) in seen:
        return
    seen.add(real)
    try:
        entries = sorted(path.iterdir())
        os.stat(f"{path}/.")  # one that may be listed and not entered would fail at its first file
    except OSError as error:
        yield FolderClosed(path, error.strerror or "unknown")
        return
    for entry in entries:
        if not entry.name.startswith("."):
            yield from _files(entry, seen)


def source(full: Path, data: Path) -> SourceFile | None:
    try:
        stat = full.stat()
    except OSError:
        return None  # it vanished since it was listed: the next run knows
    library, path = _place(full, data)
    if path == SYNONYMS:
        return None
    return SourceFile(library, path, full.absolute(), stat.st_size, stat.st_mtime_ns)


def _place(full: Path, data: Path) -> tuple[str, str]:
    """The library and the path in it: the first folder below data/, or "default"."""
    absolute, root = full.absolute(), data.absolute()
    if not absolute.is_relative_to(root):
        return DEFAULT_LIBRARY, absolute.as_posix()
    parts = absolute.relative_to(root).parts
    return (parts[0], "/".join(parts[1:])) if len(parts) > 1 else (DEFAULT_LIBRARY, parts[0])


def as_it_is_now(file: SourceFile) -> SourceFile | None:
    """The file looked at again; None when it is gone."""
    try:
        stat = file.full.stat()
    except OSError:
        return None
    return replace(file, bytes=stat.st_size, modified_ns=stat.st_mtime_ns)


def home(library: str, data: Path) -> Path:
    """Where the files of a library lie."""
    return data.absolute() if library == DEFAULT_LIBRARY else data.absolute() / library


def is_gone(library: str, inside: str, data: Path) -> bool:
    """Whether a file is certainly not there; in a folder that may not be entered now, nobody knows."""
    try:
        (home(library, data) / inside).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def covers(path: Path, library: str, inside: str, data: Path) -> bool:
    """Whether a file of a library lies below a path that was asked for."""
    outside = library == DEFAULT_LIBRARY and inside.startswith("/")
    target = Path(inside) if outside else home(library, data) / inside
    return target.is_relative_to(path.absolute())
