"""The worker that reads one file, replaced by a new one when a page of the file crashes it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from docent import errors
from docent.errors import HarmfulFile, LoadError, OutOfReach, UnreadableFile
from docent.loading.job import Job, unforeseen_failure
from docent.loading.worker.worker_process import (
    INVALID_ANSWER,
    WorkerDied,
    WorkerPool,
    WorkerProcess,
    WorkerTimeout,
    clean_text,
    job_to_wire,
    message_from_wire,
    page_from_wire,
)
from docent.messages import Message
from docent.types import Page

RETIRE_BYTES = 400_000_000  # a worker that grew this large is replaced; Python rarely gives memory back
MAX_BAD_PAGES = 3  # pages of one file that may each cost a worker before the rest is given up
START_SECONDS = 30.0  # a bare worker is up in 0.1 s; a machine that is swapping takes longer


@dataclass(slots=True)
class ReadingCosts:
    """The time and the crashed pages of one file so far, counted over all workers that read it."""

    job: Job
    waited: float = 0.0
    """Seconds spent waiting for workers; the time that the caller takes does not count."""
    bad_pages: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_waiting(self, seconds: float) -> None:
        with self.lock:
            self.waited += seconds

    def count_bad_page(self) -> int:
        with self.lock:
            self.bad_pages += 1
            return self.bad_pages

    def set_aside(self, page: int, step: str, reason: Message) -> None:
        """Read this page by the first PDF engine only from now on; if that one crashed, skip it."""
        with self.lock:
            skip, plain = dict(self.job.skip), self.job.plain
            if step == "second" and page not in plain:
                plain = plain | {page}
            else:
                skip[page] = reason
            self.job = replace(self.job, skip=skip, plain=plain)


class FileWorker:
    """A file's worker, taken from the pool when needed. Only `stop` may be called from another thread."""

    def __init__(self, pool: WorkerPool, costs: ReadingCosts, name: str) -> None:
        self.costs = costs
        self.worker: WorkerProcess | None = None
        self.current_step = (0, "")
        """The page that the worker is at, and what it does there: "text", "second" (engine) or "ocr"."""
        self.has_opened_file = False
        self._pool = pool
        self._limits = costs.job.limits
        self._name = name
        self._stopped = False
        self._stopping = threading.Lock()
        """So that `stop` never ends a worker that was given back and reads another file by then."""

    def open(self, *, first: int = 1, share_from: int = 0) -> dict[str, Any]:
        """Open the file and return its metadata.

        A file of `share_from` pages or more is not read at once: its worker waits for page ranges.
        """
        while True:
            try:
                job = job_to_wire(replace(self.costs.job, first=first))
                message = self.ask({"task": "load", "job": job, "share_from": share_from}, "opened")
            except (WorkerDied, WorkerTimeout) as trouble:
                self.set_page_aside(trouble)
            else:
                self.has_opened_file = True
                return message

    def run_task(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run one task and return its result. Raises LoadError, also where the worker crashes."""
        try:
            answer = self.ask({**task, "job": job_to_wire(self.costs.job)}, "marked")
        except WorkerTimeout as trouble:
            raise HarmfulFile(_too_slow(self._name, self._limits.page_seconds)) from trouble
        except WorkerDied as trouble:
            raise HarmfulFile(_crashed(self._name, trouble.reason)) from trouble
        self.finish()
        return answer

    def ask(self, message: dict[str, Any], *wanted: str) -> dict[str, Any]:
        """Send a message; return the next answer that has one of the wanted keys, if any is wanted."""
        if self.worker is None and not self._stopped:
            try:
                self.worker = self._pool.take()
            except OSError as error:
                raise OutOfReach(
                    "{name} was not read: no process could be started for it ({reason}). Close other "
                    "programs and try again.",
                    name=self._name,
                    reason=error.strerror or error,
                ) from error
        if self.worker is None or self._stopped:
            raise WorkerDied(Message("reading was stopped"))
        self.worker.send(message)
        return self.next(*wanted) if wanted else {}

    def next(self, *wanted: str) -> dict[str, Any]:
        """Return the next message that has one of the wanted keys, and keep `current_step` up to date."""
        assert self.worker is not None
        while True:
            message = self._receive(self.worker)
            try:
                failure = _failure(self._name, message)
                if "page" in message:
                    self.current_step = (int(message["page"]), str(message["step"]))
            except (LookupError, TypeError, ValueError) as error:
                raise WorkerDied(INVALID_ANSWER) from error
            if failure is not None:
                raise failure
            if any(key in message for key in wanted):
                return message

    def _receive(self, worker: WorkerProcess) -> dict[str, Any]:
        recognising = self.current_step[1] == "ocr"
        left = self._limits.file_seconds - self.costs.waited
        timeout = self._limits.ocr_seconds if recognising else min(self._limits.page_seconds, left)
        started = time.monotonic()
        try:
            return worker.receive(max(timeout, 0.0))
        finally:
            if not recognising:
                self.costs.add_waiting(time.monotonic() - started)

    def end_ranges(self) -> None:
        """Tell the worker that no page range is left. One that died since has already sent its pages."""
        with suppress(WorkerDied):
            self.ask({"end": True})
            self.finish()

    def finish(self) -> None:
        """Give the worker back to the pool once it has confirmed that its task is done."""
        if (worker := self._detach()) is None:
            return
        try:
            done = worker.receive(START_SECONDS)
        except (WorkerDied, WorkerTimeout):
            self._pool.give_back(worker, reusable=False)
        else:
            self._pool.give_back(worker, reusable=int(done["memory"]) < RETIRE_BYTES)

    def release(self) -> None:
        """Give up the worker in the middle of its task; it cannot be used for another file."""
        if (worker := self._detach()) is not None:
            self._pool.give_back(worker, reusable=False)

    def stop(self) -> None:
        """End the worker from another thread; the thread that waits for it gets WorkerDied."""
        with self._stopping:
            self._stopped = True
            if self.worker is not None:
                self.worker.terminate()

    def _detach(self) -> WorkerProcess | None:
        with self._stopping:
            worker, self.worker = self.worker, None
            return worker

    def set_page_aside(self, trouble: WorkerDied | WorkerTimeout) -> None:
        """Set the page aside that stopped the worker. Raises HarmfulFile where the file is given up."""
        self.release()
        page, step = self.current_step
        self.current_step = (0, "")
        if isinstance(trouble, WorkerTimeout) and self.costs.waited >= self._limits.file_seconds:
            raise HarmfulFile(_too_slow(self._name, self._limits.file_seconds)) from trouble
        seconds = self._limits.ocr_seconds if step == "ocr" else self._limits.page_seconds
        if self.costs.count_bad_page() > MAX_BAD_PAGES or page == 0:
            match trouble:
                case WorkerTimeout():
                    raise HarmfulFile(_too_slow(self._name, seconds)) from trouble
                case WorkerDied():
                    raise HarmfulFile(_crashed(self._name, trouble.reason)) from trouble
        match trouble:
            case WorkerTimeout():
                reason = Message("Reading this page was stopped after {seconds:.0f} s.", seconds=seconds)
            case WorkerDied():
                reason = Message(
                    "The process that read this page ended ({how}), most likely for lack of memory.",
                    how=trouble.reason,
                )
        self.costs.set_aside(page, step, reason)


def parse_page(message: dict[str, Any]) -> Page:
    """Return the page in a worker's message. Raises WorkerDied where it is not valid."""
    try:
        return page_from_wire(message["read"])
    except (LookupError, TypeError, ValueError) as error:
        raise WorkerDied(INVALID_ANSWER) from error


def file_changed(name: str) -> UnreadableFile:
    return UnreadableFile("{name} was changed while it was being read. Ingest it again.", name=name)


def _failure(name: str, message: dict[str, Any]) -> LoadError | None:
    """Return the error that a worker reports in a message, or None where it reports none."""
    if "error" in message:
        error_class = getattr(errors, str(message["error"]), LoadError)
        if not (isinstance(error_class, type) and issubclass(error_class, LoadError)):
            error_class = LoadError
        return error_class(message_from_wire(message["why"]))
    if "broken" not in message:
        return None
    if message["broken"] == "memory":
        return HarmfulFile(_crashed(name, Message("it ran out of memory")))
    return UnreadableFile(unforeseen_failure(name, clean_text(message["broken"])))


def _too_slow(name: str, seconds: float) -> Message:
    return Message(
        "{name} was not read within {seconds:.0f} s, so reading it was stopped. Save it again from its own "
        "program, or split it.",
        name=name,
        seconds=seconds,
    )


def _crashed(name: str, how: Message) -> Message:
    return Message(
        "{name} was not read: the process that read it ended ({how}). It is damaged, or made to do harm. "
        "Save it again from its own program, or remove it if you do not know where it comes from.",
        name=name,
        how=how,
    )
