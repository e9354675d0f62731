"""Find the files below some paths, each with its library, and compare them with those known from before.

A library is the first folder below data/, or "default".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from docent.errors import InputError
from docent.messages import Message
from docent.regular_files import not_regular
from docent.types import DEFAULT_LIBRARY, FIGURES, SYNONYMS, FileReport, SourceFile


@dataclass(frozen=True, slots=True)
class SkippedPath:
    """A file or folder that was found and is not read, with the reason."""

    path: Path
    why: Message


def find_files(
    paths: Sequence[Path], *, data: Path, follow_links: bool = False
) -> tuple[list[SourceFile], list[FileReport]]:
    """Return every file below the paths with its library, and a report of each that is not read.

    Links that lead neither into the data folder nor into a path given are followed only with `follow_links`.
    """
    walk = _Walk(data, () if follow_links else _roots(paths, data))
    files: dict[tuple[str, str], SourceFile] = {}
    reports: list[FileReport] = []
    for path in paths:
        if not os.path.exists(path):  # False also below a folder that may not be entered
            raise InputError(
                "{path} does not exist or may not be looked at. Name a file or folder, or put documents into "
                "{data}.",
                path=path,
                data=data,
            )
        for file in walk.begin(path):
            if isinstance(file, SkippedPath):
                library, inside = map(printable, _place(file.path, data))
                reports.append(FileReport(library, inside, "failed", file.why))
            elif file.path not in (SYNONYMS, FIGURES):
                files[file.library, file.path] = file
    return list(files.values()), reports


def _roots(paths: Sequence[Path], data: Path) -> tuple[Path, ...]:
    """Return the folders that links may lead into: the data folder, and what was named outside of it."""
    outside = [
        path for path in paths if not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(data))
    ]
    return tuple(Path(os.path.realpath(path)) for path in (data, *outside))


class _Walk:
    """A walk through folders and links; a folder to which several links lead is visited once."""

    def __init__(self, data: Path, roots: Sequence[Path]) -> None:
        self._data = data
        self._roots = roots
        """Where links may lead; empty: anywhere."""
        self._seen: set[Path] = set()

    def begin(self, path: Path) -> Iterator[SourceFile | SkippedPath]:
        self._seen.clear()
        return self._named(path) or self._linked(path)

    def _named(self, path: Path) -> Iterator[SkippedPath] | None:
        """Return a report of a path whose name cannot be stored, or None."""
        if all(map(_is_utf8, _place(path, self._data))):
            return None
        why = Message(
            "The name of {name} is not written in UTF-8, so it is not read. Rename it and ingest again.",
            name=printable(path.name),
        )
        return iter((SkippedPath(path, why),))

    def _linked(self, path: Path) -> Iterator[SourceFile | SkippedPath]:
        """Follow a link, if that is allowed."""
        real = Path(os.path.realpath(path))
        if self._roots and not any(map(real.is_relative_to, self._roots)):
            why = Message(
                "{name} leads out of the data folder, to {target}, so it is not followed. Copy it into the "
                "data folder, or allow such links with DOCENT_FOLLOW_LINKS=1.",
                name=path.name,
                target=printable(str(real)),
            )
            yield SkippedPath(path, why)
        else:
            yield from self._below(path, real)

    def _below(self, path: Path, real: Path) -> Iterator[SourceFile | SkippedPath]:
        """Yield a file, or those below a folder that are not hidden; `real` is the path without links."""
        try:
            status = real.lstat()
        except OSError:
            return  # deleted since it was listed; the next ingest reports it
        if stat.S_ISREG(status.st_mode):
            library, inside = _place(path, self._data)
            yield SourceFile(library, inside, path.absolute(), status.st_size, status.st_mtime_ns, real=real)
        elif not stat.S_ISDIR(status.st_mode):
            yield SkippedPath(path, not_regular(path.name, status.st_mode).message)
        elif real not in self._seen:
            self._seen.add(real)
            try:
                entries = sorted(path.iterdir())
                os.stat(f"{path}/.")  # one that may be listed but not entered would fail at its first file
            except OSError as error:
                why = Message(
                    "The folder {name} cannot be read ({why}). Allow it: chmod u+rx '{name}'",
                    name=printable(str(path)),
                    why=error.strerror or "unknown",
                )
                yield SkippedPath(path, why)
                return
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if (unnamed := self._named(entry)) is not None:
                    yield from unnamed
                elif entry.is_symlink():
                    yield from self._linked(entry)
                else:
                    yield from self._below(entry, real / entry.name)


def _is_utf8(name: str) -> bool:
    """Return whether a name was UTF-8 on disk; Python keeps other bytes as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    """Return a name with every byte that is not UTF-8 written as \\xe9."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _place(full: Path, data: Path) -> tuple[str, str]:
    """Return the library and the path in it: the first folder below data/, or "default"."""
    absolute, root = full.absolute(), data.absolute()
    if not absolute.is_relative_to(root):
        return DEFAULT_LIBRARY, absolute.as_posix()
    parts = absolute.relative_to(root).parts
    return (parts[0], "/".join(parts[1:])) if len(parts) > 1 else (DEFAULT_LIBRARY, "".join(parts) or ".")


def file_now(file: SourceFile) -> SourceFile | None:
    """Return the file with its present size and time; None when it is gone, or is no file any more."""
    try:
        status = (file.real or file.full).lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return replace(file, bytes=status.st_size, modified_ns=status.st_mtime_ns)


def library_folder(library: str, data: Path) -> Path:
    """Return the folder with the files of a library."""
    return data.absolute() if library == DEFAULT_LIBRARY else data.absolute() / library


def is_gone(library: str, inside: str, data: Path) -> bool:
    """Return whether a file is certainly missing, rather than in a folder that may not be entered."""
    try:
        (library_folder(library, data) / inside).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def covers(path: Path, library: str, inside: str, data: Path) -> bool:
    """Return whether a file of a library is below a path that was asked for."""
    outside = library == DEFAULT_LIBRARY and inside.startswith("/")
    target = Path(inside) if outside else library_folder(library, data) / inside
    return target.is_relative_to(path.absolute())


class FileRecord(Protocol):
    """A file as it was at the last ingest; a path may be known twice, read once and failed since."""

    @property
    def path(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def modified_ns(self) -> int: ...

    @property
    def sha256(self) -> str:
        """Return the hash, empty when the file could not be read."""

    @property
    def reason(self) -> str:
        """Return the reason why it could not be read; empty when it was."""


@dataclass(frozen=True, slots=True)
class SameBytes:
    """A file whose bytes are known from before: it was moved, or only its date is new."""

    file: SourceFile
    sha256: str
    was: str

    @property
    def moved(self) -> bool:
        return self.was != self.file.path


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The files of one library by what has to be done with them."""

    added: tuple[SourceFile, ...]
    changed: tuple[SourceFile, ...]
    unchanged: tuple[SourceFile, ...]
    same_bytes: tuple[SameBytes, ...]
    """Moved or touched: only the path or date in the index changes."""
    failed_before: tuple[SourceFile, ...]
    """Files that could not be read, and have not changed since."""
    removed: tuple[str, ...]
    """Paths that are missing, those of moved files included."""


def plan_sync(
    found: Sequence[SourceFile],
    known: Iterable[FileRecord],
    *,
    sha256: Callable[[SourceFile], str],
    retry_failed: bool,
) -> SyncPlan:
    """Compare the files found in one library with those known.

    The same size and time are taken for the same bytes. Content is read, by `sha256`, only where the
    size is known and the time or the path is new.
    """
    before: dict[str, list[FileRecord]] = {}
    for file_before in known:
        before.setdefault(file_before.path, []).append(file_before)
    present = {file.path for file in found}
    missing = [file for path, files in before.items() if path not in present for file in files]
    parts: dict[str, list[SourceFile]] = {
        "added": [], "changed": [], "unchanged": [], "failed_before": []
    }  # fmt: skip
    same_bytes: list[SameBytes] = []
    for file in found:
        part = _part(file, before.get(file.path, []), retry_failed)
        candidates = {"added": missing, "changed": before.get(file.path, [])}.get(part, [])
        if (same := _same_bytes(file, candidates, sha256)) is not None:
            same_bytes.append(same)
        else:
            parts[part].append(file)
    return SyncPlan(
        **{name: tuple(files) for name, files in parts.items()},
        same_bytes=tuple(same_bytes),
        removed=tuple(sorted(before.keys() - present)),
    )


def _part(file: SourceFile, before: Sequence[FileRecord], retry_failed: bool) -> str:
    if not before:
        return "added"
    same = [known for known in before if (known.bytes, known.modified_ns) == (file.bytes, file.modified_ns)]
    if not same:
        return "changed"
    if any(known.reason for known in same):
        return "changed" if retry_failed else "failed_before"
    return "unchanged"


def _same_bytes(
    file: SourceFile, candidates: Iterable[FileRecord], sha256: Callable[[SourceFile], str]
) -> SameBytes | None:
    same_size = [known for known in candidates if known.bytes == file.bytes and known.sha256]
    if not same_size:
        return None
    digest = sha256(file)
    return next((SameBytes(file, digest, known.path) for known in same_size if known.sha256 == digest), None)
