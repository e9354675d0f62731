"""Find the files below some paths and compare them with those known."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from docent.errors import InputError
from docent.regular_files import not_regular
from docent.types import DEFAULT_LIBRARY, SYNONYMS, FileReport, SourceFile


@dataclass(frozen=True, slots=True)
class SkippedPath:
    """A file or folder that was found and is not read, with the reason."""

    path: Path
    why: str


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
            why = "does not exist or may not be looked at"
            raise InputError(
                "{path} {why}. Name a file or folder, or put documents into {data}.",
                path=path,
                why=why,
                data=data,
            )
        for found in walk.begin(path):
            if isinstance(found, SkippedPath):
                library, inside = map(printable, _place(found.path, data))
                reports.append(FileReport(library, inside, "failed", found.why))
            elif found.path != SYNONYMS:
                files[found.library, found.path] = found
    return list(files.values()), reports


def _roots(paths: Sequence[Path], data: Path) -> tuple[Path, ...]:
    """Return the folders that links may lead into: the data folder, and what was named outside of it."""
    outside = [
        path for path in paths if not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(data))
    ]
    return tuple(Path(os.path.realpath(path)) for path in (data, *outside))


class _Walk:
    """Goes through folders and links; a folder to which several links lead is gone through once."""

    def __init__(self, data: Path, roots: Sequence[Path]) -> None:
        self._data = data
        self._roots = roots
        """Where links may lead; empty: anywhere."""
        self._seen: set[Path] = set()

    def begin(self, path: Path) -> Iterator[SourceFile | SkippedPath]:
        self._seen.clear()
        return self._named(path) or self._linked(path)

    def _named(self, path: Path) -> Iterator[SkippedPath] | None:
        """Return a report of a path whose name cannot be kept, or None."""
        if all(map(_is_utf8, _place(path, self._data))):
            return None
        name = printable(path.name)
        why = f"The name of {name} is not written in UTF-8, so it is not read. Rename it and ingest again."
        return iter((SkippedPath(path, why),))

    def _linked(self, path: Path) -> Iterator[SourceFile | SkippedPath]:
        """Go on where a link leads, if that is allowed."""
        real = Path(os.path.realpath(path))
        if self._roots and not any(map(real.is_relative_to, self._roots)):
            yield SkippedPath(
                path,
                f"{path.name} leads out of the data folder, to {printable(str(real))}, so it is not followed."
                " Copy it into the data folder, or allow such links with DOCENT_FOLLOW_LINKS=1.",
            )
        else:
            yield from self._below(path, real)

    def _below(self, path: Path, real: Path) -> Iterator[SourceFile | SkippedPath]:
        """Yield a file, or those below a folder that are not hidden; `real` is the path without links."""
        try:
            status = real.lstat()
        except OSError:
            return  # it vanished since it was listed: the next run knows
        if stat.S_ISREG(status.st_mode):
            library, inside = _place(path, self._data)
            yield SourceFile(library, inside, path.absolute(), status.st_size, status.st_mtime_ns, real=real)
        elif not stat.S_ISDIR(status.st_mode):
            yield SkippedPath(path, str(not_regular(path.name, status.st_mode)))
        elif real not in self._seen:
            self._seen.add(real)
            try:
                entries = sorted(path.iterdir())
                os.stat(f"{path}/.")  # one that may be listed and not entered would fail at its first file
            except OSError as error:
                yield SkippedPath(path, _closed(path, error))
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


def _closed(folder: Path, error: OSError) -> str:
    name = printable(str(folder))
    return f"The folder {name} cannot be read ({error.strerror or 'unknown'}). Allow it: chmod u+rx '{name}'"


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
    """The library and the path in it: the first folder below data/, or "default"."""
    absolute, root = full.absolute(), data.absolute()
    if not absolute.is_relative_to(root):
        return DEFAULT_LIBRARY, absolute.as_posix()
    parts = absolute.relative_to(root).parts
    return (parts[0], "/".join(parts[1:])) if len(parts) > 1 else (DEFAULT_LIBRARY, "".join(parts) or ".")


def look_again(file: SourceFile) -> SourceFile | None:
    """Return the file looked at again; None when it is gone, or something else is in its place."""
    try:
        status = (file.real or file.full).lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return replace(file, bytes=status.st_size, modified_ns=status.st_mtime_ns)


def library_folder(library: str, data: Path) -> Path:
    """Where the files of a library lie."""
    return data.absolute() if library == DEFAULT_LIBRARY else data.absolute() / library


def is_gone(library: str, inside: str, data: Path) -> bool:
    """Whether a file is certainly not there; in a folder that may not be entered now, nobody knows."""
    try:
        (library_folder(library, data) / inside).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def covers(path: Path, library: str, inside: str, data: Path) -> bool:
    """Whether a file of a library lies below a path that was asked for."""
    outside = library == DEFAULT_LIBRARY and inside.startswith("/")
    target = Path(inside) if outside else library_folder(library, data) / inside
    return target.is_relative_to(path.absolute())


class KnownFile(Protocol):
    """A file as it was when it was last looked at; a path may be known twice, read once and failed since."""

    @property
    def path(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def modified_ns(self) -> int: ...

    @property
    def sha256(self) -> str:
        """Empty when the file could not be read."""

    @property
    def reason(self) -> str:
        """Why it could not be read; empty when it was."""


@dataclass(frozen=True, slots=True)
class SameBytes:
    """A file whose bytes are known from before: under another path, or only its date is new."""

    file: SourceFile
    sha256: str
    was: str

    @property
    def moved(self) -> bool:
        return self.was != self.file.path


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The files of one library, each in one place."""

    added: tuple[SourceFile, ...]
    changed: tuple[SourceFile, ...]
    unchanged: tuple[SourceFile, ...]
    same_bytes: tuple[SameBytes, ...]
    """Moved or touched: the index only has to learn the new path or date."""
    failed_before: tuple[SourceFile, ...]
    """Could not be read, and have not changed since."""
    removed: tuple[str, ...]
    """Paths that are there no more, those of moved files included."""


def plan_sync(
    found: Sequence[SourceFile],
    known: Iterable[KnownFile],
    *,
    sha256: Callable[[SourceFile], str],
    retry_failed: bool,
) -> SyncPlan:
    """Compare the files found in one library with those known.

    The same size and time are taken for the same bytes. Content is read, by `sha256`, only where the
    size is known and the time or the path is news.
    """
    before: dict[str, list[KnownFile]] = {}
    for one in known:
        before.setdefault(one.path, []).append(one)
    there = {file.path for file in found}
    gone = [one for path, ones in before.items() if path not in there for one in ones]
    parts: dict[str, list[SourceFile]] = {
        "added": [], "changed": [], "unchanged": [], "failed_before": []
    }  # fmt: skip
    same_bytes: list[SameBytes] = []
    for file in found:
        part = _part(file, before.get(file.path, []), retry_failed)
        candidates = {"added": gone, "changed": before.get(file.path, [])}.get(part, [])
        if (same := _recognised(file, candidates, sha256)) is not None:
            same_bytes.append(same)
        else:
            parts[part].append(file)
    return SyncPlan(
        **{name: tuple(files) for name, files in parts.items()},
        same_bytes=tuple(same_bytes),
        removed=tuple(sorted(before.keys() - there)),
    )


def _part(file: SourceFile, before: Sequence[KnownFile], retry_failed: bool) -> str:
    if not before:
        return "added"
    same = [one for one in before if (one.bytes, one.modified_ns) == (file.bytes, file.modified_ns)]
    if not same:
        return "changed"
    if any(one.reason for one in same):
        return "changed" if retry_failed else "failed_before"
    return "unchanged"


def _recognised(
    file: SourceFile, candidates: Iterable[KnownFile], sha256: Callable[[SourceFile], str]
) -> SameBytes | None:
    near = [one for one in candidates if one.bytes == file.bytes and one.sha256]
    if not near:
        return None
    digest = sha256(file)
    return next((SameBytes(file, digest, one.path) for one in near if one.sha256 == digest), None)
