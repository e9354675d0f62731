"""Files in, Documents out, read by a few reusable worker processes."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from docent.errors import HarmfulFile, OutOfReach, UnreadableFile
from docent.loading.job import IN_MEMORY, Job, Limits, Ocr
from docent.loading.worker.file_worker import FileWorker, ReadingCosts, file_changed, parse_page
from docent.loading.worker.parallel_reading import MIN_PAGES, ParallelReading, WorkerSlots
from docent.loading.worker.worker_process import (
    WorkerDied,
    WorkerPool,
    WorkerTimeout,
    clean_text,
    page_to_wire,
)
from docent.text_language import LANGUAGE_SAMPLE, detect_language
from docent.types import Document, Page

LOADER_VERSION = 2
"""Raised when what is read of files has become better, so that `docent list` says what was read before."""
MARKING = 2  # citations opened at once, beside the files being read

Span = tuple[int, int]
Spans = Mapping[int, Sequence[Span]]


def load(path: Path, *, limits: Limits, password: str | None, ocr: Ocr) -> Document:
    """Read one file, page by page, in a process of its own. Raises LoadError."""
    with Loader(limits=limits, ocr=ocr, workers=1) as loader:
        return loader.load(path, password=password)


class PageStream:
    """A file being read: its metadata at once, then its pages as they come."""

    def __init__(self, document: Document, pages: Iterator[Page], *, expected_pages: int) -> None:
        self.document = document
        """Without its pages; its language is known once they have all been read."""
        self.pages = pages
        self.expected_pages = expected_pages
        """0 where the number of pages is not known yet."""

    def collect(self) -> Document:
        pages = tuple(self.pages)
        return replace(self.document, pages=pages)


class Loader:
    """Reads many files at once. Every method may be called from any thread."""

    def __init__(self, *, limits: Limits, ocr: Ocr, workers: int) -> None:
        self.pool = WorkerPool()
        self._limits = limits
        self._ocr = ocr
        self._slots = WorkerSlots(workers)
        self._marking = threading.BoundedSemaphore(MARKING)

    def load(self, path: Path, *, password: str | None = None) -> Document:
        """Read one file whole. Raises LoadError."""
        with self.stream(path, password=password) as stream:
            return stream.collect()

    @contextmanager
    def stream(self, path: Path, *, password: str | None = None) -> Iterator[PageStream]:
        """Read one file with memory for a few pages only: iterate over `.pages` inside the block."""
        job = Job(path=str(path.absolute()), limits=self._limits, ocr=self._ocr, password=password)
        with self._slots.reserve_for_file():
            file = _FileReading(self.pool, self._slots, job, path.name)
            try:
                yield file.start()
            finally:
                file.release()

    def highlight_pdf(
        self, original: Path, spans: Spans, *, pages: Sequence[Page], name: str, password: str | None = None
    ) -> bytes:
        """Return a copy of a PDF with characters `start:end` of some pages' text marked in yellow.

        `spans` gives them by page number; `pages` are those pages as they were stored, `name` is the file's
        name in errors. Page numbers, and all else in the file, stay as they are.
        Raises LoadError when nothing can be marked: then show the original.
        """
        message = self._mark("copy", original, spans, pages, name, password)
        data = b64decode(message["marked"])
        return original.read_bytes() + data if message["is_appendix"] else data

    def draw_page(
        self, original: Path, page: Page, spans: Sequence[Span], *, name: str, password: str | None = None
    ) -> bytes:
        """Return a PNG of one page with boxes around characters `start:end` of its stored text, if any.

        For PDFs and images. Raises LoadError when the page cannot be drawn.
        """
        message = self._mark("picture", original, {page.number: spans}, [page], name, password)
        return b64decode(message["marked"])

    def _mark(
        self,
        wanted: str,
        original: Path,
        spans: Spans,
        pages: Sequence[Page],
        name: str,
        password: str | None,
    ) -> dict[str, Any]:
        """Mark citations in a worker outside the slots, so that it does not wait for files being ingested."""
        job = Job(path=str(original.absolute()), limits=self._limits, ocr=self._ocr, password=password)
        citations = [
            {"page": page_to_wire(page), "spans": [list(span) for span in spans[page.number]]}
            for page in pages
            if spans.get(page.number) or wanted == "picture"
        ]
        if not citations:
            raise UnreadableFile("There is nothing to highlight in {name}. Open the file itself.", name=name)
        with self._marking:
            worker = FileWorker(self.pool, ReadingCosts(job), name)
            try:
                with _os_errors_as_load_errors(name):
                    return worker.run_task(
                        {"task": "mark", "wanted": wanted, "name": name, "citations": citations}
                    )
            finally:
                worker.release()

    def close(self) -> None:
        """End every worker, also busy ones; their files fail with a LoadError."""
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _os_errors_as_load_errors(name: str) -> Iterator[None]:
    """Report an OSError on the way to or from a worker as the reason why this file was not read."""
    try:
        yield
    except OSError as error:
        raise OutOfReach(
            "{name} was not read: the connection to the process that reads it failed ({reason}). "
            "Try again; if it fails again, run: python -m docent doctor",
            name=name,
            reason=error.strerror or error,
        ) from error


class _FileReading:
    """One file read by one worker, or by several at once where it is long."""

    def __init__(self, pool: WorkerPool, slots: WorkerSlots, job: Job, name: str) -> None:
        self._pool = pool
        self._slots = slots
        self._name = name
        self._costs = ReadingCosts(job)
        self._worker = FileWorker(pool, self._costs, name)
        self._parallel: ParallelReading | None = None
        self._sha256 = ""

    def start(self) -> PageStream:
        with _os_errors_as_load_errors(self._name):
            message = self._worker.open(share_from=MIN_PAGES if self._may_be_shared() else 0)
        self._sha256 = str(message["sha256"])
        document = Document(
            sha256=self._sha256,
            name=self._name,
            kind=str(message["kind"]),
            pages=(),
            title=clean_text(message["title"]),
            created=clean_text(message["created"]),
            loader=LOADER_VERSION,
        )
        stream = PageStream(document, iter(()), expected_pages=int(message["expected"]))
        pages = self._pages_in_parallel(stream) if message["shared"] else self._pages(stream)
        stream.pages = self._within_limits(pages)
        return stream

    def release(self) -> None:
        if self._parallel is not None:
            self._parallel.close()
        self._worker.release()

    def _may_be_shared(self) -> bool:
        """Return whether several workers may read the file; each would have to copy a very large one."""
        try:
            return self._slots.allows_helpers and Path(self._costs.job.path).stat().st_size <= IN_MEMORY
        except OSError:
            return False  # the worker reports the reason

    def _within_limits(self, pages: Iterator[Page]) -> Iterator[Page]:
        """Yield the pages while they keep to the limits.

        Counted in this process: a replaced worker would start again at zero, and one that a document has
        taken over could lie.
        """
        limits, total = self._costs.job.limits, 0
        with _os_errors_as_load_errors(self._name):
            for count, page in enumerate(pages, 1):
                total += len(page.text) + len(page.hidden)
                if count > limits.pages:
                    raise HarmfulFile(
                        "{name} has more than {most:,} pages, the most that are read. Split it.",
                        name=self._name,
                        most=limits.pages,
                    )
                if total > limits.document_chars:
                    raise HarmfulFile(
                        "{name} expands to more than {most:,} characters. Split it, or remove it if "
                        "you do not know where it comes from.",
                        name=self._name,
                        most=limits.document_chars,
                    )
                yield page

    def _pages(self, stream: PageStream) -> Iterator[Page]:
        first = 1
        while True:
            try:
                message = self._worker.next("read", "language")
                page = parse_page(message) if "read" in message else None
            except (WorkerDied, WorkerTimeout) as trouble:
                self._worker.set_page_aside(trouble)
                if self._worker.open(first=first)["sha256"] != self._sha256:
                    raise file_changed(self._name) from trouble
                continue
            if page is None:
                stream.document = replace(stream.document, language=str(message["language"]))
                self._worker.finish()
                return
            first = page.number + 1
            yield page

    def _pages_in_parallel(self, stream: PageStream) -> Iterator[Page]:
        self._parallel = ParallelReading(
            self._worker,
            lambda: FileWorker(self._pool, self._costs, self._name),
            name=self._name,
            sha256=self._sha256,
            page_count=stream.expected_pages,
            slots=self._slots,
        )
        sample = ""
        for page in self._parallel.pages():
            if len(sample) < LANGUAGE_SAMPLE:
                sample += page.text[:LANGUAGE_SAMPLE] + "\n"
            yield page
        stream.document = replace(stream.document, language=detect_language(sample))
