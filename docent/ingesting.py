"""The corridor from files to the index: find, plan, load, chunk, embed, store."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from docent.errors import InputError, LoadError, StoreError
from docent.glossary import DEFAULT_LIBRARY, Document, FileReport, SourceFile, document_id
from docent.indexing import chunk, embedded_text
from docent.indexing.embedding import Embedder
from docent.indexing.plan import Plan, SameBytes, plan
from docent.loading import Loader
from docent.store import Store

AHEAD = 2  # documents read beyond the one that is embedded, for each worker: bounds the memory


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest has come, after each file."""

    files: int
    of_files: int
    pages: int
    report: FileReport


@dataclass(frozen=True, slots=True)
class Cut:
    """How long chunks are, in the embedding model's own tokens."""

    tokens: int
    overlap: int


def ingest(
    paths: Sequence[Path],
    *,
    data: Path,
    store: Store,
    loader: Loader,
    embedder: Embedder,
    cut: Cut,
    workers: int,
    retry_failed: bool,
    password: str | None,
    on_progress: Callable[[Progress], None],
) -> list[FileReport]:
    """Bring the index in step with the files; one that cannot be read is named, and the rest go on.

    Only what lies below the paths given is looked at, and only there can a file be found missing.
    """
    found, reports = find(paths, data=data)
    libraries = sorted({file.library for file in found} | _libraries_below(paths, data, store))
    plans = {name: _planned(name, found, paths, data, store, retry_failed) for name in libraries}
    work = [(file, "added") for part in plans.values() for file in part.added]
    work += [(file, "changed") for part in plans.values() for file in part.changed]
    for part in plans.values():
        for same in part.same_bytes:
            if (report := _recognised(same, store)) is not None:
                reports.append(report)
            else:
                work.append((same.file, "added" if same.moved else "changed"))
    of_files = len(work)
    pages = 0
    for library, part in plans.items():
        reports += _without_reading(library, part, store)
    gone = {(report.library, report.path) for report in reports if report.outcome == "removed"}
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="reading") as pool:
        for number, (file, outcome, read) in enumerate(_read_ahead(work, pool, loader, workers, password), 1):
            report = _kept(file, outcome, read, store, embedder, cut, gone)
            pages += report.pages
            reports.append(report)
            on_progress(Progress(number, of_files, pages, report))
    for library, path in gone:
        store.forget(library, path)
    return sorted(reports, key=lambda report: (report.library, report.path))


def find(paths: Sequence[Path], *, data: Path) -> tuple[list[SourceFile], list[FileReport]]:
    """Every file below the paths, each with its library; and the folders that could not be looked into."""
    files: dict[tuple[str, str], SourceFile] = {}
    closed: list[FileReport] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist. Name a file or folder, or put documents into {data}.")
        for full in _files(path, set()):
            if isinstance(full, FolderClosed):
                library, inside = _place(full.folder, data)
                closed.append(FileReport(library, inside, "failed", full.sentence))
            elif (file := _source(full, data)) is not None:
                files[file.library, file.path] = file
    return list(files.values()), closed


@dataclass(frozen=True, slots=True)
class FolderClosed:
    folder: Path
    why: str

    @property
    def sentence(self) -> str:
        return f"The folder {self.folder} cannot be read ({self.why}). Allow it: chmod u+rx '{self.folder}'"


def _files(path: Path, seen: set[Path]) -> Iterator[Path | FolderClosed]:
    """Files below a path; hidden ones are left alone, and a link that leads back is followed once."""
    if not path.is_dir():
        yield path
        return
    if (real := path.resolve()) in seen:
        return
    seen.add(real)
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        yield FolderClosed(path, error.strerror or "unknown")
        return
    for entry in entries:
        if not entry.name.startswith("."):
            yield from _files(entry, seen)


def _source(full: Path, data: Path) -> SourceFile | None:
    try:
        stat = full.stat()
    except OSError:
        return None  # it vanished since it was listed: the next run knows
    library, path = _place(full, data)
    return SourceFile(library, path, full, stat.st_size, stat.st_mtime_ns)


def _place(full: Path, data: Path) -> tuple[str, str]:
    """The library and the path in it: the first folder below data/, or "default"."""
    absolute, root = full.absolute(), data.absolute()
    if not absolute.is_relative_to(root):
        return DEFAULT_LIBRARY, absolute.as_posix()
    parts = absolute.relative_to(root).parts
    return (parts[0], "/".join(parts[1:])) if len(parts) > 1 else (DEFAULT_LIBRARY, parts[0])


def _libraries_below(paths: Sequence[Path], data: Path, store: Store) -> set[str]:
    """Libraries that were ingested before and whose files would lie below the paths."""
    return {name for name in store.libraries(None) if any(_covers(path, name, "", data) for path in paths)}


def _covers(path: Path, library: str, inside: str, data: Path) -> bool:
    """Whether a file of a library lies below a path that was asked for."""
    if library == DEFAULT_LIBRARY:
        home = data.absolute() if not inside.startswith("/") else Path("/")
    else:
        home = data.absolute() / library
    target = home / inside if inside else home
    return target.is_relative_to(path.absolute())


def _planned(
    library: str,
    found: Sequence[SourceFile],
    paths: Sequence[Path],
    data: Path,
    store: Store,
    retry_failed: bool,
) -> Plan:
    known = [
        one
        for one in store.known_files(library)
        if any(_covers(path, library, one.path, data) for path in paths)
    ]
    files = [file for file in found if file.library == library]
    return plan(files, known, sha256=_sha256, retry_failed=retry_failed)


def _sha256(file: SourceFile) -> str:
    """Empty for a file that cannot be read: whoever reads it next says why."""
    try:
        with file.full.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
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
        *(FileReport(library, path, "removed") for path in part.removed),
    ]


Read = Future[Document]


def _read_ahead(
    work: Sequence[tuple[SourceFile, str]],
    pool: ThreadPoolExecutor,
    loader: Loader,
    workers: int,
    password: str | None,
) -> Iterator[tuple[SourceFile, str, Read]]:
    """Documents in order, a few read ahead while the one before is embedded."""
    waiting: list[tuple[SourceFile, str, Read]] = []
    for file, outcome in work:
        waiting.append((file, outcome, pool.submit(loader.load, file.full, password=password)))
        if len(waiting) > workers * AHEAD:
            yield waiting.pop(0)
    yield from waiting


def _kept(
    file: SourceFile,
    outcome: str,
    read: Read,
    store: Store,
    embedder: Embedder,
    cut: Cut,
    gone: set[tuple[str, str]],
) -> FileReport:
    """One file from its reading to the store, or the reason why not."""
    began = time.perf_counter()
    try:
        document = read.result()
        if store.attach(file, document.sha256):
            return _same_bytes(file, document, outcome, gone, store)
        chunks = chunk(
            document,
            document_id=document_id(file.library, document.sha256),
            tokenizer=embedder.tokenizer,
            size=cut.tokens,
            overlap=cut.overlap,
            limit=embedder.max_tokens,
        )
        store.put(file, document, chunks, embedder.embed([embedded_text(one) for one in chunks]))
    except LoadError as error:
        store.fail(file, str(error))
        return FileReport(file.library, file.path, "failed", str(error))
    except StoreError as error:
        return FileReport(file.library, file.path, "failed", str(error))
    return FileReport(
        file.library,
        file.path,
        "partial" if document.unread else outcome,  # type: ignore[arg-type]
        reason=document.unread[0].note if document.unread else "",
        pages=len(document.pages),
        unread_pages=len(document.unread),
        chunks=len(chunks),
        seconds=round(time.perf_counter() - began, 3),
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


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
