"""Time what the store does, with words and vectors made at random: `python -m bench.store`.

Compare two versions on a quiet machine: run this file in turn with each of them in PYTHONPATH, several times.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from docent.store import Arrival, Store
from docent.types import Chunk, Document, Page, Scope, SourceFile, document_id

EVERYTHING = Scope()
DIMENSIONS = 384
WORDS_OF_A_CHUNK = 80
AT_ONCE = 64  # documents in one commit
BATCH = 256  # chunks whose vectors are stored together
ONE_BY_ONE = 20
VOCABULARY = [f"word{number}" for number in range(20_000)]


class Stopwatch:
    """Milliseconds by name, printed as medians and 95th percentiles."""

    def __init__(self) -> None:
        self._times: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._times[name].append(1000 * (time.perf_counter() - began))

    def rows(self) -> list[str]:
        return [
            f"| {name} | {median(times):.2f} | {sorted(times)[int(len(times) * 0.95)]:.2f} |"
            for name, times in self._times.items()
        ]


class Material:
    """Documents of random words, on disk, and random unit vectors."""

    def __init__(self, folder: Path, chunks: int) -> None:
        self._folder = folder
        self._chunks = chunks
        self._random = random.Random(1)
        self._vectors = np.random.default_rng(1)

    def arrival(self, number: int) -> Arrival:
        text = self.words(WORDS_OF_A_CHUNK * self._chunks)
        file = self._folder / f"{number}.txt"
        file.write_text(text)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        key, step = document_id("default", sha256), len(text) // self._chunks
        chunks = [
            Chunk(
                hashlib.sha256(f"{key} {at}".encode()).hexdigest()[:32],
                *(key, 1, at * step, (at + 1) * step, text[at * step : (at + 1) * step], file.stem),
                tokens=100,
            )
            for at in range(self._chunks)
        ]
        stat = file.stat()
        source = SourceFile("default", file.name, file, stat.st_size, stat.st_mtime_ns)
        return Arrival(source, Document(sha256, file.name, "text", (Page(1, text),), language="en"), chunks)

    def words(self, count: int) -> str:
        return " ".join(self._random.choices(VOCABULARY, k=count))

    def vectors(self, count: int) -> NDArray[np.float32]:
        rows = self._vectors.standard_normal((count, DIMENSIONS))
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def some(self, ids: list[str], count: int) -> list[str]:
        return self._random.sample(ids, min(count, len(ids)))


def main() -> None:
    args = _arguments()
    timed = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        material = Material(folder / "data", args.chunks)
        _measure(
            lambda: Store(folder / "storage", fingerprint="f"), material, timed, args.documents, args.rounds
        )
        size = sum(path.stat().st_size for path in (folder / "storage").rglob("*") if path.is_file())
    print(f"{args.documents} documents of {args.chunks} chunks\n\n| | median, ms | p95, ms |\n|---|---|---|")
    print("\n".join(timed.rows()))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{size / 1e6:.1f} MB on disk, {memory:.0f} MB of memory")


def _measure(
    opened: Callable[[], Store], material: Material, timed: Stopwatch, count: int, rounds: int
) -> None:
    arrivals = [material.arrival(number) for number in range(count + ONE_BY_ONE)]
    ids = [chunk.id for arrival in arrivals for chunk in arrival.chunks]
    store = opened()
    for at in range(0, count, AT_ONCE):
        with timed(f"store the words of {AT_ONCE} documents"):
            store.put_several(arrivals[at : min(at + AT_ONCE, count)])
    for arrival in arrivals[count:]:
        with timed("store the words of one document"):
            store.put_words(arrival.file, arrival.document, arrival.chunks)
    while chunks := store.waiting.chunks(BATCH, besides=()):
        vectors = material.vectors(len(chunks))
        with timed(f"store {BATCH} vectors"):
            store.put_vectors([chunk.id for chunk in chunks], vectors)
    with timed("list the known files"):
        store.known_files("default")
    store.documents(EVERYTHING)
    for _ in range(rounds):
        vector, some = material.vectors(1)[0].tolist(), material.some(ids, 200)
        with timed("100 nearest"):
            store.nearest(vector, 100, EVERYTHING)
        with timed("100 by words"):
            store.matching(material.words(6), 100, EVERYTHING)
        with timed("similarity of 200 chunks"):
            store.similarity(vector, some, EVERYTHING)
        with timed("places of 200 chunks"):
            places = store.places(material.some(ids, 200), EVERYTHING)
        wanted = {(place.document_id, place.page) for place in list(places.values())[:20]}
        with timed("20 pages"):
            store.plain_pages(wanted, EVERYTHING)
        with timed("20 chunks with their text"):
            store.chunks(some[:20], EVERYTHING)
    for document in store.documents(EVERYTHING)[:ONE_BY_ONE]:
        with timed("delete a document"):
            store.delete(document.id, EVERYTHING)
    with timed("close"):
        store.close()
    with timed("open, and ask"):
        store = opened()
        store.nearest(vector, 10, EVERYTHING)
    store.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.store", description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--chunks", type=int, default=10, help="chunks of each document")
    parser.add_argument("--rounds", type=int, default=200, help="searches of each kind")
    return parser.parse_args()


if __name__ == "__main__":
    main()
