"""Turn the tables of a measurement into a chart and into lines of the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bench import charts
from bench.tables import Table, figure

Chart = Callable[[list[Table]], str]


class Line(NamedTuple):
    """A row of the summary: Docent's figure and the one it is compared with."""

    measure: str
    compared_with: str
    theirs: float
    ours: float
    ratio: float = 0.0
    """The measured ratio; without it, the ratio of the rounded figures here."""

    def __str__(self) -> str:
        ratio = charts.rounded(self.ratio or self.ours / self.theirs) if self.theirs else ""
        theirs = _cell(self.theirs) if self.compared_with else ""
        return f"| {self.measure} | {self.compared_with} | {theirs} | {_cell(self.ours)} | {ratio} |"


Summary = Callable[[list[Table]], Iterator[Line]]


def summary(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the rows of a table; "aim" is a target and not a rival's figure."""
    if lines:
        yield "| measure | compared with | its figure | Docent | ratio |\n|---|---|---|---|---|"
        yield from map(str, lines)


def _cell(value: float) -> str:
    return charts.rounded(value) if value >= 1 else f"{value:.3g}"


# --- charts --------------------------------------------------------------------------------------


def bars(title: str, column: str, unit: str, rivals: tuple[str, ...] = ()) -> Chart:
    def draw(tables: list[Table]) -> str:
        values = dict(zip(tables[0].names, tables[0].column(column), strict=True))
        return charts.bars(title, values, unit=unit, rivals=rivals)

    return draw


def ratios(title: str) -> Chart:
    def draw(tables: list[Table]) -> str:
        values = zip(tables[0].names, tables[0].column("ratio"), strict=True)
        return charts.bars(title, {name: value for name, value in values if value}, unit="×", mark=1.0)

    return draw


def starts(tables: list[Table]) -> str:
    steps = [row for row in tables[0].rows if row[0].endswith(", s") and "processor" not in row[0]]
    values = {row[0].removesuffix(", s"): figure(row[1]) for row in steps}
    return charts.bars("Seconds from `make run`, already installed, until", values, unit="s")


def loading(tables: list[Table]) -> str:
    table = tables[0]
    cores = [f"{reader}, cores: {cores}" for reader, cores, *_ in table.rows]
    values = dict(zip(cores, table.column("pages/s"), strict=True))
    return charts.bars("Pages read per second", values, unit="/s", rivals=("tutorial",))


def roofline(tables: list[Table]) -> str:
    last = _rates(tables)
    rates = dict(zip(last.names, last.column("GFLOP/s"), strict=True))
    title = "Billion multiplications and additions per second"
    return charts.bars(title, rates, unit="GFLOP/s", rivals=("numpy", "torch"))


def quality(tables: list[Table]) -> str:
    values = {row[1]: figure(row[tables[0].head.index("page-hit@5")]) for row in _shared(tables)}
    return charts.bars("Right page among the first five", values, unit="", rivals=("tutorial",))


def latency(tables: list[Table]) -> str:
    table = tables[0]
    sizes = [figure(name) for name in table.names]
    series = {
        name.removesuffix(", ms"): table.column(name) for name in ("p50, ms", "p95, ms", "processor p50, ms")
    }
    return charts.lines("Milliseconds for a retrieval, by chunks in the store", sizes, series, unit="ms")


def workers(tables: list[Table]) -> str:
    values = dict(zip(tables[0].names, tables[0].column("chunks/s"), strict=True))
    return charts.bars("Chunks read and embedded per second, by workers", values, unit="/s")


# --- lines of the summary ------------------------------------------------------------------------


def start_summary(tables: list[Table]) -> Iterator[Line]:
    page, search, answer, *_ = tables[0].column("median")
    yield Line("`make run`, already installed, until the page answers, s", "aim", 6, page)
    yield Line("… until a search returns results, s", "aim", 8, search)
    yield Line("… until an answer is complete, s", "", 0, answer)
    words, _ = tables[1].column("seconds")
    yield Line(f"{tables[1].head[0].partition(',')[0]} until its words are searchable, s", "", 0, words)


def loading_summary(tables: list[Table]) -> Iterator[Line]:
    alone, *_, ours = tables[0].column("pages/s")
    yield Line("pages read per second, all cores", "the tutorial's reader, on one core", alone, ours)


def ingest_summary(tables: list[Table]) -> Iterator[Line]:
    for name in ("pages/s", "tokens embedded/s", "peak memory, MB", "disk without the originals, MB"):
        yield compared(tables[0], name, f"ingest: {name}", "tutorial", "docent")


def embedding_summary(tables: list[Table]) -> Iterator[Line]:
    rates = tables[0].column("tokens/s")
    yield Line("tokens embedded per second", "torch", rates[0], rates[tables[0].names.index("default")])


def roofline_summary(tables: list[Table]) -> Iterator[Line]:
    rates = _rates(tables).column("GFLOP/s")
    yield Line("embedding, GFLOP/s", "the processor's limit", max(rates[:-2]), rates[-1])


def quality_summary(tables: list[Table]) -> Iterator[Line]:
    methods = {row[1]: row for row in _shared(tables)}
    *_, ours = methods
    for measure in ("page-hit@5", "MRR@10"):
        at = tables[0].head.index(measure)
        theirs = figure(methods["tutorial"][at])
        yield Line(f"right page: {measure}", "the tutorial's pipeline", theirs, figure(methods[ours][at]))


def latency_summary(tables: list[Table]) -> Iterator[Line]:
    for size, p95 in zip(tables[0].names, tables[0].column("p95, ms"), strict=True):
        aim = 60 if figure(size) < 1_000_000 else 200
        yield Line(f"retrieval in {size} chunks, p95, ms", "aim", aim, p95)


def first_token_summary(tables: list[Table]) -> Iterator[Line]:
    yield Line("before the first token, p95, ms", "aim", 60, tables[0].column("p95, ms")[-1])


def conversations_summary(tables: list[Table]) -> Iterator[Line]:
    yield Line(
        "a short action beside many conversations, p95, ms", "aim", 300, tables[0].column("p95, ms")[0]
    )


def workers_summary(tables: list[Table]) -> Iterator[Line]:
    rates = dict(zip(tables[0].names, tables[0].column("chunks/s"), strict=True))
    yield Line("chunks read and embedded per second by two workers", "one worker", rates["1"], rates["2"])


def open_webui_summary(tables: list[Table]) -> Iterator[Line]:
    for name in tables[0].names:
        yield compared(tables[0], name, name, "Open WebUI", "Docent")


def compared(table: Table, name: str, measure: str, theirs: str, ours: str) -> Line:
    at = table.names.index(name)
    rival = "the tutorial's pipeline" if theirs == "tutorial" else theirs
    return Line(measure, rival, *(table.column(head)[at] for head in (theirs, ours, "ratio")))


def _rates(tables: list[Table]) -> Table:
    """Return the rates of the precision in use, which is printed last."""
    return [table for table in tables if "GFLOP/s" in table.head][-1]


def _shared(tables: list[Table]) -> list[tuple[str, ...]]:
    return [row for row in tables[0].rows if row[2] == "shared store"]
