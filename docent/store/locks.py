"""Who may be at it: one process owns the folder (Lock), one thread at a time changes it (Turn), and now and
then one is alone in it (Gate)."""

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
    """Held from the moment it is made until `release`; the system lets go of it when the process dies."""

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
    """Held by whoever changes the store, so that catalog and derived indexes change in step.

    The lock itself, since it has to be taken by C: where a method of ours took it, a Ctrl+C that came while
    it was waited for came after it was taken and before the block that gives it back, a quarter of the times.
    """

    interrupted = False
    """Somebody was stopped in the middle, as by Ctrl+C: an index may hold what the catalog does not."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, REFUSALS):
            self.interrupted = True
        self.release()

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """For a change of which nobody else has to wait for a part: stopped in it, or while it waits for its
        turn, it is broken off, too."""
        try:
            yield
        except BaseException as error:
            self.interrupted = self.interrupted or not isinstance(error, REFUSALS)
            raise


class ReadWriteLock:
    """Any number of threads go through at once, until one wants to be alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False
        self._own = threading.local()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Wait until nobody is alone, and keep everybody from it; who is through already may go again."""
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
        """Let nobody in, and wait until everybody is out."""
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
