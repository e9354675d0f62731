"""Measure waiting times around an ingest, its disk space, and questions during it.

    python -m bench.waiting [--pages 500] [--files 1000] [--questions 100]

Measured are: a long PDF, from the start of `ingest.py` until its words are searchable and until the ingest
ends; many small files, new and again unchanged; their disk space; and a question's retrieval during the
ingest of a long PDF, against an idle machine. All documents are generated. Seconds depend on the
load of the machine; the ratios less so.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

from bench.latency import SYLLABLES
from bench.resources import on_disk
from bench.scanning import book
from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import Scope

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.005
SEARCHABLE = "SELECT count(*) FROM readings r JOIN documents d ON d.n = r.document WHERE d.visible = 1"


def main() -> None:
    args = _arguments()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("\n| | |\n|---|---|")
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as name:
        long = Path(name) / "long"
        (long / "data").mkdir(parents=True)
        (long / "data" / "long.pdf").write_bytes(book(args.pages))
        searchable, processor, whole = until_searchable(long)
        _row(f"{args.pages} pages until their words are searchable, s", searchable)
        _row(f"{args.pages} pages until their words are searchable, processor s", processor)
        _row(f"{args.pages} pages until the ingest ends, s", whole)
        small = Path(name) / "small"
        small_files(small / "data", args.files)
        for kind in ("new", "unchanged"):
            seconds, processor = timed_ingest(small)
            _row(f"{args.files} {kind} small files, s", seconds)
            _row(f"{args.files} {kind} small files, processor s", processor)
        _row("on disk, kB per chunk, one chunk per file", kilobytes_a_chunk(small))
        idle, busy = while_ingesting(small, pages=args.pages, questions=args.questions)
        for name, quantile in (("p50", median), ("p95", _p95)):
            _row(f"a question, idle, {name}, ms", quantile(idle) * 1000)
            _row(f"a question while {args.pages} pages are ingested, {name}, ms", quantile(busy) * 1000)
            _row(f"ratio of {name}", quantile(busy) / quantile(idle))


def until_searchable(folder: Path) -> tuple[float, float, float]:
    """Return the seconds from the start of ingest.py until a document is searchable by its words, the
    processor seconds until then, and the seconds until its end."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "ingest.py"], cwd=ROOT, env=_environment(folder), stdout=subprocess.DEVNULL
    )
    while not _searchable(folder / "storage/index/catalog.db"):
        if process.poll() is not None:
            raise SystemExit("ingest.py ended before anything could be searched")
        time.sleep(POLL_SECONDS)
    searchable, processor = time.perf_counter() - began, processor_seconds(process.pid)
    process.wait()
    return searchable, processor, time.perf_counter() - began


def _searchable(catalog: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as database:
            return bool(database.execute(SEARCHABLE).fetchone()[0])
    except sqlite3.Error:  # the catalog does not exist yet
        return False


def processor_seconds(pid: int) -> float:
    """Return the processor seconds of a process and its children so far; nan without /proc."""
    try:
        spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        lists = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return 0.0 if Path("/proc").exists() else float("nan")
    own = sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(child)) for children in lists for child in children)


def timed_ingest(folder: Path) -> tuple[float, float]:
    """Return the seconds and processor seconds of ingest.py with all its children."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "ingest.py"],
        cwd=ROOT,
        env=_environment(folder),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds, after = time.perf_counter() - began, os.times()
    own = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, own


def kilobytes_a_chunk(folder: Path) -> float:
    index = folder / "storage/index"
    with closing(sqlite3.connect(index / "catalog.db")) as database:
        (chunks,) = database.execute("SELECT count(*) FROM chunks").fetchone()
    return on_disk(index) * 1000 / int(chunks)


def while_ingesting(folder: Path, *, pages: int, questions: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each retrieval on an idle machine, and of each during an ingest."""
    settings = Settings.read(
        environ={"DOCENT_DATA": str(folder / "data"), "DOCENT_STORAGE": str(folder / "storage")}
    )
    chance = random.Random(7)
    with open_docent(settings) as docent:

        def ask() -> float:
            question = words(chance, 8)
            began = time.perf_counter()
            docent.retrieve(question, Scope())
            return time.perf_counter() - began

        for _ in range(5):
            ask()
        idle = [ask() for _ in range(questions)]
        file = folder / "data" / "meanwhile.pdf"
        file.write_bytes(book(pages))
        ingesting = threading.Thread(target=lambda: _ingest(docent, file))
        ingesting.start()
        busy = []
        while ingesting.is_alive():
            busy.append(ask())
            time.sleep(POLL_SECONDS)  # one reader pauses; without this it would measure many at once
    return idle, busy


def _ingest(docent: Docent, file: Path) -> None:
    docent.ingest([file], retry_failed=False, password=None, on_progress=lambda _: None)


def small_files(folder: Path, count: int) -> None:
    chance = random.Random(3)
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"Note {number}. {words(chance, 60)}.\n")


def words(chance: random.Random, count: int) -> str:
    """Return made-up words of two syllables each."""
    return " ".join("".join(chance.choices(SYLLABLES, k=2)) for _ in range(count))


def _environment(folder: Path) -> dict[str, str]:
    own = {"DOCENT_DATA": str(folder / "data"), "DOCENT_STORAGE": str(folder / "storage")}
    return {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")} | own


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


def _row(name: str, value: float) -> None:
    print(f"| {name} | {value:.2f} |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--questions", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
