"""Requests to the servers of sources: of bounded size and time, and each redirect checked like the first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from xml.etree import ElementTree

import httpx

from docent import __version__
from docent.errors import SourceError
from docent.sources.allowed_hosts import AllowedHosts, GuardedTransport

USER_AGENT = f"Docent/{__version__}"
MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
SILENCE_SECONDS = 30.0
LONGEST_SECONDS = 600.0
"""Of one reply; 200 MB by a line of 3 Mbit/s."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A reply that was read whole."""

    url: str
    """After redirects."""
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpFetcher:
    """One connection pool for the requests of one source."""

    def __init__(self, hosts: AllowedHosts, *, largest: int, auth: tuple[str, str] | None = None) -> None:
        self._largest = largest
        self._auth = httpx.BasicAuth(*auth) if auth else None
        self._client = httpx.Client(
            transport=GuardedTransport(hosts),
            timeout=SILENCE_SECONDS,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        may_follow: Callable[[str], bool] = lambda url: True,
        largest: int = 0,
    ) -> HttpReply:
        """Return a reply, after redirects that `may_follow` allows; one that it does not is returned itself.

        Raises SourceError. A password is sent to the host of the first address alone.
        """
        first = httpx.URL(url)
        address = first
        for _ in range(MOST_REDIRECTS + 1):
            same_host = (address.scheme, address.host, address.port) == (first.scheme, first.host, first.port)
            reply = self._one(
                method, address, headers or {}, content, self._auth if same_host else None, largest
            )
            target = reply.headers.get("location", "") if reply.status in REDIRECTS else ""
            if not target:
                return reply
            following = address.join(target)
            if following.scheme not in ("http", "https") or not may_follow(str(following)):
                return reply
            address = following
        raise SourceError("{url} redirects more than {most} times.", url=url, most=MOST_REDIRECTS)

    def _one(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes,
        auth: httpx.BasicAuth | None,
        largest: int,
    ) -> HttpReply:
        most = largest or self._largest
        ends = time.monotonic() + LONGEST_SECONDS
        request = self._client.build_request(method, url, headers=headers, content=content or None)
        body = bytearray()
        try:
            response = self._client.send(request, auth=auth, stream=True)
            try:
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > most:
                        raise SourceError("{url} is larger than {most:,} bytes.", url=str(url), most=most)
                    if time.monotonic() > ends:
                        raise SourceError(
                            "{url} took more than {seconds:g} s.", url=str(url), seconds=LONGEST_SECONDS
                        )
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(
                "{url} cannot be read ({why}). Try again later.", url=str(url), why=type(error).__name__
            ) from error
        return HttpReply(str(url), response.status_code, dict(response.headers), bytes(body))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()


def refused(reply: HttpReply) -> SourceError:
    """Return the error for a reply with another status than was expected."""
    return SourceError("{url} answers with status {status}.", url=reply.url, status=reply.status)


def read_xml(reply: HttpReply) -> ElementTree.Element:
    """Return the XML of a reply, which may declare nothing: entities can grow beyond all bounds."""
    if any(sign in reply.content for sign in (b"<!DOCTYPE", b"<!ENTITY", b"\0")):  # no UTF-16 either
        raise SourceError("{url} sent XML that declares entities, which is not read.", url=reply.url)
    try:
        return ElementTree.fromstring(reply.content)
    except ElementTree.ParseError as error:
        raise SourceError(
            "{url} sent no XML ({why}). Correct the address of the source.", url=reply.url, why=str(error)
        ) from error
