"""Find ports for the servers of tests, also when several processes run tests in parallel."""

from __future__ import annotations

import os
import socket

# From below 32768: the system may give a port above that to a connection a moment later.
# Each process starts at another number.
_candidates = iter(range(20_000 + os.getpid() * 1009 % 12_000, 60_000))


def free_port() -> int:
    """Return a port of 127.0.0.1 without a listener; never the same twice."""
    for port in _candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def free_url() -> str:
    """Return a URL of this machine without a listener."""
    return f"http://127.0.0.1:{free_port()}"
