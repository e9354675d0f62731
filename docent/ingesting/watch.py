"""Follow folders: changes below them are in the index a moment later."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from docent.errors import DocentError
from docent.types import FileReport

QUIET_MS = 500  # without a change: then writing is done
LONGEST_MS = 5000  # of changes without a pause: then ingest what there is
RETRY_SECONDS = 5.0
SWEEP_SECONDS = 600.0  # ingest even without a signal: network drives do not always send one
POLL_MS = 1000
CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))


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
