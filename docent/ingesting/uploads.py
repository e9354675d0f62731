"""Uploaded files, read in the background, followed and cancelled by a ticket."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from docent.errors import InputError, StoreUnreachable, UnknownDocument
from docent.ingesting.ingest_pipeline import IngestPipeline, describe_error
from docent.ingesting.jobs import count_attempt
from docent.messages import Message
from docent.store import UPLOADED, sha256_of
from docent.types import ANSWERING, Scope, SourceFile, State, StoredDocument, document_id, private_library

WORKERS = 2  # files read at the same time, each in a process of its own
MAX_NAME = 200
RECENT = 200
TAKEN = 4 * WORKERS  # files that wait in this process for one of its readers, so that others find some
LOOKED_AT = 64  # files of the queue; more than that are not read at once by all processes together
CLAIM_SECONDS = 10.0
POLL = 0.2
AGAIN_SECONDS = 5.0
"""Between two attempts while a server of the store does not answer."""
LOCKED = ("is locked with a password. Run:", "is locked and the password given does not open it")
"""Reasons that loading gives for a PDF; after a restart, only the reason is left of a failure."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """An uploaded file. Its document answers as soon as it has been read."""

    document_id: str
    name: str
    library: str
    """The name in the store; `shown_library` has the name of a private one for people."""
    owner: str | None


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """The status of an uploaded file."""

    state: State
    pages: int
    """Read so far."""
    expected: int
    """Pages there will be; 0 where that is not known."""
    embedded: int
    chunks: int
    reason: str
    """Of a failure, or the missing parts of a partial document."""
    locked: bool = False
    """It failed for lack of the right password; `unlock` it."""
    gone: bool = False
    """It was cancelled, shared or deleted; nothing is left of it under this ticket."""
    unattended: bool = False
    """It waits for a worker, and none runs."""

    @property
    def over(self) -> bool:
        return self.state in (State.READY, State.PARTIAL, State.FAILED)


class _Cancelled(Exception):
    """The upload was cancelled while the file was being read."""


class Uploads:
    """Reads uploaded files. Every method may be called from any thread."""

    def __init__(self, pipeline: IngestPipeline) -> None:
        self._pipeline = pipeline
        self._jobs = pipeline.jobs
        self._pool = ThreadPoolExecutor(WORKERS, "upload")
        self._lock = threading.Lock()
        self._under_way: dict[str, Scope | None] = {}
        """Documents that this process reads or will read, each with the scope in which to look at it again
        after that, since it was handed in meanwhile."""
        self._passwords: dict[str, str] = {}
        """Given for a file, held here only until it is read, as is the claim on the file."""
        self._failed: dict[str, str] = {}
        self.recent: deque[Ticket] = deque(maxlen=RECENT)
        """The files that were added last since the start."""
        self._closed = False

    def add(self, path: Path, *, name: str, library: str, owner: str | None) -> Ticket:
        """Store a copy of the file and read it in the background; with an owner, in a private library."""
        name = plain_name(name)
        if not library or "/" in library:
            raise InputError("{name!r} cannot be the name of a library. Leave out every slash.", name=library)
        library = library if owner is None else private_library(owner, library)
        sha256 = sha256_of(path)
        self._pipeline.store.expect(path.absolute(), sha256, name=name, library=library, owner=owner)
        ticket = Ticket(document_id(library, sha256), name, library, owner)
        if self._pipeline.reads:
            self._submit(ticket.document_id, Scope(reader=owner))
        self.recent.append(ticket)
        return ticket

    def unlock(self, ticket: Ticket, password: str) -> None:
        """Read a locked PDF once more, with its password, which is held in memory only until that is done."""
        scope = Scope(reader=ticket.owner)
        original = self._pipeline.store.original(ticket.document_id, scope)
        sha256 = self._pipeline.store.document(ticket.document_id, scope).sha256
        key, name, library = ticket.document_id, ticket.name, ticket.library
        # Before it is queued, or a worker reads it, which has no password.
        if key not in self._passwords and not self._jobs.claim("read", key, seconds=CLAIM_SECONDS):
            raise InputError("{name} is still being read. Try its password in a minute.", name=name)
        self._passwords[key] = password
        self._pipeline.store.expect(original, sha256, name=name, library=library, owner=ticket.owner)
        self._submit(key, scope)

    def resume(self) -> None:
        """Read files that were uploaded before the last stop and not read then."""
        for document in self.waiting():
            self._submit(document.id, Scope(reader=document.owner))

    def take(self) -> bool:
        """Read files that any process has stored, as many as there is room for; return True if some wait."""
        with self._lock:
            known = set(self._under_way)
        room = TAKEN - len(known)
        waiting = self._pipeline.store.waiting.unread(LOOKED_AT) if room > 0 else []
        for document in waiting:
            if room > 0 and document.id not in known and self._is_free(document):
                self._submit(document.id, Scope(reader=document.owner), again=False)
                room -= 1
        return bool(waiting) or room <= 0

    def _is_free(self, document: StoredDocument) -> bool:
        """Return False for a document that another process is reading now, or whose file is not here."""
        if not self._pipeline.store.has_original(document):
            return False
        if document.state is State.LOADING:
            if not self._jobs.claim("read", document.id):
                return False
            self._jobs.release("read", document.id)
        return True

    def waiting(self) -> list[StoredDocument]:
        """Return uploaded files that are not read yet, of all owners."""
        return self._pipeline.store.waiting.unread()

    def status(self, ticket: Ticket) -> UploadStatus:
        key = ticket.document_id
        try:
            found = self._pipeline.store.document(key, Scope(reader=ticket.owner))
        except UnknownDocument:
            why = self._failed.get(key, "")
            return UploadStatus(
                State.FAILED,
                0,
                0,
                0,
                0,
                why or Message("{name} was removed.", name=ticket.name),
                gone=not why,
            )
        # Stored, but not in the index before its reader has ended: a question would not find it.
        storing = key in self._under_way and found.state in ANSWERING
        if self._jobs.shared and not storing and found.state in ANSWERING:  # another process has read it
            self._pipeline.store.follow()
        reading = found.state is State.LOADING or storing
        pages, expected = (reading and self._jobs.progress("read", key)) or (0, 0)
        return UploadStatus(
            state=State.LOADING if storing else found.state,
            pages=found.pages or pages,
            expected=found.pages or expected,
            embedded=found.embedded,
            chunks=found.chunks,
            reason=found.reason,
            locked=is_locked(found),
            unattended=self._waits_for_nobody(found),
        )

    def _waits_for_nobody(self, document: StoredDocument) -> bool:
        """Return True where no process would read a queued document."""
        if document.state is not State.QUEUED or document.id in self._under_way:
            return False
        return self._jobs.workers() == 0

    async def follow(self, ticket: Ticket) -> AsyncIterator[UploadStatus]:
        """Yield each new status, until the file is read or failed."""
        import asyncio  # 0.05 s to import; an ingest from a folder does without

        last: UploadStatus | None = None
        while last is None or not last.over:
            if (now := await asyncio.to_thread(self.status, ticket)) != last:
                last = now
                yield now
            else:
                await asyncio.sleep(POLL)

    def cancel(self, ticket: Ticket) -> bool:
        """Cancel a file that is not wholly searchable yet; an older version stays. False: too late."""
        self._jobs.cancel(ticket.document_id)
        try:
            return self._pipeline.store.cancel(ticket.document_id, Scope(reader=ticket.owner))
        except UnknownDocument:
            return True

    def close(self) -> None:
        """Stop reading; files that are not read are read after the next start, or by another process."""
        self._closed = True
        for key in list(self._under_way):
            self._jobs.cancel(key)
        self._pipeline.loader.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, key: str, scope: Scope, *, again: bool = True) -> None:
        """Read a document in the background; where it is being read, look at it once more after that."""
        with self._lock:
            if self._closed:
                return
            if key in self._under_way:
                self._under_way[key] = scope if again else self._under_way[key]
                return
            self._under_way[key] = None
            self._failed.pop(key, None)
        self._pool.submit(self._read, key, scope).add_done_callback(_raise_unexpected)

    def _read(self, key: str, scope: Scope) -> None:
        try:
            # Claimed already where it has a password.
            if key in self._passwords or self._jobs.claim("read", key):
                try:
                    self._read_claimed(key, scope)
                finally:
                    if key not in self._passwords:  # else it is tried again, and nobody else has its password
                        self._jobs.release("read", key)
        finally:
            with self._lock:
                again = self._under_way.pop(key)
            self._jobs.wake()
            if again is not None:
                self._submit(key, again)

    def _read_claimed(self, key: str, scope: Scope) -> None:
        store, failed, waits = self._pipeline.store, None, False
        password = self._passwords.pop(key, None)
        try:
            document = store.document(key, scope)
            if document.state is State.QUEUED or document.state is State.LOADING:
                self._read_and_store(document, store.original(key, scope), password)
        except (_Cancelled, UnknownDocument):
            pass  # cancelled meanwhile: nothing is left of it
        except StoreUnreachable:
            waits = True
        except Exception as error:  # also a bug must not leave a follower waiting for ever
            failed = error
        # A stop kills the readers, and a cancelled file is gone: neither is a failure of the file.
        try:
            if failed is not None and not self._closed and self._is_there(key, scope):
                self._failed[key] = why = describe_error(failed)
                store.give_up(key, why)
            (self._jobs.drop if self._closed or waits else self._jobs.end)("read", key)
        except StoreUnreachable:
            waits = True
        if waits:
            if password is not None:
                self._passwords[key] = password
            again = threading.Timer(AGAIN_SECONDS, self._submit, (key, scope))
            again.daemon = True
            again.start()

    def _is_there(self, key: str, scope: Scope) -> bool:
        try:
            self._pipeline.store.document(key, scope)
        except UnknownDocument:
            return False
        return True

    def _read_and_store(self, document: StoredDocument, original: Path, password: str | None) -> None:
        count_attempt(self._jobs, "read", document.id, document.name)
        self._pipeline.store.begin(document.id)

        def count(pages: int, expected: int) -> None:
            if not self._jobs.report("read", document.id, pages, expected):
                raise _Cancelled

        read = self._pipeline.read_original(original, document.name, password=password, on_page=count)
        stat = original.stat()
        path = document.paths[0] if document.paths else UPLOADED + document.name
        file = SourceFile(document.library, path, original, stat.st_size, stat.st_mtime_ns)
        self._pipeline.keep(file, read, expected=True)


def is_locked(document: StoredDocument) -> bool:
    """Return whether a PDF failed for lack of the right password; other formats cannot be unlocked."""
    return document.state is State.FAILED and any(
        words in Message(document.reason).template  # not in the name of the file
        for words in LOCKED
    )


def _raise_unexpected(reading: Future[None]) -> None:
    """Raise an error that could not be stored, so that it reaches the log."""
    if not reading.cancelled():
        reading.result()


def plain_name(name: str) -> str:
    """Return a file name without folders or control characters, whatever a browser sent."""
    last = PurePosixPath(name.replace("\\", "/")).name
    clean = "".join(character for character in last if character.isprintable()).strip().lstrip(".")
    if not clean:
        raise InputError("The file has no name. Give it one and hand it in again.")
    stem, dot, suffix = clean.rpartition(".")
    while len(clean.encode()) > MAX_NAME and stem:
        stem = stem[:-1]
        clean = f"{stem}{dot}{suffix}"
    return clean.lstrip(".").encode()[:MAX_NAME].decode(errors="ignore")  # the suffix alone may be too long
