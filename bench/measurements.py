"""What `python -m bench` measures, in which size, and what is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import findings
from bench.asking import answerable, bare
from bench.scanning import book

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data/restaurants"
QUESTIONS = ROOT / "tests/golden/restaurants.jsonl"


@dataclass(frozen=True, slots=True)
class Size:
    chunks: tuple[int, ...]
    """Stores of so many are asked."""
    questions: int
    files: int
    """Documents, at most, that are read and taken in beside the tutorial's way."""
    asked: int
    """Documents, at most, that are asked questions about, with the tutorial's way beside."""
    sample: int
    """Chunks embedded in each round."""
    pages: int
    """Of the made-up book that is read beside the documents."""
    rounds: int
    kills: int
    seconds: float
    """That many clients work at once."""
    talking: int
    """Conversations at once."""
    patience: float
    """Seconds that one measurement may take."""


SIZES = {
    "smallest": Size(
        (200,), 5, files=2, asked=2, sample=16, pages=6, rounds=1, kills=1, seconds=2, talking=2, patience=600
    ),
    "quick": Size(
        (1_000, 10_000),
        50,
        files=4,
        asked=8,
        sample=160,
        pages=100,
        rounds=2,
        kills=10,
        seconds=20,
        talking=10,
        patience=1200,
    ),
    "full": Size(
        (1_000, 10_000, 100_000, 1_000_000),
        200,
        files=20,
        asked=1_000,
        sample=640,
        pages=500,
        rounds=5,
        kills=200,
        seconds=600,
        talking=50,
        patience=12 * 3600,
    ),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    name: str
    """What `--only` calls it."""
    title: str
    command: tuple[str, ...]
    """The module with its arguments."""
    chart: findings.Chart | None = None
    summary: findings.Summary | None = None
    missing: str = ""
    """Why it cannot be run here, and how it can."""


@dataclass(frozen=True, slots=True)
class Material:
    """The documents and questions that are measured with."""

    pdfs: Path
    questions: Path
    reports: Path
    """A folder of questions.jsonl and pdfs/, as many as are asked about."""
    are_samples: bool


def material(reports: Path | None, cache: Path, size: Size) -> Material:
    """A person's own folder; else the sample restaurants and their questions, and a book for length."""
    asked = cache / f"asked-{size.asked}"
    if reports:
        reports = reports.resolve()
        _some(reports, asked, size.asked)
        return Material(reports / "pdfs", reports / "questions.jsonl", asked, are_samples=False)
    made, long = cache / "samples", cache / "long"
    for folder in (made / "pdfs" / SAMPLES.name, long):
        folder.mkdir(parents=True, exist_ok=True)
        for path in SAMPLES.glob("*.pdf"):
            _link(folder / path.name, path)
    (long / "book.pdf").write_bytes(book(size.pages))
    _link(made / "questions.jsonl", QUESTIONS)
    return Material(long, QUESTIONS, made, are_samples=True)


def _some(reports: Path, into: Path, count: int) -> None:
    """So many of the documents that questions are asked about, by name, with their questions."""
    questions = answerable(reports / "questions.jsonl")
    there = {bare(path.name): path for path in (reports / "pdfs").glob("*.pdf")}
    asked_about = sorted(there.keys() & {bare(one.file) for one in questions})[:count]
    (into / "pdfs").mkdir(parents=True, exist_ok=True)
    for name in asked_about:
        _link(into / "pdfs" / there[name].name, there[name])
    rows = [
        {"question": one.question, "file": one.file, "pages": one.pages}
        for one in questions
        if bare(one.file) in asked_about
    ]
    (into / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _link(where: Path, target: Path) -> None:
    where.unlink(missing_ok=True)  # of an earlier run, when the cache is kept
    where.symlink_to(target)


def measurements(size: Size, given: Material, *, cache: Path, open_webui: str = "") -> Iterator[Measurement]:
    """In the order in which they are run and written down."""
    yield from _from_outside(size)
    yield from _of_documents(size, given, cache)
    yield from _by_size(size, cache)
    yield from _under_load(size)
    yield _open_webui(given, open_webui)


def _from_outside(size: Size) -> Iterator[Measurement]:
    yield Measurement(
        "start",
        "From a cold start",
        ("bench.start", "--rounds", str(size.rounds), "--pages", str(size.pages)),
        findings.starts,
        findings.starts_said,
    )


def _of_documents(size: Size, given: Material, cache: Path) -> Iterator[Measurement]:
    pdfs, questions, files = str(given.pdfs), str(given.questions), str(size.files)
    yield Measurement(
        "loading",
        "Loading, against pypdf",
        ("bench.loading", "speed", pdfs, "--files", files),
        findings.loading,
        findings.loading_said,
    )
    yield Measurement(
        "ingest",
        "Ingesting, against the tutorial's pipeline",
        ("bench.ingest", "--pdfs", pdfs, "--files", files, "--rounds", str(min(size.rounds, 2))),
        findings.ratios("Docent against the tutorial's pipeline, times"),
        findings.ingest_said,
    )
    many = str(2 * size.pages)
    yield Measurement(
        "waiting",
        "What people wait for around an ingest",
        ("bench.waiting", "--pages", str(size.pages), "--files", many, "--questions", str(size.questions)),
    )
    yield Measurement(
        "embedding",
        "Embedding, against torch",
        (
            *("bench.embedding", "--pdfs", pdfs, "--questions", questions),
            *("--sample", str(size.sample), "--files", files),
        ),
        findings.bars("Tokens embedded in a second", "tokens/s", "/s", beside=("torch",)),
        findings.embedding_said,
    )
    yield Measurement(
        "roofline",
        "Embedding, against what the processor can multiply",
        ("bench.roofline", "--chunks", str(size.sample), "--rounds", str(size.rounds)),
        findings.roofline,
        findings.roofline_said,
    )
    kept = cache / "quality" / given.reports.name
    yield Measurement(
        "quality",
        "Finding the right page, against the tutorial's pipeline",
        ("bench.retrieval", "--reports", str(given.reports), "--cache", str(kept), "--tutorial"),
        findings.quality,
        findings.quality_said,
    )


def _by_size(size: Size, cache: Path) -> Iterator[Measurement]:
    kept = [int(path.parent.name) for path in cache.glob("*/questions.json")]
    chunks = sorted({*size.chunks, *kept})
    count = str(size.questions)
    yield Measurement(
        "latency",
        "Retrieval, by the size of the store",
        ("bench.latency", "--cache", str(cache), "--questions", count, "--chunks", *map(str, chunks)),
        findings.latency,
        findings.latency_said,
    )
    yield Measurement(
        "overhead",
        "Before the first token",
        ("bench.overhead", "--store", str(cache / str(chunks[-1])), "--questions", count),
        findings.bars("Milliseconds before the first token, 95 of 100 within", "p95, ms", "ms"),
        findings.first_token_said,
    )


def _under_load(size: Size) -> Iterator[Measurement]:
    yield Measurement(
        "clients",
        "Many programs at once",
        ("bench.soak", "--seconds", f"{size.seconds:.0f}", "--clients", str(min(size.talking, 20))),
    )
    talking = ("--conversations", str(size.talking), "--seconds", f"{min(size.seconds, 60):.0f}")
    yield Measurement(
        "conversations",
        "Many people at once",
        ("bench.chat_load", *talking, "--pages", str(max(size.pages, 20))),
        summary=findings.conversations_said,
    )
    yield Measurement("crashes", "Killed at random", ("bench.crash", "--kills", str(size.kills)))


def _open_webui(given: Material, url: str) -> Measurement:
    return Measurement(
        "open-webui",
        "Beside Open WebUI",
        (
            *("bench.open_webui", "--url", url),
            *("--pdfs", str(given.pdfs), "--questions", str(given.questions)),
        ),
        findings.ratios("Docent against Open WebUI, times"),
        findings.open_webui_said,
        missing=""
        if url
        else "No server to compare with was named. With its key in OPEN_WEBUI_KEY: "
        "`make bench BENCH_OPEN_WEBUI=http://localhost:3000`",
    )
