"""What a process and a folder take up."""

from __future__ import annotations

from pathlib import Path


def resident(process: int | str = "self") -> float:
    """Memory of a process in MB, as Linux tells it; this one's unless another is named."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def on_disk(folder: Path) -> float:
    """MB of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
