"""What every file goes through, whichever way it came: read, cut, kept by its words, then vectors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from docent.errors import DocentError
from docent.indexing import Cutter
from docent.indexing.embedder import Embedder
from docent.ingesting.embedding_worker import Background
from docent.loading import Loader
from docent.messages import Message
from docent.store import Arrival, Store
from docent.types import Chunk, Document, SourceFile, document_id

log = logging.getLogger(__name__)

UNFORESEEN = Message(
    "It could not be read ({why}). Try again; if it fails again, see what is wrong with: "
    "python -m docent doctor"
)


@dataclass(frozen=True, slots=True)
class Cut:
    """How long chunks are, in the embedding model's own tokens."""

    tokens: int
    overlap: int


@dataclass(slots=True)
class Tally:
    """Pages read by this process since its start, for whoever watches over it."""

    pages: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, pages: int) -> None:
        with self._lock:
            self.pages += pages


@dataclass(frozen=True, slots=True)
class Read:
    """A file's document, cut as far as its pages could be while it was read."""

    document: Document
    cutter: Cutter

    def chunks(self, library: str) -> list[Chunk]:
        return self.cutter.chunks(self.document, document_id=document_id(library, self.document.sha256))


@dataclass(frozen=True, slots=True)
class Intake:
    store: Store
    loader: Loader
    embedder: Embedder
    background: Background
    cut: Cut
    workers: int
    tally: Tally = field(default_factory=Tally)

    def read(self, path: Path, *, password: str | None, on_page: Callable[[int, int], None]) -> Read:
        """What a file says; told after each page how many were read, and of how many (0: not known).

        Raises LoadError.
        """
        with self.loader.stream(path, password=password) as stream:
            pages, cutter = [], self._cutter()
            for page in stream.pages:
                pages.append(page)
                cutter.add(page)  # while the workers read the next pages
                on_page(len(pages), stream.expected_pages)
            return Read(replace(stream.document, pages=tuple(pages)), cutter)

    def as_read(self, document: Document) -> Read:
        """One that was read before."""
        cutter = self._cutter()
        for page in document.pages:
            cutter.add(page)
        return Read(document, cutter)

    def keep(self, file: SourceFile, read: Read, *, expected: bool = False) -> list[Chunk]:
        """From now on the document is found by its words; its vectors follow."""
        chunks = read.chunks(file.library)
        self.store.put_words(file, read.document, chunks, expected=expected)
        self.tally.count(len(read.document.pages))
        self.background.start()
        return chunks

    def keep_several(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """The same for new documents in one step; False for each that has to be kept by itself."""
        kept = self.store.put_several(arrivals)
        self.tally.count(
            sum(len(one.document.pages) for one, is_kept in zip(arrivals, kept, strict=True) if is_kept)
        )
        self.background.start()
        return kept

    def _cutter(self) -> Cutter:
        return Cutter(
            tokenizer=self.embedder.tokenizer,
            size=self.cut.tokens,
            overlap=self.cut.overlap,
            limit=self.embedder.max_tokens,
        )


def told(error: Exception) -> str:
    """Why a file was not read, for whoever waits for it; of what nobody foresaw, the log has all."""
    if isinstance(error, DocentError):
        return error.message
    log.error("A file could not be read.", exc_info=error)
    return Message(UNFORESEEN, why=repr(error))
