"""Locks: on storage/ and the folders of its indexes, and on what must not be closed while it is in use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docent.errors import StorageBusy, StoreError

LOCK = "lock"
WAIT_SECONDS = 0.05


class FolderLock:
    """A lock on a folder, from its construction until `release`; the system releases that of a dead process.

    Raises StorageBusy where another process has it; a shared lock excludes only those that are not shared.
    """

    def __init__(self, folder: Path, *, shared: bool = False, wait: float = 0.0) -> None:
        self._folder = folder
        until = time.monotonic() + wait
        self._open()
        try:
            self._take(fcntl.LOCK_SH if shared else fcntl.LOCK_EX, until=until)
            while not self._is_in_place():  # the folder was removed, perhaps made again, meanwhile
                os.close(self._handle)
                self._open()
                self._take(fcntl.LOCK_SH if shared else fcntl.LOCK_EX, until=until)
        except BaseException:
            os.close(self._handle)
            raise
        if not shared:  # for a person who looks for the process that owns an index
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Turn a shared lock into one that nobody else shares. Raises StorageBusy while others do."""
        self._take(fcntl.LOCK_EX)
        try:
            yield
        finally:
            self._take(fcntl.LOCK_SH)

    def release(self) -> None:
        os.close(self._handle)

    def _open(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                "{folder} cannot be written ({strerror}). Make it writable, or name another folder "
                "with DOCENT_STORAGE.",
                folder=self._folder,
                strerror=error.strerror,
            ) from error

    def _is_in_place(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._handle), os.stat(self._folder / LOCK))
        return False

    def _take(self, kind: int, *, until: float = 0.0) -> None:
        try:
            fcntl.flock(self._handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(WAIT_SECONDS)
                return self._take(kind, until=until)
            with contextlib.suppress(OSError):
                fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # which a failed change gives up
            raise StorageBusy(
                "{folder} is in use by another Docent, perhaps the chat. Stop it and run this again.",
                folder=self._folder,
            ) from None
        except OSError as error:
            raise StoreError(
                "{folder} cannot be locked ({strerror}). Name a folder on a disk of this machine "
                "with DOCENT_STORAGE.",
                folder=self._folder,
                strerror=error.strerror,
            ) from error


class InUse:
    """Count of the threads inside a block, so that what they use is closed when there is none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._changed:
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def wait(self) -> None:
        """Return once no thread is inside."""
        with self._changed:
            self._changed.wait_for(lambda: not self._inside)
