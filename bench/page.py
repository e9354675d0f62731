"""The machine-written part of docs/performance.md: figures as they were printed, charts beside them."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench.measurements import Measurement
from bench.tables import tables

BEGIN, END = "<!-- written by python -m bench -->", "<!-- end of what bench wrote -->"


@dataclass(frozen=True, slots=True)
class Measured:
    measurement: Measurement
    output: str
    """What it printed, in Markdown; empty when it did not end well."""


def write(page: Path, found: Sequence[Measured], *, size: str, own_documents: bool) -> None:
    """Replace what stands between the marks, and the charts beside the page; the rest is somebody's words."""
    folder = page.parent / "charts"
    folder.mkdir(exist_ok=True)
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    written = "\n".join(_written(found, folder, size=size, own_documents=own_documents))
    page.write_text(f"{before}{BEGIN}\n{written}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def _written(found: Sequence[Measured], folder: Path, *, size: str, own_documents: bool) -> Iterator[str]:
    what = (
        "a folder of its own (BENCH_REPORTS)"
        if own_documents
        else "the sample documents, which are few and easy"
    )
    yield f"\nMeasured on {date.today()} in size `{size}` with {what}, on {machine()}.\n"
    for one in found:
        if not one.output:
            yield f"### {one.measurement.title}\n\nDid not end well in this run.\n"
            continue
        yield f"### {one.measurement.title}\n\n`python -m {_said(one.measurement)}`\n\n{one.output.strip()}\n"
        if one.measurement.chart is not None:
            chart = folder / f"{one.measurement.name}.svg"
            chart.write_text(one.measurement.chart(list(tables(one.output))), encoding="utf-8")
            yield f"![{one.measurement.title}](charts/{chart.name})\n"


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


def _said(measurement: Measurement) -> str:
    """The command for a reader, without the folders of this run."""
    words = ["FOLDER" if word.startswith("/") else word for word in measurement.command]
    return " ".join(words)
