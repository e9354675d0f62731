"""Ingest folders, once or after every change: read the files that are new or changed, and store them."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from docent.errors import (
    DocentError,
    FilesRefused,
    FilesUnreachable,
    LoadError,
    OutOfReach,
    StoreError,
    UnreadableFile,
)
from docent.ingesting.discovery import SameBytes, SyncPlan, covers, file_now, find_files, is_gone, plan_sync
from docent.ingesting.ingest_pipeline import IngestPipeline, IngestProgress, ReadDocument, describe_error
from docent.messages import Message
from docent.store import Arrival, Store, sha256_of
from docent.types import Chunk, Document, FileReport, ReadBy, SourceFile

log = logging.getLogger(__name__)
AHEAD = 2  # documents read beyond the one that is stored, for each worker: bounds the memory
MAX_COMMIT = 64  # small files in one commit, which costs 30 ms for any number
MAX_COMMIT_PAGES = 200  # so that the first of them does not wait for long
BYTES_AHEAD = 4_000_000  # of files read beyond those that are stored
TRIES = 3  # a file that changes while it is read is read again, this often
SETTLED = 1.0  # seconds; a file that cannot be read and is younger may be growing
DATE_ONLY = Message("only its date changed")
QUIET_MS = 500  # without a change: then writing is done
LONGEST_MS = 5000  # of changes without a pause: then ingest what there is
RETRY_SECONDS = 5.0
FILES_RETRY_SECONDS = 2.0
"""Between two attempts while the server of the original files does not answer."""
SWEEP_SECONDS = 600.0  # ingest even without a signal: network drives do not always send one
POLL_MS = 1000
CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))


class IngestStopped(KeyboardInterrupt):
    """An ingest that was interrupted; `reports` are about the files that were finished."""

    def __init__(self, reports: Sequence[FileReport]) -> None:
        super().__init__()
        self.reports = _sorted(reports)


Reading = Future[ReadDocument]


class FileToRead(NamedTuple):
    file: SourceFile
    outcome: Literal["added", "changed"]


def ingest(
    paths: Sequence[Path],
    *,
    data: Path,
    follow_links: bool = False,
    pipeline: IngestPipeline,
    retry_failed: bool,
    password: str | None,
    on_progress: Callable[[IngestProgress], None],
) -> list[FileReport]:
    """Update the index to the files; a file that cannot be read is reported, and the others are read.

    Only files below the paths given are read or removed. Raises IngestStopped, with the reports so far,
    where it is interrupted.
    """
    store = pipeline.store
    reports: list[FileReport] = []
    try:
        found, not_read = find_files(paths, data=data, follow_links=follow_links)
        reports += not_read
        # Also libraries that were ingested before and whose files would be below the paths.
        below = (
            name for name in store.libraries(None) if any(covers(path, name, "", data) for path in paths)
        )
        libraries = sorted({file.library for file in found}.union(below))
        plans = {name: _planned(name, found, paths, data, store, retry_failed) for name in sorted(libraries)}
        work = [FileToRead(file, "added") for part in plans.values() for file in part.added]
        work += [FileToRead(file, "changed") for part in plans.values() for file in part.changed]
        for part in plans.values():
            for same in part.same_bytes:
                if (report := _attach(same, store)) is not None:
                    reports.append(report)
                else:
                    work.append(FileToRead(same.file, "added" if same.moved else "changed"))
        for library, part in plans.items():
            reports += _without_reading(library, part, store)
        missing = {(library, path) for library, part in plans.items() for path in part.removed}
        pages = 0
        for number, report in enumerate(_read_and_store(work, pipeline, password, missing), 1):
            pages += report.pages
            reports.append(report)
            on_progress(IngestProgress(number, len(work), pages, report.path, store.lacking()))
        for library, path in missing:
            if is_gone(library, path, data):  # it may be back by now
                store.forget(library, path)
                reports.append(FileReport(library, path, "removed"))
        all_read = IngestProgress(len(work), len(work), pages, "", 0)
        pipeline.background.wait(lambda waiting: on_progress(replace(all_read, waiting=waiting)))
    except KeyboardInterrupt as interrupt:
        raise IngestStopped(reports) from interrupt
    return _sorted(reports)


def _sorted(reports: Sequence[FileReport]) -> list[FileReport]:
    return sorted(reports, key=lambda report: (report.library, report.path))


def _read_and_store(
    work: Sequence[FileToRead], pipeline: IngestPipeline, password: str | None, missing: set[tuple[str, str]]
) -> Iterator[FileReport]:
    pool = ThreadPoolExecutor(max_workers=pipeline.workers, thread_name_prefix="reading")
    try:
        for ready in _read_ahead(work, pool, pipeline, password):
            yield from _store_together(ready, pipeline, password, missing)
    finally:  # interrupted: the loader ends what is being read
        pool.shutdown(wait=False, cancel_futures=True)


def _planned(
    library: str,
    found: Sequence[SourceFile],
    paths: Sequence[Path],
    data: Path,
    store: Store,
    retry_failed: bool,
) -> SyncPlan:
    files = [file for file in found if file.library == library]
    present = {file.path for file in files}
    known = [
        file
        for file in store.known_files(library)
        if any(covers(path, library, file.path, data) for path in paths)
        and (file.path in present or is_gone(library, file.path, data))
    ]
    return plan_sync(files, known, sha256=_sha256, retry_failed=retry_failed)


def _sha256(file: SourceFile) -> str:
    """Return the hash, empty for a file that cannot be read: reading it will report the reason."""
    try:
        return sha256_of(file.full)
    except UnreadableFile:
        return ""


def _attach(same: SameBytes, store: Store) -> FileReport | None:
    """Store the new path or date of bytes that are in the index; None where they are there no more."""
    if not store.attach(same.file, same.sha256):
        return None
    if same.moved:
        return FileReport(same.file.library, same.file.path, "moved", Message("was {path}", path=same.was))
    return FileReport(same.file.library, same.file.path, "unchanged", DATE_ONLY)


def _without_reading(library: str, part: SyncPlan, store: Store) -> list[FileReport]:
    failures = {file.path: file.reason for file in store.known_files(library) if file.reason}
    return [
        *(FileReport(library, file.path, "unchanged") for file in part.unchanged),
        *(FileReport(library, file.path, "failed", failures[file.path]) for file in part.failed_before),
    ]


def _read_ahead(
    work: Sequence[FileToRead], pool: ThreadPoolExecutor, pipeline: IngestPipeline, password: str | None
) -> Iterator[list[tuple[FileToRead, Reading]]]:
    """Yield documents in order, as many at a time as were read while those before were stored."""
    coming, waiting = deque(work), deque[tuple[FileToRead, Reading]]()
    while coming or waiting:
        while coming and _has_room(waiting, pipeline.workers):
            following = coming.popleft()
            waiting.append((following, pool.submit(_read, following.file, pipeline, password)))
        ready = [waiting.popleft()]
        wait([ready[0][1]])
        pages = _pages(ready[0][1])
        while waiting and waiting[0][1].done() and len(ready) < MAX_COMMIT and pages < MAX_COMMIT_PAGES:
            ready.append(waiting.popleft())
            pages += _pages(ready[-1][1])
        yield ready


def _read(file: SourceFile, pipeline: IngestPipeline, password: str | None) -> ReadDocument:
    return pipeline.read(file.full, password=password, on_page=lambda *_: None)


def _has_room(waiting: Sequence[tuple[FileToRead, Reading]], workers: int) -> bool:
    """Return whether one more document may be read ahead; small files may be many, to share a commit."""
    if len(waiting) <= workers * AHEAD:
        return True
    return len(waiting) < MAX_COMMIT and sum(work.file.bytes for work, _ in waiting) < BYTES_AHEAD


def _pages(reading: Reading) -> int:
    return 0 if reading.exception() else len(reading.result().document.pages)


def _store_together(
    ready: Sequence[tuple[FileToRead, Reading]],
    pipeline: IngestPipeline,
    password: str | None,
    missing: set[tuple[str, str]],
) -> Iterator[FileReport]:
    """Store new documents in one step, and all others one by one."""
    began = time.perf_counter()
    arrivals: dict[FileToRead, Arrival] = {}
    stored: dict[FileToRead, bool] = {}
    with suppress(Exception):  # each is then stored, or reported, by itself
        for work, reading in ready if len(ready) > 1 else ():
            if not reading.exception():
                read = reading.result()
                arrivals[work] = Arrival(work.file, read.document, read.chunks(work.file.library))
        stored = dict(zip(arrivals, pipeline.keep_several([*arrivals.values()]), strict=True))
    seconds = (time.perf_counter() - began) / len(ready)
    for work, reading in ready:
        if stored.get(work):
            arrival = arrivals[work]
            yield _report(work.outcome, arrival.file, arrival.document, arrival.chunks, seconds)
        else:
            yield _store_one(work, reading, pipeline, password, missing)


def _store_one(
    work: FileToRead,
    reading: Reading,
    pipeline: IngestPipeline,
    password: str | None,
    missing: set[tuple[str, str]],
) -> FileReport:
    """Store one file that was read, and return its report."""
    began = time.perf_counter()
    file = work.file
    for attempt in range(1, TRIES + 1):
        try:
            read = reading.result() if attempt == 1 else _read(file, pipeline, password)
            if pipeline.store.attach(file, read.document.sha256):
                return _report_same_bytes(file, read.document, work.outcome, missing, pipeline.store)
            chunks = _keep(file, read, pipeline)
            break
        except LoadError as error:
            age = time.time() - file.modified_ns / 1e9
            if 0 <= age < SETTLED:  # it may still be being copied
                time.sleep(SETTLED - age)
            now = file_now(file)
            if now == file or now is None or attempt == TRIES:
                # Without its date where the file is not the cause, so that the next ingest reads it again.
                failed = replace(file, modified_ns=0) if isinstance(error, OutOfReach) else file
                pipeline.store.fail(failed, error.message)
                return FileReport(file.library, file.path, "failed", error.message)
            file = now
        except StoreError as error:
            return FileReport(file.library, file.path, "failed", error.message)
        except DocentError:
            raise  # every file would fail: the embedding model does not answer
        except Exception as error:  # the other files are still read, and the next ingest tries this one again
            return FileReport(file.library, file.path, "failed", describe_error(error))
    return _report(work.outcome, file, read.document, chunks, time.perf_counter() - began)


def _keep(file: SourceFile, read: ReadDocument, pipeline: IngestPipeline) -> list[Chunk]:
    """Store a document; while the server of the original files does not answer, wait for it."""
    reported = False
    while True:
        try:
            return pipeline.keep(file, read)
        except FilesRefused:
            raise
        except FilesUnreachable as error:
            if not reported:
                log.warning("%s The ingest waits for it.", error)
            reported = True
            time.sleep(FILES_RETRY_SECONDS)


def _report(
    outcome: Literal["added", "changed"],
    file: SourceFile,
    document: Document,
    chunks: Sequence[Chunk],
    seconds: float,
) -> FileReport:
    return FileReport(
        file.library,
        file.path,
        "partial" if document.unread else outcome,
        reason=document.shortfall(len(chunks)),
        pages=len(document.pages),
        unread_pages=len(document.unread),
        recognised_pages=sum(page.read_by is ReadBy.OCR for page in document.pages),
        hidden_pages=sum(bool(page.hidden) for page in document.pages),
        chunks=len(chunks),
        nothing_to_search=not chunks,
        seconds=round(seconds, 3),
    )


def _report_same_bytes(
    file: SourceFile, document: Document, outcome: str, missing: set[tuple[str, str]], store: Store
) -> FileReport:
    """Report bytes that are in the index already: a moved file, a copy of another, or one only touched."""
    if outcome == "changed":
        return FileReport(file.library, file.path, "unchanged", DATE_ONLY)
    twins = [
        path
        for known in store.known_files(file.library)
        if known.sha256 == document.sha256 and (path := known.path) != file.path
    ]
    moved = [path for path in twins if (file.library, path) in missing]
    if moved:
        why = Message("was {path}", path=moved[0])
        return FileReport(file.library, file.path, "moved", why, pages=len(document.pages))
    why = Message("the same bytes as {path}", path=twins[0]) if twins else Message("")
    return FileReport(file.library, file.path, "added", why, pages=len(document.pages))


def in_container() -> bool:
    """Return whether this is a container, where changes that the host makes are not signalled."""
    return any(mark.exists() for mark in CONTAINERS)


def follow_folders(
    paths: Sequence[Path],
    *,
    ingest: Callable[[], Sequence[FileReport]],
    polling: bool,
    on_reports: Callable[[Sequence[FileReport]], None],
    on_trouble: Callable[[str], None],
) -> None:
    """Ingest now and after every change, until interrupted; an error is reported, and ingest tried again."""
    failures: set[FileReport] = set()
    for _ in _changes(paths, polling):
        reports = _ingest_until_done(ingest, on_trouble)
        on_reports([report for report in reports if report.outcome != "unchanged" and report not in failures])
        failures = {report for report in reports if report.outcome == "failed"}


def _ingest_until_done(
    ingest: Callable[[], Sequence[FileReport]], on_trouble: Callable[[str], None]
) -> Sequence[FileReport]:
    while True:
        try:
            return ingest()
        except DocentError as error:
            on_trouble(error.message)
            time.sleep(RETRY_SECONDS)


def _changes(paths: Sequence[Path], polling: bool) -> Iterator[None]:
    """Yield once at the start, and again whenever something may have changed."""
    from watchfiles import watch  # 0.1 s to import, for those who follow a folder

    while True:
        present = [path for path in paths if os.path.exists(path)]
        if len(present) < len(
            paths
        ):  # a missing folder cannot be watched; ingest reports it until it is back
            yield
            continue
        ingested = -SWEEP_SECONDS  # the first time inside the watch, so that no change before it is missed
        for changes in watch(
            *present,
            watch_filter=lambda _, path: not Path(path).name.startswith("."),
            step=QUIET_MS,
            debounce=LONGEST_MS,
            rust_timeout=500,
            yield_on_timeout=True,
            force_polling=polling,
            poll_delay_ms=POLL_MS,
            ignore_permission_denied=True,
        ):
            if changes or time.monotonic() - ingested > SWEEP_SECONDS:
                ingested = time.monotonic()
                yield
            if not all(map(os.path.exists, paths)):
                break
