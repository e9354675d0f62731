"""Every measurement in one command, each in a process of its own; nothing is fetched.

    python -m bench [--size quick] [--reports FOLDER]

FOLDER holds questions.jsonl (question, file, pages) and pdfs/. Without it, the sample documents are measured,
which are few and easy: their figures show that everything works, not how well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data/restaurants"
READER = "llama-index-readers-file"  # the tutorial's; it pins an older pypdf than ours
QUESTIONS = ROOT / "tests/golden/restaurants.jsonl"


@dataclass(frozen=True, slots=True)
class Size:
    chunks: tuple[int, ...]
    questions: int
    sample: int
    kills: int


SIZES = {
    "smallest": Size(chunks=(200,), questions=5, sample=16, kills=1),
    "quick": Size(chunks=(1_000, 10_000), questions=50, sample=160, kills=10),
    "full": Size(chunks=(1_000, 10_000, 100_000, 1_000_000), questions=200, sample=640, kills=200),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--reports", type=Path, help="folder of questions.jsonl and pdfs/")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, size {asked.size}", flush=True)
    with tempfile.TemporaryDirectory(prefix="docent-bench-") as cache:
        failed = [
            name
            for name, command in measurements(SIZES[asked.size], reports=asked.reports, cache=Path(cache))
            if not _measured(name, command)
        ]
    if failed:
        print(f"These did not end well: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def measurements(size: Size, *, reports: Path | None, cache: Path) -> Iterator[tuple[str, list[str]]]:
    """The name of each, and the module with its arguments."""
    pdfs = reports / "pdfs" if reports else SAMPLES
    questions = reports / "questions.jsonl" if reports else QUESTIONS
    yield "Loading", ["bench.loading", "speed", str(pdfs)]
    yield (
        "Embedding",
        ["bench.embedding", "--pdfs", str(pdfs), "--questions", str(questions), "--sample", str(size.sample)],
    )
    folder = pdfs if reports else SAMPLES.parent  # the samples' questions name their library
    yield "Retrieval quality", ["docent", "eval", str(questions), "--documents", str(folder)]
    sizes = [str(count) for count in size.chunks]
    yield (
        "Retrieval by size",
        ["bench.latency", "--cache", str(cache), "--chunks", *sizes, "--questions", str(size.questions)],
    )
    largest = str(cache / sizes[-1])
    yield "Before the first token", ["bench.overhead", "--store", largest, "--questions", str(size.questions)]
    yield "Killed at random", ["bench.crash", "--kills", str(size.kills)]
    if READER in {distribution.name for distribution in distributions()}:
        yield "Ingesting beside the tutorial", ["bench.ingest", "--pdfs", str(pdfs)]


def _measured(name: str, command: list[str]) -> bool:
    print(f"\n## {name}\n", flush=True)
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
