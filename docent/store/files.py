"""The original files, stored by content in storage/originals/<sha256>, and the caches beside them.

A copy (storage/copies/<sha256>/<name>) is made of an original to be shown; a missing one is made again. It is
deleted with its original.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from docent.errors import DamagedStore, StoreError, UnreadableFile
from docent.regular_files import open_regular
from docent.store.protocols import Catalog, CatalogConnection, Files

BLOCK = 1 << 20
MOST_COPIED = 500_000_000  # bytes
MOST_FETCHED = 2_000_000_000
IN_USE_SECONDS = 3600
COPIES = "copies"
ORIGINALS = "originals"
UNCLAIMED = "unclaimed"
"""The folder of originals that a catalog put back from its snapshot does not know."""


def set_aside(storage: Path) -> list[Path]:
    """Return the folders that keep the content of storage/ from before a backup was restored."""
    return sorted(storage.glob("before-restore-*"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in blocks."""
    try:
        with open_regular(path, links=True) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFile(
            "{name} cannot be read: {why}. Check that it exists and that you may read it.",
            name=path.name,
            why=error.strerror,
        ) from error


@dataclass(frozen=True, slots=True)
class KeptOriginal:
    """An original that was stored, for the transaction that makes a document of it."""

    file: Path
    sha256: str
    links: bool
    """The file may be reached by a symbolic link."""
    name: str = ""
    """Of the object in a bucket."""
    key: str = ""
    """Of that object, itself encrypted."""
    stored: float = 0.0
    """Time at which this call stored the object; 0 where it was there before."""


class FolderFiles(Files):
    """Original files in a folder: a file appears under its name once all of it has been copied.

    A file goes only inside a transaction of the catalog, where `confirm` sees that it is gone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.copies = Copies(folder.parent / COPIES)
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, sha256: str) -> Path:
        return self._folder / sha256

    def keep(self, file: Path, sha256: str, *, links: bool = True) -> KeptOriginal:
        kept = KeptOriginal(file, sha256, links)
        target = self.open(sha256)
        if target.exists():
            return kept
        part = self._folder / f".{sha256}.{secrets.token_hex(4)}.part"
        with storing(part), part.open("wb") as copy:
            fcntl.flock(copy, fcntl.LOCK_EX)  # until it has its name: `sweep` leaves it alone
            copy_checked(file, copy, sha256, links=links)
            part.replace(target)
        return kept

    def settle(self) -> None:
        """Make every name in the folder durable."""
        sync(self._folder)

    def confirm(self, db: CatalogConnection, kept: KeptOriginal) -> None:
        if not self.open(kept.sha256).exists():
            self.keep(kept.file, kept.sha256, links=kept.links)
            self.settle()

    def release(self, db: CatalogConnection, sha256: str) -> None:
        self.open(sha256).unlink(missing_ok=True)
        self.copies.drop(sha256)

    def stamp(self, sha256: str) -> object | None:
        try:
            stat = self.open(sha256).stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns

    def held(self) -> Iterator[str]:
        for entry in self._folder.iterdir():
            if not entry.name.startswith("."):
                yield entry.name

    def sweep(self, used: Collection[str]) -> set[str]:
        for part in self._folder.glob(".*.part"):
            if not _is_locked(part):
                part.unlink(missing_ok=True)
        self.copies.sweep(used)
        return set(self.held()) - set(used)

    def sweep_copies(self, unused: Callable[[Collection[str]], set[str]]) -> None:
        for sha256 in unused(self.copies.names()):
            self.copies.drop(sha256)


class Copies:
    """A bounded cache of files made of originals; the least recently used go first. Thread-safe."""

    def __init__(self, folder: Path, *, most: int = MOST_COPIED) -> None:
        self._folder = folder
        self._most = most

    def get(self, original: Path, name: str, make: Callable[[], bytes]) -> Path:
        """Return a copy of an original under this name, made if it is missing. Raises what `make` raises."""
        if (made := self.find(original.name, name)) is not None:
            return made
        path = self._folder / original.name / name
        data = make()
        part = path.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
        if not original.exists():  # it was deleted meanwhile, so its copy goes as well
            self.drop(original.name)
        _evict(set(self._folder.glob("*/*")) - {path}, self._most - len(data))
        return path

    def find(self, sha256: str, name: str) -> Path | None:
        """Return a copy that was made before, and note that it is used; None where there is none."""
        path = self._folder / sha256 / name
        return path if _touch(path) else None

    def remove(self, original: Path, name: str) -> None:
        """Remove one copy, so that it is made again."""
        (self._folder / original.name / name).unlink(missing_ok=True)

    def drop(self, sha256: str) -> None:
        shutil.rmtree(self._folder / sha256, ignore_errors=True)

    def held(self, sha256: str) -> int:
        return len(list((self._folder / sha256).glob("*")))

    def names(self) -> set[str]:
        """Return the SHA-256 of the originals of which there are copies."""
        return {path.name for path in self._folder.glob("*")}

    def sweep(self, known: Collection[str]) -> None:
        """Remove what belongs to originals that are gone."""
        for sha256 in self.names() - set(known):
            self.drop(sha256)


class FileCache:
    """Originals that were fetched, by their SHA-256, whole and checked before anybody sees them.

    The least recently used go first. Thread-safe, also between processes.
    """

    def __init__(self, folder: Path, *, most: int = MOST_FETCHED, in_use: float = IN_USE_SECONDS) -> None:
        self._folder = folder
        self._most = most
        self._in_use = in_use
        self._changed = threading.Condition()
        self._fetching: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, sha256: str, fetch: Callable[[Path], bool]) -> Path:
        """Return the path of a file, fetched if it is not here, by one thread for all that ask at once.

        The path does not exist where `fetch` returns False. Raises DamagedStore for other content.
        """
        path = self._folder / sha256
        with self._alone(sha256):
            if not _touch(path):
                self._fetch(path, fetch)
        return path

    def part(self) -> Path:
        """Return a new path beside the files, to write one that `add` then names."""
        return self._folder / f".{secrets.token_hex(8)}.part"

    def add(self, part: Path, sha256: str) -> None:
        """Name a file whose content was checked."""
        part.replace(self._folder / sha256)
        # Who was given a path may still read it, as a long scan is read.
        _evict(self._folder.iterdir(), self._most, in_use=self._in_use)

    def drop(self, sha256: str) -> None:
        (self._folder / sha256).unlink(missing_ok=True)

    def names(self) -> set[str]:
        return {entry.name for entry in self._folder.iterdir() if not entry.name.startswith(".")}

    @contextmanager
    def _alone(self, sha256: str) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: sha256 not in self._fetching)
            self._fetching.add(sha256)
        try:
            yield
        finally:
            with self._changed:
                self._fetching.remove(sha256)
                self._changed.notify_all()

    def _fetch(self, path: Path, fetch: Callable[[Path], bool]) -> None:
        part = self.part()
        with storing(part):
            if not fetch(part):
                return
            if sha256_of(part) != path.name:
                raise DamagedStore(
                    "An original in the bucket of DOCENT_FILES_URL is not as it was stored. Restore its "
                    "earlier version there, or delete the document and add the file again."
                )
            self.add(part, path.name)


def _touch(path: Path) -> bool:
    """Note that a file is used; False if it is not here.

    Its modification stays, by which a reader tells that a file has changed.
    """
    with suppress(FileNotFoundError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        return True
    return False


def _evict(files: Iterable[Path], most: int, *, in_use: float = 0.0) -> None:
    """Remove the files used least recently until the rest is small enough, but none used for so many seconds.

    A part that is an hour old goes as well: a killed process has left it.
    """
    here, now = [], time.time()
    for path in files:
        with suppress(FileNotFoundError):  # it was removed meanwhile
            here.append((path.stat(), path))
    total = sum(stat.st_size for stat, _ in here)
    for stat, path in sorted(here, key=lambda one: one[0].st_atime_ns):
        idle = now - stat.st_atime
        left_over = path.name.startswith(".") and idle > IN_USE_SECONDS
        if left_over or (total > most and idle >= in_use):
            path.unlink(missing_ok=True)
            total -= stat.st_size


def open_files(storage: Path, url: str, catalog: Catalog, *, secret: str) -> Files:
    """Open the original files of a storage/, in a bucket where a URL names one, encrypted with a secret."""
    if secret and not url:
        raise StoreError(
            "DOCENT_FILES_KEY encrypts original files in a bucket, and DOCENT_FILES_URL names none. Name "
            "one, or leave out the key and keep the storage folder on an encrypted disk."
        )
    if not url:
        return FolderFiles(storage / ORIGINALS)
    from docent.store.s3_files import S3Files  # not needed by default

    return S3Files(url, storage, catalog, secret=secret)


@contextmanager
def storing(part: Path) -> Iterator[None]:
    """Run a block that writes a file beside its place; raise StoreError where storage/ cannot be written."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            "The file could not be kept in storage/ ({why}). Free some space there, or check "
            "that it may be written.",
            why=error.strerror,
        ) from error
    finally:
        part.unlink(missing_ok=True)


def copy_checked(file: Path, copy: BinaryIO, sha256: str, *, links: bool) -> None:
    """Copy a file, durable on return; raise UnreadableFile where its content is not the one named."""
    try:
        source = open_regular(file, links=links)
    except OSError as error:
        raise vanished(file) from error
    digest = hashlib.sha256()
    with source:
        while block := source.read(BLOCK):
            digest.update(block)
            copy.write(block)
    copy.flush()
    os.fsync(copy.fileno())
    if digest.hexdigest() != sha256:
        raise changed(file)


def vanished(file: Path) -> UnreadableFile:
    return UnreadableFile("{name} vanished while it was read. Ingest again.", name=file.name)


def changed(file: Path) -> UnreadableFile:
    return UnreadableFile(
        "{name} changed while it was read. Ingest again when it is complete.", name=file.name
    )


def _is_locked(part: Path) -> bool:
    """Return True if a process is copying a file."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass  # it was renamed meanwhile
    return False


def sync(path: Path) -> None:
    """Write a file, or the renames in a folder, to the disk, so that they survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
