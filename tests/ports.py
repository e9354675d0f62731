"""Ports for the servers that tests start, also when several processes run tests beside each other."""

from __future__ import annotations

import os
import socket

# Below 32768, since a port that the system hands out as free may be a connection's a moment later.
# Each process starts counting elsewhere.
_candidates = iter(range(20_000 + os.getpid() * 1009 % 12_000, 60_000))


def free_port() -> int:
    """A port of 127.0.0.1 at which nobody listens; never the same twice."""
    for port in _candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def free_url() -> str:
    """An address of this machine at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}"
