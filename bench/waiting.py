"""What people wait for around an ingest, and what it costs in the meantime.

    python -m bench.waiting [--pages 500] [--files 1000] [--questions 100]

A long PDF, from the start of `ingest.py` until its words can be searched and until it is whole; many small
files, the first time and again unchanged; the disk that they take; and a question's retrieval while a long
PDF is taken in, against idle. Everything is made here. Seconds depend on what else the machine does; the
ratio less so.
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
from docent.assembly import House, open_house
from docent.glossary import Scope
from docent.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LOOK = 0.005
FOUND = "SELECT count(*) FROM documents WHERE state IN ('searchable', 'ready') AND visible"


def main() -> None:
    asked = _arguments()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("| | |\n|---|---|")
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as name:
        long = Path(name) / "long"
        (long / "data").mkdir(parents=True)
        (long / "data" / "long.pdf").write_bytes(book(asked.pages))
        searchable, processor, whole = until_searchable(long)
        _row(f"{asked.pages} pages until their words are found, s", searchable)
        _row(f"{asked.pages} pages until their words are found, processor s", processor)
        _row(f"{asked.pages} pages until all is done, s", whole)
        small = Path(name) / "small"
        small_files(small / "data", asked.files)
        for what in ("for the first time", "again, unchanged"):
            seconds, processor = ingested(small)
            _row(f"{asked.files} small files {what}, s", seconds)
            _row(f"{asked.files} small files {what}, processor s", processor)
        _row("on disk, kB a chunk, where each file is one", kilobytes_a_chunk(small))
        idle, busy = while_ingesting(small, pages=asked.pages, questions=asked.questions)
        for part, of in (("p50", median), ("p95", _p95)):
            _row(f"a question, idle, ms {part}", of(idle) * 1000)
            _row(f"a question, while {asked.pages} pages are taken in, ms {part}", of(busy) * 1000)
            _row(f"ratio of {part}", of(busy) / of(idle))


def until_searchable(folder: Path) -> tuple[float, float, float]:
    """Seconds from the start of ingest.py until a document answers by its words, the processor's seconds
    until then, and seconds until it has ended."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "ingest.py"], cwd=ROOT, env=_environment(folder), stdout=subprocess.DEVNULL
    )
    while not _answers(folder / "storage/index/catalog.db"):
        if process.poll() is not None:
            raise SystemExit("ingest.py ended before anything could be searched")
        time.sleep(LOOK)
    searchable, processor = time.perf_counter() - began, _processor(process.pid)
    process.wait()
    return searchable, processor, time.perf_counter() - began


def _answers(catalog: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as database:
            return bool(database.execute(FOUND).fetchone()[0])
    except sqlite3.Error:  # it is not there yet
        return False


def _processor(pid: int) -> float:
    """Seconds of a process and its children so far, where Linux tells them; else nan."""
    try:
        spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        lists = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return 0.0 if Path("/proc").exists() else float("nan")
    own = sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")
    return own + sum(_processor(int(child)) for children in lists for child in children)


def ingested(folder: Path) -> tuple[float, float]:
    """Seconds and processor seconds of ingest.py with all its children."""
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
    """Seconds of each retrieval: nothing else to do; and from the first to the last moment of an ingest."""
    settings = Settings.read(
        environ={"DOCENT_DATA": str(folder / "data"), "DOCENT_STORAGE": str(folder / "storage")}
    )
    chance = random.Random(7)
    with open_house(settings) as house:

        def ask() -> float:
            question = words(chance, 8)
            began = time.perf_counter()
            house.retrieve(question, Scope())
            return time.perf_counter() - began

        for _ in range(5):
            ask()
        idle = [ask() for _ in range(questions)]
        file = folder / "data" / "meanwhile.pdf"
        file.write_bytes(book(pages))
        taking = threading.Thread(target=lambda: _take_in(house, file))
        taking.start()
        busy = []
        while taking.is_alive():
            busy.append(ask())
            time.sleep(LOOK)  # a reader thinks; without a pause this would measure a crowd
    return idle, busy


def _take_in(house: House, file: Path) -> None:
    house.ingest([file], retry_failed=False, password=None, on_progress=lambda _: None)


def small_files(folder: Path, count: int) -> None:
    chance = random.Random(3)
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"Note {number}. {words(chance, 60)}.\n")


def words(chance: random.Random, count: int) -> str:
    """Made up, of two syllables each."""
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
