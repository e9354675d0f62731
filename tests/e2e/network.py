"""A network between the browser and the app that can fall silent, break and come back."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Network:
    """Passes on what comes in at `port`; a browser's own "offline" leaves open sockets as they are."""

    def __init__(self, to: int) -> None:
        self.silent = False
        self._to, self._whole = to, True
        self._lines: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._begin(self._listen)

    def cut(self) -> None:
        self._whole = False
        for line in self._lines:
            _end(line)
        self._lines.clear()

    def mend(self) -> None:
        self._whole, self.silent = True, False

    def close(self) -> None:
        self.cut()
        _end(self._door)
        self._door.close()
        for thread in self._threads:
            thread.join()

    def _begin(self, work: Callable[..., None], *given: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=given, daemon=True))
        self._threads[-1].start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._lines += [near, far]
                for one, other in ((near, far), (far, near)):
                    self._begin(self._pass, one, other)

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with one:  # each end is closed by the thread that listens to it
            with contextlib.suppress(OSError):
                while said := one.recv(65536):
                    if not self.silent:
                        other.sendall(said)
            _end(one)
            _end(other)


def _end(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
