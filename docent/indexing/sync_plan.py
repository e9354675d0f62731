"""What has to be done so that the index says what the files say now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from docent.types import SourceFile


class Known(Protocol):
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
class Plan:
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


def plan(
    found: Sequence[SourceFile],
    known: Iterable[Known],
    *,
    sha256: Callable[[SourceFile], str],
    retry_failed: bool,
) -> Plan:
    """Compare the files found in one library with those known.

    The same size and time are taken for the same bytes. Content is read, by `sha256`, only where the
    size is known and the time or the path is news.
    """
    before: dict[str, list[Known]] = {}
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
    return Plan(
        **{name: tuple(files) for name, files in parts.items()},
        same_bytes=tuple(same_bytes),
        removed=tuple(sorted(before.keys() - there)),
    )


def _part(file: SourceFile, before: Sequence[Known], retry_failed: bool) -> str:
    if not before:
        return "added"
    same = [one for one in before if (one.bytes, one.modified_ns) == (file.bytes, file.modified_ns)]
    if not same:
        return "changed"
    if any(one.reason for one in same):
        return "changed" if retry_failed else "failed_before"
    return "unchanged"


def _recognised(
    file: SourceFile, candidates: Iterable[Known], sha256: Callable[[SourceFile], str]
) -> SameBytes | None:
    near = [one for one in candidates if one.bytes == file.bytes and one.sha256]
    if not near:
        return None
    digest = sha256(file)
    return next((SameBytes(file, digest, one.path) for one in near if one.sha256 == digest), None)
