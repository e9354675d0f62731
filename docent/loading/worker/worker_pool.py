"""The worker processes that are kept for reuse, and how many files and helpers may use them at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from docent.errors import LoadError
from docent.loading.worker.worker_process import WorkerProcess


class WorkerPool:
    """Worker processes, started on demand. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.idle: list[WorkerProcess] = []
        self.busy: set[WorkerProcess] = set()
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> WorkerProcess:
        """Return an idle worker, or a new one. Raises OSError where no process can be started."""
        with self._lock:
            if self._closed:
                raise LoadError("Reading was stopped because Docent is shutting down. Start it again.")
            while self.idle:
                worker = self.idle.pop()
                if worker.alive:
                    break
                worker.kill()
            else:
                worker = WorkerProcess()
            self.busy.add(worker)
            return worker

    def give_back(self, worker: WorkerProcess, *, reusable: bool) -> None:
        with self._lock:
            self.busy.discard(worker)
            if reusable and not self._closed:
                self.idle.append(worker)
                return
        worker.kill()

    def close(self) -> None:
        """End every worker; the files that busy ones were reading fail with a LoadError."""
        with self._lock:
            self._closed = True
            idle, busy = list(self.idle), list(self.busy)
            self.idle.clear()
        for worker in idle:
            worker.kill()
        for worker in busy:
            worker.terminate()  # the thread that reads from it still holds its pipes, and gives it back


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
