"""Read documents again: the whole index for a rebuild, or one document by a newer reader."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from docent.errors import InputError, LoadError, StoreError
from docent.ingesting.folders import IngestProgress
from docent.ingesting.ingest_pipeline import IngestPipeline, ReadDocument, describe_error
from docent.types import Document, FileReport, Scope, State, StoredDocument


def rebuild(
    intake: IngestPipeline, *, full: bool, on_progress: Callable[[IngestProgress], None]
) -> list[FileReport]:
    """Fill the index that is being built; the reports name documents that could not be carried over.

    `full` reads every file again; otherwise only chunks and vectors are made again. Documents that come to
    the index in use meanwhile are carried over, too.
    """
    store = intake.store
    reports: list[FileReport] = []
    failed: set[str] = set()
    while missing := [document for document in store.missing() if document.id not in failed]:
        pages = 0
        for number, document in enumerate(missing, 1):
            path = document.paths[0] if document.paths else document.name
            try:
                pages += _carry_over(document, intake, full=full)
            except (LoadError, StoreError) as error:
                failed.add(document.id)
                reports.append(FileReport(document.library, path, "failed", error.message))
            on_progress(IngestProgress(number, len(missing), pages, path, store.lacking()))
        done = IngestProgress(len(missing), len(missing), pages, "", 0)
        intake.background.wait(lambda waiting, done=done: on_progress(replace(done, waiting=waiting)))
    return reports


def _carry_over(known: StoredDocument, intake: IngestPipeline, *, full: bool) -> int:
    store = intake.store
    if (document := store.read_before(known.id)) is None:
        return 0  # it was deleted meanwhile
    original = store.original(known.id, Scope(reader=known.owner))
    if not original.exists():
        raise StoreError(
            "The original of {name} is missing from storage/. Add the file again, or delete the "
            "document, and run this again.",
            name=known.name,
        )
    read = _read_again(document, original, intake) if full else intake.as_read(document)
    store.put_reading(known.id, read.document, read.chunks(known.library))
    intake.tally.count(len(read.document.pages))
    intake.background.start()
    return len(read.document.pages)


def _read_again(document: Document, original: Path, intake: IngestPipeline) -> ReadDocument:
    """Read the original again; return the text of before where that fails, as for a locked file."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / document.name
        try:
            link.symlink_to(original.absolute())
            read = intake.read(link, password=None, on_page=lambda *_: None)
        except (LoadError, OSError):
            return intake.as_read(document)
    return replace(read, document=replace(read.document, created=document.created))


class Rereader:
    """Reads documents again, one at a time; the old reading answers until the new one is stored."""

    def __init__(self, intake: IngestPipeline) -> None:
        self._intake = intake
        self._pool = ThreadPoolExecutor(1, "again")
        self._lock = threading.Lock()
        self._pages: dict[str, int] = {}
        """Pages read so far of the documents that are read again, or wait for it."""
        self._failed: dict[str, str] = {}

    def start(self, document_id: str, scope: Scope) -> None:
        """Start reading a document again. Raises UnknownDocument, or InputError while it is being read."""
        document = self._intake.store.document(document_id, scope)
        if document.state not in (State.READY, State.PARTIAL, State.FAILED):
            raise InputError("{name} is still being read. Wait until it is ready.", name=document.name)
        with self._lock:
            if document_id in self._pages:
                return
            self._pages[document_id] = 0
            self._failed.pop(document_id, None)
        self._pool.submit(self._read, document_id, scope)

    def pages(self, document_id: str) -> int | None:
        """Return the pages read so far; None for a document that is not being read again."""
        return self._pages.get(document_id)

    def failed(self, document_id: str) -> str:
        """Return the reason why the last attempt failed; empty when it did not."""
        return self._failed.get(document_id, "")

    def close(self) -> None:
        """Stop; documents that are not read by now stay as they were."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, key: str, scope: Scope) -> None:
        intake = self._intake
        try:
            document = intake.store.document(key, scope)
            with tempfile.TemporaryDirectory(prefix="docent-") as folder:
                named = Path(folder) / document.name  # the reader needs its name, too
                named.symlink_to(intake.store.original(key, scope).absolute())
                read = intake.read(named, password=None, on_page=lambda pages, _: self._count(key, pages))
            chunks = read.cutter.chunks(read.document, document_id=key)
            intake.store.put_again(key, read.document, chunks)
            intake.background.start()
        except Exception as error:  # also a bug is reported here: nothing else waits for this thread
            self._failed[key] = describe_error(error)
        finally:
            self._pages.pop(key, None)

    def _count(self, key: str, pages: int) -> None:
        self._pages[key] = pages
