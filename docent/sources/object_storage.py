"""A bucket of S3, or of a server that speaks its protocol, such as MinIO or Ceph."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit
from xml.etree.ElementTree import Element

from docent.errors import SourceError
from docent.sources.allowed_hosts import AllowedHosts
from docent.sources.http_fetching import HttpFetcher, HttpReply, read_xml, refused
from docent.sources.source_items import ItemRecord, SourceFailure, SourceItem, is_wanted
from docent.sources.source_list import S3Source

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
LARGEST_LISTING = 20_000_000
"""Bytes; a listing names at most 1,000 objects."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Reads the objects below a prefix."""

    settings: S3Source
    hosts: AllowedHosts
    largest: int

    def items(self, known: Mapping[str, ItemRecord]) -> Iterator[SourceItem | SourceFailure]:
        count = 0
        with HttpFetcher(self.hosts, largest=self.largest) as fetcher:
            for key, etag in self._listing(fetcher):
                if key.endswith("/") or not is_wanted(key, self.settings.include):
                    continue
                if count == self.settings.most_items:
                    return
                count += 1
                yield self._item(fetcher, key, etag, known.get(key))

    def _listing(self, fetcher: HttpFetcher) -> Iterator[tuple[str, str]]:
        """Yield the key and the ETag of every object."""
        token = ""
        while True:
            query = {"list-type": "2", "prefix": self.settings.prefix}
            if token:
                query["continuation-token"] = token
            reply = self._get(fetcher, "", query, largest=LARGEST_LISTING)
            if reply.status != 200:
                raise refused(reply)
            listing = read_xml(reply)
            for entry in listing.iter():
                if _name(entry) == "Contents":
                    values = {_name(part): part.text or "" for part in entry}
                    yield values.get("Key", ""), values.get("ETag", "").strip('"')
            values = {_name(part): part.text or "" for part in listing}
            token = values.get("NextContinuationToken", "")
            if values.get("IsTruncated") != "true" or not token:
                return

    def _item(
        self, fetcher: HttpFetcher, key: str, etag: str, before: ItemRecord | None
    ) -> SourceItem | SourceFailure:
        origin, version = f"s3://{self.settings.bucket}/{key}", {"etag": etag}
        if before is not None and etag and before.version == version:
            return SourceItem(key, origin, None, version=version)
        try:
            reply = self._get(fetcher, key, {})
            if reply.status != 200:
                raise refused(reply)
        except SourceError as error:
            return SourceFailure(key, error.message)
        return SourceItem(key, origin, reply.content, name=key, version=version)

    def _get(
        self, fetcher: HttpFetcher, key: str, query: Mapping[str, str], *, largest: int = 0
    ) -> HttpReply:
        path = f"/{self.settings.bucket}" + (f"/{quote(key, safe='/-_.~')}" if key else "")
        written = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        base = self.settings.url.rstrip("/")
        headers = signed_headers(
            path=urlsplit(base).path + path,
            query=written,
            host=urlsplit(base).netloc,
            region=self.settings.region,
            key_id=self.settings.user,
            secret=self.settings.secret,
            now=datetime.now(UTC),
        )
        url = f"{base}{path}" + (f"?{written}" if written else "")
        return fetcher.request(
            "GET",
            url,
            headers=headers if self.settings.user else None,
            may_follow=lambda url: False,  # a signature holds for one address
            largest=largest,
        )


def _name(element: Element) -> str:
    """Return an element's name without its namespace, which servers write or leave out."""
    return element.tag.rpartition("}")[2]


def signed_headers(
    *,
    path: str,
    query: str,
    host: str,
    region: str,
    key_id: str,
    secret: str,
    now: datetime,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a GET that is signed as AWS asks for (Signature Version 4)."""
    time = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    headers = {"host": host, "x-amz-content-sha256": EMPTY_SHA256, "x-amz-date": time, **(extra or {})}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join(("GET", path, query, lines, names, EMPTY_SHA256))
    to_sign = "\n".join(("AWS4-HMAC-SHA256", time, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return {**headers, "authorization": authorization}
