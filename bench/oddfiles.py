"""A folder of odd PDFs: how each ended, in what time and memory, and how much of it was read."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.reading import CORES, alone, one_file

ENOUGH = 0.95  # of what the better engine reads
PATIENCE = 60.0  # seconds for an engine alone


def hostile(folder: Path, *, ocr: bool, keep: Path | None) -> None:
    """Read every file, one on each core; with `keep`, go on where an earlier run was stopped."""
    rows: dict[str, dict[str, Any]] = {}
    if keep and keep.exists():
        rows = {row["file"]: row for row in map(json.loads, keep.read_text().splitlines())}
    files = sorted(folder.glob("*.pdf"))
    missing = [path for path in files if path.name not in rows]
    with ThreadPoolExecutor(CORES) as threads:
        for row in threads.map(lambda path: compare(path, ocr=ocr), missing):
            rows[row["file"]] = row
            if keep:
                with keep.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    report([rows[path.name] for path in files])


def compare(path: Path, *, ocr: bool) -> dict[str, Any]:
    row = one_file(path, ocr=ocr)
    engines = {engine: alone(engine, path, patience=PATIENCE) for engine in ("pdfium", "pypdf")}
    return {
        "file": path.name,
        **row,
        **{engine: counted for engine, (counted, _) in engines.items()},
        "share": _share(row["letters"] + row["hidden"], [counted for counted, _ in engines.values()]),
        "readable_share": _share(row["readable"], [counted for _, counted in engines.values()]),
    }


def _share(ours: int, theirs: list[int]) -> float:
    return round(ours / max(theirs), 3) if max(theirs) > 0 else 1.0


def report(rows: list[dict[str, Any]]) -> None:
    counts = Counter(row["outcome"] for row in rows)
    print(f"{len(rows)} files: {', '.join(f'{count} {outcome}' for outcome, count in counts.items())}")
    print(f"crashes of the calling process: {counts['crashed']}")
    for what, name in (("seconds", "slowest"), ("worker_mb", "most memory of a worker"),
                       ("caller_mb", "most memory of the caller")):  # fmt: skip
        most = max(rows, key=lambda row: row[what])
        print(f"{name}: {most[what]} ({what}), {most['file']}")
    for engine in ("pdfium", "pypdf"):
        print(f"{engine} alone fails on {sum(row[engine] < 0 for row in rows)}")
    for what, share in (("all they count", "share"), ("what is readable of it", "readable_share")):
        less = [row for row in rows if row["outcome"] != "refused" and row[share] < ENOUGH]
        print(f"\nread under {ENOUGH:.0%} of the better engine, by {what}: {len(less)}")
        for row in less:
            print(f"{row['file']}: {row['letters']} + {row['hidden']} hidden, pdfium {row['pdfium']}, "
                  f"pypdf {row['pypdf']}; {row['outcome']} {row['why']}")  # fmt: skip
    for outcome in ("refused", "partial", "crashed"):
        ended = [row for row in rows if row["outcome"] == outcome]
        whys = [(row["file"], row["why"].replace(row["file"], "it")) for row in ended]
        print(f"\n{outcome}: {len(whys)}")
        for why, count in Counter(why for _, why in whys).most_common():
            files = [file for file, said in whys if said == why]
            print(f"{count}  {why}  {', '.join(files[:5])}")
