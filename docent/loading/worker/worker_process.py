"""Worker processes: the pipe to one, the pool that keeps them for reuse, and the slots that limit them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from docent.errors import LoadError
from docent.loading.worker import wire_format
from docent.messages import Message

ROOT = Path(__file__).resolve().parents[3]
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
READ_BYTES = 1 << 18
INVALID_ANSWER = Message("it sent an invalid answer")


class WorkerDied(Exception):
    """The worker process ended, or cannot be used any more: a crash, no memory left, an invalid answer."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


class WorkerTimeout(Exception):
    """The worker sent nothing for too long."""


class WorkerProcess:
    """A process that parses files. Not for two threads at once."""

    def __init__(self) -> None:
        # No settings and no keys: a document that takes over the parser finds nothing worth sending.
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {"PYTHONPATH": str(ROOT), "OMP_THREAD_LIMIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "docent.loading.worker.parser_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # so that what it starts (tesseract) is killed with it
            bufsize=0,
        )
        assert self.process.stdin and self.process.stdout
        self.requests: IO[bytes] = self.process.stdin
        self.answers: IO[bytes] = self.process.stdout
        self._poll = select.poll()
        self._poll.register(self.answers, select.POLLIN | select.POLLHUP)
        self._buffer = bytearray()

    def send(self, message: dict[str, Any]) -> None:
        try:
            wire_format.write(self.requests, message)
        except BrokenPipeError as error:
            raise WorkerDied(self._describe_exit()) from error

    def receive(self, seconds: float) -> dict[str, Any]:
        """Return the next message. Raises WorkerTimeout or WorkerDied."""
        deadline = time.monotonic() + seconds
        while (message := self._take_message()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise WorkerTimeout
            block = os.read(self.answers.fileno(), READ_BYTES)
            if not block:
                raise WorkerDied(self._describe_exit())
            self._buffer += block
        return message

    def _take_message(self) -> dict[str, Any] | None:
        """Return the first whole message of the buffer. Raises WorkerDied for anything else than one."""
        head = wire_format.FRAME_LENGTH.size
        if len(self._buffer) < head:
            return None
        (length,) = wire_format.FRAME_LENGTH.unpack_from(self._buffer)
        if length > wire_format.MAX_FRAME_BYTES:
            raise WorkerDied(Message("its answer was too large"))
        if len(self._buffer) < head + length:
            return None
        body = bytes(self._buffer[head : head + length])
        del self._buffer[: head + length]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise WorkerDied(INVALID_ANSWER) from error
        if not isinstance(message, dict):
            raise WorkerDied(INVALID_ANSWER)
        return message

    def _describe_exit(self) -> Message:
        try:
            code = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return Message("it stopped answering")
        if code >= 0:
            return Message("exit code {code}", code=code)
        with contextlib.suppress(ValueError):
            return Message("killed by {signal}", signal=signal.Signals(-code).name)
        return Message("killed by signal {number}", number=-code)

    def terminate(self) -> None:
        """End the process. The thread that reads from it gets WorkerDied, and has to call `kill`."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and close its pipes."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.requests.close()
        self.answers.close()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


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
