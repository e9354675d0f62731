"""One worker process and the pipe to it: started bare, watched by the clock, killed when late."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from docent.loading.worker import wire_format

ROOT = Path(__file__).resolve().parents[3]
KEPT = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
READ = 1 << 18


class WorkerDied(Exception):
    """The worker ended by itself: a crash, or no memory left."""


class WorkerLate(Exception):
    """The worker said nothing for too long."""


class Worker:
    """A parser in a process of its own. Not for two threads at once."""

    def __init__(self) -> None:
        # No settings and no keys: a parser that a file took over finds nothing worth sending.
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"PYTHONPATH": str(ROOT), "OMP_THREAD_LIMIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "docent.loading.worker.parser_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # so that what it starts (tesseract) dies with it
            bufsize=0,
        )
        assert self._process.stdin and self._process.stdout
        self._requests: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN | select.POLLHUP)
        self._buffer = bytearray()

    def ask(self, message: dict[str, Any]) -> None:
        try:
            wire_format.write(self._requests, message)
        except BrokenPipeError as error:
            raise WorkerDied(self.last_words()) from error

    def hear(self, seconds: float) -> dict[str, Any]:
        """The next message. Raises WorkerLate or WorkerDied."""
        until = time.monotonic() + seconds
        while (message := self._complete()) is None:
            left = until - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise WorkerLate
            block = os.read(self._answers.fileno(), READ)
            if not block:
                raise WorkerDied(self.last_words())
            self._buffer += block
        return message

    def _complete(self) -> dict[str, Any] | None:
        head = wire_format.LENGTH.size
        if len(self._buffer) < head:
            return None
        (length,) = wire_format.LENGTH.unpack_from(self._buffer)
        if length > wire_format.LARGEST:
            raise WorkerDied("it sent more than it may")
        if len(self._buffer) < head + length:
            return None
        body = bytes(self._buffer[head : head + length])
        del self._buffer[: head + length]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise WorkerDied("what it said makes no sense") from error
        if not isinstance(message, dict):
            raise WorkerDied("what it said makes no sense")
        return message

    def last_words(self) -> str:
        """How it ended, for the report."""
        try:
            code = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "it closed its pipe"
        if code >= 0:
            return f"it ended with code {code}"
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it was ended by signal {-code}"

    def end(self) -> None:
        """Whoever hears it is told that it died, and has to `kill` it."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._requests.close()
        self._answers.close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None
