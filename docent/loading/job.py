"""A reading job: its limits and OCR settings, and the interface of the format readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from docent.loading.pdf.page_context import PageContext
from docent.messages import Message
from docent.types import Page

MAX_REASON_CHARS = 300  # of what a library or a program says about a failure


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one file may take; a file that exceeds any of these is refused with the reason."""

    file_bytes: int = 200_000_000
    memory_bytes: int = 1_400_000_000
    """Address space of a worker. A 1 GB bomb must not fit; the heaviest page measured needs 300 MB."""
    file_seconds: float = 300.0
    """Without the OCR of scans, which has its own limit for each page."""
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
    """The settings for scanned pages: read with tesseract where it is installed, or not at all."""

    engine: Literal["auto", "off"] = "auto"
    languages: tuple[str, ...] = ()
    """Tesseract's names ("eng", "fra"); empty: English and whatever else is installed, at most four."""
    parallel: int = 2
    """Pages of one file recognised at a time, each on one core."""


@dataclass(frozen=True, slots=True)
class Job:
    """One file to read, with its settings."""

    path: str
    limits: Limits
    ocr: Ocr
    password: str | None = field(repr=False, default=None)
    first: int = 1
    """Resume at this page."""
    skip: dict[int, str] = field(default_factory=dict)
    """Pages that crashed a worker before, with the reason."""
    plain: frozenset[int] = frozenset()
    """Pages read by the first PDF engine only, because the second one crashed a worker on them."""


class StepReporter(Protocol):
    """Reports the page that is being worked on, so that a hang is attributed to the right page."""

    def __call__(self, page: int, step: str) -> None: ...


class NeighbourExchange(Protocol):
    """Exchanges page contexts with the workers that read the ranges before and after."""

    def send_head(self, contexts: Sequence[PageContext]) -> None:
        """Send the contexts of the range's first pages, one each."""

    def exchange(self, own: PageContext) -> tuple[PageContext, Sequence[PageContext] | None]:
        """Send the context of the range; return that of all pages before it and of each first page after it.

        None instead of the latter: no other worker reads those pages, so the caller has to.
        """


class RangeReader(Protocol):
    """Reads pages `first` to `last`, with the same result as when the whole file is read."""

    def __call__(self, first: int, last: int, neighbours: NeighbourExchange) -> Iterator[Page]: ...


@dataclass(frozen=True, slots=True)
class Contents:
    """A file's metadata, and its pages as they are read."""

    pages: Iterator[Page]
    title: str = ""
    created: str = ""
    language: str = ""
    note: str = ""
    """Something about the whole file that the coverage report should say."""
    expected_pages: int = 0
    """0 where the number of pages is not known before they are read."""
    read_range: RangeReader | None = None
    """For formats of which several workers can read one file."""


def unforeseen_failure(name: str, why: str) -> Message:
    """Return the message for a file whose reader failed with an unexpected error."""
    return Message(
        "{name} could not be read: it is damaged, or has an unusual form ({why}). Open it in its own "
        "program, save it again and add that copy.",
        name=name,
        why=why[:MAX_REASON_CHARS],
    )


def pictures_not_read(count: int) -> Message:
    if count == 1:
        return Message("1 picture was not read.")
    return Message("{count} pictures were not read.", count=count)
