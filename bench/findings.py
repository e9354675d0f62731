"""What the tables of a measurement come to: a chart, and a line or two of the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bench import charts
from bench.tables import Table, figure

Chart = Callable[[list[Table]], str]


class Line(NamedTuple):
    """One of the summary: Docent's figure beside another."""

    what: str
    beside: str
    theirs: float
    ours: float
    ratio: float = 0.0
    """As it was measured; of the figures here, which are rounded, where it is not given."""

    def __str__(self) -> str:
        ratio = charts.said(self.ratio or self.ours / self.theirs) if self.theirs else ""
        theirs = _cell(self.theirs) if self.beside else ""
        return f"| {self.what} | {self.beside} | {theirs} | {_cell(self.ours)} | {ratio} |"


Summary = Callable[[list[Table]], Iterator[Line]]


def summary(lines: Sequence[Line]) -> Iterator[str]:
    """A table; "aim" is what Docent is held to, and not a rival's figure."""
    if lines:
        yield "| | beside | there | Docent | Docent / there |\n|---|---|---|---|---|"
        yield from map(str, lines)


def _cell(value: float) -> str:
    return charts.said(value) if value >= 1 else f"{value:.3g}"


# --- charts --------------------------------------------------------------------------------------


def bars(title: str, column: str, unit: str, beside: tuple[str, ...] = ()) -> Chart:
    def drawn(found: list[Table]) -> str:
        values = dict(zip(found[0].names, found[0].column(column), strict=True))
        return charts.bars(title, values, unit=unit, beside=beside)

    return drawn


def ratios(title: str) -> Chart:
    def drawn(found: list[Table]) -> str:
        values = zip(found[0].names, found[0].column("ratio"), strict=True)
        return charts.bars(title, {name: value for name, value in values if value}, unit="×", mark=1.0)

    return drawn


def starts(found: list[Table]) -> str:
    steps = [row for row in found[0].rows if row[0].endswith(", s") and "processor" not in row[0]]
    values = {row[0].removesuffix(", s"): figure(row[1]) for row in steps}
    return charts.bars("Seconds from `make run`, installed, until", values, unit="s")


def loading(found: list[Table]) -> str:
    table = found[0]
    cores = [f"{reader}, cores: {cores}" for reader, cores, *_ in table.rows]
    values = dict(zip(cores, table.column("pages/s"), strict=True))
    return charts.bars("Pages read in a second", values, unit="/s", beside=("tutorial",))


def roofline(found: list[Table]) -> str:
    last = _rates(found)
    rates = dict(zip(last.names, last.column("GFLOP/s"), strict=True))
    title = "Thousand million multiplications and additions in a second"
    return charts.bars(title, rates, unit="GFLOP/s", beside=("numpy", "torch"))


def quality(found: list[Table]) -> str:
    values = {row[1]: figure(row[found[0].head.index("page-hit@5")]) for row in _shared(found)}
    return charts.bars("The right page is among the first five", values, unit="", beside=("tutorial",))


def latency(found: list[Table]) -> str:
    table = found[0]
    sizes = [figure(name) for name in table.names]
    series = {
        name.removesuffix(", ms"): table.column(name) for name in ("p50, ms", "p95, ms", "processor p50, ms")
    }
    return charts.lines("Milliseconds of a retrieval, by chunks in the store", sizes, series, unit="ms")


# --- lines of the summary ------------------------------------------------------------------------


def starts_said(found: list[Table]) -> Iterator[Line]:
    page, search, answer, *_ = found[0].column("median")
    yield Line("`make run`, installed, until the page answers, s", "aim", 6, page)
    yield Line("… until a search has found, s", "aim", 8, search)
    yield Line("… until an answer has come, s", "", 0, answer)
    words, _ = found[1].column("seconds")
    yield Line(f"{found[1].head[0].partition(',')[0]} until its words are found, s", "", 0, words)


def loading_said(found: list[Table]) -> Iterator[Line]:
    alone, *_, ours = found[0].column("pages/s")
    yield Line("pages read in a second, every core", "the tutorial's reader, which uses one", alone, ours)


def ingest_said(found: list[Table]) -> Iterator[Line]:
    for name in ("pages/s", "tokens embedded/s", "peak memory, MB", "disk beside the originals, MB"):
        yield _compared(found[0], name, f"ingest: {name}", "tutorial", "docent")


def embedding_said(found: list[Table]) -> Iterator[Line]:
    rates = found[0].column("tokens/s")
    yield Line("tokens embedded in a second", "torch", rates[0], rates[found[0].names.index("default")])


def roofline_said(found: list[Table]) -> Iterator[Line]:
    rates = _rates(found).column("GFLOP/s")
    yield Line("embedding, GFLOP/s", "what the processor multiplies", max(rates[:-2]), rates[-1])


def quality_said(found: list[Table]) -> Iterator[Line]:
    ways = {row[1]: row for row in _shared(found)}
    *_, ours = ways
    for measure in ("page-hit@5", "MRR@10"):
        at = found[0].head.index(measure)
        theirs = figure(ways["tutorial"][at])
        yield Line(f"right page: {measure}", "the tutorial's pipeline", theirs, figure(ways[ours][at]))


def latency_said(found: list[Table]) -> Iterator[Line]:
    for size, p95 in zip(found[0].names, found[0].column("p95, ms"), strict=True):
        aim = 60 if figure(size) < 1_000_000 else 200
        yield Line(f"retrieval in {size} chunks, p95, ms", "aim", aim, p95)


def first_token_said(found: list[Table]) -> Iterator[Line]:
    yield Line("before the first token, p95, ms", "aim", 60, found[0].column("p95, ms")[-1])


def conversations_said(found: list[Table]) -> Iterator[Line]:
    yield Line("a light action while many talk, p95, ms", "aim", 300, found[0].column("p95, ms")[0])


def open_webui_said(found: list[Table]) -> Iterator[Line]:
    for name in found[0].names:
        yield _compared(found[0], name, name, "Open WebUI", "Docent")


def _compared(table: Table, name: str, what: str, theirs: str, ours: str) -> Line:
    at = table.names.index(name)
    who = "the tutorial's pipeline" if theirs == "tutorial" else theirs
    return Line(what, who, *(table.column(one)[at] for one in (theirs, ours, "ratio")))


def _rates(found: list[Table]) -> Table:
    """Those of the precision that is used, which comes last."""
    return [table for table in found if "GFLOP/s" in table.head][-1]


def _shared(found: list[Table]) -> list[tuple[str, ...]]:
    return [row for row in found[0].rows if row[2] == "shared store"]
