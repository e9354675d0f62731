"""A TCP proxy between the browser and the app that can stall, disconnect and recover."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Network:
    """Forwards connections from `port`; a browser's own "offline" mode leaves open sockets connected."""

    def __init__(self, to: int) -> None:
        self.silent = False
        self._target, self._connected = to, True
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._listen)

    def cut(self) -> None:
        self._connected = False
        for connection in self._sockets:
            _shut_down(connection)
        self._sockets.clear()

    def mend(self) -> None:
        self._connected, self.silent = True, False

    def close(self) -> None:
        self.cut()
        _shut_down(self._listener)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=sockets, daemon=True))
        self._threads[-1].start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._connected:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    self._start(self._forward, source, target)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with source:  # each socket is closed by the thread that reads it
            with contextlib.suppress(OSError):
                while received := source.recv(65536):
                    if not self.silent:
                        target.sendall(received)
            _shut_down(source)
            _shut_down(target)


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
