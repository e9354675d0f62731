"""The original files in a bucket of S3, or of a server that speaks its protocol, such as MinIO or Ceph.

Keys, region and the server's address come from AWS's own variables, or from the machine's role. The files
that were used last are cached on this machine.
"""

from __future__ import annotations

import logging
import os
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from docent.errors import FilesRefused, FilesUnreachable, StoreError
from docent.store.catalog import bucket_objects
from docent.store.file_keys import FileKeys
from docent.store.files import COPIES, Copies, FileCache, KeptOriginal, copy_checked, storing
from docent.store.protocols import Catalog, CatalogConnection, Files

if TYPE_CHECKING:
    from obstore.store import S3Store

log = logging.getLogger(__name__)
FETCHED = "fetched"
"""The folder of storage/ with the cache."""
UNCLAIMED_SECONDS = 24 * 3600
"""Age at which an object that no row names is deleted; another machine may be storing a younger one."""
SWEPT = "objects swept"
"""The setting in the catalog that says when the bucket was last looked through."""
PART = 8_000_000
"""Bytes of a request: a larger object is sent and fetched in several, each with its own time limit."""
AT_ONCE = 4
"""Parts of one object that are sent at the same time."""
CONNECT_TIMEOUT = timedelta(seconds=5)
TIMEOUT = timedelta(seconds=30)
RETRIES = 3
RETRY_TIMEOUT = timedelta(seconds=20)
"""Time after which a request is not tried again; people wait for it."""
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class S3Files(Files):
    """Original files as objects `<catalog>/<sha256>/<random>`; a row names the one in which each lies.

    The same bytes get another object each time that they are stored. So what a slow process deletes late is
    never what was stored since. Each catalog has a folder, so another Docent in the bucket loses nothing.
    """

    shared = True

    def __init__(self, url: str, storage: Path, catalog: Catalog, *, secret: str = "") -> None:
        self._keys = FileKeys(secret)
        self._bucket = OriginalsBucket(url)
        self._catalog = catalog
        if not catalog.value(bucket_objects.FOLDER):
            catalog.set_value(bucket_objects.FOLDER, uuid.uuid4().hex)
        self._below = catalog.value(bucket_objects.FOLDER)
        self._cache = FileCache(storage / FETCHED)
        self.copies = Copies(storage / COPIES)

    def open(self, sha256: str) -> Path:
        def fetch(target: Path) -> bool:
            with self._catalog.read() as db:
                name, key = bucket_objects.name_of(db, sha256), bucket_objects.key_of(db, sha256)
            if not key:
                return bool(name) and self._bucket.get(name, target)
            with self._beside() as encrypted:
                if not self._bucket.get(name, encrypted):
                    return False
                self._keys.decrypt(encrypted, target, key)
            return True

        return self._cache.get(sha256, fetch)

    def keep(self, file: Path, sha256: str, *, links: bool = True) -> KeptOriginal:
        with self._catalog.read() as db:
            name = bucket_objects.name_of(db, sha256)
        if name:
            return KeptOriginal(file, sha256, links, name)
        return self._stored(file, sha256, links)

    def confirm(self, db: CatalogConnection, kept: KeptOriginal) -> None:
        if not kept.stored:  # it relied on an object that was there
            if bucket_objects.name_of(db, kept.sha256):
                return
            kept = self._stored(kept.file, kept.sha256, kept.links)
        elif time.time() - kept.stored > UNCLAIMED_SECONDS / 2:  # `tidy` of another machine may take it
            kept = self._stored(kept.file, kept.sha256, kept.links)
        bucket_objects.claim(db, kept.sha256, kept.name, kept.key)

    def withdraw(self, db: CatalogConnection, kept: KeptOriginal) -> None:
        if kept.stored and bucket_objects.name_of(db, kept.sha256) != kept.name:
            bucket_objects.drop(db, [kept.name])

    def release(self, db: CatalogConnection, sha256: str) -> None:
        bucket_objects.release(db, sha256)
        self._forget(sha256)

    def delete_released(self) -> None:
        with self._catalog.read() as db:
            names = bucket_objects.dropped(db)
        deleted = []
        try:
            for name in names:
                self._bucket.delete(name)
                deleted.append(name)
        except FilesUnreachable as error:  # they stay in the list
            log.warning("%d originals are not deleted yet. %s", len(names) - len(deleted), error)
        if deleted:
            with self._catalog.write() as db:
                bucket_objects.forget(db, deleted)
        for name in names:  # again, since one may have been opened just before its document went
            self._forget_unnamed(name.split("/")[-2])

    def stamp(self, sha256: str) -> object | None:
        with self._catalog.read() as db:
            names = {bucket_objects.name_of(db, sha256)} - {""}
            names |= {name for name in bucket_objects.dropped(db) if f"/{sha256}/" in name}
        return frozenset(names) or None

    def held(self) -> Iterator[str]:
        with self._catalog.read() as db:
            named = bucket_objects.named(db)
        folders = {name.partition("/")[0] for name in named.values()}
        stored = {name for folder in sorted(folders) for name, _ in self._bucket.objects(folder)}
        yield from (sha256 for sha256, name in named.items() if name in stored)

    def sweep(self, used: Collection[str]) -> set[str]:
        self.copies.sweep(used)
        for sha256 in self._cache.names() - set(used):
            self._cache.drop(sha256)
        with self._catalog.read() as db:
            return set(bucket_objects.named(db)) - set(used)

    def sweep_copies(self, unused: Callable[[Collection[str]], set[str]]) -> None:
        for sha256 in unused(self._cache.names() | self.copies.names()):
            self._forget(sha256)

    def check(self) -> None:
        next(self._bucket.objects(self._below), None)

    def tidy(self) -> None:
        """Once a day, note every object that the catalog does not name and that is older than a day."""
        self.delete_released()
        last = self._catalog.value(SWEPT)
        if last and time.time() - float(last) < UNCLAIMED_SECONDS:
            return
        try:
            old = [
                name
                for name, stored in self._bucket.objects(self._below)
                if time.time() - stored.timestamp() > UNCLAIMED_SECONDS
            ]
        except FilesUnreachable as error:
            log.warning("%s", error)
            return
        with self._catalog.write() as db:  # after the list: what is named since is younger
            bucket_objects.drop(db, set(old) - set(bucket_objects.named(db).values()))
        self._catalog.set_value(SWEPT, str(time.time()))
        self.delete_released()

    def _stored(self, file: Path, sha256: str, links: bool) -> KeptOriginal:
        """Store a copy as a new object; it also goes into the cache, since it is often read next."""
        name = f"{self._below}/{sha256}/{uuid.uuid4().hex}"
        part = self._cache.part()
        with storing(part):
            with part.open("wb") as copy:
                copy_checked(file, copy, sha256, links=links)
            if key := self._keys.new():
                with self._beside() as encrypted:
                    self._keys.encrypt(part, encrypted, key)
                    self._bucket.put(name, encrypted)
            else:
                self._bucket.put(name, part)
            stored = time.time()
            self._cache.add(part, sha256)
        return KeptOriginal(file, sha256, links, name, key, stored)

    @contextmanager
    def _beside(self) -> Iterator[Path]:
        """Yield a new path beside the cache, which is removed after the block."""
        path = self._cache.part()
        with storing(path):
            yield path

    def _forget_unnamed(self, sha256: str) -> None:
        with self._catalog.read() as db:
            if not bucket_objects.name_of(db, sha256):
                self._forget(sha256)

    def _forget(self, sha256: str) -> None:
        self._cache.drop(sha256)
        self.copies.drop(sha256)


class OriginalsBucket:
    """The objects below a prefix of one bucket. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Take s3://bucket/prefix; nothing is asked of the server yet."""
        if find_spec("obstore") is None:
            raise StoreError(
                "DOCENT_FILES_URL names a bucket, which needs obstore. Install it with: pip install "
                "'docent-rag[cluster]' (in a checkout: make install-cluster)"
            )
        self.url = url
        self._store = _opened(url)

    def put(self, name: str, file: Path) -> None:
        """Store a file as an object; it is there as a whole, and durable, or not at all."""
        with self._errors():
            self._store.put(name, file, chunk_size=PART, max_concurrency=AT_ONCE)

    def get(self, name: str, target: Path) -> bool:
        """Write an object into a file; False if there is no such object."""
        with self._errors():
            try:
                size = self._store.head(name)["size"]
                with target.open("wb") as file:
                    for start in range(0, size, PART):
                        file.write(self._store.get_range(name, start=start, end=min(start + PART, size)))
            except FileNotFoundError:
                return False
        return True

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""
        with self._errors():
            try:
                self._store.delete(name)
            except FileNotFoundError:
                pass  # as on a server where deleting nothing is an error

    def objects(self, below: str) -> Iterator[tuple[str, datetime]]:
        """Yield the name of each object, and when it was stored."""
        with self._errors():
            for some in self._store.list(below, chunk_size=1000):
                for one in some:
                    yield one["path"], one["last_modified"]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise FilesRefused(
                "The server of {url}, where the original files are, refuses Docent's keys. Check "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do there. Search and "
                "answers go on meanwhile.",
                url=self.url,
            ) from error
        except FileNotFoundError as error:  # as which it raises what a server does not find
            raise FilesRefused(
                "There is no bucket for {url}, where the original files are to be. Create it, or correct "
                "DOCENT_FILES_URL. Search and answers go on meanwhile.",
                url=self.url,
            ) from error
        except BaseError as error:
            raise FilesUnreachable(
                "The server of {url}, where the original files are, cannot be used now ({why}). Search and "
                "answers go on; files can be opened and added again once it answers. Try again later; if "
                "that does not help, check it and DOCENT_FILES_URL.",
                url=self.url,
                why=_reason(error),
            ) from error


def _opened(url: str) -> S3Store:
    from obstore.store import S3Store

    parts = urlsplit(url)
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config={"endpoint": endpoint} if endpoint else {},
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": CONNECT_TIMEOUT,
            "timeout": TIMEOUT,
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
    )


def _reason(error: Exception) -> str:
    """Return the code that the server answered, or the system's reason why it could not be asked."""
    text = str(error)
    found = re.search(r'<Code>(\w+)</Code>|message: "([^"]+)"', text)
    return (found[1] or found[2]) if found else text.partition("\n")[0].rpartition(" - ")[2]
