"""The connection to a model server: its certificate is checked, and the size of its replies is bounded.

The packages collect a line, an event or a reply until it ends, whatever its length: a line without an end
took 2.9 GB.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from functools import cache

import httpx

from docent.errors import ModelFailed

LONGEST_PIECE = 128 * 1024
"""Bytes of a stream without the end of a line or event. A piece is mostly one token; a whole answer sent
as one piece may have 20,000 characters, each escaped in 6 bytes."""
LARGEST_STREAM = 64_000_000
"""Bytes of a whole stream: some 200,000 tokens at 300 bytes each, or ten hours of progress of a pull."""
LARGEST_REPLY = 4_000_000
"""Bytes of a reply that is read whole. A hosted catalogue of 300 models takes 0.7 MB; parsed, the worst JSON
needs twenty times its length."""

LINE = re.compile(rb"\n")
EVENT = re.compile(rb"\n\n|\r\n\r\n")
"""The end of a piece, in the two protocols."""
LONGEST_END = 4


class BoundedTransport(httpx.AsyncBaseTransport):
    """Sends requests to a model server, and reads no more of a reply than the bounds allow.

    With `end`, a reply is a stream of pieces that end so; without, it is read whole.
    """

    def __init__(self, url: str, *, end: re.Pattern[bytes] | None = None) -> None:
        self._url = url
        self._end = end
        self._transport = httpx.AsyncHTTPTransport(verify=certificates(url), trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["accept-encoding"] = "identity"  # 64 KB of gzip may hold 64 MB
        response = await self._transport.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise ModelFailed(
                "The model server at {url} sent a compressed reply, which was not asked for and is "
                "not read. Switch compression off there, or in the proxy before it.",
                url=self._url,
            )
        # Both protocols are UTF-8; Python also has codecs that are no character sets.
        response.headers["content-type"] = response.headers.get("content-type", "").partition(";")[0]
        end = None if response.is_error else self._end
        response.stream = _Bounded(response.stream, self._url, end)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, url: str, end: re.Pattern[bytes] | None) -> None:
        self._stream = stream
        self._url = url
        self._end = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        whole = piece = 0
        tail = b""
        async for chunk in self._stream:
            whole += len(chunk)
            piece += len(chunk)
            if self._end is not None:
                text = tail + chunk
                ends = [match.end() for match in self._end.finditer(text)]
                piece = len(text) - ends[-1] if ends else piece
                tail = text[1 - LONGEST_END :]
            self._check(whole, LARGEST_REPLY if self._end is None else LARGEST_STREAM)
            if self._end is not None:
                self._check(piece, LONGEST_PIECE)
            yield chunk

    def _check(self, size: int, most: int) -> None:
        if size > most:
            raise ModelFailed(
                "The model server at {url} sent more than {most:,} bytes where an answer needs far "
                "fewer, so no more was read. Ask again; if it stays so, its log says why, or correct "
                "DOCENT_MODEL_URL.",
                url=self._url,
                most=most,
            )

    async def aclose(self) -> None:
        await self._stream.aclose()


def certificates(url: str) -> ssl.SSLContext:
    """Return the authorities that a client of this address checks a certificate against."""
    return _read_certificates(checked=url.startswith("https"))


@cache
def _read_certificates(*, checked: bool) -> ssl.SSLContext:
    """Read them once, and not for every question: it takes 20 ms."""
    return httpx.create_ssl_context(verify=checked, trust_env=False)
