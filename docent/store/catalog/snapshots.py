"""A sound copy of the catalog beside it, in case its disk damages it.

Vectors are left out, which are half of it and can be made again; until they are, words alone find documents.

There is one copy: it replaces the one before only after SQLite found nothing wrong with it, so a second
would be older and no safer. A deletion removes it, since it holds what was deleted; the next one is taken
when nothing has changed for a while, and when the store is closed.
"""

from __future__ import annotations

import datetime
import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from docent.errors import DamagedStore, StorageBusy
from docent.store.catalog import bucket_objects
from docent.store.files import ORIGINALS, UNCLAIMED, FolderFiles, sync
from docent.store.locks import FolderLock
from docent.types import State

log = logging.getLogger(__name__)
CATALOG = "catalog.db"


class Snapshots:
    """The snapshot of the catalog of one index."""

    def __init__(self, index: Path) -> None:
        self._catalog = index / CATALOG
        self.folder = index / "snapshots"
        self.last = self.folder / CATALOG

    def is_current(self) -> bool:
        """Return True if it is as old as the catalog; a snapshot has its catalog's modification time."""
        log_file = self._catalog.with_name(f"{CATALOG}-wal")
        if log_file.exists() and log_file.stat().st_size:
            return False
        return self.last.exists() and self.last.stat().st_mtime_ns == self._catalog.stat().st_mtime_ns

    def take(self, *, whole: bool = False) -> None:
        """Copy the catalog while others go on, with vectors if `whole`. A damaged one is not copied."""
        part = self.folder / f".{CATALOG}.part"
        try:
            self.folder.mkdir(exist_ok=True)
            part.unlink(missing_ok=True)
            written = self._catalog.stat().st_mtime_ns
            copy_database(self._catalog, part)
            if not whole:
                _leave_out_vectors(part)
            if not complaint(part):
                sync(part)
                os.utime(part, ns=(written, written))
                part.replace(self.last)
        except (sqlite3.Error, OSError) as error:
            log.warning("No snapshot of %s could be taken (%s).", self._catalog, error)
        finally:
            part.unlink(missing_ok=True)

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def refuse_lost(self) -> None:
        """Raise DamagedStore for an empty catalog with a snapshot: everything else would be swept away."""
        if self.last.exists() and not (self._catalog.exists() and self._catalog.stat().st_size):
            raise damaged(self._catalog, "it is empty or gone")

    def put_back(self) -> None:
        """Put the snapshot in the catalog's place; the damaged file is kept until the next deletion."""
        for stale in (f"{CATALOG}-wal", f"{CATALOG}-shm"):
            self._catalog.with_name(stale).unlink(missing_ok=True)
        fresh = self._catalog.with_name(".catalog.part")
        shutil.copyfile(self.last, fresh)
        sync(fresh)
        if self._catalog.exists():
            self._catalog.replace(self.folder / "damaged.db")
        fresh.replace(self._catalog)


def copy_database(source: Path, target: Path) -> Path:
    """Copy a database as of one moment while others go on writing; return the copy."""
    with closing(sqlite3.connect(source, timeout=30)) as database, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA synchronous = OFF")
        database.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    return target


def _leave_out_vectors(catalog: Path) -> None:
    with closing(sqlite3.connect(catalog)) as copy:
        copy.executescript(
            # Half a copy is of no use. The log gets another name: what words and vectors have followed of it
            # since is not in this copy.
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; DELETE FROM vectors; "
            "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'log'; "
            f"UPDATE readings SET state = '{State.SEARCHABLE}', embedded = 0 WHERE embedded > 0; VACUUM"
        )


def damaged(catalog: Path, said: str) -> DamagedStore:
    """Return the error for a catalog that cannot be read, with the command that repairs it."""
    last = Snapshots(catalog.parent).last
    if last.exists():
        return DamagedStore(
            "{catalog} is damaged: {said}. Stop every Docent, then put back its snapshot of {last} "
            "with: python -m docent doctor --mend",
            catalog=catalog,
            said=said,
            last=_date(last),
        )
    return DamagedStore(
        "{catalog} is damaged: {said}. It has no snapshot. Stop every Docent, then restore a backup "
        "with: python -m docent restore FILE --force (or move storage/ away and run: python -m "
        "docent ingest)",
        catalog=catalog,
        said=said,
    )


def complaint(catalog: Path) -> str:
    """Return what SQLite finds wrong with a file; empty when it is sound."""
    if not (catalog.exists() and catalog.stat().st_size):
        return "it is empty or gone"
    try:
        with closing(sqlite3.connect(catalog)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                return "it is empty"
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return "" if "locked" in str(error) else str(error)
    return "" if found == "ok" else str(found)


def mend_catalog(folder: Path) -> str:
    """Put the snapshot in the place of a damaged catalog and say so; return "" when it is sound.

    Raises DamagedStore when there is no snapshot, or a process still has the folder open.
    """
    snapshots = Snapshots(folder / "index")
    catalog = folder / "index" / CATALOG
    if not (catalog.exists() or snapshots.last.exists()) or not (said := complaint(catalog)):
        return ""
    if not snapshots.last.exists():
        raise damaged(catalog, said)
    try:
        lock = FolderLock(folder)
    except StorageBusy as error:
        raise damaged(catalog, said) from error
    try:
        taken = _date(snapshots.last)
        snapshots.put_back()
        with closing(sqlite3.connect(catalog)) as database, database:
            bucket_objects.leave_folder(database)
        unclaimed = _set_aside(folder)
    finally:
        lock.release()
    kept = f" {unclaimed} files that were handed in later are in {folder / UNCLAIMED}." if unclaimed else ""
    return (
        f"the snapshot of {taken} was put back; python -m docent ingest reads again what came later, and "
        f"makes the vectors, without which documents are found by their words only.{kept}"
    )


def _set_aside(folder: Path) -> int:
    """Move originals that the snapshot does not know, or the next start would sweep them away."""
    with closing(sqlite3.connect(folder / "index" / CATALOG)) as database:
        known = {sha256 for (sha256,) in database.execute("SELECT sha256 FROM documents")}
    originals = FolderFiles(folder / ORIGINALS)
    unknown = set(originals.held()) - known
    for sha256 in unknown:
        (folder / UNCLAIMED).mkdir(exist_ok=True)
        originals.open(sha256).replace(folder / UNCLAIMED / sha256)
    return len(unknown)


def _date(path: Path) -> str:
    return f"{datetime.datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M}"
