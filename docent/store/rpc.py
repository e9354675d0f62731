"""Calls of the store's methods from other processes, which the owner of the folder answers.

A socket in storage/ that only its user may open, and a key beside it that only its user may read. Messages
are pickled, since that keeps every value exactly; but only plain values and those of docent.types and
docent.store are built, so that a message can hold data and never code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import io
import logging
import os
import pickle
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

OURS = ("docent.types", "docent.store.")
OTHERS = {
    ("docent.messages", "restored"),
    ("pathlib", "PosixPath"),
    ("pathlib", "PurePosixPath"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}


def pack(value: Any) -> bytes:
    packed = io.BytesIO()
    _Pickler(packed, protocol=5).dump(value)
    return packed.getvalue()


def unpack(data: bytes) -> Any:
    return _Unpickler(io.BytesIO(data)).load()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """Pickle members of enumerations by value; some versions of Python would name `getattr`."""
        return (type(value), (value.value,)) if isinstance(value, enum.Enum) else NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in OTHERS or module.startswith(OURS):
            found = super().find_class(module, name)
            if (module, name) in OTHERS or _is_value(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} may not pass between processes")


def _is_value(found: Any) -> bool:
    if not isinstance(found, type):
        return False
    named_tuple = issubclass(found, tuple) and hasattr(found, "_fields")
    return dataclasses.is_dataclass(found) or issubclass(found, enum.Enum) or named_tuple


log = logging.getLogger(__name__)
SOCKET, KEY = "door", "door.key"  # names that a running process of an earlier version uses, too
LONGEST_ADDRESS = 100  # bytes; the system allows 108, with its final zero
CALL_SECONDS = 120.0  # for one call; the longest, a document of 10,000 pages, takes a few

Answer = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]


class OwnerGone(Exception):
    """No process owns the folder, or its owner has ended."""


class RpcServer:
    """Answers calls from its construction until `close`."""

    def __init__(self, folder: Path, *, check_client: Callable[[str], None], answer: Answer) -> None:
        self._folder = folder
        self._check_client = check_client
        self._answer = answer
        self._key = secrets.token_hex(32)
        self._lock = threading.Lock()
        self._clients: dict[Connection, threading.Lock] = {}
        self._closing = False
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._listen()
        except OSError:
            self._socket.close()
            raise
        threading.Thread(target=self._accept, name="store rpc", daemon=True).start()

    def close(self) -> None:
        """Answer the calls under way, then stop."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for clients
        self._socket.close()
        (self._folder / SOCKET).unlink(missing_ok=True)
        with self._lock:
            clients = dict(self._clients)
        for client, busy in clients.items():
            with busy, self._lock:
                if client in self._clients:
                    _wake(client)

    def _listen(self) -> None:
        """Write the key, then open the socket: a client that finds the socket needs the key."""
        (self._folder / SOCKET).unlink(missing_ok=True)
        (self._folder / KEY).unlink(missing_ok=True)
        handle = os.open(self._folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(self._key)
        with _address(self._folder) as address:
            self._socket.bind(address)
        (self._folder / SOCKET).chmod(0o600)
        self._socket.listen(64)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            client = Connection(connection.detach())
            with self._lock:
                self._clients[client] = busy = threading.Lock()
            threading.Thread(target=self._serve, args=(client, busy), name="client", daemon=True).start()

    def _serve(self, client: Connection, busy: threading.Lock) -> None:
        try:
            if not secrets.compare_digest(client.recv_bytes(200), self._key.encode()):
                return
            while True:
                asked = client.recv_bytes()
                with busy:
                    if self._closing:
                        return
                    client.send_bytes(self._reply(asked))
        except (EOFError, OSError):
            return  # the client left
        finally:
            with self._lock:
                self._clients.pop(client, None)
            _close(client)

    def _reply(self, asked: bytes) -> bytes:
        try:
            name, arguments, keywords = unpack(asked)
            if name == "welcome":
                self._check_client(*arguments)
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


class RpcClient:
    """Connections to the owner, one for each thread that calls.

    With an empty fingerprint only an index swap may be asked for.
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
                "{folder} is in use by Docent {version}, and this is {own}. Stop that one, or "
                "start it again, and try again.",
                folder=folder,
                version=version,
                own=__version__,
            )

    def call(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return the owner's answer. Raises its DocentError, or OwnerGone when there is no owner any more."""
        try:
            with self._connection() as connection:
                connection.send_bytes(pack((name, arguments, keywords)))
                if not connection.poll(CALL_SECONDS):
                    raise StorageBusy(
                        "The Docent that owns {folder} has not answered for {seconds:.0f} s. Stop "
                        "it and try again.",
                        folder=self._folder,
                        seconds=CALL_SECONDS,
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
                _close(connection)
            self._idle.clear()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Borrow an open connection; one that failed is closed."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            _close(connection)
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
    """Yield the socket's path, shortened where it is longer than the system allows."""
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
    """End a wait for data on the connection in another thread; closing it here would not."""
    with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as plain:
        with contextlib.suppress(OSError):
            plain.shutdown(socket.SHUT_RDWR)


def _close(connection: Connection) -> None:
    with contextlib.suppress(OSError):
        connection.close()
