"""What has to be done so that the index says what the files say now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from docent.glossary import SourceFile


class Known(Protocol):
    """A file as it was when it was last looked at."""

    @property
    def path(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def modified_ns(self) -> int: ...

    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of one library, each in one place; `removed` are paths that are there no more."""

    new: tuple[SourceFile, ...]
    changed: tuple[SourceFile, ...]
    unchanged: tuple[SourceFile, ...]
    failed_before: tuple[SourceFile, ...]
    """Could not be read, and have not changed since."""
    removed: tuple[str, ...]


def plan(found: Sequence[SourceFile], known: Sequence[Known], *, retry_failed: bool) -> Plan:
    """Compare the files found with those known. Size and time decide; content is looked at only then."""
    before: dict[str, list[Known]] = {}
    for one in known:
        before.setdefault(one.path, []).append(one)
    parts: dict[str, list[SourceFile]] = {"new": [], "changed": [], "unchanged": [], "failed_before": []}
    for file in found:
        parts[_part(file, before.get(file.path, []), retry_failed)].append(file)
    there = {file.path for file in found}
    removed = tuple(sorted(path for path in before if path not in there))
    return Plan(**{name: tuple(files) for name, files in parts.items()}, removed=removed)


def _part(file: SourceFile, before: Sequence[Known], retry_failed: bool) -> str:
    if not before:
        return "new"
    same = [one for one in before if (one.bytes, one.modified_ns) == (file.bytes, file.modified_ns)]
    if not same:
        return "changed"
    if any(one.reason for one in same):
        return "changed" if retry_failed else "failed_before"
    return "unchanged"
