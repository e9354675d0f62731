"""The machine-written part of docs/performance.md: figures as they were printed, charts beside them.

Each measurement has a section of its own, between two comments that name it. One that was not made in this
run, or did not end well, keeps the section that it had, with its own date: what took hours is not lost.
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

BEGIN, END = "<!-- written by python -m bench -->", "<!-- end of what bench wrote -->"
NOT_YET = "Not measured yet."
SECTION = re.compile(r"<!-- of (\S+) -->\n(.*?)<!-- so much of \1 -->\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Measured:
    measurement: Measurement
    output: str = ""
    """What it printed, in Markdown; empty when it did not end well."""
    failed: str = ""
    """How it ended instead."""


def write(page: Path, found: Sequence[Measured], *, under: str) -> None:
    """Replace the sections that are new between the marks, and their charts; the rest is somebody's words.

    `under` says in which circumstances they were measured.
    """
    folder = page.parent / "charts"
    folder.mkdir(exist_ok=True)
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    written, after = rest.split(END)
    kept = {name: text for name, text in SECTION.findall(written) if NOT_YET not in text}
    new = {one.measurement.name: _section(one, folder, under=under) for one in found if one.output}
    why = {one.measurement.name: _placeholder(one) for one in found if one.failed}
    drawn = why | kept | new
    parts = [_summary(found, drawn), *(_between(name, drawn[name]) for name in _order(found, drawn))]
    joined = "\n".join(parts)
    page.write_text(f"{before}{BEGIN}\n\n{joined}{END}{after}", encoding="utf-8")


def circumstances(*, size: str, own_documents: bool) -> str:
    documents = "a folder of its own" if own_documents else "the sample documents, which are few and easy"
    return f"{date.today()}, size `{size}`, {documents}, {machine()}"


def said(lines: Sequence[Line]) -> str:
    return "\n".join(summary(lines))


def lines_of(measurement: Measurement, output: str) -> list[Line]:
    """Its part of the summary; nothing where it printed no figures."""
    found = list(tables(output))
    return list(measurement.summary(found)) if measurement.summary and found else []


def _section(one: Measured, folder: Path, *, under: str) -> str:
    title = one.measurement.title
    written = f"### {title}\n\n`python -m {_command(one.measurement)}` ({under})\n\n{one.output.strip()}\n\n"
    if one.measurement.chart is not None:
        chart = folder / f"{one.measurement.name}.svg"
        chart.write_text(one.measurement.chart(list(tables(one.output))), encoding="utf-8")
        written += f"![{title}](charts/{chart.name})\n\n"
    return written


def _placeholder(one: Measured) -> str:
    return f"### {one.measurement.title}\n\n{NOT_YET} {one.failed}\n\n"


def _between(name: str, section: str) -> str:
    return f"<!-- of {name} -->\n{section}<!-- so much of {name} -->\n"


def _order(found: Sequence[Measured], drawn: Mapping[str, str]) -> Iterator[str]:
    """As they are measured; then whatever else was kept."""
    names = [one.measurement.name for one in found]
    yield from (name for name in names if name in drawn)
    yield from (name for name in drawn if name not in names)


def _summary(found: Sequence[Measured], drawn: Mapping[str, str]) -> str:
    lines = [line for one in found for line in lines_of(one.measurement, drawn.get(one.measurement.name, ""))]
    return said(lines) + "\n" if lines else ""


def machine() -> str:
    """Processor, cores, memory, and how busy it was when asked."""
    cores = len(os.sched_getaffinity(0))
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.+)", info)
    name = model.group(1).strip() if model else platform.machine()
    abilities = [one for one in ("avx512_vnni", "avx512_bf16", "amx_bf16") if re.search(rf"\b{one}\b", info)]
    return (
        f"{name} ({', '.join(abilities) or 'no AVX-512'}), {cores} cores, {gigabytes:.0f} GB, "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def _command(measurement: Measurement) -> str:
    """The command for a reader, without the files and folders of this run."""
    return " ".join(map(_unnamed, measurement.command))


def _unnamed(word: str) -> str:
    if not word.startswith("/"):
        return word
    return "FILE" if Path(word).is_file() else "FOLDER"
