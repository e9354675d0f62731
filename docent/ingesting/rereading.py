"""Documents read again, while the old reading answers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from docent.errors import InputError
from docent.ingesting.ingest_pipeline import IngestPipeline, describe_error
from docent.ingesting.jobs import count_attempt
from docent.messages import restored, stored
from docent.types import Scope, State


class Rereader:
    """Reads documents again, one at a time; the old reading answers until the new one is stored."""

    def __init__(self, pipeline: IngestPipeline) -> None:
        self._pipeline = pipeline
        self._jobs = pipeline.jobs
        self._pool = ThreadPoolExecutor(1, "again")
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        self._closed = False

    def start(self, document_id: str, scope: Scope) -> None:
        """Start reading a document again. Raises UnknownDocument, or InputError while it is being read."""
        document = self._pipeline.store.document(document_id, scope)
        if document.state not in (State.READY, State.PARTIAL, State.FAILED):
            raise InputError("{name} is still being read. Wait until it is ready.", name=document.name)
        if self._jobs.ask_again(document_id, scope.reader) and self._pipeline.reads:
            self._submit(document_id, scope)

    def take(self) -> bool:
        """Read what any process was asked to read again; return True if something waits."""
        asked = self._jobs.asked_again()
        for document_id, reader in asked:
            self._submit(document_id, Scope(reader=reader))
        return bool(asked)

    def pages(self, document_id: str) -> int | None:
        """Return the pages read so far; None for a document that is not being read again."""
        progress = self._jobs.progress("again", document_id)
        return None if progress is None else progress[0]

    def failed(self, document_id: str) -> str:
        """Return the reason why the last attempt failed; empty when it did not."""
        return restored(self._jobs.failure(document_id))

    def close(self) -> None:
        """Stop; documents that are not read by now stay as they were."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, key: str, scope: Scope) -> None:
        with self._lock:
            if self._closed or key in self._under_way:
                return
            self._under_way.add(key)
        self._pool.submit(self._read, key, scope)

    def _read(self, key: str, scope: Scope) -> None:
        try:
            if self._jobs.claim("again", key):
                try:
                    self._read_claimed(key, scope)
                finally:
                    self._jobs.release("again", key)
        finally:
            with self._lock:
                self._under_way.discard(key)
            self._jobs.wake()

    def _read_claimed(self, key: str, scope: Scope) -> None:
        pipeline = self._pipeline
        if self._jobs.progress("again", key) is None:
            return  # another process has read it since it was asked for
        try:
            document = pipeline.store.document(key, scope)
            if self._jobs.shared and not pipeline.store.has_original(document):
                return  # it is left to the machine that has its file
            count_attempt(self._jobs, "again", key, document.name)
            read = pipeline.read_original(
                pipeline.store.original(key, scope),
                document.name,
                password=None,
                on_page=lambda pages, expected: self._report(key, pages, expected),
            )
            chunks = read.cutter.chunks(read.document, document_id=key)
            pipeline.store.put_again(key, read.document, chunks)
            pipeline.background.start()
        except Exception as error:  # also a bug is reported here: nothing else waits for this thread
            if self._closed:  # the readers were killed under it
                self._jobs.drop("again", key)
            else:
                self._jobs.fail_again(key, stored(describe_error(error)))
        else:
            self._jobs.end("again", key)

    def _report(self, key: str, pages: int, expected: int) -> None:
        self._jobs.report("again", key, pages, expected)
