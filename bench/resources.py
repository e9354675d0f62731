"""Measure the memory of a process and the size of a folder."""

from __future__ import annotations

from pathlib import Path


def resident(process: int | str = "self") -> float:
    """Return the resident memory of a process in MB, from /proc; by default of this process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def on_disk(folder: Path) -> float:
    """Return the size of all files in a folder in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
