"""The catalog in SQLite: one file that all else is derived from, which any number of processes share."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from docent.errors import StoreError
from docent.postgres import require_packages
from docent.store.catalog.schema import is_older, migrate
from docent.store.catalog.snapshots import CATALOG, Snapshots, damaged
from docent.store.protocols import Catalog
from docent.types import Scope
from docent.write_ahead import BUSY_SECONDS, write_ahead

POLL_SECONDS = 1.0


class SqliteCatalog(Catalog):
    """Connections to catalog.db and transactions on it. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._write_lock = threading.RLock()
        self._stopped = threading.Event()
        # Last in, first out: the one used last has the fullest cache.
        self._idle: deque[sqlite3.Connection] = deque()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.snapshots = Snapshots(path.parent)
        self.snapshots.refuse_lost()
        self._writer = self._connect()
        self._watch, self._watching = self._connect(), threading.Lock()
        try:
            with self._translate_errors():
                if is_older(path):
                    self.snapshots.take(whole=True)
                migrate(self._writer)
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> int:
        with self._watching, self._translate_errors():
            (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        return int(version)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock, self._translate_errors():
            try:  # BEGIN is inside, since Ctrl+C may come right after it
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self, scope: Scope | None = None) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            with self._translate_errors():
                connection.execute("BEGIN")
                yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._idle.append(connection)

    def wait_for_change(self) -> None:
        """Wait until it is time to look at `version` again: a file tells nobody of its changes."""
        self._stopped.wait(POLL_SECONDS)

    def stop_waiting(self) -> None:
        self._stopped.set()

    def forget_copies(self) -> None:
        """Remove the snapshot, which holds what is deleted next."""
        self.snapshots.drop()

    def forget_traces(self) -> bool:
        """Empty the write-ahead log, which may hold deleted text; return False if it is in use."""
        with self._write_lock, self._translate_errors():
            (busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def forget_deleted(self) -> None:
        """Empty the write-ahead log. Raises StoreError where it still holds what was deleted."""
        if not self.forget_traces():
            raise StoreError(
                "It is deleted, but its text still stands in catalog.db-wal, because the catalog has "
                "been read without a pause for {busy_seconds:.0f} seconds. The next deletion, or the "
                "end of Docent, removes the text.",
                busy_seconds=BUSY_SECONDS,
            )

    def shrink(self) -> None:
        """Write the file anew without what was deleted; skipped while others read or write."""
        with self._write_lock, suppress(sqlite3.OperationalError):
            self._writer.execute("VACUUM")

    def save(self) -> None:
        """Take a snapshot unless the last one equals the catalog."""
        with self._write_lock:
            self.forget_traces()
            if not self.snapshots.is_current():
                self.snapshots.take()

    def complaints(self) -> list[str]:
        """Return what SQLite finds wrong with the file; an empty list when it is sound."""
        with self.read() as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
            found += [f"{row[0]} row {row[1]}" for row in connection.execute("PRAGMA foreign_key_check")]
        return [line for line in found if line != "ok"]

    def close(self) -> None:
        """Close it once no other thread writes: SQLite crashes where a connection in use is closed."""
        while self._idle:
            self._idle.pop().close()
        with self._watching:
            self._watch.close()
        with self._write_lock:
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        with self._translate_errors():
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                write_ahead(connection)
                # secure_delete: deleted text is overwritten, not only unlinked
                connection.executescript(
                    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
                    "PRAGMA secure_delete = ON; PRAGMA cache_size = -16000;"
                )
            except BaseException:
                connection.close()
                raise
        return connection

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.DatabaseError) -> Exception:
        said = str(error)
        if "disk is full" in said or "disk I/O" in said:
            return StoreError(
                "The catalog in storage/ could not be written: {why}. Nothing stored before is lost. "
                "Free some space on that disk and try again.",
                why=said,
            )
        if "malformed" in said or "not a database" in said:
            return damaged(self.path, said)
        if "locked" in said:
            return StoreError(
                "The catalog in storage/ has been locked by another process for {seconds:.0f} "
                "seconds. Wait for it to finish, or stop it, and try again.",
                seconds=BUSY_SECONDS,
            )
        return error


def open_catalog(folder: Path, database_url: str) -> Catalog:
    """Open the catalog of a storage/, in PostgreSQL where a URL names a database."""
    if not database_url:
        return SqliteCatalog(folder / "index" / CATALOG)
    require_packages()
    from docent.store.catalog.postgres_catalog import PostgresCatalog  # not installed by default

    return PostgresCatalog(database_url)
