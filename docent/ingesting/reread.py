"""A document read again from its original: by a newer reader, or after what was missing is there."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from docent.errors import InputError
from docent.ingesting.pipeline import Intake, told
from docent.types import Scope, State


class Again:
    """Reads one document at a time; the old reading answers until the new one is there."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._pool = ThreadPoolExecutor(1, "again")
        self._lock = threading.Lock()
        self._pages: dict[str, int] = {}
        """Pages read so far of the documents that are read again, or wait for it."""
        self._failed: dict[str, str] = {}

    def start(self, document_id: str, scope: Scope) -> None:
        """Raises UnknownDocument, or InputError for one that is still being read."""
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
        """Read so far; None for a document that is not being read again."""
        return self._pages.get(document_id)

    def failed(self, document_id: str) -> str:
        """Why the last attempt changed nothing; empty when it did."""
        return self._failed.get(document_id, "")

    def close(self) -> None:
        """What is not read by now stays as it was."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, key: str, scope: Scope) -> None:
        intake = self._intake
        try:
            document = intake.store.document(key, scope)
            with tempfile.TemporaryDirectory(prefix="docent-") as folder:
                named = Path(folder) / document.name  # its name says what it is, too
                named.symlink_to(intake.store.original(key, scope).absolute())
                read = intake.read(named, password=None, on_page=lambda pages, _: self._count(key, pages))
            chunks = read.cutter.chunks(read.document, document_id=key)
            intake.store.put_again(key, read.document, chunks)
            intake.background.start()
        except Exception as error:  # also a fault of ours is told: nobody else asks how this ended
            self._failed[key] = told(error)
        finally:
            self._pages.pop(key, None)

    def _count(self, key: str, pages: int) -> None:
        self._pages[key] = pages
