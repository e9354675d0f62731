"""Write the generated part of docs/performance.md: figures as they were printed, and their charts.

Each measurement has a section of its own, between two comments that name it. A measurement that was not run,
or failed, keeps its earlier section with its date, so that a result that took hours is not lost.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench.findings import Line, summary
from bench.measurements import Measurement
from bench.tables import tables

BEGIN, END = "<!-- written by python -m bench -->", "<!-- end of python -m bench -->"
NOT_YET = "Not measured yet."
SECTION = re.compile(r"<!-- begin (\S+) -->\n(.*?)<!-- end \1 -->\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Measured:
    measurement: Measurement
    output: str = ""
    """Its Markdown; empty when it failed."""
    failed: str = ""
    """The reason why there is no output."""


def write(page: Path, results: Sequence[Measured], *, under: str) -> None:
    """Replace the sections of new results between the marks, and their charts; keep all other text.

    `under` describes the conditions of this run.
    """
    folder = page.parent / "charts"
    folder.mkdir(exist_ok=True)
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    written, after = rest.split(END)
    earlier = {name: text for name, text in SECTION.findall(written) if NOT_YET not in text}
    new = {
        result.measurement.name: _section(result, folder, under=under) for result in results if result.output
    }
    failed = {result.measurement.name: _placeholder(result) for result in results if result.failed}
    sections = failed | earlier | new
    parts = [_summary(results, sections)]
    parts += [_marked(name, sections[name]) for name in _order(results, sections)]
    joined = "\n".join(parts)
    page.write_text(f"{before}{BEGIN}\n\n{joined}{END}{after}", encoding="utf-8")


def conditions(*, size: str, own_documents: bool) -> str:
    documents = "a folder of its own" if own_documents else "the sample documents, which are few and easy"
    return f"{date.today()}, size `{size}`, {documents}, {machine()}"


def summary_table(lines: Sequence[Line]) -> str:
    return "\n".join(summary(lines))


def summary_lines(measurement: Measurement, output: str) -> list[Line]:
    """Return the lines of the summary for an output; none where it has no figures."""
    printed = list(tables(output))
    return list(measurement.summary(printed)) if measurement.summary and printed else []


def _section(result: Measured, folder: Path, *, under: str) -> str:
    title = result.measurement.title
    command = shown_command(result.measurement)
    written = f"### {title}\n\n`python -m {command}` ({under})\n\n{result.output.strip()}\n\n"
    if result.measurement.chart is not None:
        chart = folder / f"{result.measurement.name}.svg"
        chart.write_text(result.measurement.chart(list(tables(result.output))), encoding="utf-8")
        written += f"![{title}](charts/{chart.name})\n\n"
    return written


def _placeholder(result: Measured) -> str:
    return f"### {result.measurement.title}\n\n{NOT_YET} {result.failed}\n\n"


def _marked(name: str, section: str) -> str:
    return f"<!-- begin {name} -->\n{section}<!-- end {name} -->\n"


def _order(results: Sequence[Measured], sections: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of sections in the order of the measurements; then all others."""
    names = [result.measurement.name for result in results]
    yield from (name for name in names if name in sections)
    yield from (name for name in sections if name not in names)


def _summary(results: Sequence[Measured], sections: Mapping[str, str]) -> str:
    lines = [
        line
        for result in results
        for line in summary_lines(result.measurement, sections.get(result.measurement.name, ""))
    ]
    return summary_table(lines) + "\n" if lines else ""


def machine() -> str:
    """Return a description of the processor, cores, memory and current load."""
    cores = len(os.sched_getaffinity(0))
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.+)", info)
    name = model.group(1).strip() if model else platform.machine()
    flags = [flag for flag in ("avx512_vnni", "avx512_bf16", "amx_bf16") if re.search(rf"\b{flag}\b", info)]
    return (
        f"{name} ({', '.join(flags) or 'no AVX-512'}), {cores} cores, {gigabytes:.0f} GB, "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def shown_command(measurement: Measurement) -> str:
    """Return the command without the files and folders of this run."""
    return " ".join(map(_placeholder_for_path, measurement.command))


def _placeholder_for_path(word: str) -> str:
    if not word.startswith("/"):
        return word
    return "FILE" if Path(word).is_file() else "FOLDER"
