"""Files that people hand in: kept at once, read in the background, followed and cancelled by a ticket."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from docent.errors import InputError, UnknownDocument
from docent.ingesting.pipeline import Intake, told
from docent.messages import Message
from docent.store import UPLOADED, sha256_of
from docent.types import Scope, SourceFile, State, StoredDocument, document_id, private_library

AT_ONCE = 2  # files read at the same time; each in a worker process of its own
LONGEST_NAME = 200
LOOK = 0.2
LOCKED = ("is locked with a password. Run:", "is locked and the password given does not open it")
"""In the message of loading about a locked PDF, which is what is left of the failure after the next start."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A file that was handed in. Its document answers as soon as it has been read."""

    document_id: str
    name: str
    library: str
    """As the store calls it; of a private one, `shown_library` says it for people."""
    owner: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a file has come."""

    state: State
    pages: int
    """Read so far."""
    expected: int
    """Pages there will be; 0 where that is not known."""
    embedded: int
    chunks: int
    reason: str
    """Of a failure, or what is missing of a partial document."""
    locked: bool = False
    """It failed for want of the right password; `unlock` it."""
    gone: bool = False
    """It was cancelled, shared or deleted; nothing is left of it under this ticket."""

    @property
    def over(self) -> bool:
        return self.state in (State.READY, State.PARTIAL, State.FAILED)


class _Cancelled(Exception):
    """The ticket was given back while the file was being read."""


class Uploads:
    """Reads what was handed in. Every method may be called from any thread."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._pool = ThreadPoolExecutor(AT_ONCE, "upload")
        self._lock = threading.Lock()
        self._pages: dict[str, tuple[int, int]] = {}
        """Of the documents that are being read, or wait for it: pages read so far, and pages expected."""
        self._passwords: dict[str, str] = {}
        """Given for a file, until it has been read with it; nowhere else."""
        self._failed: dict[str, str] = {}
        self._closed = False

    def take_in(self, path: Path, *, name: str, library: str, owner: str | None) -> Ticket:
        """Keep a copy of the file and read it in the background. Its library is the owner's alone, if any."""
        name = plain_name(name)
        if not library or "/" in library:
            raise InputError("{name!r} cannot be the name of a library. Leave out every slash.", name=library)
        library = library if owner is None else private_library(owner, library)
        sha256 = sha256_of(path)
        self._intake.store.expect(path.absolute(), sha256, name=name, library=library, owner=owner)
        ticket = Ticket(document_id(library, sha256), name, library, owner)
        self._submit(ticket.document_id, Scope(reader=owner))
        return ticket

    def unlock(self, ticket: Ticket, password: str) -> None:
        """Read a locked PDF once more, with its password. It is kept in memory only, until that is done."""
        scope = Scope(reader=ticket.owner)
        original = self._intake.store.original(ticket.document_id, scope)
        sha256 = self._intake.store.document(ticket.document_id, scope).sha256
        self._passwords[ticket.document_id] = password
        name, library = ticket.name, ticket.library
        self._intake.store.expect(original, sha256, name=name, library=library, owner=ticket.owner)
        self._submit(ticket.document_id, scope)

    def resume(self) -> None:
        """Read what was handed in before the last stop and not read then."""
        for document in self._intake.store.expected():
            self._submit(document.id, Scope(reader=document.owner))

    def waiting(self) -> list[StoredDocument]:
        """What was handed in and is not read yet, whoever it belongs to."""
        return self._intake.store.expected()

    def standing(self, ticket: Ticket) -> Standing:
        key = ticket.document_id
        try:
            found = self._intake.store.document(key, Scope(reader=ticket.owner))
        except UnknownDocument:
            why = self._failed.get(key, "")
            return Standing(
                State.FAILED,
                0,
                0,
                0,
                0,
                why or Message("{name} was removed.", name=ticket.name),
                gone=not why,
            )
        pages, expected = self._pages.get(key, (0, 0))
        return Standing(
            state=found.state,
            pages=found.pages or pages,
            expected=found.pages or expected,
            embedded=found.embedded,
            chunks=found.chunks,
            reason=found.reason,
            locked=is_locked(found),
        )

    async def follow(self, ticket: Ticket) -> AsyncIterator[Standing]:
        """Each time there is news, until it is over."""
        import asyncio  # 0.05 s to import; an ingest from a folder does without

        told: Standing | None = None
        while told is None or not told.over:
            if (now := await asyncio.to_thread(self.standing, ticket)) != told:
                told = now
                yield now
            else:
                await asyncio.sleep(LOOK)

    def cancel(self, ticket: Ticket) -> bool:
        """Give a file up that is not wholly searchable yet; an older version stays. False: too late."""
        with self._lock:
            self._pages.pop(ticket.document_id, None)
        try:
            return self._intake.store.cancel(ticket.document_id, Scope(reader=ticket.owner))
        except UnknownDocument:
            return True

    def close(self) -> None:
        """Stop reading; what is not read is read after the next start."""
        self._closed = True
        with self._lock:
            self._pages.clear()
        self._intake.loader.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, key: str, scope: Scope) -> None:
        with self._lock:
            if self._closed or key in self._pages:
                return
            self._pages[key] = (0, 0)
            self._failed.pop(key, None)
        self._pool.submit(self._read, key, scope).add_done_callback(_say_surprises)

    def _read(self, key: str, scope: Scope) -> None:
        store, failed = self._intake.store, None
        try:
            document = store.document(key, scope)
            if document.state is State.QUEUED or document.state is State.LOADING:
                self._keep(document, store.original(key, scope))
        except (_Cancelled, UnknownDocument):
            pass  # given up meanwhile: nothing is left of it
        except Exception as error:  # also a fault of ours must not leave whoever waits without an end
            failed = error
        with self._lock:  # before a failure is told: whoever hears of it may try again at once
            self._pages.pop(key, None)
            self._passwords.pop(key, None)
        # A stop kills the readers, and the file of what was given up is gone: neither is the file's fault.
        if failed is not None and not self._closed and self._is_there(key, scope):
            self._failed[key] = why = told(failed)
            store.give_up(key, why)

    def _is_there(self, key: str, scope: Scope) -> bool:
        try:
            self._intake.store.document(key, scope)
        except UnknownDocument:
            return False
        return True

    def _keep(self, document: StoredDocument, original: Path) -> None:
        self._intake.store.begin(document.id)

        def count(pages: int, expected: int) -> None:
            with self._lock:
                if document.id not in self._pages:
                    raise _Cancelled
                self._pages[document.id] = (pages, expected)

        with tempfile.TemporaryDirectory(prefix="docent-") as folder:
            named = Path(folder) / document.name  # what a file is, and what it is about, its name says too
            named.symlink_to(original.absolute())
            password = self._passwords.get(document.id)
            read = self._intake.read(named, password=password, on_page=count)
        stat = original.stat()
        path = document.paths[0] if document.paths else UPLOADED + document.name
        file = SourceFile(document.library, path, original, stat.st_size, stat.st_mtime_ns)
        self._intake.keep(file, read, expected=True)


def is_locked(document: StoredDocument) -> bool:
    """Whether it failed for want of the right password of a PDF; other formats are not unlocked here."""
    return document.state is State.FAILED and any(
        words in Message(document.reason).template
        for words in LOCKED  # not in the name of the file
    )


def _say_surprises(reading: Future[None]) -> None:
    """Where not even the failure could be noted: raised here, it reaches the log."""
    if not reading.cancelled():
        reading.result()


def plain_name(name: str) -> str:
    """A file name and nothing else, whatever a browser sent."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = "".join(sign for sign in last if sign.isprintable()).strip().lstrip(".")
    if not kept:
        raise InputError("The file has no name. Give it one and hand it in again.")
    stem, dot, suffix = kept.rpartition(".")
    while len(kept.encode()) > LONGEST_NAME and stem:
        stem = stem[:-1]
        kept = f"{stem}{dot}{suffix}"
    return kept.lstrip(".").encode()[:LONGEST_NAME].decode(errors="ignore")  # all of it may be suffix
