"""The jobs of reading and embedding: who works on which, and how far they are.

In one process they are values in its memory. With a database they are claims and rows there, so that any
number of processes work on them together (docs/decisions/0037-workers.md).
"""

from __future__ import annotations

import threading
from typing import Literal, Protocol

from docent.errors import LoadError
from docent.postgres import require_packages

JobKind = Literal["read", "again", "embed", "duty"]
"""Read a document, read it again, embed a range of chunks; a duty is what one process does for all."""
MOST_ATTEMPTS = 3
"""Processes that may end while they read a document, before it is marked as failed."""


class Jobs(Protocol):
    """Claims on jobs, and what is known of them. Every method may be called from any thread."""

    shared: bool
    """True where other processes take jobs as well."""

    def claim(self, kind: JobKind, key: str, *, seconds: float = 0.0) -> bool:
        """Claim a job, and return False if another process has it, also after these seconds.

        A claim ends with its process. A process may claim a job more than once, and releases it as often.
        """

    def release(self, kind: JobKind, key: str) -> None: ...

    def begin(self, kind: JobKind, document_id: str) -> int:
        """Count an attempt to read a document, before it is read, and return the number of attempts."""

    def report(self, kind: JobKind, document_id: str, pages: int, expected: int) -> bool:
        """Note the pages read so far; return False once the document is cancelled or deleted."""

    def progress(self, kind: JobKind, document_id: str) -> tuple[int, int] | None:
        """Return the pages read so far and those expected; None for a document that nobody reads."""

    def cancel(self, document_id: str) -> None:
        """Let whoever reads a document stop; the document itself is withdrawn next."""

    def drop(self, kind: JobKind, document_id: str) -> None:
        """Leave a document to the next process: this one stops, so its attempt does not count."""

    def end(self, kind: JobKind, document_id: str) -> None:
        """Forget a job that is done, or has failed."""

    def forget_done(self) -> None:
        """Forget documents that were read by a process that ended before it could say so."""

    def ask_again(self, document_id: str, reader: str | None) -> bool:
        """Ask for a document to be read again; return False if it is being read again already."""

    def asked_again(self) -> list[tuple[str, str | None]]:
        """Return the documents that any process has asked for, with who asked."""

    def fail_again(self, document_id: str, reason: str) -> None:
        """Note why a document could not be read again."""

    def failure(self, document_id: str) -> str:
        """Return why a document could not be read again; empty when it was, or nobody asked."""

    def stand_by(self) -> None:
        """Count this process among those that take jobs, until it ends."""

    def workers(self) -> int:
        """Count the processes that take jobs."""

    def wait(self, seconds: float) -> None:
        """Wait until there may be something new to do, for these seconds at most."""

    def wake(self) -> None:
        """Let `wait` return at once, in this process."""

    def close(self) -> None: ...


class LocalJobs:
    """Jobs of one process, which are gone with it; what is not read yet is in the catalog."""

    shared = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: dict[tuple[JobKind, str], tuple[int, int]] = {}
        self._failures: dict[str, str] = {}

    def claim(self, kind: JobKind, key: str, *, seconds: float = 0.0) -> bool:
        return True

    def release(self, kind: JobKind, key: str) -> None: ...

    def begin(self, kind: JobKind, document_id: str) -> int:
        self._progress[kind, document_id] = (0, 0)
        return 1

    def report(self, kind: JobKind, document_id: str, pages: int, expected: int) -> bool:
        with self._lock:
            if (kind, document_id) not in self._progress:
                return False
            self._progress[kind, document_id] = (pages, expected)
            return True

    def progress(self, kind: JobKind, document_id: str) -> tuple[int, int] | None:
        return self._progress.get((kind, document_id))

    def cancel(self, document_id: str) -> None:
        self.drop("read", document_id)

    def drop(self, kind: JobKind, document_id: str) -> None:
        with self._lock:
            self._progress.pop((kind, document_id), None)

    end = drop

    def forget_done(self) -> None: ...

    def ask_again(self, document_id: str, reader: str | None) -> bool:
        with self._lock:
            if ("again", document_id) in self._progress:
                return False
            self._progress["again", document_id] = (0, 0)
            self._failures.pop(document_id, None)
            return True

    def asked_again(self) -> list[tuple[str, str | None]]:
        return []  # whoever asks in this process reads them

    def fail_again(self, document_id: str, reason: str) -> None:
        self._failures[document_id] = reason
        self.end("again", document_id)

    def failure(self, document_id: str) -> str:
        return self._failures.get(document_id, "")

    def stand_by(self) -> None: ...

    def workers(self) -> int:
        return 1

    def wait(self, seconds: float) -> None: ...

    def wake(self) -> None: ...

    def close(self) -> None: ...


def open_jobs(database_url: str) -> Jobs:
    """Return the jobs of a database, or of this process alone."""
    if not database_url:
        return LocalJobs()
    require_packages()
    from docent.postgres.shared_jobs import PostgresJobs  # psycopg, for those who have a database

    return PostgresJobs(database_url)


def count_attempt(jobs: Jobs, kind: JobKind, document_id: str, name: str) -> None:
    """Count an attempt to read a document. Raises LoadError where too many processes have ended in it."""
    attempt = jobs.begin(kind, document_id)
    if attempt > MOST_ATTEMPTS:
        raise LoadError(
            "{name} was not read: {count} processes have ended while they read it, so it is not tried again. "
            "Split it or save it in another format, and hand that in.",
            name=name,
            count=attempt - 1,
        )
