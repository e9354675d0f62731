"""Bound how long a connection may take to send a request, and how many one address may hold open."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 30.0
"""From the opening of a connection, or the first byte of its next request, to the end of the headers."""
MOST = 2_000
MOST_OF_ONE = 500
"""Of one address. Fifty people behind one router hold about 350: a socket and up to six requests each."""

TOO_SLOW = b"The request did not come in time. Send it again.\n"
TOO_MANY = b"Too many connections are open here. Close some, or try again in a minute.\n"


def raise_file_limit() -> None:
    """Let this process hold as many connections as the machine allows; a shell often allows it 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST if hard == resource.RLIM_INFINITY else min(2 * MOST, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's protocol, which waits forever for headers and counts no connections, with bounds."""

    _timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self._exceeds_limit():
            self._refuse(b"503 Service Unavailable", TOO_MANY)
        else:
            self._timeout = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._awaits_headers():
            self._stop_waiting()
        elif self._timeout is None:
            self._timeout = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _awaits_headers(self) -> bool:
        """Return True if the headers of a request are still to come. A WebSocket has another protocol."""
        upgraded = self.transport.get_protocol() is not self
        return not upgraded and (self.cycle is None or self.cycle.response_complete)

    def _stop_waiting(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def _give_up(self) -> None:
        self._timeout = None
        if self._awaits_headers():
            self._refuse(b"408 Request Timeout", TOO_SLOW)

    def _exceeds_limit(self) -> bool:
        if len(self.connections) > MOST:
            return True
        address = self.client[0] if self.client else None
        if address is None or not {address, "*"}.isdisjoint(self._proxies()):
            return False
        peers = (getattr(other, "client", None) for other in self.connections)
        same: int = sum(peer is not None and peer[0] == address for peer in peers)
        return same > MOST_OF_ONE

    def _proxies(self) -> list[str]:
        """Return the addresses of proxies: uvicorn's FORWARDED_ALLOW_IPS, by default this machine."""
        named = self.config.forwarded_allow_ips
        return named.split(",") if isinstance(named, str) else list(named)

    def _refuse(self, status: bytes, sentence: bytes) -> None:
        if self.transport.is_closing():
            return
        headers = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close"
        self.transport.write(b"HTTP/1.1 %s\r\n" % status + headers % len(sentence) + b"\r\n\r\n" + sentence)
        self.transport.close()
