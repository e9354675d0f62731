"""The values before a question is asked: a file's text, what is stored of it, and reports about it.

    file → Document → Page → Chunk

A place inside a page is a pair of character positions in that page's text; nothing is ever
cited that is not `page.text[start:end]`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from docent.messages import Message, joined

LINES = re.compile(r"lines? ([\d,]+)(?:–([\d,]+))?")

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points, measured from the page's top left corner as it is shown."""

NOTHING_TO_SEARCH = Message("Nothing to search: no text was found.")
"""Begins the reason of a document without a chunk."""


class ReadBy(StrEnum):
    """The way in which a page's text was obtained."""

    TEXT = "text"
    OCR = "ocr"
    EMPTY = "empty"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: characters `start:end` of its text and where they stand on paper."""

    start: int
    end: int
    box: Box
    role: Literal["body", "heading", "margin"] = "body"
    """margin: a running header or footer; kept in the page, left out of chunks."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that begins at character `start` of its page."""

    start: int
    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """The smallest place a reader can open: a PDF page, a slide, a sheet's rows, a chapter."""

    number: int
    """Counted from 1 in the file, whatever is printed on it."""
    text: str
    label: str = ""
    """The printed page label ("iv", "A-12"), when it differs from the number."""
    place: str = ""
    """The place in the reader's words, when it is not a page: "slide 3", "sheet 'Wine', rows 10–24"."""
    read_by: ReadBy = ReadBy.TEXT
    note: str = ""
    """The reason why the page is empty, failed or doubtful; for the coverage report."""
    hidden: str = ""
    """Text a reader would not see; shown to the owner, never retrieved."""
    confidence: float = 1.0
    """Of OCR, 0 to 1."""
    headings: tuple[Heading, ...] = ()
    lines: tuple[Line, ...] = ()
    """Geometry, in reading order; empty for formats that have none."""
    size: tuple[float, float] = (0.0, 0.0)
    """Width and height in points; zero for formats that have none."""

    @property
    def where(self) -> str:
        return self.place or f"p. {self.label or self.number}"

    def boxes(self, start: int, end: int) -> list[Box]:
        """Return boxes around characters `start:end`: of a line, the share that those characters have."""
        boxes: list[Box] = []
        for line in self.lines:
            first, last = max(start, line.start), min(end, line.end)
            if first < last:
                left, top, right, bottom = line.box
                width = (right - left) / (line.end - line.start)
                boxes.append(
                    (left + (first - line.start) * width, top, left + (last - line.start) * width, bottom)
                )
        return boxes

    def at(self, start: int, end: int) -> str:
        """Return the place of characters `start:end`: their lines, on a page of lines of its file."""
        lines = LINES.fullmatch(self.place)
        if lines is None:
            return self.where
        first, last = int(lines[1].replace(",", "")), int((lines[2] or lines[1]).replace(",", ""))
        if len(self.text.splitlines()) != last - first + 1:
            return self.where
        last = first + self.text[:end].rstrip().count("\n")
        first += self.text[:start].count("\n")
        return f"lines {first:,}–{last:,}" if last > first else f"line {first:,}"


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one file."""

    sha256: str
    """Of the file's bytes."""
    name: str
    """The file's own name, "handbook.pdf"."""
    kind: str
    """By content, not suffix: pdf, markdown, text, html, docx …"""
    pages: tuple[Page, ...]
    title: str = ""
    language: str = ""
    """ISO 639-1, or empty when unsure."""
    created: str = ""
    """ISO date from the file's own metadata."""
    loader: int = 0
    """Version of the loader that read it; 0 if unknown."""

    @property
    def unread(self) -> tuple[Page, ...]:
        return tuple(page for page in self.pages if page.read_by is ReadBy.FAILED)

    def shortfall(self, chunks: int) -> str:
        """Return why the document, cut into so many chunks, is not wholly searchable; empty when it is."""
        if chunks:
            return Message(self.unread[0].note) if self.unread else ""
        return joined((NOTHING_TO_SEARCH, self._why_no_text()), " ")

    def _why_no_text(self) -> str:
        if not self.pages:
            return Message("It has no pages.")
        if any(page.text.strip() for page in self.pages):
            return Message("What it says are headers, footers and page numbers only.")
        if any(page.hidden for page in self.pages):
            return Message("All of its text is hidden from a reader.")
        notes = Counter(page.note for page in self.unread or self.pages)
        return Message(notes.most_common(1)[0][0]) or Message("Its pages are empty.")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one page, small enough for the embedding model to read whole."""

    id: str
    document_id: str
    page: int
    start: int
    end: int
    text: str
    """`page.text[start:end]`, to the letter."""
    header: str
    """The context of the piece: file, section, heading, page. Embedded and indexed with the text."""
    heading: str = ""
    tokens: int = 0
    """Of header and text together, in the embedding model's own tokens."""


class State(StrEnum):
    """The state of a document in the store."""

    QUEUED = "queued"
    LOADING = "loading"
    SEARCHABLE = "searchable"  # by words; vectors are on their way
    READY = "ready"
    PARTIAL = "partial"  # ready, but some pages could not be read
    FAILED = "failed"


ANSWERING = frozenset({State.SEARCHABLE, State.READY, State.PARTIAL})
"""The states in which a document answers questions."""
UNFINISHED = frozenset({State.QUEUED, State.LOADING, State.SEARCHABLE})
"""The states in which a document will answer more than it does now."""

DEFAULT_LIBRARY = "default"
SYNONYMS = "synonyms.txt"
"""The file of synonyms in a library's own folder. It is read, and is no document."""
FIGURES = "figures.toml"
"""The file of figures and their lines in a library's own folder. It is read, and is no document."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The reader, and the documents to search. The store applies it; no other code needs to."""

    reader: str | None = None
    """A user, who sees their own libraries and the shared ones that are open to them; "" sees what is open to
    everybody. None: the installation itself, for which no shared library is closed."""
    libraries: tuple[str, ...] = ()
    """Empty: every library the reader may see."""
    documents: tuple[str, ...] = ()
    """Document ids; empty: all."""
    folder: str = ""
    """Only files below this folder of their library."""
    kinds: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    """ISO dates, compared with the document's own date, else the file's."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the catalog knows it."""

    id: str
    library: str
    name: str
    title: str
    kind: str
    sha256: str
    paths: tuple[str, ...]
    """Relative to the library's folder; the same bytes twice is one document with two paths."""
    state: State
    reason: str
    pages: int
    unread_pages: int
    chunks: int
    embedded: int
    bytes: int
    language: str
    date: str
    added: str
    owner: str | None = None
    loader: int = 0
    """Version of the loader that read it; 0 before versions were noted."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file found under a library's folder, not yet read."""

    library: str
    path: str
    """Relative to the library's folder, with forward slashes."""
    full: Path
    bytes: int
    modified_ns: int
    real: Path | None = None
    """The path without links; nothing that is read elsewhere is stored. None: a file of Docent's own."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """The outcome for one file."""

    library: str
    path: str
    outcome: Literal["added", "unchanged", "changed", "moved", "removed", "failed", "partial"]
    reason: str = ""
    pages: int = 0
    unread_pages: int = 0
    recognised_pages: int = 0
    """Read by OCR."""
    hidden_pages: int = 0
    """With text that a reader would not see; it is not searched."""
    chunks: int = 0
    nothing_to_search: bool = False
    """It was read, and no text was found in it; `reason` says why."""
    seconds: float = 0.0

    @property
    def coverage(self) -> str:
        """The number of pages, and of those with a lack: "12 (2 unread, 1 by OCR)"."""
        remarks = (
            (self.unread_pages, "unread"),
            (self.recognised_pages, "by OCR"),
            (self.hidden_pages, "with hidden text"),
        )
        remark = ", ".join(f"{count} {what}" for count, what in remarks if count)
        return f"{self.pages or ''}{f' ({remark})' if remark else ''}"


@dataclass(frozen=True, slots=True)
class Notification:
    """An event that notifiers are told of."""

    kind: Literal["ingested", "source_failed"]
    text: str
    """A sentence for people."""
    files: tuple[FileReport, ...] = ()
    """After an ingest: the files that were not unchanged."""


Quotes = Literal["blank", "delete"]
"""The treatment of answers that quote a deleted document: blank their quotes, or delete them."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """The counts of what a deletion found and of what it left behind (must be zero everywhere)."""

    document_id: str
    name: str
    found: Mapping[str, int]
    left: Mapping[str, int]


def document_id(library: str, sha256: str) -> str:
    """Return the id of these bytes in a library: the same for every file name."""
    return _digest(f"{library}\0{sha256}")


def private_library(owner: str, name: str) -> str:
    """Return the name of a reader's own library; the slash tells it from every folder's."""
    return f"~{quote(owner, safe='')}/{name}"


def shown_library(library: str) -> str:
    """Return a library's name as its readers know it."""
    return library.rpartition("/")[2]


def chunk_id(document_id: str, page: int, start: int, end: int, chunker: str) -> str:
    """Return a chunk's id: stable across runs, and different as soon as the chunker cuts elsewhere."""
    return _digest(f"{document_id}:{page}:{start}:{end}:{chunker}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
