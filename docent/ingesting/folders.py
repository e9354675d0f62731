"""Folders: find the files, compare them with the index, and read what is new or changed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from docent.errors import DocentError, LoadError, OutOfReach, StoreError, UnreadableFile
from docent.indexing.sync_plan import Plan, SameBytes, plan
from docent.ingesting.discovery import as_it_is_now, covers, find, is_gone
from docent.ingesting.pipeline import Intake, Read, told
from docent.store import Arrival, Store, sha256_of
from docent.types import Chunk, Document, FileReport, ReadBy, SourceFile

AHEAD = 2  # documents read beyond the one that is stored, for each worker: bounds the memory
TOGETHER = 64  # small files in one commit, which costs 30 ms however many they are
PAGES_TOGETHER = 200  # so that the first of them does not wait for long
BYTES_AHEAD = 4_000_000  # of files read beyond those that are stored
TRIES = 3  # a file that changes while it is read is read again, this often
SETTLED = 1.0  # seconds; a file that cannot be read and is younger may be growing


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come."""

    files: int
    """That are searchable by their words by now."""
    of_files: int
    pages: int
    path: str
    """Of the last file; empty when only vectors are left to make."""
    waiting: int
    """Chunks without a vector so far, whoever brought them."""


class Stopped(KeyboardInterrupt):
    """Ingesting was interrupted; `reports` are of the files that were finished."""

    def __init__(self, reports: Sequence[FileReport]) -> None:
        super().__init__()
        self.reports = _sorted(reports)


Reading = Future[Read]


class Work(NamedTuple):
    file: SourceFile
    outcome: Literal["added", "changed"]


def ingest(
    paths: Sequence[Path],
    *,
    data: Path,
    follow_links: bool = False,
    intake: Intake,
    retry_failed: bool,
    password: str | None,
    on_progress: Callable[[Progress], None],
) -> list[FileReport]:
    """Bring the index in step with the files; one that cannot be read is named, and the rest go on.

    Only what lies below the paths given is looked at, and only there can a file be found missing.
    Raises Stopped, with what is finished, where it is interrupted.
    """
    store = intake.store
    reports: list[FileReport] = []
    try:
        found, not_read = find(paths, data=data, follow_links=follow_links)
        reports += not_read
        libraries = sorted({file.library for file in found} | _libraries_below(paths, data, store))
        plans = {name: _planned(name, found, paths, data, store, retry_failed) for name in libraries}
        work = [Work(file, "added") for part in plans.values() for file in part.added]
        work += [Work(file, "changed") for part in plans.values() for file in part.changed]
        for part in plans.values():
            for same in part.same_bytes:
                if (report := _recognised(same, store)) is not None:
                    reports.append(report)
                else:
                    work.append(Work(same.file, "added" if same.moved else "changed"))
        for library, part in plans.items():
            reports += _without_reading(library, part, store)
        gone = {(library, path) for library, part in plans.items() for path in part.removed}
        pages = 0
        for number, report in enumerate(_read_and_kept(work, intake, password, gone), 1):
            pages += report.pages
            reports.append(report)
            on_progress(Progress(number, len(work), pages, report.path, store.lacking()))
        for library, path in gone:
            if is_gone(library, path, data):  # it may have come back meanwhile
                store.forget(library, path)
                reports.append(FileReport(library, path, "removed"))
        all_read = Progress(len(work), len(work), pages, "", 0)
        intake.background.wait(lambda waiting: on_progress(replace(all_read, waiting=waiting)))
    except KeyboardInterrupt as interrupt:
        raise Stopped(reports) from interrupt
    return _sorted(reports)


def _sorted(reports: Sequence[FileReport]) -> list[FileReport]:
    return sorted(reports, key=lambda report: (report.library, report.path))


def _read_and_kept(
    work: Sequence[Work], intake: Intake, password: str | None, gone: set[tuple[str, str]]
) -> Iterator[FileReport]:
    pool = ThreadPoolExecutor(max_workers=intake.workers, thread_name_prefix="reading")
    try:
        for ready in _read_ahead(work, pool, intake, password):
            yield from _kept_together(ready, intake, password, gone)
    finally:  # interrupted: what is being read ends with the loader
        pool.shutdown(wait=False, cancel_futures=True)


def _libraries_below(paths: Sequence[Path], data: Path, store: Store) -> set[str]:
    """Libraries that were ingested before and whose files would lie below the paths."""
    return {name for name in store.libraries(None) if any(covers(path, name, "", data) for path in paths)}


def _planned(
    library: str,
    found: Sequence[SourceFile],
    paths: Sequence[Path],
    data: Path,
    store: Store,
    retry_failed: bool,
) -> Plan:
    files = [file for file in found if file.library == library]
    there = {file.path for file in files}
    known = [
        one
        for one in store.known_files(library)
        if any(covers(path, library, one.path, data) for path in paths)
        and (one.path in there or is_gone(library, one.path, data))
    ]
    return plan(files, known, sha256=_sha256, retry_failed=retry_failed)


def _sha256(file: SourceFile) -> str:
    """Empty for a file that cannot be read: whoever reads it next says why."""
    try:
        return sha256_of(file.full)
    except UnreadableFile:
        return ""


def _recognised(same: SameBytes, store: Store) -> FileReport | None:
    """Bytes that are in the index: it learns the new path or date, and nothing is read again."""
    if not store.attach(same.file, same.sha256):
        return None
    if same.moved:
        return FileReport(same.file.library, same.file.path, "moved", f"was {same.was}")
    return FileReport(same.file.library, same.file.path, "unchanged", "only its date changed")


def _without_reading(library: str, part: Plan, store: Store) -> list[FileReport]:
    failures = {one.path: one.reason for one in store.known_files(library) if one.reason}
    return [
        *(FileReport(library, file.path, "unchanged") for file in part.unchanged),
        *(FileReport(library, file.path, "failed", failures[file.path]) for file in part.failed_before),
    ]


def _read_ahead(
    work: Sequence[Work], pool: ThreadPoolExecutor, intake: Intake, password: str | None
) -> Iterator[list[tuple[Work, Reading]]]:
    """Documents in order, as many at a time as have been read while those before were stored."""
    coming, waiting = deque(work), deque[tuple[Work, Reading]]()
    while coming or waiting:
        while coming and _has_room(waiting, intake.workers):
            one = coming.popleft()
            waiting.append((one, pool.submit(_read, one.file, intake, password)))
        ready = [waiting.popleft()]
        wait([ready[0][1]])
        pages = _pages(ready[0][1])
        while waiting and waiting[0][1].done() and len(ready) < TOGETHER and pages < PAGES_TOGETHER:
            ready.append(waiting.popleft())
            pages += _pages(ready[-1][1])
        yield ready


def _read(file: SourceFile, intake: Intake, password: str | None) -> Read:
    return intake.read(file.full, password=password, on_page=lambda *_: None)


def _has_room(waiting: Sequence[tuple[Work, Reading]], workers: int) -> bool:
    """For one more document to be read; small ones are many, so that one commit serves many of them."""
    if len(waiting) <= workers * AHEAD:
        return True
    return len(waiting) < TOGETHER and sum(one.file.bytes for one, _ in waiting) < BYTES_AHEAD


def _pages(reading: Reading) -> int:
    return 0 if reading.exception() else len(reading.result().document.pages)


def _kept_together(
    ready: Sequence[tuple[Work, Reading]], intake: Intake, password: str | None, gone: set[tuple[str, str]]
) -> Iterator[FileReport]:
    """New documents in one step; whatever is not plainly new, each by itself."""
    began = time.perf_counter()
    arrivals: dict[Work, Arrival] = {}
    kept: dict[Work, bool] = {}
    with suppress(Exception):  # each is then told why, by itself
        for one, reading in ready if len(ready) > 1 else ():
            if not reading.exception():
                read = reading.result()
                arrivals[one] = Arrival(one.file, read.document, read.chunks(one.file.library))
        kept = dict(zip(arrivals, intake.keep_several([*arrivals.values()]), strict=True))
    seconds = (time.perf_counter() - began) / len(ready)
    for one, reading in ready:
        if kept.get(one):
            arrival = arrivals[one]
            yield _report(one.outcome, arrival.file, arrival.document, arrival.chunks, seconds)
        else:
            yield _kept(one, reading, intake, password, gone)


def _kept(
    work: Work, reading: Reading, intake: Intake, password: str | None, gone: set[tuple[str, str]]
) -> FileReport:
    """One file from its reading to the store, or the reason why not."""
    began = time.perf_counter()
    file = work.file
    for attempt in range(1, TRIES + 1):
        try:
            read = reading.result() if attempt == 1 else _read(file, intake, password)
            if intake.store.attach(file, read.document.sha256):
                return _same_bytes(file, read.document, work.outcome, gone, intake.store)
            chunks = intake.keep(file, read)
            break
        except LoadError as error:
            _let_settle(file)
            now = as_it_is_now(file)
            if now == file or now is None or attempt == TRIES:
                # Without its date where the file is not to blame: the next ingest looks at it again.
                blamed = replace(file, modified_ns=0) if isinstance(error, OutOfReach) else file
                intake.store.fail(blamed, error.message)
                return FileReport(file.library, file.path, "failed", error.message)
            file = now
        except StoreError as error:
            return FileReport(file.library, file.path, "failed", error.message)
        except DocentError:
            raise  # what one file meets, all would: the embedding model does not answer
        except Exception as error:  # the others are read all the same, and the next ingest tries again
            return FileReport(file.library, file.path, "failed", told(error))
    return _report(work.outcome, file, read.document, chunks, time.perf_counter() - began)


def _let_settle(file: SourceFile) -> None:
    """Whoever copies a file into the folder has just begun it: what cannot be read now may be whole soon."""
    age = time.time() - file.modified_ns / 1e9
    if 0 <= age < SETTLED:
        time.sleep(SETTLED - age)


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


def _same_bytes(
    file: SourceFile, document: Document, outcome: str, gone: set[tuple[str, str]], store: Store
) -> FileReport:
    """Bytes that are here already: a renamed file, a copy of another, or one that was only touched."""
    if outcome == "changed":
        return FileReport(file.library, file.path, "unchanged", "only its date changed")
    twins = [
        path
        for one in store.known_files(file.library)
        if one.sha256 == document.sha256 and (path := one.path) != file.path
    ]
    moved = [path for path in twins if (file.library, path) in gone]
    if moved:
        return FileReport(file.library, file.path, "moved", f"was {moved[0]}", pages=len(document.pages))
    why = f"the same bytes as {twins[0]}" if twins else ""
    return FileReport(file.library, file.path, "added", why, pages=len(document.pages))
