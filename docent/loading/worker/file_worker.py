"""One file in one worker, or in several one after the other when pages of it kill them."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from docent import errors
from docent.errors import HarmfulFile, LoadError, OutOfReach, UnreadableFile
from docent.glossary import Page
from docent.loading.job import Job, Limits
from docent.loading.worker import wire_format
from docent.loading.worker.worker_process import Worker, WorkerDied, WorkerLate

RETIRE_BYTES = 400_000_000  # a worker that grew this large is replaced; Python rarely gives memory back
MOST_BAD_PAGES = 3  # pages of one file that may each cost a worker before the rest is given up
START_SECONDS = 30.0  # a bare worker is up in 0.1 s; a machine that is swapping takes longer


class Pool(Protocol):
    """Where workers come from."""

    def take(self) -> Worker: ...

    def give_back(self, worker: Worker, *, reusable: bool) -> None: ...


@dataclass(slots=True)
class Toll:
    """What one file has cost so far, however many workers read it."""

    job: Job
    waited: float = 0.0
    """Seconds spent waiting for workers; time that the caller takes is not the file's fault."""
    bad_pages: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, seconds: float) -> None:
        with self.lock:
            self.waited += seconds

    def count_bad_page(self) -> int:
        with self.lock:
            self.bad_pages += 1
            return self.bad_pages

    def set_aside(self, page: int, step: str, why: str) -> None:
        """Read this page by the first engine only from now on; if that was to blame, not at all."""
        with self.lock:
            skip, plain = dict(self.job.skip), self.job.plain
            if step == "second" and page not in plain:
                plain = plain | {page}
            else:
                skip[page] = why
            self.job = replace(self.job, skip=skip, plain=plain)


class Attempt:
    """A file's worker, and a new one when that dies. Not for two threads at once, but for `stop`."""

    def __init__(self, pool: Pool, toll: Toll, name: str) -> None:
        self._pool = pool
        self._toll = toll
        self._limits: Limits = toll.job.limits
        self._name = name
        self._worker: Worker | None = None
        self._is_opened = False
        self._stopped = False
        self._stopping = threading.Lock()
        """So that `stop` never ends a worker that has been given back, and reads another file by now."""
        self._working_on = (0, "")

    @property
    def is_begun(self) -> bool:
        return self._worker is not None

    @property
    def is_opened(self) -> bool:
        """Whether its worker has once opened the file."""
        return self._is_opened

    def open(self, *, first: int = 1, share_from: int = 0) -> dict[str, Any]:
        """What the file says of itself. From `share_from` pages on, its worker waits to be told a range."""
        while True:
            try:
                job = wire_format.job_to_wire(replace(self._toll.job, first=first))
                message = self.ask({"task": "load", "job": job, "share_from": share_from}, "opened")
            except (WorkerDied, WorkerLate) as trouble:
                self.blame(trouble)
            else:
                self._is_opened = True
                return message

    def once(self, task: dict[str, Any]) -> dict[str, Any]:
        """One question to a worker, and its answer; whatever goes wrong is said in a sentence."""
        try:
            answer = self.ask({**task, "job": wire_format.job_to_wire(self._toll.job)}, "marked")
        except (WorkerDied, WorkerLate) as trouble:
            late = isinstance(trouble, WorkerLate)
            seconds = self._limits.page_seconds
            why = too_slow(self._name, seconds) if late else crashed(self._name, str(trouble))
            raise HarmfulFile(why) from trouble
        self.finish()
        return answer

    def ask(self, message: dict[str, Any], *wanted: str) -> dict[str, Any]:
        """Say something to the worker; its next message of a wanted sort, if any is wanted."""
        if self._worker is None and not self._stopped:
            self._worker = self._taken()
        if self._worker is None or self._stopped:
            raise WorkerDied("it was stopped")
        self._worker.ask(message)
        return self.next(*wanted) if wanted else {}

    def _taken(self) -> Worker:
        try:
            return self._pool.take()
        except OSError as error:
            raise OutOfReach(
                f"{self._name} was not read: no process could be started for it ({error.strerror or error}). "
                "Close other programs and try again."
            ) from error

    def next(self, *wanted: str) -> dict[str, Any]:
        """The next message of a wanted sort, keeping note of the page that is being worked on."""
        assert self._worker is not None
        while True:
            message = self._hear(self._worker)
            if "page" in message:
                self._working_on = (int(message["page"]), str(message["step"]))
            elif "error" in message or "broken" in message:
                raise _failure(self._name, message)
            elif any(key in message for key in wanted):
                return message

    def dismiss(self) -> None:
        """There is no range left for its worker; one that died meanwhile had told all."""
        with suppress(WorkerDied):
            self.ask({"end": True})
            self.finish()

    def finish(self) -> None:
        """The worker has done its task, and can do another."""
        if (worker := self._let_go()) is None:
            return
        try:
            done = worker.hear(START_SECONDS)
        except (WorkerDied, WorkerLate):
            self._pool.give_back(worker, reusable=False)
        else:
            self._pool.give_back(worker, reusable=int(done["memory"]) < RETIRE_BYTES)

    def release(self) -> None:
        """A worker that is still in the middle of a file cannot be used for another."""
        if (worker := self._let_go()) is not None:
            self._pool.give_back(worker, reusable=False)

    def stop(self) -> None:
        """From another thread: whoever waits for the worker is told that it died."""
        with self._stopping:
            self._stopped = True
            if self._worker is not None:
                self._worker.end()

    def _let_go(self) -> Worker | None:
        with self._stopping:
            worker, self._worker = self._worker, None
            return worker

    def blame(self, trouble: WorkerDied | WorkerLate) -> None:
        """Set the page aside that stopped the worker, or give the file up with its sentence."""
        self.release()
        page, step = self._working_on
        self._working_on = (0, "")
        late = isinstance(trouble, WorkerLate)
        if late and self._toll.waited >= self._limits.file_seconds:
            raise HarmfulFile(too_slow(self._name, self._limits.file_seconds)) from trouble
        seconds = self._limits.ocr_seconds if step == "ocr" else self._limits.page_seconds
        if self._toll.count_bad_page() > MOST_BAD_PAGES or page == 0:
            why = too_slow(self._name, seconds) if late else crashed(self._name, str(trouble))
            raise HarmfulFile(why) from trouble
        if late:
            why = f"Reading this page was stopped after {seconds:.0f} s."
        else:
            why = f"This page ended its reader ({trouble}), most likely for want of memory."
        self._toll.set_aside(page, step, why)

    def _hear(self, worker: Worker) -> dict[str, Any]:
        recognising = self._working_on[1] == "ocr"
        left = self._limits.file_seconds - self._toll.waited
        patience = self._limits.ocr_seconds if recognising else min(self._limits.page_seconds, left)
        begun = time.monotonic()
        try:
            return worker.hear(max(patience, 0.0))
        finally:
            if not recognising:
                self._toll.wait(time.monotonic() - begun)


def page_in(message: dict[str, Any]) -> Page:
    """The page that a worker tells of. Raises WorkerDied where that is none: nothing it says is believed."""
    try:
        return wire_format.page_from_wire(message["read"])
    except (LookupError, TypeError, ValueError) as error:
        raise WorkerDied("what it said makes no sense") from error


def changed(name: str) -> UnreadableFile:
    return UnreadableFile(f"{name} was changed while it was being read. Ingest it again.")


def _failure(name: str, message: dict[str, Any]) -> LoadError:
    if "error" in message:
        sort = getattr(errors, str(message["error"]), LoadError)
        if not (isinstance(sort, type) and issubclass(sort, LoadError)):
            sort = LoadError
        return sort(str(message["why"]))
    if message["broken"] == "memory":
        return HarmfulFile(crashed(name, "it needed more memory than it may have"))
    return UnreadableFile(
        f"{name} is damaged or unusual in a way its reader does not know ({message['broken']}). "
        "Open it in its own program, save it again and add that copy."
    )


def too_slow(name: str, seconds: float) -> str:
    return (
        f"{name} was not read within {seconds:.0f} s, so reading it was stopped. "
        "Save it again from its own program, or split it."
    )


def crashed(name: str, how: str) -> str:
    return (
        f"{name} ended the process that was reading it ({how}); it is damaged or made to do harm. "
        "Save it again from its own program, or remove it if you do not know where it comes from."
    )
