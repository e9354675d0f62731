"""The original files in a bucket, with a cache of those that were used last on this machine."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from docent.errors import FilesUnreachable
from docent.store.bucket import OriginalsBucket
from docent.store.catalog import bucket_objects
from docent.store.file_cache import FileCache
from docent.store.file_keys import FileKeys
from docent.store.files import COPIES, Copies, KeptOriginal, copy_checked, storing
from docent.store.protocols import Catalog, CatalogConnection

log = logging.getLogger(__name__)
FETCHED = "fetched"
"""The folder of storage/ with the cache."""
UNCLAIMED_SECONDS = 24 * 3600
"""Age at which an object that no row names is deleted; another machine may be storing a younger one."""
SWEPT = "objects swept"
"""The setting in the catalog that says when the bucket was last looked through."""


class S3Files:
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

    def keep(self, file: Path, sha256: str, *, settled: bool = True, links: bool = True) -> KeptOriginal:
        with self._catalog.read() as db:
            name = bucket_objects.name_of(db, sha256)
        if name:
            return KeptOriginal(file, sha256, links, name)
        return self._stored(file, sha256, links)

    def settle(self) -> None:
        """Do nothing: an object is durable once it is stored."""

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
