"""Worker processes: the messages exchanged with one, the pipe to it, and the pool that keeps them for reuse.

Messages are JSON in frames that begin with their length. JSON and not pickle: a document that takes over a
worker must not be able to run code in the parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from docent.errors import LoadError
from docent.loading.job import Job, Limits, Ocr
from docent.messages import Message, restored, stored
from docent.types import Heading, Line, Page, ReadBy

FRAME_LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 256 << 20
MAX_MESSAGE_CHARS = 10_000
SURROGATE = re.compile("[\ud800-\udfff]")
ROOT = Path(__file__).resolve().parents[3]
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
READ_BYTES = 1 << 18
INVALID_ANSWER = Message("it sent an invalid answer")


def write_message(stream: IO[bytes], message: dict[str, Any]) -> None:
    body = json.dumps(message, separators=(",", ":")).encode()
    stream.write(FRAME_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """Return the next message, or None when the other side has closed."""
    head = stream.read(FRAME_LENGTH.size)
    if len(head) < FRAME_LENGTH.size:
        return None
    body = stream.read(FRAME_LENGTH.unpack(head)[0])
    message: dict[str, Any] = json.loads(body)
    return message


def clean_text(value: object) -> str:
    """Return the text with lone surrogates replaced: JSON can hold them, tokenizers fail on them.

    Positions in the text stay the same.
    """
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return SURROGATE.sub("\ufffd", text)
    return text


def message_from_wire(value: object) -> Message:
    """Return a message as `stored` wrote it; a text that is none, or holds lone surrogates, stays plain."""
    message = restored(clean_text(value)[:MAX_MESSAGE_CHARS])
    cleaned = clean_text(message)[:MAX_MESSAGE_CHARS]
    return message if cleaned == message else Message(cleaned)


def job_to_wire(job: Job) -> dict[str, Any]:
    return {
        "path": job.path,
        "limits": asdict(job.limits),
        "ocr": asdict(job.ocr),
        "password": job.password,
        "first": job.first,
        "skip": [(page, stored(reason)) for page, reason in job.skip.items()],
        "plain": sorted(job.plain),
    }


def job_from_wire(data: dict[str, Any]) -> Job:
    ocr = {**data["ocr"], "languages": tuple(data["ocr"]["languages"])}
    return Job(
        path=data["path"],
        limits=Limits(**data["limits"]),
        ocr=Ocr(**ocr),
        password=data["password"],
        first=data["first"],
        skip={int(page): restored(reason) for page, reason in data["skip"]},
        plain=frozenset(data["plain"]),
    )


def page_to_wire(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "text": page.text,
        "label": page.label,
        "place": page.place,
        "read_by": page.read_by.value,
        "note": stored(page.note),
        "hidden": page.hidden,
        "confidence": page.confidence,
        "headings": [(heading.start, heading.text, heading.level) for heading in page.headings],
        "lines": [(line.start, line.end, line.role, *line.box) for line in page.lines],
        "size": page.size,
    }


def page_from_wire(data: dict[str, Any]) -> Page:
    """Rebuild a page. Raises ValueError where a heading or a line lies outside the page's text."""
    text = clean_text(data["text"])
    length = len(text)

    def position(value: Any) -> int:
        if not isinstance(value, int) or not 0 <= value <= length:
            raise ValueError(f"position {value!r} outside a text of {length} characters")
        return value

    return Page(
        number=int(data["number"]),
        text=text,
        label=clean_text(data["label"]),
        place=clean_text(data["place"]),
        read_by=ReadBy(data["read_by"]),
        note=message_from_wire(data["note"]),
        hidden=clean_text(data["hidden"]),
        confidence=float(data["confidence"]),
        headings=tuple(
            Heading(position(start), clean_text(title), int(level))
            for start, title, level in data["headings"]
        ),
        lines=tuple(
            Line(position(start), position(end), (float(left), float(top), float(right), float(bottom)), role)
            for start, end, role, left, top, right, bottom in data["lines"]
        ),
        size=(float(data["size"][0]), float(data["size"][1])),
    )


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
            write_message(self.requests, message)
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
        head = FRAME_LENGTH.size
        if len(self._buffer) < head:
            return None
        (length,) = FRAME_LENGTH.unpack_from(self._buffer)
        if length > MAX_FRAME_BYTES:
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
