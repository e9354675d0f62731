"""What loading costs and how much it reads, beside pypdf and PDFium alone.

python -m bench.loading hostile FOLDER     every odd PDF of a folder: how it ended, what was read of it
python -m bench.loading speed FOLDER       pages a second and text, against llama-index's own reader
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from docent.errors import LoadError
from docent.glossary import Document, ReadBy
from docent.loading import Limits, Loader, Ocr

CORES = os.cpu_count() or 1
ENOUGH = 0.95  # of what the better engine reads
PATIENCE = 60.0  # seconds for an engine alone


def letters(text: str) -> int:
    """Characters that carry something: spaces and line ends are a matter of taste."""
    return sum(character.isalnum() for character in text)


def alone(engine: str, path: Path) -> int:
    """Letters that one engine reads by itself, in a process of its own; -1 when it fails."""
    command = [sys.executable, "-m", "bench.loading", "engine", engine, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return -1
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else -1


def read_alone(engine: str, path: Path) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))
    if engine == "pdfium":
        import pypdfium2

        document = pypdfium2.PdfDocument(path)
        return sum(letters(document[index].get_textpage().get_text_range()) for index in range(len(document)))
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    return sum(letters(page.extract_text()) for page in PdfReader(path).pages)


def hostile(folder: Path) -> None:
    files = sorted(folder.glob("*.pdf"))
    limits = Limits(file_seconds=30, memory_bytes=1_500_000_000)
    with (
        Loader(limits=limits, ocr=Ocr(), workers=CORES) as loader,
        ThreadPoolExecutor(CORES) as threads,
    ):
        results = list(threads.map(lambda path: one_hostile(path, loader), files))
    print(f"{len(files)} files:", dict(Counter(str(row["outcome"]) for row in results)))
    slowest = max(results, key=lambda row: float(str(row["seconds"])))
    print(f"slowest: {slowest['file']} {slowest['seconds']} s")
    less = [row for row in results if row["outcome"] != "refused" and float(str(row["share"])) < ENOUGH]
    print(f"read under {ENOUGH:.0%} of the better engine: {len(less)}")
    for row in less:
        print(json.dumps(row))
    for row in results:
        if row["outcome"] != "ingested":
            print(json.dumps(row))


def one_hostile(path: Path, loader: Loader) -> dict[str, object]:
    begun = time.perf_counter()
    why, read, hidden, outcome = "", 0, 0, "ingested"
    try:
        document = loader.load(path)
    except LoadError as error:
        outcome, why = "refused", str(error)
    else:
        read = sum(letters(page.text) for page in document.pages)
        hidden = sum(letters(page.hidden) for page in document.pages)
        if document.unread:
            outcome, why = "partial", document.unread[0].note
    seconds = round(time.perf_counter() - begun, 1)
    engines = {engine: alone(engine, path) for engine in ("pdfium", "pypdf")}
    best = max(engines.values())
    share = round((read + hidden) / best, 3) if best > 0 else 1.0
    return {
        "file": path.name, "outcome": outcome, "why": why, "seconds": seconds, "share": share,
        "letters": read, "hidden": hidden, **engines,
    }  # fmt: skip


def speed(folder: Path) -> None:
    """Both in this one run, on the same files: the tutorial's reader, and ours."""
    files = sorted(folder.glob("*.pdf"))
    from llama_index.core import SimpleDirectoryReader

    def tutorial(workers: int) -> Callable[[], list[tuple[str, int]]]:
        def run() -> list[tuple[str, int]]:
            reader = SimpleDirectoryReader(input_files=[str(path) for path in files])
            read = reader.load_data(num_workers=workers if workers > 1 else None)
            return [(document.metadata["file_name"], letters(document.text)) for document in read]

        return run

    def ours() -> list[tuple[str, int]]:
        with (
            Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=CORES) as loader,
            ThreadPoolExecutor(CORES) as threads,
        ):
            documents: list[Document] = list(threads.map(loader.load, by_size(files)))
        return [
            (document.name, letters(page.text) + letters(page.hidden))
            for document in documents
            for page in document.pages
            if page.read_by is not ReadBy.FAILED
        ]

    rows = []
    for name, run in (
        ("SimpleDirectoryReader", tutorial(1)),
        (f"SimpleDirectoryReader, num_workers={CORES}", tutorial(CORES)),
        (f"Docent, {CORES} workers", ours),
    ):
        begun = time.perf_counter()
        pages = run()
        rows.append((name, len(pages), time.perf_counter() - begun, sum(count for _, count in pages)))
    print("| reader | pages | seconds | pages/s | letters read |\n|---|---|---|---|---|")
    for name, count, seconds, total in rows:
        print(f"| {name} | {count:,} | {seconds:.1f} | {count / seconds:.0f} | {total:,} |")
    rates = [count / seconds for _, count, seconds, _ in rows]
    print(
        f"Docent / one process: {rates[2] / rates[0]:.1f}; Docent / all processes: {rates[2] / rates[1]:.1f}"
    )
    print("load:", ", ".join(f"{value:.1f}" for value in os.getloadavg()), "cores:", CORES)
    print(
        "files:", len(files), "median kB:", statistics.median(path.stat().st_size for path in files) // 1000
    )


def by_size(files: list[Path]) -> list[Path]:
    """The longest first, so that no worker is left alone with it at the end."""
    return sorted(files, key=lambda path: -path.stat().st_size)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("hostile", "speed", "engine"))
    parser.add_argument("arguments", nargs="+")
    asked = parser.parse_args()
    if asked.what == "engine":
        engine, path = asked.arguments
        print(read_alone(engine, Path(path)))
    else:
        {"hostile": hostile, "speed": speed}[asked.what](Path(asked.arguments[0]))


if __name__ == "__main__":
    main()
