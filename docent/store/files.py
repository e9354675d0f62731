"""The original files, stored by content in storage/originals/<sha256>, and copies made of them.

A copy (storage/copies/<sha256>/<name>) is made to be shown and cached; a missing one is made again. It is
deleted with its original.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from docent.errors import StoreError, UnreadableFile
from docent.regular_files import open_regular

if TYPE_CHECKING:
    from docent.store.protocols import Catalog, CatalogConnection, Files

MOST_BYTES = 500_000_000


class Copies:
    """A bounded cache of files made of originals; the least recently used go first. Thread-safe."""

    def __init__(self, folder: Path, *, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._lock = threading.Lock()

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
        self._evict(keeping=path)
        return path

    def find(self, sha256: str, name: str) -> Path | None:
        """Return a copy that was made before, and note that it is used; None where there is none."""
        path = self._folder / sha256 / name
        with suppress(FileNotFoundError):
            os.utime(path)  # not touch(), which would make an empty file if this one is evicted now
            return path
        return None

    def remove(self, original: Path, name: str) -> None:
        """Remove one copy, so that it is made again."""
        (self._folder / original.name / name).unlink(missing_ok=True)

    def drop(self, sha256: str) -> None:
        shutil.rmtree(self._folder / sha256, ignore_errors=True)

    def held(self, sha256: str) -> int:
        folder = self._folder / sha256
        return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0

    def names(self) -> set[str]:
        """Return the SHA-256 of the originals of which there are copies."""
        return {entry.name for entry in self._folder.iterdir()} if self._folder.is_dir() else set()

    def sweep(self, known: Collection[str]) -> None:
        """Remove what belongs to originals that are gone."""
        if self._folder.is_dir():
            for entry in self._folder.iterdir():
                if entry.name not in known:
                    shutil.rmtree(entry, ignore_errors=True)

    def _evict(self, *, keeping: Path) -> None:
        with self._lock:
            there = []
            for path in self._folder.glob("*/*"):
                with suppress(FileNotFoundError):  # it was deleted meanwhile
                    there.append((path.stat(), path))
            total = sum(stat.st_size for stat, _ in there)
            for stat, path in sorted(there, key=lambda one: one[0].st_mtime_ns):
                if total <= self._most:
                    return
                if path != keeping:
                    path.unlink(missing_ok=True)
                    total -= stat.st_size


BLOCK = 1 << 20
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


class FolderFiles:
    """Original files in a folder: a file appears under its name once all of it has been copied.

    A file goes only inside a transaction of the catalog, where `confirm` sees that it is gone.
    """

    shared = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.copies = Copies(folder.parent / COPIES)
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, sha256: str) -> Path:
        return self._folder / sha256

    def keep(self, file: Path, sha256: str, *, settled: bool = True, links: bool = True) -> KeptOriginal:
        """Store a copy, unless there is one; refuse a file that has changed since it was read.

        Without `links`, a symbolic link in its place is not followed. Without `settled`, the copy survives a
        power cut only after `settle`.
        """
        kept = KeptOriginal(file, sha256, links)
        target = self.open(sha256)
        if target.exists():
            return kept
        part = self._folder / f".{sha256}.{secrets.token_hex(4)}.part"
        with storing(part):
            with part.open("wb") as copy:
                fcntl.flock(copy, fcntl.LOCK_EX)  # until it has its name: `sweep` leaves it alone
                copy_checked(file, copy, sha256, links=links)
                part.replace(target)
            if settled:
                self.settle()
        return kept

    def settle(self) -> None:
        """Make every name in the folder durable."""
        sync(self._folder)

    def confirm(self, db: CatalogConnection, kept: KeptOriginal) -> None:
        if not self.open(kept.sha256).exists():
            self.keep(kept.file, kept.sha256, links=kept.links)

    def withdraw(self, db: CatalogConnection, kept: KeptOriginal) -> None:
        """Do nothing: all documents of the same bytes rely on one file."""

    def release(self, db: CatalogConnection, sha256: str) -> None:
        self.open(sha256).unlink(missing_ok=True)
        self.copies.drop(sha256)

    def delete_released(self) -> None:
        """Do nothing: a file is deleted in the transaction that releases it."""

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

    def check(self) -> None:
        """Do nothing: a folder is on this machine."""

    def tidy(self) -> None:
        """Do nothing: `sweep` has seen all of the folder."""


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
        raise UnreadableFile("{name} vanished while it was read. Ingest again.", name=file.name) from error
    digest = hashlib.sha256()
    with source:
        while block := source.read(BLOCK):
            digest.update(block)
            copy.write(block)
    copy.flush()
    os.fsync(copy.fileno())
    if digest.hexdigest() != sha256:
        raise UnreadableFile(
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
