"""Bring the folder of each source level with what the source has now; the ingest does the rest.

A source writes into `data/LIBRARY/NAME/` alone, and changes only files that it has written itself: they
are listed in a hidden file beside them, with the origin and the version of each.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from docent.errors import InputError, SourceError
from docent.messages import Message
from docent.sources.allowed_hosts import AllowedHosts
from docent.sources.source_items import (
    ItemRecord,
    SourceFailure,
    SourceItem,
    SourceReader,
    safe_path,
    short_hash,
)
from docent.sources.source_list import AnySource, GitSource, MailSource, S3Source, WebDavSource, WebSource
from docent.types import document_id

RECORD = ".docent-source.json"
LOCK = ".docent-source.lock"
SAVED_EVERY = 50
"""Items between two writes of the record, so that a sync that is stopped goes on where it was."""


@dataclass(slots=True)
class SourceReport:
    """The outcome of one sync."""

    source: str
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: list[str] = field(default_factory=list)
    """Items that could not be read, with the reason; those known from before are kept."""
    stopped: str = ""
    """Why the source could not be read to its end; nothing is removed then."""
    note: str = ""

    @property
    def is_well(self) -> bool:
        return not self.failed and not self.stopped


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one installation."""

    settings: Mapping[str, AnySource]
    data: Path
    work: Path
    """Folder for what a source fetches beside its documents."""
    hosts: AllowedHosts
    largest: int
    """Bytes of an item."""
    _origins: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)

    def folder(self, name: str) -> Path:
        return self.data / (self.settings[name].library or name) / name

    def sync(self, names: Sequence[str] = ()) -> list[SourceReport]:
        """Copy what is new or changed of these sources, or of all; a failing one does not stop the others."""
        if unknown := [name for name in names if name not in self.settings]:
            raise InputError(
                "There is no source {name!r}. There are: {known}.",
                name=unknown[0],
                known=", ".join(self.settings) or "none",
            )
        return [self._sync(name) for name in names or self.settings]

    def _sync(self, name: str) -> SourceReport:
        report = SourceReport(name)
        try:
            with _held(self.folder(name)):
                _bring_level(
                    self.folder(name), self._reader(name), report, most=self.settings[name].most_items
                )
        except SourceError as error:
            report.stopped = error.message
        except OSError as error:
            report.stopped = Message(
                "The folder {folder} cannot be written ({why}). Allow it, or free some space.",
                folder=self.folder(name),
                why=error.strerror or "unknown",
            )
        return report

    def _reader(self, name: str) -> SourceReader:
        # Each is imported when it is used: a web page needs no mailbox.
        match self.settings[name]:
            case WebSource() as web:
                from docent.sources.website import Website

                return Website(web, self.hosts, self.largest)
            case MailSource() as mail:
                from docent.sources.mailbox import Mailbox

                return Mailbox(mail, self.hosts, self.largest)
            case WebDavSource() as webdav:
                from docent.sources.webdav import WebDavFolder

                return WebDavFolder(webdav, self.hosts, self.largest)
            case S3Source() as s3:
                from docent.sources.object_storage import Bucket

                return Bucket(s3, self.hosts, self.largest)
            case GitSource() as git:
                from docent.sources.git_repository import GitRepository

                return GitRepository(git, self.hosts, self.largest, self.work / f"{name}.git")

    def origin(self, document: str) -> str:
        """Return the address that a document comes from; empty for one of no source."""
        for name, settings in self.settings.items():
            if origin := self._origins_of(name, settings.library or name).get(document):
                return origin
        return ""

    def _origins_of(self, name: str, library: str) -> dict[str, str]:
        """Return the origin of each document of a source, read again when its record has changed."""
        record = self.folder(name) / RECORD
        try:
            changed = record.stat().st_mtime_ns
        except OSError:
            return {}
        if self._origins.get(name, (0, {}))[0] != changed:
            origins = {
                document_id(library, item.sha256): item.origin for item in _read_record(record).values()
            }
            self._origins[name] = (changed, origins)
        return self._origins[name][1]


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other processes from syncing into a folder. Raises SourceError if one does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SourceError("Another process is syncing this source. Wait until it is done.") from error
        yield


def _bring_level(folder: Path, reader: SourceReader, report: SourceReport, *, most: int) -> None:
    """Write the items that are new or changed, and remove those that are gone."""
    record = folder / RECORD
    known = _read_record(record)
    now = dict(known)
    present = {id: item for id, item in known.items() if (folder / item.file).is_file()}
    seen: set[str] = set()
    try:
        for number, item in enumerate(reader.items(present), 1):
            seen.add(item.id)
            if isinstance(item, SourceFailure):
                report.failed.append(item.why)
            else:
                now[item.id] = _keep(folder, item, now, report)
            if number % SAVED_EVERY == 0:
                _write_record(record, now)
        for gone in known.keys() - seen:
            _remove(folder, now.pop(gone).file)
            report.removed += 1
    finally:
        _write_record(record, now)
    if len(seen) >= most:
        report.note = Message("It stopped at most_items = {most}. Raise it for more.", most=most)


def _keep(folder: Path, item: SourceItem, now: Mapping[str, ItemRecord], report: SourceReport) -> ItemRecord:
    """Write an item's file if its bytes are new, and return its record."""
    before = now.get(item.id)
    if item.content is None and before is not None:
        report.unchanged += 1
        return ItemRecord(
            before.file,
            item.origin,
            before.sha256,
            {**before.version, **item.version},
            item.links or before.links,
        )
    content = item.content or b""
    sha256 = hashlib.sha256(content).hexdigest()
    file = before.file if before else _free_name(item, now)
    if before is None or before.sha256 != sha256 or not (folder / file).is_file():
        _write(folder / file, content)
        report.added += before is None
        report.changed += before is not None
    else:
        report.unchanged += 1
    return ItemRecord(file, item.origin, sha256, item.version, item.links)


def _free_name(item: SourceItem, now: Mapping[str, ItemRecord]) -> str:
    """Return a path that no other item has, also where upper and lower case are one."""
    path = safe_path(item.name, id=item.id)
    taken = {each.file.lower() for each in now.values()}
    if any(str(parent).lower() in taken for parent in PurePosixPath(path).parents):
        path = path.replace("/", "_")  # a file has the name of a folder
    if path.lower() in taken or any(each.startswith(f"{path.lower()}/") for each in taken):
        stem, dot, suffix = path.rpartition(".")
        path = f"{stem or suffix}-{short_hash(item.id)}{dot}{suffix if stem else ''}"
    return path


def _write(file: Path, content: bytes) -> None:
    """Write a file in one step, so that no ingest reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(content)
    os.replace(part, file)


def _remove(folder: Path, file: str) -> None:
    (folder / file).unlink(missing_ok=True)
    for parent in Path(file).parents:
        if parent == Path() or any((folder / parent).iterdir()):
            return
        (folder / parent).rmdir()


def _read_record(record: Path) -> dict[str, ItemRecord]:
    """Return the items of the last sync. Raises SourceError for a record that cannot be read."""
    if not record.exists():
        return {}
    try:
        items: dict[str, dict[str, Any]] = json.loads(record.read_text(encoding="utf-8"))["items"]
        return {
            id: ItemRecord(**{**item, "links": tuple(item["links"]), "file": _inside(item["file"])})
            for id, item in items.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SourceError(
            "{record} cannot be read ({why}). Remove its folder, and sync again.",
            record=record,
            why=str(error),
        ) from error


def _inside(file: str) -> str:
    """Return a path of a record, which somebody else may have written, if it stays in its folder."""
    path = Path(file)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{file!r} leads out of the folder")
    return file


def _write_record(record: Path, items: Mapping[str, ItemRecord]) -> None:
    kept = {id: asdict(item) for id, item in items.items()}
    _write(record, json.dumps({"version": 1, "items": kept}, ensure_ascii=False).encode())
