"""The measurements of `python -m bench`, their sizes, and their charts and summaries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import findings
from bench.questions import answerable, bare_name
from bench.scanning import book
from tests.fakes.postgres_server import BINARIES

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data/restaurants"
QUESTIONS = ROOT / "tests/golden/restaurants.jsonl"


@dataclass(frozen=True, slots=True)
class Size:
    chunks: tuple[int, ...]
    """Numbers of chunks in the stores that are searched."""
    questions: int
    files: int
    """Documents, at most, that are read and ingested, by Docent and the tutorial's pipeline."""
    searched: int
    """Documents, at most, whose questions are asked of Docent and the tutorial's pipeline."""
    sample: int
    """Chunks embedded in each round."""
    pages: int
    """Pages of the generated book that is read beside the documents."""
    rounds: int
    kills: int
    seconds: float
    """Duration of the measurements with many clients."""
    conversations: int
    """Conversations at once."""
    embedded: int
    """Documents that several workers read and embed."""
    time_limit: float
    """Seconds that one measurement may take."""


SIZES = {
    "smallest": Size(
        (200,),
        5,
        files=2,
        searched=2,
        sample=16,
        pages=6,
        rounds=1,
        kills=1,
        seconds=2,
        conversations=2,
        embedded=2,
        time_limit=600,
    ),
    "quick": Size(
        (1_000, 10_000),
        50,
        files=4,
        searched=8,
        sample=160,
        pages=100,
        rounds=2,
        kills=10,
        seconds=20,
        conversations=10,
        embedded=24,
        time_limit=1200,
    ),
    "full": Size(
        (1_000, 10_000, 100_000, 1_000_000),
        200,
        files=20,
        searched=1_000,
        sample=640,
        pages=500,
        rounds=5,
        kills=200,
        seconds=600,
        conversations=50,
        embedded=48,
        time_limit=12 * 3600,
    ),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    name: str
    """The value for `--only`."""
    title: str
    command: tuple[str, ...]
    """The module with its arguments."""
    chart: findings.Chart | None = None
    summary: findings.Summary | None = None
    missing: str = ""
    """The reason why it cannot run here, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Material:
    """The documents and questions of the measurements."""

    pdfs: Path
    questions: Path
    reports: Path
    """A folder of questions.jsonl and pdfs/, with only the documents that are searched."""
    are_samples: bool


def prepare_material(reports: Path | None, cache: Path, size: Size) -> Material:
    """Use the given folder; else the sample restaurants with their questions, and a generated long book."""
    if reports:
        reports = reports.resolve()
        searched = cache / f"searched-{size.searched}"
        _link_some(reports, searched, size.searched)
        return Material(reports / "pdfs", reports / "questions.jsonl", searched, are_samples=False)
    samples, long = cache / "samples", cache / "long"
    for folder in (samples / "pdfs" / SAMPLES.name, long):
        folder.mkdir(parents=True, exist_ok=True)
        for path in SAMPLES.glob("*.pdf"):
            _link(folder / path.name, path)
    (long / "book.pdf").write_bytes(book(size.pages))
    _link(samples / "questions.jsonl", QUESTIONS)
    return Material(long, QUESTIONS, samples, are_samples=True)


def _link_some(reports: Path, into: Path, count: int) -> None:
    """Link the first `count` documents by name that have questions, and write those questions."""
    questions = answerable(reports / "questions.jsonl")
    paths = {bare_name(path.name): path for path in (reports / "pdfs").glob("*.pdf")}
    names = sorted(paths.keys() & {bare_name(question.file) for question in questions})[:count]
    (into / "pdfs").mkdir(parents=True, exist_ok=True)
    for name in names:
        _link(into / "pdfs" / paths[name].name, paths[name])
    rows = [
        {"question": question.question, "file": question.file, "pages": question.pages}
        for question in questions
        if bare_name(question.file) in names
    ]
    (into / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)  # left by an earlier run, when the cache is kept
    link.symlink_to(target)


def measurements(
    size: Size, material: Material, *, cache: Path, open_webui: str = ""
) -> Iterator[Measurement]:
    """Yield all measurements in the order in which they run."""
    yield from _from_outside(size)
    yield from _of_documents(size, material, cache)
    yield from _by_size(size, cache)
    yield from _under_load(size)
    yield _open_webui(material, open_webui)


def _from_outside(size: Size) -> Iterator[Measurement]:
    yield Measurement(
        "start",
        "From a cold start",
        ("bench.start", "--rounds", str(size.rounds), "--pages", str(size.pages)),
        findings.starts,
        findings.start_summary,
    )


def _of_documents(size: Size, material: Material, cache: Path) -> Iterator[Measurement]:
    pdfs, questions, files = str(material.pdfs), str(material.questions), str(size.files)
    yield Measurement(
        "loading",
        "Loading, against pypdf",
        ("bench.loading", "speed", pdfs, "--files", files),
        findings.loading,
        findings.loading_summary,
    )
    yield Measurement(
        "ingest",
        "Ingesting, against the tutorial's pipeline",
        ("bench.ingest", "--pdfs", pdfs, "--files", files, "--rounds", str(min(size.rounds, 2))),
        findings.ratios("Docent against the tutorial's pipeline, times"),
        findings.ingest_summary,
    )
    many = str(2 * size.pages)
    yield Measurement(
        "waiting",
        "Waiting times around an ingest",
        ("bench.waiting", "--pages", str(size.pages), "--files", many, "--questions", str(size.questions)),
    )
    yield Measurement(
        "embedding",
        "Embedding, against torch",
        (
            *("bench.embedding", "--pdfs", pdfs, "--questions", questions),
            *("--sample", str(size.sample), "--files", files),
        ),
        findings.bars("Tokens embedded per second", "tokens/s", "/s", rivals=("torch",)),
        findings.embedding_summary,
    )
    yield Measurement(
        "roofline",
        "Embedding, against the processor's limit",
        ("bench.roofline", "--chunks", str(size.sample), "--rounds", str(size.rounds)),
        findings.roofline,
        findings.roofline_summary,
    )
    index = cache / "quality" / material.reports.name
    yield Measurement(
        "quality",
        "Finding the right page, against the tutorial's pipeline",
        ("bench.retrieval", "--reports", str(material.reports), "--cache", str(index), "--tutorial"),
        findings.quality,
        findings.quality_summary,
    )


def _by_size(size: Size, cache: Path) -> Iterator[Measurement]:
    cached = [int(path.parent.name) for path in cache.glob("*/questions.json")]
    chunks = sorted({*size.chunks, *cached})
    count = str(size.questions)
    yield Measurement(
        "latency",
        "Retrieval, by the size of the store",
        ("bench.latency", "--cache", str(cache), "--questions", count, "--chunks", *map(str, chunks)),
        findings.latency,
        findings.latency_summary,
    )
    yield Measurement(
        "overhead",
        "Before the first token",
        ("bench.overhead", "--store", str(cache / str(chunks[-1])), "--questions", count),
        findings.bars("Milliseconds before the first token, 95th percentile", "p95, ms", "ms"),
        findings.first_token_summary,
    )


def _under_load(size: Size) -> Iterator[Measurement]:
    yield Measurement(
        "clients",
        "Many API clients at once",
        ("bench.soak", "--seconds", f"{size.seconds:.0f}", "--clients", str(min(size.conversations, 20))),
    )
    conversations = ("--conversations", str(size.conversations), "--seconds", f"{min(size.seconds, 60):.0f}")
    yield Measurement(
        "conversations",
        "Many conversations at once",
        ("bench.chat_load", *conversations, "--pages", str(max(size.pages, 20))),
        summary=findings.conversations_summary,
    )
    yield Measurement(
        "workers",
        "Several workers on one database",
        ("bench.workers", "--documents", str(size.embedded), "--rounds", str(size.rounds)),
        findings.workers,
        findings.workers_summary,
        missing="" if BINARIES else "It needs a PostgreSQL: Debian's package postgresql.",
    )
    yield Measurement("crashes", "Interrupted at random", ("bench.crash", "--kills", str(size.kills)))


def _open_webui(material: Material, url: str) -> Measurement:
    return Measurement(
        "open-webui",
        "Beside Open WebUI",
        (
            *("bench.open_webui", "--url", url),
            *("--pdfs", str(material.pdfs), "--questions", str(material.questions)),
        ),
        findings.ratios("Docent against Open WebUI, times"),
        findings.open_webui_summary,
        missing=""
        if url
        else "No server was given. Put its key into OPEN_WEBUI_KEY and run: "
        "`make bench BENCH_OPEN_WEBUI=http://localhost:3000`",
    )
