"""A long file read by several workers at once, with exactly the result of a single worker.

A page is finished when the pages before it are known and a few after it are (`PageContext`). So each worker
reads a range of pages, receives through `PageRanges` the contexts of the ranges around it, and then
finishes its own pages.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from docent.errors import HarmfulFile, OutOfReach
from docent.loading.pdf.page_context import PageContext
from docent.loading.worker.file_worker import FileWorker, file_changed, parse_page
from docent.loading.worker.worker_process import WorkerDied, WorkerTimeout
from docent.messages import Message
from docent.types import Page

STOPPED = Message("reading was stopped")
MIN_PAGES = 60  # a second worker takes 0.2 s to start, in which the first reads 30 pages
RANGE_PAGES = 24
RANGES_AHEAD = 2  # ranges given out beyond those being read: bounds the pages that wait for a slow caller


class ParallelReading:
    """The workers on one long file. `first` is the one that has opened it."""

    def __init__(
        self,
        first: FileWorker,
        new_worker: Callable[[], FileWorker],
        *,
        name: str,
        sha256: str,
        page_count: int,
        slots: WorkerSlots,
    ) -> None:
        self._new_worker = new_worker
        self._name = name
        self._sha256 = sha256
        self._slots = slots
        self._ranges = PageRanges(page_count)
        self._workers: list[FileWorker] = []
        self._threads: list[threading.Thread] = []
        self._adding = threading.Lock()
        self._add(first, is_helper=False)

    def pages(self) -> Iterator[Page]:
        """Return the pages in order. Raises LoadError."""
        return self._ranges.pages()

    def close(self) -> None:
        """Stop the workers and wait for their threads; those that are done stay usable for other files."""
        complete = self._ranges.are_complete
        if not complete:
            self._ranges.stop(WorkerDied(STOPPED))
        with self._adding:
            for worker in self._workers:
                if not (complete and worker.has_opened_file):
                    worker.stop()
        for thread in self._threads:
            thread.join()

    def _add(self, worker: FileWorker, *, is_helper: bool) -> None:
        with self._adding:
            number = len(self._workers)
            self._workers.append(worker)
            self._ranges.join(number)
            thread = threading.Thread(
                target=self._run, args=(number, worker, is_helper), name="parallel reading"
            )
            self._threads.append(thread)
            thread.start()

    def _run(self, number: int, worker: FileWorker, is_helper: bool) -> None:
        """Read ranges until none is left. The first worker adds helpers; they leave when slots are short."""
        try:
            if is_helper:
                try:
                    self._open(number, worker)
                except (HarmfulFile, OutOfReach, OSError):
                    return  # no room for another process: the other workers read the file without it
            while not (is_helper and self._slots.oversubscribed):
                while (
                    not is_helper and len(self._workers) < self._ranges.left and self._slots.acquire_helper()
                ):
                    self._add(self._new_worker(), is_helper=True)
                if (range_number := self._ranges.take()) is None:
                    break
                self._read(number, worker, range_number)
            if worker.worker is not None:
                worker.end_ranges()
        except BaseException as error:  # raised again in the thread that iterates over the pages
            self._ranges.stop(error)
        finally:
            worker.release()
            self._ranges.leave(number)
            if is_helper:
                self._slots.release_helper()

    def _open(self, number: int, worker: FileWorker) -> None:
        self._ranges.join(number)
        if worker.open(share_from=1)["sha256"] != self._sha256:
            raise file_changed(self._name)

    def _read(self, number: int, worker: FileWorker, range_number: int) -> None:
        """Read one range, again from its beginning where a page of it crashed the worker."""
        while True:
            try:
                if worker.worker is None:
                    self._open(number, worker)
                return self._read_once(number, worker, range_number)
            except (WorkerDied, WorkerTimeout) as trouble:
                if self._ranges.stopped:
                    raise
                worker.set_page_aside(trouble)

    def _read_once(self, number: int, worker: FileWorker, range_number: int) -> None:
        answers = ("head", "context", "read", "range_done")
        message = worker.ask({"range": self._ranges.bounds(range_number)}, *answers)
        while "range_done" not in message:
            if "head" in message:
                self._ranges.add_head(range_number, message["head"])
            elif "context" in message:
                self._ranges.add_context(range_number, message["context"])
                worker.ask(self._ranges.neighbours(number, range_number))
            else:
                self._ranges.deliver(range_number, parse_page(message))
            message = worker.next(*answers)
        if not self._ranges.is_complete(range_number):
            raise WorkerDied(Message("it skipped pages"))


class WorkerSlots:
    """Slots for workers: one for each file being read, and helpers for long files in those that are free.

    A file never waits for a helper: helpers leave as soon as there are more workers than slots.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._changed = threading.Condition()
        self._files = 0
        self._helpers = 0

    @contextmanager
    def reserve_for_file(self) -> Iterator[None]:
        """Hold a slot for a file; waits while all are held by other files."""
        with self._changed:
            self._changed.wait_for(lambda: self._files < self._total)
            self._files += 1
        try:
            yield
        finally:
            with self._changed:
                self._files -= 1
                self._changed.notify()

    def acquire_helper(self) -> bool:
        """Take a slot for a helper if one is free, and return whether it did.

        Of many slots one stays free: pages are chunked meanwhile, and questions have to be answered.
        """
        with self._changed:
            free = self._files + self._helpers < min(self._total, max(2, self._total - 1))
            self._helpers += free
            return free

    def release_helper(self) -> None:
        with self._changed:
            self._helpers -= 1

    @property
    def allows_helpers(self) -> bool:
        return self._total > 1

    @property
    def oversubscribed(self) -> bool:
        return self._files + self._helpers > self._total


class PageRanges:
    """The page ranges of one file: given out to workers, and put together in order.

    Every method may be called from any thread. `worker` is a worker's number, `number` a range's.
    """

    def __init__(self, page_count: int) -> None:
        self._ranges = [
            (first, min(first + RANGE_PAGES - 1, page_count))
            for first in range(1, page_count + 1, RANGE_PAGES)
        ]
        self._changed = threading.Condition()
        self._taken = 0
        self._current = 0
        """The range whose pages the caller gets now."""
        self._heads: dict[int, list[Any]] = {}
        self._contexts: dict[int, list[Any]] = {}
        self._before = PageContext()
        """Of the ranges that every worker has received; they are removed from `_contexts`."""
        self._merged = 0
        self._next_unknown: dict[int, int] = {}
        """By worker: the first range whose context it has not received."""
        self._pages: list[deque[Page]] = [deque() for _ in self._ranges]
        self._delivered = [first - 1 for first, _ in self._ranges]
        self._stopped: BaseException | None = None

    # --- for the workers' threads ------------------------------------------------------------

    def join(self, worker: int) -> None:
        """Add a worker; or reset one that was replaced by a new process, which has received no contexts."""
        with self._changed:
            self._next_unknown[worker] = 0

    def leave(self, worker: int) -> None:
        with self._changed:
            self._next_unknown.pop(worker, None)
            self._changed.notify_all()

    def take(self) -> int | None:
        """Return the next range to read, once the caller is not too far behind; None when none is left."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._all_taken() or self._taken < self._current + len(self._next_unknown) + RANGES_AHEAD
                )
            )
            if self._all_taken():
                return None
            self._taken += 1
            return self._taken - 1

    def _all_taken(self) -> bool:
        return self._stopped is not None or self._taken == len(self._ranges)

    @property
    def left(self) -> int:
        """Return the number of ranges that are still to be taken."""
        return 0 if self._stopped else len(self._ranges) - self._taken

    def bounds(self, number: int) -> tuple[int, int]:
        """Return the first and the last page of a range."""
        return self._ranges[number]

    def add_head(self, number: int, contexts: list[Any]) -> None:
        """Keep the contexts of a range's first pages, one each."""
        with self._changed:
            self._heads.setdefault(number, contexts)
            self._changed.notify_all()

    def add_context(self, number: int, context: list[Any]) -> None:
        """Keep the context of all pages of a range together."""
        with self._changed:
            self._contexts.setdefault(number, context)
            self._changed.notify_all()

    def neighbours(self, worker: int, number: int) -> dict[str, Any]:
        """Return the contexts before a range that its worker has not received yet, and those after it.

        Those after it are None where no other worker is there to read them: then it has to look itself.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has_neighbours(number))
            if self._stopped:
                raise WorkerDied(STOPPED)
            known = self._next_unknown[worker]
            before = [self._before.to_wire()] if known < self._merged else []
            before += [self._contexts[other] for other in range(max(known, self._merged), number)]
            self._next_unknown[worker] = number + 1
            self._merge_contexts()
            after = [] if number + 1 == len(self._ranges) else self._heads.get(number + 1)
            return {"before": before, "after": after}

    def _has_neighbours(self, number: int) -> bool:
        before = all(other in self._contexts for other in range(self._merged, number))
        following = number + 1
        alone = len(self._next_unknown) == 1 and self._taken == following
        return before and (following == len(self._ranges) or following in self._heads or alone)

    def _merge_contexts(self) -> None:
        """Merge the contexts that all workers have; not of unfinished ranges, which may be read again."""
        end = min(self._current, *self._next_unknown.values(), len(self._ranges))
        for number in range(self._merged, end):
            self._before.add(PageContext.from_wire(self._contexts.pop(number)))
            self._heads.pop(number, None)
            self._merged = number + 1

    def deliver(self, number: int, page: Page) -> None:
        """Add a finished page, unless a worker that crashed since has already delivered it."""
        with self._changed:
            if page.number == self._delivered[number] + 1:
                self._delivered[number] = page.number
                self._pages[number].append(page)
                self._changed.notify_all()

    def is_complete(self, number: int) -> bool:
        """Return whether every page of a range was delivered."""
        return self._delivered[number] == self._ranges[number][1]

    @property
    def are_complete(self) -> bool:
        """Return whether every page of every range was delivered."""
        return all(map(self.is_complete, range(len(self._ranges))))

    @property
    def stopped(self) -> bool:
        return self._stopped is not None

    def stop(self, reason: BaseException) -> None:
        """Stop all workers; the caller gets the first reason that was given."""
        with self._changed:
            self._stopped = self._stopped or reason
            self._changed.notify_all()

    # --- for the caller ----------------------------------------------------------------------

    def pages(self) -> Iterator[Page]:
        """Yield all pages in order. Raises the error that stopped any worker."""
        for number, (first, last) in enumerate(self._ranges):
            with self._changed:
                self._current = number
                self._changed.notify_all()
            for _ in range(first, last + 1):
                yield self._next_page(number)

    def _next_page(self, number: int) -> Page:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._pages[number])
            if self._stopped:
                raise self._stopped
            return self._pages[number].popleft()
