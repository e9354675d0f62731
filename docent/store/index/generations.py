"""Generations of the index: one answers, one is kept for a rollback, one may be being built.

All of them are readings of the same documents in one catalog. Switching is one UPDATE, which every process
sees with its next call (docs/decisions/0019-generations.md).
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from docent.errors import IndexMismatch, StorageBusy, StoreError
from docent.store.catalog import changes, contents, documents
from docent.store.catalog.changes import Generation
from docent.store.catalog.sqlite_catalog import open_catalog
from docent.store.index.local_index import LocalIndex
from docent.store.index.owned_index import chroma_name
from docent.store.index.vectors import ChromaVectors
from docent.store.locks import FolderLock
from docent.store.protocols import Catalog, CatalogConnection

log = logging.getLogger(__name__)
Switched = Literal["switched", "busy", "behind"]
LEAVING_SECONDS = 10.0  # until a process that has seen a switch has closed what answered before
AT_ONCE = 100  # readings that are deleted in one transaction, so that others may write in between


@dataclass(frozen=True, slots=True)
class Serving:
    """The generation that answers, and its index."""

    generation: int
    index: LocalIndex
    version: int
    """Of the catalog: what was read of an earlier version may be old."""

    @property
    def state(self) -> tuple[int, int]:
        """A pair that differs once the catalog has changed, or another generation serves."""
        return self.generation, self.version


class ServingIndex:
    """Opens the index of the serving generation, and of the next one when another process has switched.

    While `fixed` it stays with one generation, which is being built.
    """

    def __init__(
        self, catalog: Catalog, generation: int, open_index: Callable[[int], LocalIndex], *, fixed: bool
    ) -> None:
        self._catalog = catalog
        self._open_index = open_index
        self._fixed = fixed
        self._switching = threading.RLock()
        self._closing = threading.Event()
        self._level_at = time.monotonic()
        self._serving = Serving(generation, open_index(generation), catalog.version)
        self._watcher = threading.Thread(target=self._watch, name="following", daemon=True)
        self._watcher.start()

    def now(self) -> Serving:
        version = self._catalog.version
        if version != self._serving.version:
            number = self._serving.generation
            if not self._fixed:
                with self._catalog.read() as db:
                    number = changes.generations(db)["serving"].number
            with self._switching:
                before = self._serving
                if number == before.generation:
                    self._serving = replace(before, version=version)
                else:
                    self._serving = Serving(number, self._open_index(number), version)
                    before.index.close()
        return self._serving

    @property
    def lag(self) -> float:
        """The seconds since words and vectors were last seen level with the log."""
        return time.monotonic() - self._level_at

    def close(self) -> bool:
        """Close the index; return True if this process owned it."""
        self._closing.set()
        self._catalog.stop_waiting()
        self._watcher.join()
        index = self._serving.index
        index.close()
        return index.owned

    def _watch(self) -> None:
        """Follow what other processes wrote and could not say, and try again what Chroma refused."""
        seen = self._serving.version
        reported = ""
        while True:
            self._catalog.wait_for_change()
            if self._closing.is_set():
                return
            try:
                version, index = self._catalog.version, self.now().index
                if index.owned and (version != seen or index.behind):
                    index.follow()
                index.beat()
                seen, reported = version, ""
                self._level_at = time.monotonic()
            except (StoreError, OSError, sqlite3.Error) as error:  # it is tried again
                if str(error) != reported:
                    log.warning("%s", error)
                reported = str(error)


def bind(
    catalog: Catalog,
    folder: Path,
    lock: FolderLock,
    fingerprint: str,
    *,
    building: bool,
    chroma: tuple[str, str],
) -> int:
    """Return the generation to work on: the serving one, or the one to build. Raises IndexMismatch."""
    with catalog.write() as db:
        if "serving" not in changes.generations(db):
            changes.begin_generation(db, fingerprint, "serving")
        known = changes.generations(db)
        if building and "building" not in known:
            return changes.begin_generation(db, fingerprint, "building")
    serving, built = known["serving"], known.get("building")
    if building:
        assert built is not None
        if built.fingerprint == fingerprint:
            return built.number
        drop_generation(catalog, folder, built, chroma)  # it was begun with other settings
        return bind(catalog, folder, lock, fingerprint, building=True, chroma=chroma)
    if built is not None and built.fingerprint == fingerprint and not _is_owned(folder, built):
        # A rebuild that was complete, and could not be switched to or was killed.
        if switch_to(catalog, folder, lock, built.number, chroma) == "switched":
            return built.number
    if serving.fingerprint != fingerprint:
        raise IndexMismatch(
            "storage/ was indexed with {stored}; settings ask for {fingerprint}. Run: python -m "
            "docent ingest --rebuild",
            stored=serving.fingerprint,
            fingerprint=fingerprint,
        )
    return serving.number


def switch_to(
    catalog: Catalog, folder: Path, lock: FolderLock, generation: int, chroma: tuple[str, str]
) -> Switched:
    """Let the generation that was built answer.

    behind: it lacks something of the serving one. busy: a process answers from that with other settings.
    """
    with catalog.read() as db:
        known = changes.generations(db)
        changes.require(db, generation)
        if "building" not in known or known["building"].number != generation:
            return "switched"  # by another process that built it, too
        if not _is_complete(db, generation, known["serving"]):
            return "behind"
    same = known["serving"].fingerprint == known["building"].fingerprint
    try:
        with nullcontext() if same else lock.alone():
            with catalog.write() as db:
                now = changes.generations(db)
                changes.require(db, generation)
                if now.get("building", now["serving"]).number != generation:
                    return "switched"  # and perhaps back again, by another process
                if not _is_complete(db, generation, now["serving"]):
                    return "behind"
                if "previous" in now:
                    changes.retire(db, now["previous"].number)
                changes.serve(db, generation)
                documents.take_over(db, generation)
    except StorageBusy:
        return "busy"
    sweep(catalog, folder, chroma)
    return "switched"


def roll_back(folder: Path, *, database_url: str = "") -> str:
    """Let the generation before the last rebuild answer, and return its fingerprint.

    A second call undoes the first. Documents that came since wait to be read.
    """
    with _opened(folder, database_url) as (catalog, lock, known):
        if "previous" not in known:
            raise StoreError(
                "There is no earlier index in {folder}. One is kept when the index is built anew with: "
                "python -m docent ingest --rebuild",
                folder=folder,
            )
        earlier, now = known["previous"], known["serving"]
        try:
            with nullcontext() if earlier.fingerprint == now.fingerprint else lock.alone():
                with catalog.write() as db:
                    if changes.generations(db).get("previous") != earlier:
                        raise StoreError("Another process has exchanged the index meanwhile. Run this again.")
                    changes.serve(db, earlier.number)
        except StorageBusy as error:
            raise StoreError(
                "The earlier index was made with {found}; the Docent that is running, perhaps "
                "the chat, works with {fingerprint}. Stop it and run this again, then start it "
                "with the settings of before.",
                found=earlier.fingerprint,
                fingerprint=now.fingerprint,
            ) from error
        return earlier.fingerprint


def forget_previous(folder: Path, *, chroma_url: str, database_url: str = "") -> bool:
    """Remove the generation before the last rebuild; False when there was none."""
    return _forget(folder, "previous", chroma_url, database_url)


def forget_built(folder: Path, *, chroma_url: str, database_url: str = "") -> bool:
    """Remove the generation that was built and is not to answer; False when there was none."""
    return _forget(folder, "building", chroma_url, database_url)


def _forget(folder: Path, role: str, chroma_url: str, database_url: str) -> bool:
    with _opened(folder, database_url) as (catalog, _, known):
        if role not in known:
            return False
        chroma = (catalog.value("name"), chroma_url) if chroma_url else ("", "")
        drop_generation(catalog, folder, known[role], chroma)
        catalog.shrink()
        return True


@contextmanager
def _opened(folder: Path, database_url: str) -> Iterator[tuple[Catalog, FolderLock, dict[str, Generation]]]:
    """Open the catalog of a storage/ without its index, for the block."""
    with ExitStack() as opened:
        lock = FolderLock(folder, shared=True)
        opened.callback(lock.release)
        catalog = opened.enter_context(closing(open_catalog(folder, database_url)))
        with catalog.read() as db:
            known = changes.generations(db)
        yield catalog, lock, known


def drop_generation(catalog: Catalog, folder: Path, generation: Generation, chroma: tuple[str, str]) -> None:
    """Remove a generation with its index. Raises StorageBusy while a process works on it."""
    index = folder / "index" / str(generation.number)
    lock = FolderLock(index, wait=LEAVING_SECONDS)
    try:
        with catalog.write() as db:
            if not changes.retire(db, generation.number):
                return  # another process has removed it, or has gone back to it
        name, url = chroma
        if url:  # first: the server may be away
            with catalog.read() as db:
                libraries = documents.every_library(db)
            with closing(ChromaVectors(index, name=chroma_name(name, generation.number), url=url)) as vectors:
                for library in libraries:
                    vectors.drop_library(library)
        shutil.rmtree(index)
        left = True
        while left:
            with catalog.write() as db:
                left = changes.delete_readings(db, generation.number, AT_ONCE)
    finally:
        lock.release()


def sweep(catalog: Catalog, folder: Path, chroma: tuple[str, str]) -> None:
    """Finish removals that a killed process has begun, and remove folders that one made again meanwhile."""
    with catalog.read() as db:
        known = {str(one.number) for one in changes.generations(db).values()}
        unfinished = changes.retired(db)
    for generation in unfinished:
        try:
            drop_generation(catalog, folder, generation, chroma)
        except StoreError as error:  # it is in use, or a Chroma server is away: the next start tries again
            log.warning("The index before the last one is not removed yet. %s", error)
    for index in (folder / "index").iterdir():
        if index.name.isdigit() and index.name not in known:
            with suppress(StorageBusy):
                lock = FolderLock(index)
                shutil.rmtree(index)
                lock.release()


def _is_complete(db: CatalogConnection, generation: int, serving: Generation) -> bool:
    missing = changes.missing_in(db, generation, serving=serving.number)
    return not missing and not contents.count_without_vectors(db, generation)


def _is_owned(folder: Path, generation: Generation) -> bool:
    try:
        FolderLock(folder / "index" / str(generation.number)).release()
    except StorageBusy:
        return True
    return False
