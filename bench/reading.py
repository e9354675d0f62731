"""Read one file in a process of its own, by Docent or by one engine alone, and measure time and memory."""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docent.errors import LoadError
from docent.loading import Limits, Loader, Ocr
from docent.loading.text_cleaning import is_garbled

CORES = os.cpu_count() or 1
MEMORY = 1_500_000_000
FILE_SECONDS = 30.0
COUNTED = ("pages", "letters", "hidden", "readable", "unread", "seconds", "worker_mb", "caller_mb")


def letters(text: str) -> int:
    """Count letters and digits: engines differ in spaces and line ends."""
    return sum(character.isalnum() for character in text)


def readable(text: str) -> int:
    """Count readable letters.

    Letters painted several times over each other count once; names of glyphs ("/g3") and pages of codes
    that map to no letters (docent/loading/text_cleaning.py) do not count.
    """
    text = GLYPH_NAME.sub("", text)
    text = OVERPRINTED_LETTERS.sub(lambda match: RUN.sub(r"\1", match[0]), text)
    text = OVERPRINTED_WORDS.sub(r"\1", text)
    return 0 if is_garbled(text) else letters(text)


GLYPH_NAME = re.compile(r"/[gG](?:lyph|id)?\d+")
RUN = re.compile(r"(\w)\1{2,}")
OVERPRINTED_LETTERS = re.compile(r"(?:(\w)\1{2,}(?!\1)){2,}")
OVERPRINTED_WORDS = re.compile(r"(([^\W\d_])(?!\2)\S+?)\1{2,}")


def pypdf_pages(path: Path) -> Iterator[str]:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    return (page.extract_text() for page in PdfReader(path).pages)


def pdfium_pages(path: Path) -> Iterator[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    return (document[index].get_textpage().get_text_range() for index in range(len(document)))


ENGINES = {"pypdf": pypdf_pages, "pdfium": pdfium_pages}


def own_peak() -> float:
    """Return the peak memory of this process in MB; getrusage would include its parent's at the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def docent_row(path: Path, *, ocr: bool, seconds: float) -> dict[str, Any]:
    """Read a file by Docent, page by page without keeping any; return outcome, counts and memory."""
    limits = Limits(file_seconds=seconds, memory_bytes=MEMORY)
    counts = {"pages": 0, "letters": 0, "hidden": 0, "readable": 0, "unread": 0}
    outcome, why, began = "ingested", "", time.perf_counter()
    with Loader(limits=limits, ocr=Ocr(engine="auto" if ocr else "off"), workers=1) as loader:
        try:
            with loader.stream(path) as reading:
                for page in reading.pages:
                    counts["pages"] += 1
                    counts["letters"] += letters(page.text)
                    counts["hidden"] += letters(page.hidden)
                    counts["readable"] += readable(page.text) + readable(page.hidden)
                    if page.read_by == "failed":
                        counts["unread"] += 1
                        outcome, why = "partial", why or page.note
        except LoadError as error:
            outcome, why = "refused", str(error)
        seconds_taken = time.perf_counter() - began
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "outcome": outcome, "why": why, "seconds": round(seconds_taken, 2), **counts,
        "worker_mb": round(worker), "caller_mb": round(own_peak()),
    }  # fmt: skip


def one_file(path: Path, *, ocr: bool, seconds: float = FILE_SECONDS) -> dict[str, Any]:
    """Run `docent_row` in a new process, so that the peaks belong to this file; report a crash of it."""
    row = _in_new_process("docent", str(path), str(int(ocr)), str(seconds), patience=seconds * 20)
    return row or {**dict.fromkeys(COUNTED, 0), "outcome": "crashed", "why": "the calling process died"}


def alone(engine: str, path: Path, *, patience: float) -> tuple[int, int]:
    """Count the letters and the readable letters that one engine reads, within limits; -1 when it fails."""
    row = _in_new_process(engine, str(path), patience=patience)
    return (int(row["letters"]), int(row["readable"])) if row else (-1, -1)


def _in_new_process(*arguments: str, patience: float) -> dict[str, Any] | None:
    command = [sys.executable, "-m", "bench.reading", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)
        row: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return row or None


def main() -> None:
    reader, path, *more = sys.argv[1:]
    if reader == "docent":
        print(json.dumps(docent_row(Path(path), ocr=more[0] == "1", seconds=float(more[1]))))
    else:
        resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))
        pages = list(ENGINES[reader](Path(path)))
        print(json.dumps({"letters": sum(map(letters, pages)), "readable": sum(map(readable, pages))}))


if __name__ == "__main__":
    main()
