"""Locks: on the folder for one process, on changes for one thread, and on the index while it is swapped."""

from __future__ import annotations

import fcntl
import os
import threading
from _thread import RLock
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from docent.errors import LoadError, StorageBusy, StoreError, UnknownDocument, UnknownLibrary

LOCK = "lock"
REFUSALS = (LoadError, UnknownDocument, UnknownLibrary)
"""Raised before anything is changed."""


class FolderLock:
    """Owns the folder from its construction until `release`; the system releases it when the process dies."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                "{folder} cannot be written ({strerror}). Make it writable, or name another folder "
                "with DOCENT_STORAGE.",
                folder=folder,
                strerror=error.strerror,
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._handle, 20).decode().strip() or "unknown"
            os.close(self._handle)
            raise StorageBusy(
                "{folder} is in use by another Docent (process {owner}), perhaps the chat. Stop it "
                "and run this again, or ask there.",
                folder=folder,
                owner=owner,
            ) from None
        except OSError as error:
            os.close(self._handle)
            raise StoreError(
                "{folder} cannot be locked ({strerror}). Name a folder on a disk of this machine "
                "with DOCENT_STORAGE.",
                folder=folder,
                strerror=error.strerror,
            ) from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, str(os.getpid()).encode())

    def release(self) -> None:
        os.close(self._handle)


class WriteLock(RLock):  # type: ignore[misc]  # it is called final, and is not
    """Held while the store is changed, so that catalog and derived indexes change in step.

    It is an RLock itself, because it has to be acquired in C: in a Python method, a Ctrl+C during the wait
    came after the acquisition and before the block that releases it, in a quarter of the cases.
    """

    interrupted = False
    """True after a change was interrupted, as by Ctrl+C: an index may hold what the catalog does not."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, REFUSALS):
            self.interrupted = True
        self.release()

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Run work that precedes a change and blocks nobody; an interruption there is noted as well."""
        try:
            yield
        except BaseException as error:
            self.interrupted = self.interrupted or not isinstance(error, REFUSALS)
            raise


class ReadWriteLock:
    """Held by any number of threads at once, or by one thread exclusively."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False
        self._own = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with others, once nobody holds it exclusively; a thread may nest this."""
        if getattr(self._own, "inside", False):
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        self._own.inside = True
        try:
            yield
        finally:
            self._own.inside = False
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold it alone, once all others have released it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            self._changed.wait_for(lambda: not self._inside)
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()
