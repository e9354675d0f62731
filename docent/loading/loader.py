"""The front door: files in, Documents out, by a few reusable workers that nothing can hurt."""

from __future__ import annotations

import threading
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from docent import errors
from docent.errors import HarmfulFile, LoadError, UnreadableFile
from docent.glossary import Document, Page
from docent.loading import wire
from docent.loading.limits import Limits, Ocr
from docent.loading.reading import Job
from docent.loading.sandbox import Worker, WorkerDied, WorkerLate

LOADER_VERSION = 1
"""Raised when what is read of files has become better, so that `docent list` says what was read before."""
RETIRE_BYTES = 400_000_000  # a worker that grew this large is replaced; Python rarely gives memory back
MOST_BAD_PAGES = 3  # pages of one file that may each cost a worker before the rest is given up
START_SECONDS = 30.0  # a bare worker is up in 0.1 s; a machine that is swapping takes longer
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
        self._slots = threading.BoundedSemaphore(workers)
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
        with self._slots:
            attempt = _Attempt(self, job, path.name)
            try:
                yield attempt.start()
            finally:
                attempt.release()

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
            {"page": wire.page_to_wire(page), "spans": [list(span) for span in spans[page.number]]}
            for page in pages
            if spans.get(page.number)
        ]
        if not places:
            raise UnreadableFile(f"No words of {name} were named that could be marked. Open the file itself.")
        with self._marking:
            attempt = _Attempt(self, job, name)
            try:
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
            workers = [*self._idle, *self._busy]
            self._idle.clear()
        for worker in workers:
            worker.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Attempt:
    """One file on its way through one worker, or several when pages of it kill them."""

    def __init__(self, loader: Loader, job: Job, name: str) -> None:
        self._loader = loader
        self._job = job
        self._limits = job.limits
        self._name = name
        self._worker: Worker | None = None
        self._waited = 0.0
        """Seconds spent waiting for the worker; time that the caller takes is not the file's fault."""
        self._working_on = (0, "")
        self._delivered = 0
        self._bad_pages = 0
        self._sha256 = ""

    def start(self) -> Reading:
        message = self._open()
        self._sha256 = str(message["sha256"])
        document = Document(
            sha256=self._sha256,
            name=self._name,
            kind=str(message["kind"]),
            pages=(),
            title=str(message["title"]),
            created=str(message["created"]),
            loader=LOADER_VERSION,
        )
        reading = Reading(document, iter(()), expected=int(message["expected"]))
        reading.pages = self._pages(reading)
        return reading

    def once(self, task: dict[str, Any]) -> dict[str, Any]:
        """One question to a worker, and its answer; whatever goes wrong is said in a sentence."""
        try:
            answer = self._next("marked", task=task)
        except (WorkerDied, WorkerLate) as trouble:
            late = isinstance(trouble, WorkerLate)
            seconds = self._limits.page_seconds
            why = _too_slow(self._name, seconds) if late else _crashed(self._name, str(trouble))
            raise HarmfulFile(why) from trouble
        self._finish()
        return answer

    def release(self) -> None:
        """A worker that is still in the middle of a file cannot be used for another."""
        if self._worker is not None:
            self._loader.give_back(self._worker, reusable=False)
            self._worker = None

    def _open(self) -> dict[str, Any]:
        while True:
            try:
                return self._next("opened")
            except (WorkerDied, WorkerLate) as trouble:
                self._blame(trouble)

    def _pages(self, reading: Reading) -> Iterator[Page]:
        while True:
            try:
                message = self._next("read", "language")
            except (WorkerDied, WorkerLate) as trouble:
                self._blame(trouble)
                if self._open()["sha256"] != self._sha256:
                    raise UnreadableFile(
                        f"{self._name} was changed while it was being read. Ingest it again."
                    ) from trouble
                continue
            if "language" in message:
                reading.document = replace(reading.document, language=str(message["language"]))
                self._finish()
                return
            page = wire.page_from_wire(message["read"])
            self._delivered = page.number
            yield page

    def _next(self, *wanted: str, task: dict[str, Any] | None = None) -> dict[str, Any]:
        """The next message of a wanted sort, keeping note of the page that is being worked on."""
        if self._worker is None:
            self._worker = self._loader.take()
            self._worker.ask({**(task or {"task": "load"}), "job": wire.job_to_wire(self._job)})
        while True:
            message = self._hear(self._worker)
            if "page" in message:
                self._working_on = (int(message["page"]), str(message["step"]))
            elif "error" in message or "broken" in message:
                raise _failure(self._name, message)
            elif any(key in message for key in wanted):
                return message

    def _hear(self, worker: Worker) -> dict[str, Any]:
        recognising = self._working_on[1] == "ocr"
        left = self._limits.file_seconds - self._waited
        patience = self._limits.ocr_seconds if recognising else min(self._limits.page_seconds, left)
        begun = time.monotonic()
        try:
            return worker.hear(max(patience, 0.0))
        finally:
            if not recognising:
                self._waited += time.monotonic() - begun

    def _finish(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        try:
            done = worker.hear(START_SECONDS)
        except (WorkerDied, WorkerLate):
            self._loader.give_back(worker, reusable=False)
        else:
            self._loader.give_back(worker, reusable=int(done["memory"]) < RETIRE_BYTES)

    def _blame(self, trouble: WorkerDied | WorkerLate) -> None:
        """Set the page aside that stopped the worker, or give the file up with its sentence."""
        self.release()
        page, step = self._working_on
        self._working_on = (0, "")
        late = isinstance(trouble, WorkerLate)
        if late and self._waited >= self._limits.file_seconds:
            raise HarmfulFile(_too_slow(self._name, self._limits.file_seconds)) from trouble
        self._bad_pages += 1
        if page == 0 or self._bad_pages > MOST_BAD_PAGES:
            seconds = self._limits.page_seconds
            why = _too_slow(self._name, seconds) if late else _crashed(self._name, str(trouble))
            raise HarmfulFile(why) from trouble
        skip, plain = dict(self._job.skip), self._job.plain
        if step == "second" and page not in plain:
            plain = plain | {page}
        elif late:
            skip[page] = f"Reading this page was stopped after {self._limits.page_seconds:.0f} s."
        else:
            skip[page] = f"This page ended its reader ({trouble}), most likely for want of memory."
        self._job = replace(self._job, first=self._delivered + 1, skip=skip, plain=plain)


def _failure(name: str, message: dict[str, Any]) -> LoadError:
    if "error" in message:
        sort = getattr(errors, str(message["error"]), LoadError)
        if not (isinstance(sort, type) and issubclass(sort, LoadError)):
            sort = LoadError
        return sort(str(message["why"]))
    if message["broken"] == "memory":
        return HarmfulFile(_crashed(name, "it needed more memory than it may have"))
    return UnreadableFile(
        f"{name} is damaged or unusual in a way its reader does not know ({message['broken']}). "
        "Open it in its own program, save it again and add that copy."
    )


def _too_slow(name: str, seconds: float) -> str:
    return (
        f"{name} was not read within {seconds:.0f} s, so reading it was stopped. "
        "Save it again from its own program, or split it."
    )


def _crashed(name: str, how: str) -> str:
    return (
        f"{name} ended the process that was reading it ({how}); it is damaged or made to do harm. "
        "Save it again from its own program, or remove it if you do not know where it comes from."
    )
