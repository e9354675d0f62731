"""Measure the speed, memory and completeness of loading, against pypdf and PDFium alone.

python -m bench.loading hostile FOLDER     every odd PDF of a folder: outcome, time, memory, share of text
python -m bench.loading speed FOLDER       pages and letters per second, against the tutorial's reader
python -m bench.loading long               memory for 500 and for 5,000 pages
python -m bench.loading scans              scanned pages per minute, and wrong characters
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from bench import scanning
from bench.reading import CORES, alone, letters, one_file, pypdf_pages
from bench.tutorial import HAS_READER
from docent.loading import Limits, Loader, Ocr
from docent.types import Document

ENOUGH = 0.95
"""Share of the better engine's text from which a file counts as read."""
ENGINE_SECONDS = 60.0


def docent(files: list[Path], workers: int) -> list[str]:
    """Return the text of each page, hidden text included, read by that many workers."""
    with (
        Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=workers) as loader,
        ThreadPoolExecutor(workers) as threads,
    ):
        documents: list[Document] = list(threads.map(loader.load, files))
    return [page.text + page.hidden for document in documents for page in document.pages]


def tutorial(files: list[Path], workers: int) -> list[str]:
    """Read by SimpleDirectoryReader with its PDF reader; without that, by pypdf page by page as it does."""
    if not HAS_READER:
        if workers == 1:
            return [text for path in files for text in _pypdf(path)]
        with ProcessPoolExecutor(workers) as processes:
            return [text for texts in processes.map(_pypdf, files) for text in texts]
    from llama_index.core import SimpleDirectoryReader

    reader = SimpleDirectoryReader(input_files=files)
    documents = reader.load_data(num_workers=workers if workers > 1 else None)
    return [document.text for document in documents]


def _pypdf(path: Path) -> list[str]:
    return list(pypdf_pages(path))


def speed(folder: Path, sample: int) -> None:
    """Compare both readers on the same files, on one core and on all."""
    files = spread(sorted(folder.glob("*.pdf"), key=lambda path: -path.stat().st_size), sample)
    cores = sorted(os.sched_getaffinity(0))
    if HAS_READER:
        import_module("llama_index.readers.file")  # imported before the clock starts: it takes seconds
    reader = "SimpleDirectoryReader with its PDFReader" if HAS_READER else "pypdf"
    print(f"The tutorial's reader is {reader}.\n")
    print(
        "| reader | cores | pages | without text | seconds | pages/s | processor s | letters read |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    rates: dict[tuple[str, int], Rate] = {}
    for count in sorted({1, len(cores)}):
        os.sched_setaffinity(0, cores[:count])
        for name, read in READERS.items():
            rates[name, count] = timed(name, count, read, files)
    first, last = rates["tutorial", 1], rates["Docent", len(cores)]
    print(f"\nDocent on all {len(cores)} cores / the tutorial's reader with its defaults (one core): "
          f"{last.by_clock / first.by_clock:.1f}")  # fmt: skip
    for count in sorted({1, len(cores)}):
        ours, theirs = rates["Docent", count], rates["tutorial", count]
        print(f"both on {count} cores: {ours.by_clock / theirs.by_clock:.1f} by the clock, "
              f"{ours.by_processor / theirs.by_processor:.1f} by processor time")  # fmt: skip
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"files: {', '.join(path.stem for path in files)}; load: {load}")


def spread(files: list[Path], sample: int) -> list[Path]:
    """Return a number of files evenly from the largest to the smallest."""
    if sample >= len(files):
        return files
    return [files[index * len(files) // sample] for index in range(sample)]


READERS: dict[str, Callable[[list[Path], int], list[str]]] = {"tutorial": tutorial, "Docent": docent}


class Rate(NamedTuple):
    """Pages per second."""

    by_clock: float
    by_processor: float


def timed(name: str, cores: int, read: Callable[[list[Path], int], list[str]], files: list[Path]) -> Rate:
    """Time reading and print a row; letters are counted after the clock has stopped."""
    began, worked = time.perf_counter(), sum(os.times()[:4])
    pages = read(files, cores)
    seconds, worked = time.perf_counter() - began, sum(os.times()[:4]) - worked
    rate = Rate(len(pages) / seconds, len(pages) / worked)
    counts = list(map(letters, pages))
    print(
        f"| {name} | {cores} | {len(pages):,} | {counts.count(0):,} | {seconds:.1f} | {rate.by_clock:.1f} "
        f"| {worked:.1f} | {sum(counts):,} |",
        flush=True,
    )
    return rate


def long(pages: tuple[int, ...] = (500, 5_000)) -> None:
    """Read few and many pages of the same kind: memory must not grow with them."""
    print("| pages | file, MB | pages/s | largest worker, MB | largest caller, MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in pages:
            path = Path(folder) / f"{count}.pdf"
            path.write_bytes(scanning.book(count))
            row = one_file(path, ocr=False, seconds=900)
            size = path.stat().st_size / 1e6
            print(
                f"| {row['pages']:,} | {size:.1f} | {count / row['seconds']:.0f} "
                f"| {row['worker_mb']:.0f} | {row['caller_mb']:.0f} |",
                flush=True,
            )


# --- odd files -----------------------------------------------------------------------------------


def hostile(folder: Path, *, ocr: bool, keep: Path | None) -> None:
    """Read every file, one on each core; with `keep`, continue an interrupted run."""
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
    engines = {engine: alone(engine, path, patience=ENGINE_SECONDS) for engine in ("pdfium", "pypdf")}
    return {
        "file": path.name,
        **row,
        **{engine: count for engine, (count, _) in engines.items()},
        "share": _share(row["letters"] + row["hidden"], [count for count, _ in engines.values()]),
        "readable_share": _share(row["readable"], [count for _, count in engines.values()]),
    }


def _share(ours: int, theirs: list[int]) -> float:
    return round(ours / max(theirs), 3) if max(theirs) > 0 else 1.0


def report(rows: list[dict[str, Any]]) -> None:
    counts = Counter(row["outcome"] for row in rows)
    print(f"{len(rows)} files: {', '.join(f'{count} {outcome}' for outcome, count in counts.items())}")
    print(f"crashes of the calling process: {counts['crashed']}")
    for key, name in (("seconds", "slowest"), ("worker_mb", "largest worker"),
                      ("caller_mb", "largest caller")):  # fmt: skip
        most = max(rows, key=lambda row: row[key])
        print(f"{name}: {most[key]} ({key}), {most['file']}")
    for engine in ("pdfium", "pypdf"):
        print(f"{engine} alone fails on {sum(row[engine] < 0 for row in rows)}")
    for letters_counted, share in (("all letters", "share"), ("readable letters", "readable_share")):
        short = [row for row in rows if row["outcome"] != "refused" and row[share] < ENOUGH]
        print(f"\nunder {ENOUGH:.0%} of the better engine, by {letters_counted}: {len(short)}")
        for row in short:
            print(f"{row['file']}: {row['letters']} + {row['hidden']} hidden, pdfium {row['pdfium']}, "
                  f"pypdf {row['pypdf']}; {row['outcome']} {row['why']}")  # fmt: skip
    for outcome in ("refused", "partial", "crashed"):
        matching = [row for row in rows if row["outcome"] == outcome]
        reasons = [(row["file"], row["why"].replace(row["file"], "it")) for row in matching]
        print(f"\n{outcome}: {len(reasons)}")
        for reason, count in Counter(reason for _, reason in reasons).most_common():
            files = [file for file, why in reasons if why == reason]
            print(f"{count}  {reason}  {', '.join(files[:5])}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("hostile", "speed", "long", "scans"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--ocr", action="store_true", help="hostile: also read scans")
    parser.add_argument("--files", type=int, default=8, help="speed: number of files, large to small (8)")
    parser.add_argument("--keep", type=Path, help="hostile: file of results, to continue an interrupted run")
    args = parser.parse_args()
    if args.what in ("hostile", "speed") and (args.folder is None or not args.folder.is_dir()):
        sys.exit(f"{args.what} needs a folder of PDFs. Run: python -m bench.loading {args.what} FOLDER")
    match args.what:
        case "hostile":
            hostile(args.folder, ocr=args.ocr, keep=args.keep)
        case "speed":
            speed(args.folder, args.files)
        case "long":
            long()
        case "scans":
            scanning.scans()


if __name__ == "__main__":
    main()
