"""Measure the time of a whole retrieval, and the memory in use, as the store grows.

    nice python -m bench.latency --cache FOLDER [--chunks 10000 100000] [--questions 200] [--profile]

The stores are synthetic and are kept under FOLDER for the next run. Text is drawn from 30,000 made-up words
that are as frequent as words are in English (Zipf), 120 to a chunk, two chunks to a page, 100 to a document.
Vectors are 384-dimensional, of length 1, scattered around random centres, one centre for every 500 chunks.
Everything else is real: the store, the ranking, and the model that embeds the question. A question is eight
words of one chunk in a sentence. 50 documents are stored at a time, so that a store of 1,000,000 chunks can
be built within an hour; an interrupted build continues where it ended.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import json
import pstats
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.resources import on_disk, resident
from docent.app import Docent, open_docent
from docent.indexing.embedder import index_fingerprint, open_embedder
from docent.settings import Settings
from docent.store import Arrival, Store
from docent.types import Chunk, Document, Page, Scope, SourceFile, chunk_id, document_id

WORDS = 30_000
WORDS_A_CHUNK = 120
CHUNKS_A_DOCUMENT = 100
DIMENSIONS = 384
CHUNKS_A_CENTRE = 500
QUESTIONS = 1000
BATCH = 50
"""Documents stored in one step."""
SYLLABLES = [a + b for a in "bcdfglmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]


def main() -> None:
    args = _arguments()
    if args.measure:
        print(json.dumps(measure(args.cache, args.questions, profile=args.profile)))
        return
    columns = "p50, ms", "p95, ms", "processor p50, ms", "processor p95, ms", "memory, MB", "on disk, MB"
    print(f"| chunks | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for chunks in args.chunks:
        folder = args.cache / str(chunks)
        if not (folder / "questions.json").exists():
            build(folder, chunks)
        # A process of its own, so that its memory is not that of building the store.
        command = [sys.executable, "-m", "bench.latency", "--measure", "--cache", str(folder)]
        command += ["--questions", str(args.questions), *(["--profile"] if args.profile else [])]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        figures = [f"{result[key]:.1f}" for key in ("p50", "p95", "own_p50", "own_p95")]
        figures += [f"{result['memory']:.0f}", f"{on_disk(folder / 'storage'):.0f}"]
        print(f"| {chunks:,} | {' | '.join(figures)} |", flush=True)


def build(folder: Path, chunks: int) -> None:
    """Build a store of so many chunks through its public methods, or continue an interrupted build."""
    random = np.random.default_rng(chunks)
    words = _vocabulary(random)
    frequency = 1 / np.arange(1, WORDS + 1)
    frequency /= frequency.sum()
    centres = random.standard_normal((max(chunks // CHUNKS_A_CENTRE, 1), DIMENSIONS))
    began = time.perf_counter()
    with open_docent(_settings(folder)) as docent:
        stored = sum(document.embedded for document in docent.store.documents(Scope())) // CHUNKS_A_DOCUMENT
        documents = chunks // CHUNKS_A_DOCUMENT
        for first in range(stored // BATCH * BATCH, documents, BATCH):
            random = np.random.default_rng((chunks, first))
            arrivals = []
            for number in range(first, min(first + BATCH, documents)):
                drawn = random.choice(WORDS, size=(CHUNKS_A_DOCUMENT, WORDS_A_CHUNK), p=frequency)
                texts = [" ".join(words[at] for at in row) + "." for row in drawn]
                name = f"{words[WORDS - 1 - number % 9000]}-{2000 + number % 25}-{number}.txt".lower()
                arrivals.append(_arrival(folder, name, texts))
            docent.store.put_several(arrivals)
            pending = [chunk.id for arrival in arrivals for chunk in arrival.chunks]
            docent.store.put_vectors(pending, _vectors(random, centres, len(pending)))
            seconds = time.perf_counter() - began
            print(f"{first + len(arrivals)} documents, {seconds:.0f} s", file=sys.stderr, flush=True)
        questions = [
            _question(docent.store, document.id, words)
            for document in docent.store.documents(Scope())[:QUESTIONS]
        ]
    (folder / "questions.json").write_text(json.dumps(questions))


def _question(store: Store, document: str, words: Sequence[str]) -> str:
    """Ask for eight words of a document's first chunk, none of them among the most frequent."""
    common = set(words[:101])
    words_of_chunk = store.chunks_of(document, Scope())[0].text[:-1].split()
    rare = [word for word in words_of_chunk if word not in common][:8]
    return f"What is the {' '.join(rare[:4])} of the {' '.join(rare[4:])}?"


def measure(folder: Path, count: int, *, profile: bool) -> dict[str, float]:
    """Return milliseconds of whole retrievals with the question's embedding, and resident memory.

    `own_…` are milliseconds of processor time, which a busy machine changes less.
    """
    questions = json.loads((folder / "questions.json").read_text())
    repeated = [questions[at % len(questions)] for at in range(count + 5)]
    with open_built(folder) as docent:
        warm_up(docent, repeated[:5])
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        milliseconds = list(_timed(docent.retrieve, repeated[5:]))
        profiler.disable()
        memory = resident()
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(40)
    p50, p95 = np.percentile([time for time, _ in milliseconds], [50, 95])
    own = np.percentile([time for _, time in milliseconds], [50, 95])
    return {
        "p50": float(p50),
        "p95": float(p95),
        "own_p50": float(own[0]),
        "own_p95": float(own[1]),
        "memory": memory,
    }


def open_built(folder: Path) -> Docent:
    """Open a built store, even one of an earlier version: synthetic chunks do not depend on it."""
    settings = _settings(folder)
    embedder = open_embedder(
        settings.embedding_model,
        cache=folder,
        threads=1,
        device="cpu",
        model_url=settings.model_url,
        model_key=settings.key,
    )
    fingerprint = index_fingerprint(embedder, size=settings.chunk_tokens, overlap=settings.chunk_overlap)
    embedder.close()
    with closing(sqlite3.connect(settings.storage / "index" / "catalog.db")) as catalog, catalog:
        catalog.execute(
            "UPDATE meta SET value = ?1 WHERE key = 'fingerprint' AND value <> ?1", (fingerprint,)
        )
    return open_docent(settings)


def warm_up(docent: Docent, questions: Sequence[str]) -> None:
    """Warm up as `docent serve` does, to the end; the first question loads the index."""
    docent.warm()
    for question in questions:
        docent.retrieve(question, Scope())
    for thread in threading.enumerate():
        if thread.name == "warming":
            thread.join()


def _timed(
    retrieve: Callable[[str, Scope], object], questions: Sequence[str]
) -> Iterator[tuple[float, float]]:
    for question in questions:
        began, own = time.perf_counter(), time.process_time()
        retrieve(question, Scope())
        yield (time.perf_counter() - began) * 1000, (time.process_time() - own) * 1000


def _arrival(folder: Path, name: str, texts: Sequence[str]) -> Arrival:
    file = folder / "data" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pages = [f"{first}\n{second}" for first, second in zip(texts[::2], texts[1::2], strict=True)]
    file.write_text("\f".join(pages))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    document = Document(
        sha256=sha256,
        name=name,
        kind="text",
        pages=tuple(Page(number=number, text=page) for number, page in enumerate(pages, 1)),
        language="en",
    )
    identifier = document_id("bench", sha256)
    chunks = []
    for at, text in enumerate(texts):
        page, second = at // 2 + 1, at % 2
        start = len(texts[at - 1]) + 1 if second else 0
        key = chunk_id(identifier, page, start, start + len(text), "bench")
        header = f"{Path(name).stem.replace('-', ' ')} | p. {page}"
        chunks.append(Chunk(key, identifier, page, start, start + len(text), text, header))
    stat = file.stat()
    return Arrival(SourceFile("bench", name, file, stat.st_size, stat.st_mtime_ns), document, chunks)


def _vectors(random: np.random.Generator, centres: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    nearby = centres[random.integers(len(centres), size=count)]
    scattered = nearby + random.standard_normal((count, DIMENSIONS))
    return np.asarray(scattered / np.linalg.norm(scattered, axis=1, keepdims=True), dtype=np.float32)


def _vocabulary(random: np.random.Generator) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(random.choice(SYLLABLES, size=random.integers(2, 5)))] = None
    return list(words)


def _settings(folder: Path) -> Settings:
    environ = {"DOCENT_STORAGE": str(folder / "storage"), "DOCENT_DATA": str(folder / "data")}
    return Settings.read(environ=environ, folder=folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where the stores are kept")
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000], help="sizes to measure")
    parser.add_argument("--questions", type=int, default=200, help="number of timed questions")
    parser.add_argument("--profile", action="store_true", help="print a profile to stderr")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)  # the child process's part
    return parser.parse_args()


if __name__ == "__main__":
    main()
