"""Locks on storage/, and calls to the process that writes an index.

Any number of processes read and write the catalog and read the words. Embedded Chroma and tantivy allow one
process that writes; it owns the index of a generation, and the others ask it, by one line of JSON for each
call, over a socket in that folder which only its user may open (docs/decisions/0021-calls-to-the-owner.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docent import errors
from docent.errors import DocentError, StorageBusy, StoreError
from docent.messages import Message, restored, stored

log = logging.getLogger(__name__)
LOCK = "lock"
SOCKET = "owner.socket"
WAIT_SECONDS = 0.05
LONGEST_ADDRESS = 100  # bytes; the system allows 108, with its final zero
CALL_SECONDS = 120.0  # for one call; the longest, words of a document of 10,000 pages, takes a few


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


class ReadWriteLock:
    """Held by any number of threads at once, or by one thread exclusively."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with others, once nobody holds it exclusively."""
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
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


class OwnerGone(Exception):
    """No process owns the index, or its owner has ended."""


class OwnerServer(socketserver.ThreadingUnixStreamServer):
    """Answers the calls of other processes from its construction until `close`."""

    daemon_threads = True

    def __init__(self, folder: Path, answers: Mapping[str, Callable[..., Any]]) -> None:
        self._path = folder / SOCKET
        self._path.unlink(missing_ok=True)
        self._answers = answers
        self._connections: set[socket.socket] = set()
        self.closing = False
        with _address(self._path) as address:
            super().__init__(address, _Handler)
        self._path.chmod(0o600)
        threading.Thread(target=self.serve_forever, args=(0.1,), name="index owner", daemon=True).start()

    def close(self) -> None:
        """Answer no more calls; those who wait for an answer ask the next owner."""
        self.closing = True
        self._path.unlink(missing_ok=True)
        self.shutdown()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def reply(self, call: bytes) -> dict[str, Any]:
        try:
            name, arguments = json.loads(call)
            return {"value": self._answers[name](*arguments)}
        except DocentError as error:
            return {"error": type(error).__name__, "sentence": stored(error.message)}
        except Exception as error:
            if not self.closing:
                log.exception("A call from another process failed.")
            sentence = Message(
                "The Docent that owns {folder} could not do this ({why}). Try again; if it fails again, "
                "restart that one, and see what is wrong with: python -m docent doctor",
                folder=self._path.parent,
                why=repr(error),
            )
            return {"error": "StoreError", "sentence": stored(sentence)}


class _Handler(socketserver.StreamRequestHandler):
    server: OwnerServer

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client left
            for call in self.rfile:
                answer = self.server.reply(call)
                if self.server.closing:  # what it was answered from is being closed
                    return
                self.wfile.write(json.dumps(answer).encode() + b"\n")


class OwnerClient:
    """Calls the owner of an index, over a connection for each thread that calls at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SOCKET
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []

    def call(self, name: str, *arguments: Any, seconds: float = CALL_SECONDS) -> Any:
        """Return the owner's answer. Raises its DocentError, or OwnerGone, also where it takes too long."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        try:
            connection = connection or self._connect(seconds)
            connection.settimeout(seconds)
            with connection.makefile("rwb") as stream:
                stream.write(json.dumps([name, arguments]).encode() + b"\n")
                stream.flush()
                line = stream.readline()
            if not line.endswith(b"\n"):
                raise OwnerGone
        except (OSError, OwnerGone) as error:
            if connection is not None:
                connection.close()
            self.close()  # the other connections lead to the same process
            raise OwnerGone from error
        with self._lock:
            self._idle.append(connection)
        answer = json.loads(line)
        if "error" in answer:
            raise getattr(errors, answer["error"], StoreError)(restored(answer["sentence"]))
        return answer["value"]

    def close(self) -> None:
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _connect(self, seconds: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(seconds)
        try:
            with _address(self._path) as address:
                connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield a socket's path, shortened where it is longer than the system allows."""
    if len(os.fsencode(path)) < LONGEST_ADDRESS:
        yield str(path)
        return
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)
