"""Following folders: whatever changes below them is in the index a moment later."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from docent.errors import DocentError
from docent.types import FileReport

QUIET_MS = 500  # nothing has changed for so long: whoever was writing is done
LONGEST_MS = 5000  # somebody writes without a pause: do what there is
AGAIN_SECONDS = 5.0  # after trouble
SWEEP_SECONDS = 600.0  # looked at even if no change was heard of: network drives do not always tell
POLL_MS = 1000
CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def in_container() -> bool:
    """There, changes made on the host's side of a mounted folder are not told, only seen."""
    return any(mark.exists() for mark in CONTAINERS)


def follow_folders(
    paths: Sequence[Path],
    *,
    ingest: Callable[[], Sequence[FileReport]],
    polling: bool,
    on_reports: Callable[[Sequence[FileReport]], None],
    on_trouble: Callable[[str], None],
) -> None:
    """Ingest now and after every change, until interrupted; trouble is told, and tried again."""
    failures: set[FileReport] = set()
    for _ in _changes(paths, polling):
        reports = _insisted(ingest, on_trouble)
        on_reports([one for one in reports if one.outcome != "unchanged" and one not in failures])
        failures = {one for one in reports if one.outcome == "failed"}


def _insisted(
    ingest: Callable[[], Sequence[FileReport]], on_trouble: Callable[[str], None]
) -> Sequence[FileReport]:
    while True:
        try:
            return ingest()
        except DocentError as error:
            on_trouble(str(error))
            time.sleep(AGAIN_SECONDS)


def _changes(paths: Sequence[Path], polling: bool) -> Iterator[None]:
    """Once at the start, and again whenever something may have changed."""
    from watchfiles import watch  # 0.1 s to import, for those who follow a folder

    while True:
        there = [path for path in paths if os.path.exists(path)]
        if len(there) < len(paths):  # what is gone cannot be watched; ingest says so until it is back
            yield
            continue
        looked = -SWEEP_SECONDS  # once at the start, but with open eyes: what changes meanwhile is told after
        for changes in watch(
            *there,
            watch_filter=lambda _, path: not Path(path).name.startswith("."),
            step=QUIET_MS,
            debounce=LONGEST_MS,
            rust_timeout=500,
            yield_on_timeout=True,
            force_polling=polling,
            poll_delay_ms=POLL_MS,
            ignore_permission_denied=True,
        ):
            if changes or time.monotonic() - looked > SWEEP_SECONDS:
                looked = time.monotonic()
                yield
            if not all(map(os.path.exists, paths)):
                break
