"""Sync one source of a test into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docent.sources import AllowedHosts, SourceReport, Sources, read_sources

LOCAL = ("127.0.0.0/8",)


def sources_of(folder: Path, toml: str, *, hosts: Sequence[str] = LOCAL, **changes: Any) -> Sources:
    file = folder / "sources.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(toml)
    values: dict[str, Any] = {
        "data": folder / "data", "work": folder / "work", "hosts": AllowedHosts(hosts), "largest": 100_000,
    }  # fmt: skip
    return Sources(settings=read_sources(file), **values | changes)


def synced(sources: Sources) -> SourceReport:
    (report,) = sources.sync()
    return report


def counts(report: SourceReport) -> tuple[int, int, int, int]:
    """Return how many items were added, changed, unchanged and removed."""
    assert not report.stopped, report.stopped
    return report.added, report.changed, report.unchanged, report.removed


def files_of(sources: Sources, name: str) -> dict[str, str]:
    """Return the text of every file that the ingest would see."""
    folder = sources.folder(name)
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
