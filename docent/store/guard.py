"""Who may be at it: one process owns the folder (Lock), and now and then one thread is alone in it (Gate)."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docent.errors import StorageBusy, StoreError


class Lock:
    """Held from the moment it is made until `release`; the system lets go of it when the process dies."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be written ({error.strerror}). Make it writable, or name another "
                "folder with DOCENT_STORAGE."
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._handle, 20).decode().strip() or "unknown"
            os.close(self._handle)
            raise StorageBusy(
                f"{folder} is in use by another Docent (process {owner}), perhaps the chat. Stop it and run "
                "this again, or ask there."
            ) from None
        os.ftruncate(self._handle, 0)
        os.write(self._handle, str(os.getpid()).encode())

    def release(self) -> None:
        os.close(self._handle)


class Gate:
    """Any number of threads go through at once, until one wants to be alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False
        self._own = threading.local()

    @contextmanager
    def through(self) -> Iterator[None]:
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
    def alone(self) -> Iterator[None]:
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
