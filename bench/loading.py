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
from pathlib import Path

from bench import oddfiles, scanning
from bench.reading import CORES, letters, one_file, pypdf_letters
from docent.glossary import Document, ReadBy
from docent.loading import Limits, Loader, Ocr


def docent(files: list[Path]) -> list[int]:
    """Letters of each page, by as many workers as there are cores to this process."""
    workers = len(os.sched_getaffinity(0))
    with (
        Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=workers) as loader,
        ThreadPoolExecutor(workers) as threads,
    ):
        documents: list[Document] = list(threads.map(loader.load, files))
    return [
        letters(page.text) + letters(page.hidden)
        for document in documents
        for page in document.pages
        if page.read_by is not ReadBy.FAILED
    ]


def tutorial(files: list[Path]) -> list[int]:
    """SimpleDirectoryReader hands a PDF to pypdf page by page; this is that, without what it adds."""
    workers = len(os.sched_getaffinity(0))
    if workers == 1:
        return [count for path in files for count in pypdf_letters(path)]
    with ProcessPoolExecutor(workers) as processes:
        return [count for counts in processes.map(pypdf_letters, files) for count in counts]


def speed(folder: Path) -> None:
    """Both in this one run on the same files, pinned to one core and then on all; the longest first."""
    files = sorted(folder.glob("*.pdf"), key=lambda path: -path.stat().st_size)
    print("| reader | cores | pages | seconds | pages/s | letters read |\n|---|---|---|---|---|---|")
    allowed = sorted(os.sched_getaffinity(0))
    for cores in {1, len(allowed)}:
        os.sched_setaffinity(0, allowed[:cores])
        rates = [timed(name, cores, read, files) for name, read in READERS.items()]
        print(f"Docent / pypdf on {cores}: {rates[1] / rates[0]:.1f}")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"files: {len(files)}, load: {load}, cores: {CORES}")


READERS: dict[str, Callable[[list[Path]], list[int]]] = {"pypdf": tutorial, "Docent": docent}


def timed(name: str, cores: int, read: Callable[[list[Path]], list[int]], files: list[Path]) -> float:
    begun = time.perf_counter()
    pages = read(files)
    seconds = time.perf_counter() - begun
    rate = len(pages) / seconds
    print(f"| {name} | {cores} | {len(pages):,} | {seconds:.1f} | {rate:.1f} | {sum(pages):,} |", flush=True)
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
    parser.add_argument("--keep", type=Path, help="hostile: results so far, one line a file, to go on from")
    asked = parser.parse_args()
    if asked.what in ("hostile", "speed") and (asked.folder is None or not asked.folder.is_dir()):
        sys.exit(f"{asked.what} wants a folder of PDFs. Run: python -m bench.loading {asked.what} FOLDER")
    match asked.what:
        case "hostile":
            oddfiles.hostile(asked.folder, ocr=asked.ocr, keep=asked.keep)
        case "speed":
            speed(asked.folder)
        case "long":
            long()
        case "scans":
            scanning.scans()


if __name__ == "__main__":
    main()
