"""What every format's reader returns, and what it may ask of its surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from docent.glossary import Page
from docent.loading.limits import Limits, Ocr


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file says of itself, and its pages as they are read."""

    pages: Iterator[Page]
    title: str = ""
    created: str = ""
    language: str = ""
    note: str = ""
    """Something about the whole file that the coverage report should say."""
    expected: int = 0
    """Pages there will be; 0 where that is not known before they are read."""


class Watch(Protocol):
    """Tells whoever waits which page is being worked on, so that a hang is blamed on its page."""

    def __call__(self, page: int, step: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read, and how."""

    path: str
    limits: Limits
    ocr: Ocr
    password: str | None = field(repr=False, default=None)
    first: int = 1
    """Resume at this page."""
    skip: dict[int, str] = field(default_factory=dict)
    """Pages that stopped a reader before, with what happened."""
    plain: frozenset[int] = frozenset()
    """Pages that are read by the first engine only, because a second look stopped a reader before."""
