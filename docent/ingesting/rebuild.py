"""The whole index anew: from the text in the catalog, or from the files that are kept in storage/."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from docent.errors import LoadError, StoreError
from docent.ingesting.folders import Progress
from docent.ingesting.pipeline import Intake, Read
from docent.store import OldDocument, Rebuild
from docent.types import Document, FileReport


def rebuild(
    old: Path, *, intake: Intake, full: bool, on_progress: Callable[[Progress], None]
) -> list[FileReport]:
    """Build intake's store from the index in `old`; what could not be carried over is in the reports.

    `full` reads every file again; otherwise only cutting and embedding are done anew. What comes to
    the old index meanwhile is carried over, too.
    """
    reports: list[FileReport] = []
    failed: set[str] = set()
    with Rebuild(old, new=intake.store) as work:
        while missing := [kept for kept in work.missing() if kept.id not in failed]:
            pages = 0
            for number, kept in enumerate(missing, 1):
                path = kept.files[0].path
                try:
                    pages += _carry(kept, work, intake, full=full)
                except (LoadError, StoreError) as error:
                    failed.add(kept.id)
                    reports.append(FileReport(kept.library, path, "failed", str(error)))
                on_progress(Progress(number, len(missing), pages, path, intake.store.lacking()))
            intake.background.wait(_telling(on_progress, len(missing), pages))
        work.finish()
    return reports


def _telling(on_progress: Callable[[Progress], None], files: int, pages: int) -> Callable[[int], None]:
    return lambda waiting: on_progress(Progress(files, files, pages, "", waiting))


def _carry(kept: OldDocument, work: Rebuild, intake: Intake, *, full: bool) -> int:
    original = kept.files[0].full
    document = work.document(kept)
    read = _read_again(document, original, intake) if full else intake.as_read(document)
    stat = original.stat() if original.exists() else None
    if stat is None:
        raise StoreError(
            "The original of {name} is missing from storage/. Add the file again, or delete the "
            "document, and run this again.",
            name=document.name,
        )
    file = replace(kept.files[0], bytes=stat.st_size, modified_ns=stat.st_mtime_ns)
    intake.keep(file, read)
    return len(read.document.pages)


def _read_again(document: Document, original: Path, intake: Intake) -> Read:
    """By the reader of today; the text of before where it cannot, as with a file that needs a password."""
    with tempfile.TemporaryDirectory() as folder:
        called = Path(folder) / document.name
        try:
            called.symlink_to(original.absolute())
            read = intake.read(called, password=None, on_page=lambda *_: None)
        except (LoadError, OSError):
            return intake.as_read(document)
    return replace(read, document=replace(read.document, created=document.created))
