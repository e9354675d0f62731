"""Back up everything that cannot be made again into one file, while other processes go on working.

A backup is a tar of the catalog and the other databases as of one moment, the originals, and a list of
checksums. Words and vectors are left out: they are written again from the catalog without embedding.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path, PurePosixPath

from docent.errors import DamagedStore, StoreError
from docent.store.catalog import bucket_objects, changes, documents
from docent.store.catalog.snapshots import copy_database
from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.store.files import ORIGINALS, sha256_of
from docent.store.locks import LOCK, FolderLock

LIST = "docent-backup.json"
CATALOG = "index/catalog.db"


def back_up(folder: Path, target: Path, *, originals: bool = True) -> int:
    """Write a backup of storage/ into a new file and return its size.

    It takes no lock: others may write meanwhile. Without `originals`, where a bucket has them, it is of all
    the rest.
    """
    if not (folder / CATALOG).exists():
        raise StoreError("There is nothing in {folder} to back up yet.", folder=folder)
    if target.exists():
        raise StoreError("{target} exists already. Name another file, or remove it first.", target=target)
    part = target.with_name(f".{target.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds every document
            with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
                _fill(tar, folder, Path(scratch), originals=originals)
                file.flush()
                os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise StoreError(
            "The backup could not be written to {target} ({strerror}). Free some space there, or "
            "name another place.",
            target=target,
            strerror=error.strerror,
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def restore(source: Path, folder: Path, *, force: bool) -> Path | None:
    """Put a backup into storage/ and return the folder that now holds the old content, if there was any."""
    lock = FolderLock(folder)
    try:
        there = [path for path in folder.iterdir() if path.name not in (LOCK, "models")]
        if there and not force:
            raise StoreError(
                "{folder} is not empty. Name an empty folder with DOCENT_STORAGE, or repeat with "
                "--force: what is there is then kept aside.",
                folder=folder,
            )
        fresh = folder / "restoring"
        shutil.rmtree(fresh, ignore_errors=True)
        _unpack(source, fresh)
        aside = folder / f"before-restore-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        for path in there:
            if path.exists() and path != fresh:
                aside.mkdir(exist_ok=True)
                path.rename(aside / path.name)
        for path in fresh.iterdir():
            path.rename(folder / path.name)
        fresh.rmdir()
        return aside if aside.exists() else None
    finally:
        lock.release()


def _fill(tar: tarfile.TarFile, folder: Path, scratch: Path, *, originals: bool) -> None:
    sums: dict[str, str] = {}

    def add(path: Path, name: str) -> None:
        sums[name] = sha256_of(path)
        tar.add(path, name)

    catalog = scratch / "catalog.db"
    copy_database(folder / CATALOG, catalog)
    for sha256 in _completed(catalog, folder / ORIGINALS if originals else None):
        add(folder / ORIGINALS / sha256, f"{ORIGINALS}/{sha256}")
    add(catalog, CATALOG)
    for path in _beside(folder):
        if path.suffix == ".db":
            path = copy_database(path, scratch / path.name)
        add(path, path.name)
    (scratch / LIST).write_text(json.dumps({"format": 1, "sha256": sums}, indent=1))
    tar.add(scratch / LIST, LIST)


def _completed(catalog: Path, originals: Path | None) -> list[str]:
    """Return the originals of a copied catalog; remove the documents from it that have none by now."""
    with closing(SqliteCatalog(catalog)) as copied, copied.write() as db:
        bucket_objects.leave_folder(db)
        if originals is None:
            return []
        there = {one for one in documents.used_originals(db) if (originals / one).exists()}
        for n, sha256 in db.execute("SELECT n, sha256 FROM documents").fetchall():
            if sha256 not in there:  # deleted while the backup was taken
                documents.withdraw(db, n)
        changes.remove(db, changes.nameless(db))
    return sorted(there)


def _beside(folder: Path) -> Iterator[Path]:
    """Yield the databases and small files of other packages that lie directly in storage/."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != LOCK and not path.name.endswith(("-wal", "-shm", ".part")):
            yield path


def _unpack(source: Path, fresh: Path) -> None:
    """Unpack all of it and verify every checksum, or leave nothing."""
    with ExitStack() as on_failure:
        on_failure.callback(shutil.rmtree, fresh, ignore_errors=True)
        try:
            with tarfile.open(source) as tar:
                members = tar.getmembers()
                if not members or not all(_is_ours(member) for member in members):
                    raise DamagedStore(
                        "{source} is no backup: name a file that `docent backup` wrote.", source=source
                    )
                tar.extractall(fresh, filter="data")
            sums: dict[str, str] = json.loads((fresh / LIST).read_text())["sha256"]
            (fresh / LIST).unlink()
        except (OSError, tarfile.TarError, ValueError, KeyError) as error:
            raise DamagedStore(
                "{source} cannot be read as a backup ({error}). Nothing was changed.",
                source=source,
                error=error,
            ) from error
        there = {path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file()}
        for name in sorted(there | sums.keys()):
            if name not in there or sha256_of(fresh / name) != sums.get(name):
                raise DamagedStore(
                    "{source} is damaged ({wrong} is not as it was). Nothing was changed.",
                    source=source,
                    wrong=name,
                )
        on_failure.pop_all()


def _is_ours(member: tarfile.TarInfo) -> bool:
    parts = PurePosixPath(member.name).parts
    return member.isfile() and (len(parts) == 1 or (len(parts) == 2 and parts[0] in ("index", "originals")))
