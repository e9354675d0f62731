"""What `python -m bench` measures, in which size, and what is drawn of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import charts
from bench.scanning import book
from bench.tables import Table, figure

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data/restaurants"
QUESTIONS = ROOT / "tests/golden/restaurants.jsonl"

Chart = Callable[[list[Table]], str]


@dataclass(frozen=True, slots=True)
class Size:
    chunks: tuple[int, ...]
    """Stores of so many are asked."""
    questions: int
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


SIZES = {
    "smallest": Size((200,), 5, sample=16, pages=6, rounds=1, kills=1, seconds=2, talking=2),
    "quick": Size((1_000, 10_000), 50, sample=160, pages=100, rounds=2, kills=10, seconds=20, talking=10),
    "full": Size(
        (1_000, 10_000, 100_000, 1_000_000),
        200,
        sample=640,
        pages=500,
        rounds=5,
        kills=200,
        seconds=600,
        talking=50,
    ),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    name: str
    """What `--only` calls it."""
    title: str
    command: tuple[str, ...]
    """The module with its arguments."""
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """The documents and questions that are measured with."""

    pdfs: Path
    questions: Path
    reports: Path
    """A folder of questions.jsonl and pdfs/."""
    are_samples: bool


def material(reports: Path | None, cache: Path, pages: int) -> Material:
    """A person's own folder; else the sample restaurants and their questions, and a book for length."""
    if reports:
        return Material(reports / "pdfs", reports / "questions.jsonl", reports, are_samples=False)
    made, long = cache / "samples", cache / "long"
    for folder in (made / "pdfs" / SAMPLES.name, long):
        folder.mkdir(parents=True)
        for path in SAMPLES.glob("*.pdf"):
            (folder / path.name).symlink_to(path)
    (long / "book.pdf").write_bytes(book(pages))
    (made / "questions.jsonl").symlink_to(QUESTIONS)
    return Material(long, QUESTIONS, made, are_samples=True)


def measurements(size: Size, given: Material, *, cache: Path, open_webui: str = "") -> Iterator[Measurement]:
    pdfs, questions, count = str(given.pdfs), str(given.questions), str(size.questions)
    yield Measurement(
        "start",
        "From a cold start",
        ("bench.start", "--rounds", str(size.rounds), "--pages", str(size.pages)),
        _starts,
    )
    yield Measurement("loading", "Loading, against pypdf", ("bench.loading", "speed", pdfs), _loading)
    yield Measurement(
        "ingest",
        "Ingesting, against the tutorial's pipeline",
        ("bench.ingest", "--pdfs", pdfs, "--files", "20", "--rounds", str(min(size.rounds, 2))),
        _ratios("Docent against the tutorial's pipeline, times", "ratio"),
    )
    yield Measurement(
        "embedding",
        "Embedding, against torch",
        ("bench.embedding", "--pdfs", pdfs, "--questions", questions, "--sample", str(size.sample)),
        _bars("Tokens embedded in a second", "tokens/s", "/s"),
    )
    yield Measurement(
        "roofline",
        "Embedding, against what the processor can multiply",
        ("bench.roofline", "--chunks", str(size.sample), "--rounds", str(size.rounds)),
        _roofline,
    )
    yield Measurement(
        "quality",
        "Finding the right page, against the tutorial's pipeline",
        ("bench.retrieval", "--reports", str(given.reports), "--cache", str(cache / "quality"), "--tutorial"),
        _quality,
    )
    yield Measurement(
        "latency",
        "Retrieval, by the size of the store",
        ("bench.latency", "--cache", str(cache), "--chunks", *map(str, size.chunks), "--questions", count),
        _latency,
    )
    largest = str(cache / str(size.chunks[-1]))
    yield Measurement(
        "overhead", "Before the first token", ("bench.overhead", "--store", largest, "--questions", count)
    )
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
    )
    yield Measurement("crashes", "Killed at random", ("bench.crash", "--kills", str(size.kills)))
    if open_webui:
        yield Measurement(
            "open-webui",
            "Beside Open WebUI",
            ("bench.open_webui", "--url", open_webui, "--pdfs", pdfs, "--questions", questions),
            _ratios("Docent against Open WebUI, times", "ratio"),
        )


def _bars(title: str, column: str, unit: str) -> Chart:
    def drawn(found: list[Table]) -> str:
        first = found[0]
        return charts.bars(title, dict(zip(first.names, first.column(column), strict=True)), unit=unit)

    return drawn


def _ratios(title: str, column: str) -> Chart:
    def drawn(found: list[Table]) -> str:
        values = zip(found[0].names, found[0].column(column), strict=True)
        return charts.bars(title, {name: value for name, value in values if value}, unit="×")

    return drawn


def _starts(found: list[Table]) -> str:
    steps = [row for row in found[0].rows if row[0].endswith(", s") and "processor" not in row[0]]
    values = {row[0].removesuffix(", s"): figure(row[1]) for row in steps}
    return charts.bars("Seconds from `make run`, installed, until", values, unit="s")


def _loading(found: list[Table]) -> str:
    table = found[0]
    cores = [f"{reader}, cores: {cores}" for reader, cores, *_ in table.rows]
    return charts.bars(
        "Pages read in a second", dict(zip(cores, table.column("pages/s"), strict=True)), unit="/s"
    )


def _roofline(found: list[Table]) -> str:
    last = [table for table in found if "GFLOP/s" in table.head][-1]
    rates = dict(zip(last.names, last.column("GFLOP/s"), strict=True))
    return charts.bars("Thousand million multiplications and additions in a second", rates, unit="GFLOP/s")


def _quality(found: list[Table]) -> str:
    shared = [row for row in found[0].rows if row[2] == "shared store"]
    at = found[0].head.index("page-hit@5")
    return charts.bars(
        "The right page is among the first five", {row[1]: figure(row[at]) for row in shared}, unit=""
    )


def _latency(found: list[Table]) -> str:
    table = found[0]
    sizes = [figure(name) for name in table.names]
    series = {
        name.removesuffix(", ms"): table.column(name) for name in ("p50, ms", "p95, ms", "processor p50, ms")
    }
    return charts.lines("Milliseconds of a retrieval, by chunks in the store", sizes, series, unit="ms")
