"""One file read in a process of its own, by Docent or by one engine alone; what it took is measured."""

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
    """Characters that carry something: spaces and line ends are a matter of taste."""
    return sum(character.isalnum() for character in text)


def readable(text: str) -> int:
    """Letters that a reader could make something of.

    Counted once where they are painted several times over each other; names of glyphs ("/g3") and pages
    of codes that stand for no letters (docent/loading/text_cleaning.py) do not count.
    """
    text = GLYPH_NAME.sub("", text)
    text = OVERPRINTED_LETTERS.sub(lambda found: RUN.sub(r"\1", found[0]), text)
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
    """Of this process in MB; getrusage would count what its parent held when it was forked."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def docent_row(path: Path, *, ocr: bool, seconds: float) -> dict[str, Any]:
    """How Docent's reading of a file ended, page by page so that nothing is kept; memory of both sides."""
    limits = Limits(file_seconds=seconds, memory_bytes=MEMORY)
    counts = {"pages": 0, "letters": 0, "hidden": 0, "readable": 0, "unread": 0}
    outcome, why, begun = "ingested", "", time.perf_counter()
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
        took = time.perf_counter() - begun
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "outcome": outcome, "why": why, "seconds": round(took, 2), **counts,
        "worker_mb": round(worker), "caller_mb": round(own_peak()),
    }  # fmt: skip


def one_file(path: Path, *, ocr: bool, seconds: float = FILE_SECONDS) -> dict[str, Any]:
    """`docent_row` by a new process, so that peaks are this file's; a crash of that process is reported."""
    done = _ask("docent", str(path), str(int(ocr)), str(seconds), patience=seconds * 20)
    return done or {**dict.fromkeys(COUNTED, 0), "outcome": "crashed", "why": "the calling process died"}


def alone(engine: str, path: Path, *, patience: float) -> tuple[int, int]:
    """Letters that one engine reads by itself, within bounds, and the readable ones; -1 when it fails."""
    done = _ask(engine, str(path), patience=patience)
    return (int(done["letters"]), int(done["readable"])) if done else (-1, -1)


def _ask(*arguments: str, patience: float) -> dict[str, Any] | None:
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
