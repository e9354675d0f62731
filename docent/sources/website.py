"""A page or a site: followed within its own folder, as its robots.txt allows, page by page."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from docent.errors import SourceError
from docent.sources.allowed_hosts import AllowedHosts
from docent.sources.http_fetching import USER_AGENT, HttpFetcher, HttpReply, refused
from docent.sources.source_items import ItemRecord, SourceFailure, SourceItem, is_wanted, short_hash
from docent.sources.source_list import WebSource

LARGEST_ROBOTS = 512 * 1024
LONGEST_PAUSE = 60.0
LONGEST_ADDRESS = 2_000
LONGEST_LINKING = 2_000_000
"""Bytes of a page in which links are looked for; some HTML takes the reader far longer than its length."""
MOST_LINKS = 2_000
"""Links of one page that are followed."""
SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
}
"""By media type: the suffix of its file, where the address has none that fits."""


@dataclass(slots=True)
class Website:
    """Reads a site from its first page on, breadth first."""

    settings: WebSource
    hosts: AllowedHosts
    largest: int
    _requested: float = field(default=0.0)

    def items(self, known: Mapping[str, ItemRecord]) -> Iterator[SourceItem | SourceFailure]:
        start = _plain(self.settings.url)
        with HttpFetcher(self.hosts, largest=self.largest) as fetcher:
            robots = self._robots(fetcher, start)
            pause = max(self.settings.pause, min(float(robots.crawl_delay(USER_AGENT) or 0), LONGEST_PAUSE))
            if not robots.can_fetch(USER_AGENT, start):
                raise SourceError("The robots.txt of {url} does not allow it to be read.", url=start)
            waiting, seen, count = deque([(start, 0)]), {start}, 0
            while waiting and count < self.settings.most_items:
                url, depth = waiting.popleft()
                if not robots.can_fetch(USER_AGENT, url):
                    continue
                page = self._page(url, fetcher, robots, known.get(url), pause)
                if page is None:
                    if url == start:
                        raise SourceError("{url} leads to nothing that can be read.", url=start)
                    continue
                count += 1
                links = page.links if isinstance(page, SourceItem) else ()
                if isinstance(page, SourceFailure):
                    if url == start:
                        raise SourceError(page.why)
                    links = known[url].links if url in known else ()
                if isinstance(page, SourceFailure) or page.name or page.content is None:
                    yield page
                if depth < self.settings.depth:
                    new = [link for link in links if link not in seen and self._is_inside(link)]
                    seen.update(new)
                    waiting.extend((link, depth + 1) for link in dict.fromkeys(new))

    def _page(
        self,
        url: str,
        fetcher: HttpFetcher,
        robots: RobotFileParser,
        before: ItemRecord | None,
        pause: float,
    ) -> SourceItem | SourceFailure | None:
        """Return a page; None for one that is gone, leads elsewhere or is in no format that can be read."""
        time.sleep(max(self._requested + pause - time.monotonic(), 0))
        self._requested = time.monotonic()
        try:
            reply = fetcher.request(
                "GET",
                url,
                headers=_conditions(before),
                may_follow=lambda target: (
                    self._is_inside(_plain(target)) and robots.can_fetch(USER_AGENT, target)
                ),
            )
        except SourceError as error:
            return SourceFailure(url, error.message)
        if reply.status == 304 and before is not None:
            return SourceItem(url, before.origin, None, version=before.version, links=before.links)
        if reply.status in (404, 410) or 300 <= reply.status < 400:
            return None
        if reply.status != 200:
            return SourceFailure(url, refused(reply).message)
        return self._item(url, reply)

    def _item(self, url: str, reply: HttpReply) -> SourceItem | None:
        name = _file_name(reply)
        if not is_wanted(name, ()):
            return None
        version = {
            field: reply.headers[field] for field in ("etag", "last-modified") if field in reply.headers
        }
        links: tuple[str, ...] = ()
        if name.endswith(".html"):
            page = _Links(reply.url)
            page.feed(reply.content[:LONGEST_LINKING].decode("utf-8", "replace"))
            links = tuple(dict.fromkeys(page.links))[:MOST_LINKS]
            if page.is_hidden or (self.settings.include and not self._is_included(url)):
                return SourceItem(url, url, b"", links=links)  # without a name: followed, and not kept
        elif self.settings.include and not self._is_included(url):
            return None
        return SourceItem(url, reply.url, reply.content, name=name, version=version, links=links)

    def _is_included(self, url: str) -> bool:
        return is_wanted(unquote(urlsplit(url).path).lstrip("/"), self.settings.include)

    def _is_inside(self, url: str) -> bool:
        """Tell whether an address is on the same host, in the folder of the first page or below it."""
        first, this = urlsplit(self.settings.url), urlsplit(url)
        folder = first.path.rpartition("/")[0] + "/"
        return (
            len(url) <= LONGEST_ADDRESS
            and (this.scheme, this.netloc.lower()) == (first.scheme, first.netloc.lower())
            and (this.path or "/").startswith(folder)
        )

    def _robots(self, fetcher: HttpFetcher, start: str) -> RobotFileParser:
        """Return the rules of a host, as RFC 9309 reads them: none if there are none, and a server that
        fails may not be asked."""
        parts = urlsplit(start)
        url = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        rules = RobotFileParser(url)
        reply = fetcher.request("GET", url, largest=LARGEST_ROBOTS)
        if reply.status == 200:
            rules.parse(reply.content.decode("utf-8", "replace").splitlines())
        elif 400 <= reply.status < 500:
            rules.parse([])
        else:
            raise SourceError(
                "{url} answers with status {status}, so nothing of its site is read this time. Try again "
                "later.",
                url=url,
                status=reply.status,
            )
        return rules


def _conditions(before: ItemRecord | None) -> dict[str, str]:
    names = {"etag": "if-none-match", "last-modified": "if-modified-since"}
    return {names[field]: value for field, value in (before.version if before else {}).items()}


def _plain(url: str) -> str:
    """Return an address without its fragment, its path never empty."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path or "/", parts.query, ""))


def _file_name(reply: HttpReply) -> str:
    """Return a path for a page: of its host and address, with the suffix of what it holds."""
    parts = urlsplit(reply.url)
    path = unquote(parts.path)
    path = f"{path}index" if path.endswith("/") else path
    suffix = SUFFIXES.get(reply.media_type, "")
    path = path if not suffix or path.lower().endswith(suffix) else f"{path}{suffix}"
    if parts.query:
        pure = PurePosixPath(path)
        path = str(pure.with_name(f"{pure.stem}-{short_hash(parts.query)}{pure.suffix}"))
    return f"{parts.hostname}/{path.lstrip('/')}"


class _Links(HTMLParser):
    """The addresses that a page links to, and the page's own wish not to be searched."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base = url
        self.links: list[str] = []
        self.is_hidden = False
        self._follows = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and values.get("href"):
            self._base = urljoin(self._base, values["href"])
        elif tag == "meta" and values.get("name", "").lower() == "robots":
            wishes = {wish.strip() for wish in values.get("content", "").lower().split(",")}
            self.is_hidden = bool(wishes & {"noindex", "none"})
            self._follows = not wishes & {"nofollow", "none"}
            self.links = self.links if self._follows else []
        elif tag == "a" and self._follows and "nofollow" not in values.get("rel", "").lower().split():
            self._add(values.get("href", ""))

    def _add(self, href: str) -> None:
        try:
            url = _plain(urljoin(self._base, href.strip()))
        except ValueError:  # such as an address with half a bracket
            return
        if url.startswith(("http://", "https://")):
            self.links.append(url)
