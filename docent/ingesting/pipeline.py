"""Steps of every file."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from docent.errors import DocentError, EmbeddingError
from docent.indexing import Chunker, embedded_text
from docent.indexing.embedder import Embedder
from docent.loading import Loader
from docent.messages import Message
from docent.store import Arrival, Store
from docent.types import Chunk, Document, SourceFile, document_id

log = logging.getLogger(__name__)

UNFORESEEN = (
    "It could not be read ({why}). Try again; if it fails again, see what is wrong with: "
    "python -m docent doctor"
)


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """How long chunks are, in the embedding model's own tokens."""

    tokens: int
    overlap: int


@dataclass(slots=True)
class PageCounter:
    """Pages read by this process since its start, for whoever watches over it."""

    pages: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, pages: int) -> None:
        with self._lock:
            self.pages += pages


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A file's document, cut as far as its pages could be while it was read."""

    document: Document
    cutter: Chunker

    def chunks(self, library: str) -> list[Chunk]:
        return self.cutter.chunks(self.document, document_id=document_id(library, self.document.sha256))


@dataclass(frozen=True, slots=True)
class IngestPipeline:
    store: Store
    loader: Loader
    embedder: Embedder
    background: EmbeddingWorker
    cut: ChunkSize
    workers: int
    tally: PageCounter = field(default_factory=PageCounter)

    def read(self, path: Path, *, password: str | None, on_page: Callable[[int, int], None]) -> ReadDocument:
        """What a file says; told after each page how many were read, and of how many (0: not known).

        Raises LoadError.
        """
        with self.loader.stream(path, password=password) as stream:
            pages, cutter = [], self._cutter()
            for page in stream.pages:
                pages.append(page)
                cutter.add(page)  # while the workers read the next pages
                on_page(len(pages), stream.expected_pages)
            return ReadDocument(replace(stream.document, pages=tuple(pages)), cutter)

    def as_read(self, document: Document) -> ReadDocument:
        """One that was read before."""
        cutter = self._cutter()
        for page in document.pages:
            cutter.add(page)
        return ReadDocument(document, cutter)

    def keep(self, file: SourceFile, read: ReadDocument, *, expected: bool = False) -> list[Chunk]:
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

    def _cutter(self) -> Chunker:
        return Chunker(
            tokenizer=self.embedder.tokenizer,
            size=self.cut.tokens,
            overlap=self.cut.overlap,
            limit=self.embedder.max_tokens,
        )


def describe_error(error: Exception) -> str:
    """Why a file was not read, for whoever waits for it; of what nobody foresaw, the log has all."""
    if isinstance(error, DocentError):
        return error.message
    log.error("A file could not be read.", exc_info=error)
    return Message(UNFORESEEN, why=repr(error))


log = logging.getLogger(__name__)

BATCH = 256  # chunks: a second or two of work, so that a stop and a question's progress come soon
IDLE = 1.0  # seconds between two looks, when nobody says that there is work
LOOK = 0.1
SAVE = 600.0  # seconds between two looks whether the catalog's snapshot is still as the catalog


class EmbeddingWorker:
    """Makes the vectors that chunks lack, in batches across documents, wherever they came from."""

    def __init__(self, *, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        store.on_wanted = self._start

    def start(self) -> None:
        """There is work, here or for the process that owns the store; starting twice is once."""
        self._start()
        if not self._store.owned:
            self._store.want_vectors()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vectors", daemon=True)
                self._thread.start()
        self._wake.set()

    def wait(self, on_progress: Callable[[int], None]) -> None:
        """Return when every chunk has its vector; told meanwhile how many are left."""
        self.start()
        while left := self._store.lacking():
            if why := self._store.held_up():
                raise EmbeddingError(why)
            on_progress(left)
            time.sleep(LOOK)
        self._store.come_to_rest()
        on_progress(0)

    def close(self) -> None:
        """Drop what is left of the batch under way; whoever opens the store next goes on from there."""
        self._closing.set()
        self._wake.set()
        self._embedder.close()
        if self._thread is not None and self._thread.is_alive():  # not yet where Ctrl+C came as it was begun
            self._thread.join()

    def _run(self) -> None:
        """Only for a store that is ours; should its owner be gone, asking it makes it ours."""
        saved = time.monotonic()
        while not self._closing.is_set():
            try:
                if self._store.lacking() and self._store.owned:
                    self._fill()
                    self._store.hold_up("")
                elif time.monotonic() - saved > SAVE and self._store.owned:
                    self._store.save()
                    saved = time.monotonic()
            except DocentError as error:  # told by `wait`, and tried again: a model server may come back
                self._hold_up(str(error))
            except Exception as error:  # a fault of ours must not leave documents without vectors for good
                if self._closing.is_set():
                    return  # the embedder was closed under it
                log.exception("Vectors could not be made; it is tried again.")
                self._hold_up(
                    f"Vectors could not be made ({error!r}). It is tried again every second; if it goes on, "
                    "restart Docent, and see what is wrong with: python -m docent doctor"
                )
            self._wake.wait(IDLE)
            self._wake.clear()

    def _hold_up(self, why: str) -> None:
        if self._store.owned and not self._closing.is_set():
            self._store.hold_up(why)
        self._closing.wait(IDLE)

    def _fill(self) -> None:
        """One batch is embedded while the one before is stored."""
        under_way: frozenset[str] = frozenset()
        storing: Future[None] | None = None
        with ThreadPoolExecutor(1, "storing") as keeper:
            while not self._closing.is_set():
                chunks = self._store.unembedded(BATCH, besides=under_way)
                vectors = self._embedder.embed([embedded_text(chunk) for chunk in chunks])
                if storing is not None:
                    storing.result()
                elif not chunks:
                    return
                ids = [chunk.id for chunk in chunks]
                under_way = frozenset(ids)
                storing = keeper.submit(self._store.put_vectors, ids, vectors) if ids else None
