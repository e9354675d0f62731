"""One owner at a time: whoever holds storage/lock may change what is at rest."""

from __future__ import annotations

import fcntl
import os
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
