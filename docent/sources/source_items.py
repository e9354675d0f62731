"""The values that every kind of source hands on, and the names of their files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Protocol

from docent.loading.file_types import BY_SUFFIX, KIND_BY_SUFFIX, TEXT_SUFFIXES

UNSAFE = re.compile(r"[^\w .()+,=@-]")
LONGEST_SEGMENT = 80
MOST_SEGMENTS = 12
READABLE = {suffix for suffix, kind in BY_SUFFIX.items() if kind != "code"}.union(
    KIND_BY_SUFFIX, TEXT_SUFFIXES
)


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item as it was at the last sync."""

    file: str
    """Relative to the source's folder."""
    origin: str
    sha256: str
    version: Mapping[str, str] = field(default_factory=dict)
    """What the server said of it, such as its ETag."""
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceItem:
    """An item that is there now."""

    id: str
    origin: str
    """Its address, as people are shown it with a citation."""
    content: bytes | None
    """None: the same as at the last sync."""
    name: str = ""
    """A path for its file, which is made safe."""
    version: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """An item that could not be read this time; what is known of it is kept."""

    id: str
    why: str


class SourceReader(Protocol):
    """One kind of source."""

    def items(self, known: Mapping[str, ItemRecord]) -> Iterator[SourceItem | SourceFailure]:
        """Yield every item that is there now. Raises SourceError if they cannot be listed.

        An item that is not yielded is gone, and its document is removed.
        """


def safe_path(name: str, *, id: str) -> str:
    """Return a relative path without hidden, empty or leading parts; what it loses, a hash stands for."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    safe = [_safe_segment(part) for part in parts[-MOST_SEGMENTS:]] or ["item"]
    if "/".join(safe) == name:
        return name
    last = PurePosixPath(safe[-1])
    return "/".join([*safe[:-1], f"{last.stem}-{short_hash(id)}{last.suffix}"])


def _safe_segment(part: str) -> str:
    clean = UNSAFE.sub("_", part).strip(" .") or "_"
    path = PurePosixPath(clean)
    suffix = path.suffix if len(path.suffix) <= 10 else ""
    stem = clean[: len(clean) - len(suffix)]
    while len(f"{stem}{suffix}".encode()) > LONGEST_SEGMENT:
        stem = stem[:-1]
    return f"{stem}{suffix}"


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def is_wanted(path: str, include: tuple[str, ...]) -> bool:
    """Tell whether a path is one that a source asks for: by its patterns, else by its format."""
    if include:
        return any(fnmatchcase(path, pattern) for pattern in include)
    hidden = any(part.startswith(".") for part in path.split("/"))
    return not hidden and PurePosixPath(path).suffix.lower() in READABLE
