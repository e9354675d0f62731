"""Every measurement in one command, each in a process of its own; nothing is fetched.

    python -m bench [--size quick] [--reports FOLDER] [--open-webui URL] [--only NAME …] [--write]

FOLDER holds questions.jsonl (question, file, pages) and pdfs/. Without it, the sample documents are measured,
which are few and easy: their figures show that everything works, not how well. With --write, figures and
charts go into docs/performance.md, between the marks there, as soon as each is measured; one that fails or
takes too long leaves the others as they are, and what stood there of it before.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.measurements import SIZES, Measurement, material, measurements
from bench.page import Measured, circumstances, lines_of, machine, said, write
from bench.tables import tables

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/performance.md"
FAREWELL = 60.0
"""Seconds in which a measurement that is broken off tidies up."""


def main() -> int:
    asked = _arguments()
    size = SIZES[asked.size]
    print(f"{machine()}; size {asked.size}", flush=True)
    with _cache(asked.cache) as cache:
        given = material(asked.reports, cache, size)
        under = circumstances(size=asked.size, own_documents=not given.are_samples)
        all_of_them = list(measurements(size, given, cache=cache, open_webui=asked.open_webui))
        found = [Measured(one, failed=one.missing) for one in all_of_them]
        for at, one in enumerate(all_of_them):
            if not asked.only or one.name in asked.only:
                found[at] = _measured(one, size.patience)
                if asked.write:
                    write(PAGE, found, under=under)
    if lines := [line for one in found for line in lines_of(one.measurement, one.output)]:
        print(f"\n## In short\n\n{said(lines)}")
    failed = [one for one in found if one.failed and not one.measurement.missing]
    for measured in failed:
        print(f"{measured.measurement.title}: {measured.failed}", file=sys.stderr)
    return 1 if failed else 0


def _measured(one: Measurement, patience: float) -> Measured:
    """Run it, showing what it prints as it comes; its own processes end with it, however it ends."""
    print(f"\n## {one.title}\n", flush=True)
    if one.missing:
        print(one.missing, flush=True)
        return Measured(one, failed=one.missing)
    alone = f"By itself: `make bench BENCH_ONLY={one.name}`."
    command = [sys.executable, "-W", "ignore", "-m", *one.command]
    began, printed = time.monotonic(), []
    with (
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process,
        _ended_after(process, patience),
    ):
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    seconds = time.monotonic() - began
    print(f"\n({seconds:.0f} s)", flush=True)
    if seconds >= patience:
        return Measured(one, failed=f"It was broken off after {patience:.0f} s. {alone}")
    if process.returncode:
        return Measured(one, failed=f"It ended with exit code {process.returncode}. {alone}")
    return _readable(Measured(one, "".join(printed)))


def _readable(measured: Measured) -> Measured:
    """What it printed can be drawn and summed up; else it is no result."""
    one, found = measured.measurement, list(tables(measured.output))
    try:
        if one.chart:
            one.chart(found)
        lines_of(one, measured.output)
    except (LookupError, ValueError) as error:
        return Measured(one, failed=f"What it printed was not understood: {error!r}.")
    return measured


@contextmanager
def _ended_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    watch = threading.Timer(seconds, _end, [process])
    watch.start()
    try:
        yield
        process.wait()
    finally:
        watch.cancel()
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """As if a person had pressed Ctrl-C there, so that servers and folders are tidied up; then for good."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(FAREWELL)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _cache(asked: Path | None) -> Iterator[Path]:
    if asked:
        asked.mkdir(parents=True, exist_ok=True)
        yield asked.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="docent-bench-") as name:
            yield Path(name)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--reports", type=Path, help="folder of questions.jsonl and pdfs/")
    parser.add_argument("--open-webui", default="", metavar="URL", help="measure the server there as well")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="such as start latency roofline"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="where stores are built, and kept for the next run (a million chunks: 6 GB);\n"
        "a larger store that lies there, as python -m bench.latency builds it, is measured as well",
    )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
