"""What every format's reader returns, and what it may ask of its surroundings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from docent.glossary import Page
from docent.loading.gist import Gist
from docent.loading.limits import Limits, Ocr


class Meeting(Protocol):
    """Where the reader of a range of pages tells what they say, and hears of the pages around them."""

    def tell_head(self, gists: Sequence[Gist]) -> None:
        """Of the range's first pages, each."""

    def around(self, own: Gist) -> tuple[Gist, Sequence[Gist] | None]:
        """For the gist of the range: that of all before it, and of each of the first pages after it.

        None: nobody else reads those; look yourself.
        """


class Part(Protocol):
    """Reads pages `first` to `last` as they come out when the whole file is read."""

    def __call__(self, first: int, last: int, meeting: Meeting) -> Iterator[Page]: ...


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
    part: Part | None = None
    """For formats of which several workers can read one file."""


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


def unread_pictures(count: int) -> str:
    return f"{count} {'picture was' if count == 1 else 'pictures were'} not read."
