"""What loading costs and how much it reads, beside pypdf and PDFium alone.

python -m bench.loading hostile FOLDER     every odd PDF of a folder: how it ended, what was read of it
python -m bench.loading speed FOLDER       pages a second and letters, against the tutorial's reader
python -m bench.loading long               memory for 500 and for 5,000 pages
python -m bench.loading scans              scanned pages a minute, and wrong characters
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from bench import oddfiles, scanning
from bench.reading import letters, one_file, pypdf_pages
from bench.tutorial import HAS_READER
from docent.glossary import Document
from docent.loading import Limits, Loader, Ocr


def docent(files: list[Path], workers: int) -> list[str]:
    """What each page says, hidden text included, by that many workers."""
    with (
        Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=workers) as loader,
        ThreadPoolExecutor(workers) as threads,
    ):
        documents: list[Document] = list(threads.map(loader.load, files))
    return [page.text + page.hidden for document in documents for page in document.pages]


def tutorial(files: list[Path], workers: int) -> list[str]:
    """SimpleDirectoryReader with its PDF reader; where that is missing pypdf page by page, as it does."""
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
    """Both in this one run on the same files: as they come, and each on one core and on all."""
    files = spread(sorted(folder.glob("*.pdf"), key=lambda path: -path.stat().st_size), sample)
    cores = sorted(os.sched_getaffinity(0))
    if HAS_READER:
        import_module("llama_index.readers.file")  # takes seconds, and is no reading
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
    print(f"\nDocent on all {len(cores)} cores / the tutorial's reader as it comes (it uses one): "
          f"{last.by_clock / first.by_clock:.1f}")  # fmt: skip
    for count in sorted({1, len(cores)}):
        ours, theirs = rates["Docent", count], rates["tutorial", count]
        print(f"both on {count}: {ours.by_clock / theirs.by_clock:.1f} by the clock, "
              f"{ours.by_processor / theirs.by_processor:.1f} by processor time")  # fmt: skip
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"files: {', '.join(path.stem for path in files)}; load: {load}")


def spread(files: list[Path], sample: int) -> list[Path]:
    """As many files as asked for, from the largest to the smallest."""
    if sample >= len(files):
        return files
    return [files[index * len(files) // sample] for index in range(sample)]


READERS: dict[str, Callable[[list[Path], int], list[str]]] = {"tutorial": tutorial, "Docent": docent}


class Rate(NamedTuple):
    """Pages a second."""

    by_clock: float
    by_processor: float


def timed(name: str, cores: int, read: Callable[[list[Path], int], list[str]], files: list[Path]) -> Rate:
    """Of reading; letters are counted when the clock stands."""
    begun, worked = time.perf_counter(), sum(os.times()[:4])
    pages = read(files, cores)
    seconds, worked = time.perf_counter() - begun, sum(os.times()[:4]) - worked
    rate = Rate(len(pages) / seconds, len(pages) / worked)
    found = list(map(letters, pages))
    print(
        f"| {name} | {cores} | {len(pages):,} | {found.count(0):,} | {seconds:.1f} | {rate.by_clock:.1f} "
        f"| {worked:.1f} | {sum(found):,} |",
        flush=True,
    )
    return rate


def long(pages: tuple[int, ...] = (500, 5_000)) -> None:
    """The same kind of page, few and many: memory must not follow."""
    print("| pages | file, MB | pages/s | worker at most, MB | caller at most, MB |\n|---|---|---|---|---|")
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("hostile", "speed", "long", "scans"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--ocr", action="store_true", help="hostile: read scans too")
    parser.add_argument("--files", type=int, default=8, help="speed: how many, from large to small (8)")
    parser.add_argument("--keep", type=Path, help="hostile: results so far, one line a file, to go on from")
    asked = parser.parse_args()
    if asked.what in ("hostile", "speed") and (asked.folder is None or not asked.folder.is_dir()):
        sys.exit(f"{asked.what} wants a folder of PDFs. Run: python -m bench.loading {asked.what} FOLDER")
    match asked.what:
        case "hostile":
            oddfiles.hostile(asked.folder, ocr=asked.ocr, keep=asked.keep)
        case "speed":
            speed(asked.folder, asked.files)
        case "long":
            long()
        case "scans":
            scanning.scans()


if __name__ == "__main__":
    main()
