"""A folder by WebDAV, as Nextcloud and other servers offer it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from docent.errors import SourceError
from docent.sources.allowed_hosts import AllowedHosts
from docent.sources.http_fetching import HttpFetcher, read_xml, refused
from docent.sources.source_items import ItemRecord, SourceFailure, SourceItem, is_wanted
from docent.sources.source_list import WebDavSource

DAV = "{DAV:}"
MOST_FOLDERS = 5_000
LARGEST_LISTING = 20_000_000
WANTED = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getetag/>'
    b"<getlastmodified/><getcontentlength/></prop></propfind>"
)


@dataclass(frozen=True, slots=True)
class _Entry:
    url: str
    is_folder: bool
    version: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WebDavFolder:
    """Reads a folder and those in it."""

    settings: WebDavSource
    hosts: AllowedHosts
    largest: int

    def items(self, known: Mapping[str, ItemRecord]) -> Iterator[SourceItem | SourceFailure]:
        auth = (self.settings.user, self.settings.secret) if self.settings.user else None
        base = self.settings.url.rstrip("/") + "/"
        with HttpFetcher(self.hosts, largest=self.largest, auth=auth) as fetcher:
            waiting, seen, count = deque([base]), {base}, 0
            while waiting and len(seen) <= MOST_FOLDERS:
                for entry in self._listing(fetcher, waiting.popleft(), base):
                    if entry.is_folder:
                        if entry.url not in seen:
                            seen.add(entry.url)
                            waiting.append(entry.url)
                        continue
                    path = unquote(entry.url[len(base) :])
                    if is_wanted(path, self.settings.include) and count < self.settings.most_items:
                        count += 1
                        yield self._item(fetcher, entry, path, known.get(path))

    def _listing(self, fetcher: HttpFetcher, folder: str, base: str) -> list[_Entry]:
        headers = {"depth": "1", "content-type": "application/xml"}
        reply = fetcher.request(
            "PROPFIND",
            folder,
            headers=headers,
            content=WANTED,
            largest=LARGEST_LISTING,
            may_follow=lambda url: url.startswith(base),
        )
        if reply.status != 207:
            raise refused(reply)
        entries = []
        for response in read_xml(reply).iter(f"{DAV}response"):
            url = urljoin(reply.url, (response.findtext(f"{DAV}href") or "").strip())
            is_folder = response.find(f".//{DAV}collection") is not None
            url = f"{url.rstrip('/')}/" if is_folder else url
            if url == folder or not url.startswith(base) or ".." in urlsplit(url).path.split("/"):
                continue  # the folder itself; nothing outside of the source is asked for
            names = ("getetag", "getlastmodified", "getcontentlength")
            version = {name: text for name in names if (text := response.findtext(f".//{DAV}{name}"))}
            entries.append(_Entry(url, is_folder, version))
        return entries

    def _item(
        self, fetcher: HttpFetcher, entry: _Entry, path: str, before: ItemRecord | None
    ) -> SourceItem | SourceFailure:
        is_dated = {"getetag", "getlastmodified"} & entry.version.keys()
        if before is not None and is_dated and before.version == entry.version:
            return SourceItem(path, entry.url, None, version=entry.version)
        try:
            reply = fetcher.request("GET", entry.url, may_follow=lambda url: False)
            if reply.status != 200:
                raise refused(reply)
        except SourceError as error:
            return SourceFailure(path, error.message)
        return SourceItem(path, entry.url, reply.content, name=path, version=entry.version)
