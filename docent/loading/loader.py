"""The front door: files in, Documents out, by a few reusable workers that nothing can hurt."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from docent.errors import HarmfulFile, LoadError, OutOfReach, UnreadableFile
from docent.glossary import Document, Page
from docent.loading.input_file import IN_MEMORY
from docent.loading.job import Job, Limits, Ocr, too_many_characters, too_many_pages
from docent.loading.text_cleaning import SAMPLE, language_of
from docent.loading.worker import wire_format
from docent.loading.worker.file_worker import Attempt, Toll, changed, page_in
from docent.loading.worker.parallel_reading import FROM_PAGES, Sharing
from docent.loading.worker.worker_pool import Seats
from docent.loading.worker.worker_process import Worker, WorkerDied, WorkerLate

LOADER_VERSION = 2
"""Raised when what is read of files has become better, so that `docent list` says what was read before."""
MARKING = 2  # citations opened at once, beside the files being read

Span = tuple[int, int]
Spans = Mapping[int, Sequence[Span]]


def load(path: Path, *, limits: Limits, password: str | None, ocr: Ocr) -> Document:
    """Read one file, page by page, in a process of its own. Raises LoadError with a sentence."""
    with Loader(limits=limits, ocr=ocr, workers=1) as loader:
        return loader.load(path, password=password)


class Reading:
    """A file being read: what is known of it at once, then its pages as they come."""

    def __init__(self, document: Document, pages: Iterator[Page], *, expected: int) -> None:
        self.document = document
        """Without its pages; its language is known once they have all been read."""
        self.pages = pages
        self.expected = expected
        """Pages there will be; 0 where that is not known yet."""

    def collect(self) -> Document:
        pages = tuple(self.pages)
        return replace(self.document, pages=pages)


class Loader:
    """Reads many files at once. Every method may be called from any thread."""

    def __init__(self, *, limits: Limits, ocr: Ocr, workers: int) -> None:
        self._limits = limits
        self._ocr = ocr
        self._marking = threading.BoundedSemaphore(MARKING)
        self._seats = Seats(workers)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False

    def load(self, path: Path, *, password: str | None = None) -> Document:
        """Read one file whole. Raises LoadError with a sentence."""
        with self.reading(path, password=password) as reading:
            return reading.collect()

    @contextmanager
    def reading(self, path: Path, *, password: str | None = None) -> Iterator[Reading]:
        """Read one file with memory for a few pages only: iterate over `.pages` inside the block."""
        job = Job(path=str(path.absolute()), limits=self._limits, ocr=self._ocr, password=password)
        with self._seats.file():
            file = _File(self, job, path.name, self._seats)
            try:
                yield file.start()
            finally:
                file.release()

    def highlighted(
        self, original: Path, spans: Spans, *, pages: Sequence[Page], name: str, password: str | None = None
    ) -> bytes:
        """A copy of a PDF with characters `start:end` of some pages' text marked in yellow.

        `spans` names them by page number; `pages` are those pages as they were stored, `name` is what
        the file is called in errors. Page numbers, and all else in the file, stay as they are.
        Raises LoadError with a sentence when nothing can be marked: then show the original.
        """
        message = self._marked("copy", original, spans, pages, name, password)
        data = b64decode(message["marked"])
        return original.read_bytes() + data if message["follows"] else data

    def picture(
        self, original: Path, page: Page, spans: Sequence[Span], *, name: str, password: str | None = None
    ) -> bytes:
        """A PNG of one page, as stored, with characters `start:end` of its text boxed; for scans and images.

        Raises LoadError with a sentence when the page cannot be drawn.
        """
        message = self._marked("picture", original, {page.number: spans}, [page], name, password)
        return b64decode(message["marked"])

    def _marked(
        self,
        wanted: str,
        original: Path,
        spans: Spans,
        pages: Sequence[Page],
        name: str,
        password: str | None,
    ) -> dict[str, Any]:
        """What a worker of its own makes: a reader who follows a citation does not wait for ingesting."""
        job = Job(path=str(original.absolute()), limits=self._limits, ocr=self._ocr, password=password)
        places = [
            {"page": wire_format.page_to_wire(page), "spans": [list(span) for span in spans[page.number]]}
            for page in pages
            if spans.get(page.number)
        ]
        if not places:
            raise UnreadableFile(f"No words of {name} were named that could be marked. Open the file itself.")
        with self._marking:
            attempt = Attempt(self, Toll(job), name)
            try:
                with _in_a_sentence(name):
                    return attempt.once({"task": "mark", "wanted": wanted, "name": name, "places": places})
            finally:
                attempt.release()

    def take(self) -> Worker:
        with self._lock:
            if self._closed:
                raise LoadError("Reading was stopped because Docent is shutting down. Start it again.")
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    break
                worker.kill()
            else:
                worker = Worker()
            self._busy.add(worker)
            return worker

    def give_back(self, worker: Worker, *, reusable: bool) -> None:
        with self._lock:
            self._busy.discard(worker)
            if reusable and not self._closed:
                self._idle.append(worker)
                return
        worker.kill()

    def close(self) -> None:
        """End every worker, also those at work; their files report it."""
        with self._lock:
            self._closed = True
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for worker in idle:
            worker.kill()
        for worker in busy:
            worker.end()  # whoever hears it still holds its pipes, and gives it back

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _in_a_sentence(name: str) -> Iterator[None]:
    """What the machine refuses on the way is told of by file, like all else that keeps one unread."""
    try:
        yield
    except OSError as error:
        raise OutOfReach(
            f"{name} was not read: the machine did not let its reader go on ({error.strerror or error}). Try "
            "again; if it fails again, see what is wrong with: python -m docent doctor"
        ) from error


class _File:
    """One file on its way through one worker, or through several at once where it is long."""

    def __init__(self, loader: Loader, job: Job, name: str, seats: Seats) -> None:
        self._loader = loader
        self._name = name
        self._seats = seats
        self._toll = Toll(job)
        self._attempt = Attempt(loader, self._toll, name)
        self._sharing: Sharing | None = None
        self._sha256 = ""

    def start(self) -> Reading:
        with _in_a_sentence(self._name):
            message = self._attempt.open(share_from=FROM_PAGES if self._may_be_shared() else 0)
        self._sha256 = str(message["sha256"])
        document = Document(
            sha256=self._sha256,
            name=self._name,
            kind=str(message["kind"]),
            pages=(),
            title=wire_format.whole(message["title"]),
            created=wire_format.whole(message["created"]),
            loader=LOADER_VERSION,
        )
        reading = Reading(document, iter(()), expected=int(message["expected"]))
        reading.pages = self._within_limits(
            self._shared(reading) if message["shared"] else self._pages(reading)
        )
        return reading

    def release(self) -> None:
        if self._sharing is not None:
            self._sharing.close()
        self._attempt.release()

    def _may_be_shared(self) -> bool:
        """Where there are other workers, now or later; a very large file each would have to copy."""
        try:
            return self._seats.several and Path(self._toll.job.path).stat().st_size <= IN_MEMORY
        except OSError:
            return False  # the worker says why

    def _within_limits(self, pages: Iterator[Page]) -> Iterator[Page]:
        """Counted here, where neither a new worker nor one that lies begins anew."""
        limits, total = self._toll.job.limits, 0
        with _in_a_sentence(self._name):
            for count, page in enumerate(pages, 1):
                total += len(page.text) + len(page.hidden)
                if count > limits.pages:
                    raise HarmfulFile(too_many_pages(self._name, limits))
                if total > limits.document_chars:
                    raise HarmfulFile(too_many_characters(self._name, limits))
                yield page

    def _pages(self, reading: Reading) -> Iterator[Page]:
        first = 1
        while True:
            try:
                message = self._attempt.next("read", "language")
                page = page_in(message) if "read" in message else None
            except (WorkerDied, WorkerLate) as trouble:
                self._attempt.blame(trouble)
                if self._attempt.open(first=first)["sha256"] != self._sha256:
                    raise changed(self._name) from trouble
                continue
            if page is None:
                reading.document = replace(reading.document, language=str(message["language"]))
                self._attempt.finish()
                return
            first = page.number + 1
            yield page

    def _shared(self, reading: Reading) -> Iterator[Page]:
        self._sharing = Sharing(
            self._attempt,
            lambda: Attempt(self._loader, self._toll, self._name),
            name=self._name,
            sha256=self._sha256,
            pages=reading.expected,
            seats=self._seats,
        )
        sample = ""
        for page in self._sharing.pages():
            if len(sample) < SAMPLE:
                sample += page.text[:SAMPLE] + "\n"
            yield page
        reading.document = replace(reading.document, language=language_of(sample))
