"""Measure reading and embedding by one, two and three workers, and what the queue costs.

    python -m bench.workers [--documents 24] [--rounds 3] [--workers 1 2 3]

Each worker is a process with a storage/ of its own and one thread that embeds; originals are in a folder
that all of them have, the catalog in a PostgreSQL that is started here. Documents of paragraphs of docs/ are
queued while the workers, warm, wait; measured is the time until all are embedded. One process takes the same
documents without claiming them: what one worker needs longer is the cost of the queue. All take turns, so
that the load of the machine meets each alike; processor seconds show what it hides.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple
from unittest.mock import patch

import psycopg

from bench.tutorial import OFFLINE
from bench.waiting import processor_seconds
from docent.app import Docent, open_docent
from docent.ingesting.jobs import LocalJobs
from docent.settings import Settings
from tests.fakes.postgres_server import (
    DURABLE,
    NO_POSTGRES,
    TEMPLATE,
    PostgresServer,
    execute,
    named,
)

ROOT = Path(__file__).resolve().parent.parent
ALONE = "alone"
ONE_THREAD = {name: "1" for name in ("DOCENT_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT")}
READY = "SELECT count(*), sum(chunks) FROM readings WHERE state = 'ready'"
POLL_SECONDS = 0.02


class Run(NamedTuple):
    """All documents read and embedded once."""

    seconds: float
    chunks: int
    processor: float
    """Seconds of the workers, with the processes that read for them."""
    database: float
    """Processor seconds of PostgreSQL."""


def main() -> None:
    args = _arguments()
    if args.work:
        work(*args.work)
        return
    if NO_POSTGRES:
        raise SystemExit(NO_POSTGRES)
    ways = [ALONE, *map(str, args.workers)]
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    with _server() as server, tempfile.TemporaryDirectory(prefix="docent-bench-") as folder:
        for turn in range(args.rounds):
            for way in ways if turn % 2 == 0 else reversed(ways):
                place = Path(folder) / f"{way}-{turn}"
                runs[way].append(measure(server, place, way, args.documents))
                print(f"{way}: {runs[way][-1].seconds:.1f} s", file=sys.stderr, flush=True)
    _print(runs, args.documents)


def measure(server: PostgresServer, folder: Path, way: str, documents: int) -> Run:
    """Queue documents before warm workers, and wait until all are embedded."""
    database = f"run_{folder.name.replace('-', '_')}"
    execute(server.url, f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}")
    url = named(server.url, database)
    texts = [_text(random.Random(number)) for number in range(documents)]
    (folder / "originals").mkdir(parents=True)
    with ExitStack() as running:
        workers = [
            running.enter_context(_worker(folder, str(n), url, alone=way == ALONE))
            for n in range(1 if way == ALONE else int(way))
        ]
        began, before = time.perf_counter(), processor_seconds(server.process_id)
        busy = sum(processor_seconds(worker.pid) for worker in workers)
        _queue(folder, url, texts)
        for worker in workers:
            _tell(worker.stdin, "begin")
        chunks = _until_embedded(url, documents, workers)
        seconds = time.perf_counter() - began
        busy = sum(processor_seconds(worker.pid) for worker in workers) - busy
        used = processor_seconds(server.process_id) - before
    execute(server.url, f"DROP DATABASE {database} WITH (FORCE)")
    return Run(seconds, chunks, busy, used)


def _until_embedded(url: str, documents: int, workers: Sequence[subprocess.Popen[str]]) -> int:
    """Wait until all documents are ready, and return the number of their chunks."""
    with psycopg.connect(url, autocommit=True) as database:
        while True:
            ready, chunks = database.execute(READY).fetchone() or (0, 0)
            if ready == documents:
                return int(chunks)
            if any(worker.poll() is not None for worker in workers):
                raise SystemExit("A worker ended before everything was embedded.")
            time.sleep(POLL_SECONDS)


def work(storage: str, url: str, kind: str) -> None:
    """Wait, warm, for the documents; take them until the input ends."""
    with ExitStack() as opened:
        if kind == ALONE:  # as without a database: nothing is claimed and nobody else is waited for
            opened.enter_context(patch("docent.app.factory.open_jobs", lambda _: LocalJobs()))
        docent = opened.enter_context(_opened(Path(storage), url, reads=True))
        docent.embedder.embed(["A sentence, so that the model is loaded."])
        if kind != ALONE:
            docent.work()
        print("warm", flush=True)
        sys.stdin.readline()
        if kind == ALONE:
            docent.work()
        sys.stdin.readline()


def _opened(storage: Path, url: str, *, reads: bool) -> Docent:
    (storage / "data").mkdir(parents=True, exist_ok=True)
    if not (storage / "originals").exists():
        (storage / "originals").symlink_to(storage.parent / "originals")
    settings = {
        "DOCENT_DATA": str(storage / "data"),
        "DOCENT_STORAGE": str(storage),
        "DOCENT_DATABASE_URL": url,
        "DOCENT_READ_FILES": "auto" if reads else "no",
        "DOCENT_THREADS": "1",
    }
    return open_docent(Settings.read(environ=settings), searches=False)


def _queue(folder: Path, url: str, texts: Sequence[str]) -> None:
    with _opened(folder / "queueing", url, reads=False) as docent:
        for number, text in enumerate(texts):
            path = folder / f"{number}.md"
            path.write_text(text)
            docent.add_upload(path, name=path.name, library="shared", owner=None)


def _text(chance: random.Random) -> str:
    """Return a document of 20 to 60 paragraphs of the documentation."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    paragraphs = [
        part for page in pages for part in page.read_text(encoding="utf-8").split("\n\n") if len(part) > 200
    ]
    return "\n\n".join(chance.sample(paragraphs, chance.randint(20, 60)))


@contextmanager
def _worker(folder: Path, name: str, url: str, *, alone: bool) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore", "-m", "bench.workers", "--work"]
    with subprocess.Popen(
        [*command, str(folder / name), url, ALONE if alone else "queue"],
        cwd=ROOT,
        env=os.environ | OFFLINE | ONE_THREAD,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "warm\n":
            raise SystemExit("A worker did not start.")
        try:
            yield process
        finally:
            _tell(process.stdin, "end")


def _tell(stream: IO[str] | None, line: str) -> None:
    assert stream is not None
    print(line, file=stream, flush=True)


@contextmanager
def _server() -> Iterator[PostgresServer]:
    """A server that keeps what is committed, as one in use does."""
    from docent.postgres.migrating import migrate

    with tempfile.TemporaryDirectory(prefix="docent-postgres-") as folder:
        server = PostgresServer(Path(folder), options=DURABLE)
        try:
            execute(server.url, f"CREATE DATABASE {TEMPLATE}")
            migrate(named(server.url, TEMPLATE))
            yield server
        finally:
            server.stop()


def _print(runs: dict[str, list[Run]], documents: int) -> None:
    chunks = runs[ALONE][0].chunks
    print(f"{documents} documents, {chunks:,} chunks; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("\n| workers | seconds | chunks/s | to one worker | processor s of workers | of PostgreSQL |")
    print("|---|---|---|---|---|---|")
    one = median(run.seconds for run in runs.get("1", runs[ALONE]))
    for way, several in runs.items():
        seconds = median(run.seconds for run in several)
        spread = f"{min(run.seconds for run in several):.1f}–{max(run.seconds for run in several):.1f}"
        name = "1, without the queue" if way == ALONE else way
        processor = f"{median(run.processor for run in several):.1f}"
        database = f"{median(run.database for run in several):.1f}"
        print(
            f"| {name} | {seconds:.1f} ({spread}) | {chunks / seconds:.1f} | {one / seconds:.2f} | "
            f"{processor} | {database} |"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--documents", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns; the median counts")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)  # the child process's own
    return parser.parse_args()


if __name__ == "__main__":
    main()
