"""The steps of every file, new or in an earlier index: read, cut, store its words, then its vectors."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from docent.errors import DocentError, EmbeddingError, LoadError, StoreError, StoreUnreachable
from docent.indexing import Chunker, embedded_text
from docent.indexing.embedder import Embedder
from docent.ingesting.jobs import Jobs, LocalJobs
from docent.loading import Loader
from docent.messages import Message
from docent.store import Arrival, Store
from docent.tracing import Tracer, TraceSpan
from docent.types import Chunk, Document, FileReport, Scope, SourceFile, StoredDocument, document_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

UNEXPECTED = Message(
    "It could not be read ({why}). Try again; if it fails again, see what is wrong with: "
    "python -m docent doctor"
)


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """The length of chunks, in the embedding model's own tokens."""

    tokens: int
    overlap: int


@dataclass(slots=True)
class PageCounter:
    """The number of pages read by this process since its start, for its metrics."""

    pages: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, pages: int) -> None:
        with self._lock:
            self.pages += pages


@dataclass(frozen=True, slots=True)
class IngestProgress:
    """The progress of an ingest."""

    files: int
    """Files that are searchable by their words by now."""
    of_files: int
    pages: int
    path: str
    """The last file; empty when only vectors are left to make."""
    waiting: int
    """Chunks without a vector so far, also those of other ingests and uploads."""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A file's document, its pages cut while it was read."""

    document: Document
    cutter: Chunker
    span: TraceSpan | None = None
    """The step in which it was read."""

    def chunks(self, library: str) -> list[Chunk]:
        return self.cutter.chunks(self.document, document_id=document_id(library, self.document.sha256))


@dataclass(frozen=True, slots=True)
class IngestPipeline:
    """The store and what fills it, and the steps that a file goes through."""

    store: Store
    loader: Loader
    embedder: Embedder
    background: EmbeddingWorker
    cut: ChunkSize
    workers: int
    jobs: Jobs = field(default_factory=LocalJobs)
    reads: bool = True
    """False in a process that leaves reading and embedding to others, which share the database."""
    tally: PageCounter = field(default_factory=PageCounter)
    tracer: Tracer = field(default_factory=Tracer)

    def read(self, path: Path, *, password: str | None, on_page: Callable[[int, int], None]) -> ReadDocument:
        """Read a file. Raises LoadError.

        `on_page` is called after each page with the pages read and the pages expected (0: not known).
        """
        with self.tracer.span("ingest read") as span, self.loader.stream(path, password=password) as stream:
            pages, cutter = [], self._cutter()
            for page in stream.pages:
                pages.append(page)
                cutter.add(page)  # while the workers read the next pages
                on_page(len(pages), stream.expected_pages)
            span.attributes |= {"docent.kind": stream.document.kind, "docent.pages": len(pages)}
            return ReadDocument(replace(stream.document, pages=tuple(pages)), cutter, span)

    def read_original(
        self, original: Path, name: str, *, password: str | None, on_page: Callable[[int, int], None]
    ) -> ReadDocument:
        """Read a stored original under its document's name, which its reader and its errors need."""
        with tempfile.TemporaryDirectory(prefix="docent-") as folder:
            named = Path(folder) / name
            named.symlink_to(original.absolute())
            return self.read(named, password=password, on_page=on_page)

    def as_read(self, document: Document) -> ReadDocument:
        """Return a document that was read before, cut again."""
        cutter = self._cutter()
        for page in document.pages:
            cutter.add(page)
        return ReadDocument(document, cutter)

    def keep(self, file: SourceFile, read: ReadDocument, *, expected: bool = False) -> list[Chunk]:
        """Store a document, found by its words from now on; its vectors follow."""
        with self.tracer.span("ingest store", parent=read.span) as span:
            chunks = read.chunks(file.library)
            self.store.put_words(file, read.document, chunks, expected=expected)
            span.attributes |= {"docent.documents": 1, "docent.chunks": len(chunks)}
        self.tally.count(len(read.document.pages))
        self.background.start()
        return chunks

    def keep_several(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Store new documents in one step; False for each that has to be stored by itself."""
        if not arrivals:
            return []
        with self.tracer.span("ingest store") as span:
            stored = self.store.put_several(arrivals)
            span.attributes["docent.documents"] = sum(stored)
        self.tally.count(
            sum(len(arrival.document.pages) for arrival, done in zip(arrivals, stored, strict=True) if done)
        )
        self.background.start()
        return stored

    def _cutter(self) -> Chunker:
        return Chunker(
            tokenizer=self.embedder.tokenizer,
            size=self.cut.tokens,
            overlap=self.cut.overlap,
            limit=self.embedder.max_tokens,
        )


def describe_error(error: Exception) -> str:
    """Return the reason why a file was not read, in a sentence; an unexpected error is logged."""
    if isinstance(error, DocentError):
        return error.message
    log.error("A file could not be read.", exc_info=error)
    return Message(UNEXPECTED, why=repr(error))


BATCH = 256  # chunks: a second or two of work, so that a stop takes effect soon
IDLE = 1.0  # seconds between two checks, when nothing signals work
POLL = 0.1
SAVE = 600.0  # seconds between two saves of the catalog's snapshot


class EmbeddingWorker:
    """Makes vectors in the background, in batches across documents; chunks are found by words until then."""

    def __init__(
        self,
        *,
        store: Store,
        embedder: Embedder,
        tracer: Tracer | None = None,
        jobs: Jobs | None = None,
        works: bool = True,
    ) -> None:
        """Without `works` nothing is embedded here: other processes that share the database do."""
        self._store = store
        self._embedder = embedder
        self._jobs = jobs or LocalJobs()
        self._works = works
        self._tracer = tracer or Tracer()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        store.on_wanted = self._start

    def start(self) -> None:
        """Start making vectors, here or in the process that owns the store. May be called at any time."""
        self._start()
        if not self._jobs.shared and not self._store.owned:
            self._store.want_vectors()

    def _start(self) -> None:
        if not self._works:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vectors", daemon=True)
                self._thread.start()
        self._wake.set()

    def wait(self, on_progress: Callable[[int], None]) -> None:
        """Wait until every chunk has its vector; report meanwhile how many are left."""
        self.start()
        while left := self._store.lacking():
            if why := self._store.held_up():
                raise EmbeddingError(why)
            on_progress(left)
            time.sleep(POLL)
        self._store.come_to_rest()
        on_progress(0)

    def close(self) -> None:
        """Drop the batch under way; the next process that opens the store makes its vectors."""
        self._closing.set()
        self._wake.set()
        self._embedder.close()
        if (
            self._thread is not None and self._thread.is_alive()
        ):  # not alive where Ctrl+C came before it had started
            self._thread.join()

    def _run(self) -> None:
        """Make vectors while this process owns the store; asking a store without an owner takes it over.

        With shared jobs every process makes some, each of documents that it has claimed.
        """
        saved = time.monotonic()
        while not self._closing.is_set():
            try:
                if self._store.lacking() and (self._jobs.shared or self._store.owned):
                    self._fill()
                    self._store.hold_up("")
                elif time.monotonic() - saved > SAVE and self._store.owned:
                    self._store.save()
                    saved = time.monotonic()
            except DocentError as error:  # raised by `wait`, and tried again: a model server may come back
                self._hold_up(error.message)
            except Exception as error:  # a bug must not leave documents without vectors for good
                if self._closing.is_set():
                    return  # the embedder was closed under it
                log.exception("Vectors could not be made; it is tried again.")
                self._hold_up(
                    Message(
                        "Vectors could not be made ({why}). It is tried again every second; if it goes on, "
                        "restart Docent, and see what is wrong with: python -m docent doctor",
                        why=repr(error),
                    )
                )
            self._wake.wait(IDLE)
            self._wake.clear()

    def _hold_up(self, why: str) -> None:
        with suppress(StoreUnreachable):  # the database is away: nobody can be told
            if self._store.owned and not self._closing.is_set():
                self._store.hold_up(why)
        self._closing.wait(IDLE)

    def _fill(self) -> None:
        """Embed one batch while the one before is stored."""
        claimed: list[str] = []
        try:
            with ThreadPoolExecutor(1, "storing") as executor:
                self._fill_claimed(claimed, executor)
        finally:
            self._release(claimed)

    def _fill_claimed(self, claimed: list[str], executor: ThreadPoolExecutor) -> None:
        under_way: frozenset[str] = frozenset()
        storing: Future[None] | None = None
        while not self._closing.is_set():
            chunks = self._next_batch(claimed, besides=under_way)
            vectors = self._embed(chunks)
            if storing is not None:
                storing.result()
                self._release(claimed, besides={chunk.document_id for chunk in chunks})
            elif not chunks:
                return
            ids = [chunk.id for chunk in chunks]
            under_way = frozenset(ids)
            storing = executor.submit(self._store.put_vectors, ids, vectors) if ids else None

    def _embed(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        texts = [embedded_text(chunk) for chunk in chunks]
        if not chunks:
            return self._embedder.embed(texts)
        with self._tracer.span("ingest embed") as span:
            span.attributes["docent.chunks"] = len(chunks)
            return self._embedder.embed(texts)

    def _next_batch(self, claimed: list[str], *, besides: frozenset[str]) -> list[Chunk]:
        """Return chunks to embed; where others embed as well, of documents that are `claimed` from now on."""
        if not self._jobs.shared:
            return self._store.waiting.chunks(BATCH, besides=besides)
        chunks: list[Chunk] = []
        for waiting in self._store.waiting.documents():
            if waiting not in claimed:
                if not self._jobs.claim("embed", waiting):
                    continue
                claimed.append(waiting)
            # Read after the claim: another process may have embedded some since they were listed.
            chunks += self._store.waiting.chunks(BATCH - len(chunks), besides=besides, document_id=waiting)
            if len(chunks) >= BATCH:
                break
        return chunks

    def _release(self, claimed: list[str], *, besides: Collection[str] = ()) -> None:
        for waiting in [one for one in claimed if one not in besides]:
            claimed.remove(waiting)
            self._jobs.release("embed", waiting)


def rebuild(
    pipeline: IngestPipeline, *, full: bool, on_progress: Callable[[IngestProgress], None]
) -> list[FileReport]:
    """Fill the index that is being built; the reports name documents that could not be carried over.

    `full` reads every file again; otherwise only chunks and vectors are made again. Documents that come to
    the index in use meanwhile are carried over, too.
    """
    store = pipeline.store
    reports: list[FileReport] = []
    failed: set[str] = set()
    while missing := [document for document in store.missing() if document.id not in failed]:
        pages = 0
        for number, document in enumerate(missing, 1):
            path = document.paths[0] if document.paths else document.name
            try:
                pages += _carry_over(document, pipeline, full=full)
            except (LoadError, StoreError) as error:
                failed.add(document.id)
                reports.append(FileReport(document.library, path, "failed", error.message))
            on_progress(IngestProgress(number, len(missing), pages, path, store.lacking()))
        all_read = IngestProgress(len(missing), len(missing), pages, "", 0)
        pipeline.background.wait(lambda waiting: on_progress(replace(all_read, waiting=waiting)))  # noqa: B023  called within this round
    return reports


def _carry_over(known: StoredDocument, pipeline: IngestPipeline, *, full: bool) -> int:
    store = pipeline.store
    if (document := store.read_before(known.id)) is None:
        return 0  # it was deleted meanwhile
    original = store.original(known.id, Scope(reader=known.owner))
    if not original.exists():
        raise StoreError(
            "The original of {name} is missing from storage/. Add the file again, or delete the "
            "document, and run this again.",
            name=known.name,
        )
    read = _read_again(document, original, pipeline) if full else pipeline.as_read(document)
    store.put_reading(known.id, read.document, read.chunks(known.library))
    pipeline.tally.count(len(read.document.pages))
    pipeline.background.start()
    return len(read.document.pages)


def _read_again(document: Document, original: Path, pipeline: IngestPipeline) -> ReadDocument:
    """Read the original again; return the text of before where that fails, as for a locked file."""
    try:
        read = pipeline.read_original(original, document.name, password=None, on_page=lambda *_: None)
    except (LoadError, OSError):
        return pipeline.as_read(document)
    return replace(read, document=replace(read.document, created=document.created))
