"""A reading job: the file, its limits and OCR settings, and what a format reader gets and returns."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, Protocol

from docent.errors import HarmfulFile, OutOfReach, UnreadableFile
from docent.loading.pdf.page_context import PageContext
from docent.messages import Message
from docent.regular_files import open_regular
from docent.types import Page

BLOCK = 1 << 20
IN_MEMORY = 32 << 20  # larger files are parsed from a private copy, so that four workers stay small
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


@dataclass(frozen=True, slots=True)
class InputFile:
    """The bytes of a file, as they were when it was opened."""

    name: str
    sha256: str
    size: int
    suffix: str
    """In lower case, with its dot."""
    head: bytes
    """The first 64 kB."""
    stream: IO[bytes]
    """The whole file, seekable; in memory when small."""

    def read_all(self) -> bytes:
        self.stream.seek(0)
        return self.stream.read()


def read_input_file(path: Path, *, largest: int) -> InputFile:
    """Read and hash a file. Raises UnreadableFile and HarmfulFile with the reason."""
    digest, size, head = hashlib.sha256(), 0, b""
    copy = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # closed with the InputFile
    try:
        with open_regular(path, links=True) as file:
            while block := file.read(BLOCK):
                size += len(block)
                if size > largest:
                    raise HarmfulFile(
                        "{name} is larger than {most:.0f} MB, the most that is read. Split it, or "
                        "raise DOCENT_MAX_FILE_MB.",
                        name=path.name,
                        most=largest / 1000000.0,
                    )
                head = head or block[:65536]
                digest.update(block)
                with _full_disk_as_out_of_reach(copy, path.name):
                    copy.write(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    if size == 0:
        raise UnreadableFile(
            "{name} is empty (0 bytes), so there is nothing to read. Copy or download it again, or "
            "remove it.",
            name=path.name,
        )
    with _full_disk_as_out_of_reach(copy, path.name):
        copy.seek(0)  # writes the rest
    return InputFile(path.name, digest.hexdigest(), size, path.suffix.lower(), head, copy)


@contextmanager
def _full_disk_as_out_of_reach(copy: IO[bytes], name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        with suppress(OSError):  # flushing what is left fails too
            copy.close()
        raise OutOfReach(
            "{name} was not read: a file so large is read from a copy, and none could be written to "
            "the folder for temporary files ({reason}). Make room there, or name another folder in "
            "TMPDIR, and try again.",
            name=name,
            reason=error.strerror or error,
        ) from error


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    match error:
        case FileNotFoundError():
            return UnreadableFile(
                "{name} is no longer there: it was moved or deleted. Put it back, or ingest again.",
                name=path.name,
            )
        case PermissionError():
            return OutOfReach(
                "{name} may not be read by this user (permission denied). Run: chmod u+r on the file.",
                name=path.name,
            )
        case IsADirectoryError():
            return UnreadableFile(
                "{name} is a folder, not a file. Name the files in it, or ingest the folder.", name=path.name
            )
        case _:
            return OutOfReach(
                "{name} could not be read from disk ({reason}). Check the disk or the connection to "
                "it, and try again.",
                name=path.name,
                reason=error.strerror or error,
            )


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
