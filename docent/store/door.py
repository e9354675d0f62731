"""The owner's door: others ask for the store's methods here, and get their answers or their errors.

A socket in storage/ that only its user may open, and a key beside it that only its user may read.
What is sent are values of docent.types; nothing else is accepted (values.py).
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from docent import __version__, errors
from docent.errors import DocentError, StorageBusy, StoreError
from docent.messages import Message
from docent.store.values import pack, unpack

log = logging.getLogger(__name__)
SOCKET, KEY = "door", "door.key"
LONGEST_ADDRESS = 100  # bytes; the system allows 108, with its final zero
PATIENCE = 120.0  # seconds for one call; the longest, a document of 10,000 pages, takes a few

Answer = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]


class OwnerGone(Exception):
    """Nobody is behind the door, or no longer."""


class Door:
    """Listens from the moment it is made until `close`."""

    def __init__(self, folder: Path, *, welcome: Callable[[str], None], answer: Answer) -> None:
        self._folder = folder
        self._welcome = welcome
        self._answer = answer
        self._key = secrets.token_hex(32)
        self._lock = threading.Lock()
        self._guests: dict[Connection, threading.Lock] = {}
        self._closing = False
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._hang()
        except OSError:
            self._socket.close()
            raise
        threading.Thread(target=self._open, name="door", daemon=True).start()

    def close(self) -> None:
        """Answer what was asked, then nothing more."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for guests
        self._socket.close()
        (self._folder / SOCKET).unlink(missing_ok=True)
        with self._lock:
            guests = dict(self._guests)
        for guest, busy in guests.items():
            with busy, self._lock:
                if guest in self._guests:
                    _wake(guest)

    def _hang(self) -> None:
        """The key first: whoever finds a door finds it, too."""
        (self._folder / SOCKET).unlink(missing_ok=True)
        (self._folder / KEY).unlink(missing_ok=True)
        handle = os.open(self._folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(self._key)
        with _address(self._folder) as address:
            self._socket.bind(address)
        (self._folder / SOCKET).chmod(0o600)
        self._socket.listen(64)

    def _open(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            guest = Connection(connection.detach())
            with self._lock:
                self._guests[guest] = busy = threading.Lock()
            threading.Thread(target=self._attend, args=(guest, busy), name="guest", daemon=True).start()

    def _attend(self, guest: Connection, busy: threading.Lock) -> None:
        try:
            if not secrets.compare_digest(guest.recv_bytes(200), self._key.encode()):
                return
            while True:
                asked = guest.recv_bytes()
                with busy:
                    if self._closing:
                        return
                    guest.send_bytes(self._reply(asked))
        except (EOFError, OSError):
            return  # the guest left
        finally:
            with self._lock:
                self._guests.pop(guest, None)
            _hang_up(guest)

    def _reply(self, asked: bytes) -> bytes:
        try:
            name, arguments, keywords = unpack(asked)
            if name == "welcome":
                self._welcome(*arguments)
                return pack(("value", __version__))
            return pack(("value", self._answer(name, arguments, keywords)))
        except DocentError as error:
            return pack(("error", type(error).__name__, error.message))
        except Exception as error:
            log.exception("A call from another process failed.")
            sentence = Message(
                "The Docent that owns {folder} could not do this ({why}). Try again; if it fails again, "
                "restart that one, and see what is wrong with: python -m docent doctor",
                folder=self._folder,
                why=repr(error),
            )
            return pack(("error", "StoreError", sentence))


class Line:
    """A guest's connections to the owner, one for each thread that is asking.

    With an empty fingerprint it may ask for another index only.
    """

    def __init__(self, folder: Path, *, fingerprint: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self.broken = False
        version = self.call("welcome", (fingerprint,), {})
        if version != __version__:
            self.close()
            raise StorageBusy(
                "{folder} is in use by Docent {version}, and this is {version__}. Stop that one, or "
                "start it again, and try again.",
                folder=folder,
                version=version,
                version__=__version__,
            )

    def call(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """The owner's answer. Raises its DocentError, or OwnerGone when there is no owner any more."""
        try:
            with self._connection() as connection:
                connection.send_bytes(pack((name, arguments, keywords)))
                if not connection.poll(PATIENCE):
                    raise StorageBusy(
                        "The Docent that owns {folder} has not answered for {patience:.0f} s. Stop "
                        "it and try again.",
                        folder=self._folder,
                        patience=PATIENCE,
                    )
                said = unpack(connection.recv_bytes())
        except (EOFError, OSError) as error:
            self.broken = True
            raise OwnerGone from error
        if said[0] == "value":
            return said[1]
        raise getattr(errors, said[1], StoreError)(said[2])

    def close(self) -> None:
        with self._lock:
            for connection in self._idle:
                _hang_up(connection)
            self._idle.clear()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """An open connection; one that failed is not used again."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            _hang_up(connection)
            raise
        with self._lock:
            self._idle.append(connection)

    def _connect(self) -> Connection:
        opened = socket.socket(socket.AF_UNIX)
        try:
            with _address(self._folder) as address:
                opened.connect(address)
            key = (self._folder / KEY).read_bytes()
        except OSError:
            opened.close()
            raise
        connection = Connection(opened.detach())
        connection.send_bytes(key)
        return connection


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """The socket's path, by a short cut where it is longer than the system allows."""
    plain = str(folder / SOCKET)
    if len(os.fsencode(plain)) < LONGEST_ADDRESS:
        yield plain
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def _wake(connection: Connection) -> None:
    """End the waiting of whoever reads from it; closing it here would not."""
    with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as plain:
        with contextlib.suppress(OSError):
            plain.shutdown(socket.SHUT_RDWR)


def _hang_up(connection: Connection) -> None:
    with contextlib.suppress(OSError):
        connection.close()
