"""A reading job: its limits and OCR settings, and the interface of the format readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from docent.glossary import Page
from docent.loading.pdf.page_context import Gist


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one file may take; over any of these it is refused with its reason."""

    file_bytes: int = 200_000_000
    memory_bytes: int = 1_400_000_000
    """Address space of a worker. A 1 GB bomb must not fit; the heaviest honest page needs 300 MB."""
    file_seconds: float = 300.0
    """Not counting recognition of scans, which has its own limit for each page."""
    page_seconds: float = 20.0
    ocr_seconds: float = 90.0
    """For one page; 2 to 5 s is usual."""
    pages: int = 20_000
    page_chars: int = 1_000_000
    document_chars: int = 100_000_000
    expanded_bytes: int = 600_000_000
    """Of everything inside a zipped format (docx, xlsx, epub …) together."""
    zip_entries: int = 20_000


@dataclass(frozen=True, slots=True)
class Ocr:
    """How scanned pages are read: with tesseract where it is installed, or not at all."""

    engine: Literal["auto", "off"] = "auto"
    languages: tuple[str, ...] = ()
    """Tesseract's names ("eng", "fra"); empty: English and whatever else is installed, at most four."""
    parallel: int = 2
    """Pages of one file recognised at a time, each on one core."""


def too_many_pages(name: str, limits: Limits) -> str:
    return f"{name} has more than {limits.pages:,} pages, the most that are read. Split it."


def too_many_characters(name: str, limits: Limits) -> str:
    return (
        f"{name} expands to more than {limits.document_chars:,} characters. "
        "Split it, or remove it if you do not know where it comes from."
    )


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
