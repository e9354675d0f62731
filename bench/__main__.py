"""Run every measurement, each in a process of its own; nothing is downloaded.

    python -m bench [--size quick] [--reports FOLDER] [--open-webui URL] [--only NAME …] [--write]

FOLDER holds questions.jsonl (question, file, pages) and pdfs/. Without it, the sample documents are measured,
which are few and easy: their figures show that everything works, not how well. With --write, figures and
charts are written into docs/performance.md, between the marks there, as soon as each is measured. A
measurement that fails or takes too long keeps its earlier figures and does not affect the others.
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

from bench.measurements import SIZES, Measurement, measurements, prepare_material
from bench.performance_page import Measured, conditions, machine, summary_lines, summary_table, write
from bench.tables import tables

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/performance.md"
SECONDS_TO_STOP = 60.0
"""Time that a measurement has to clean up after it was stopped."""


def main() -> int:
    args = _arguments()
    size = SIZES[args.size]
    print(f"{machine()}; size {args.size}", flush=True)
    with _cache(args.cache) as cache:
        material = prepare_material(args.reports, cache, size)
        under = conditions(size=args.size, own_documents=not material.are_samples)
        planned = list(measurements(size, material, cache=cache, open_webui=args.open_webui))
        results = [Measured(measurement, failed=measurement.missing) for measurement in planned]
        for at, measurement in enumerate(planned):
            if not args.only or measurement.name in args.only:
                results[at] = measure(measurement, size.time_limit)
                if args.write:
                    write(PAGE, results, under=under)
    if lines := [line for result in results for line in summary_lines(result.measurement, result.output)]:
        print(f"\n## Summary\n\n{summary_table(lines)}")
    failed = [result for result in results if result.failed and not result.measurement.missing]
    for result in failed:
        print(f"{result.measurement.title}: {result.failed}", file=sys.stderr)
    return 1 if failed else 0


def measure(measurement: Measurement, time_limit: float) -> Measured:
    """Run a measurement and print its output as it comes; its child processes always end with it."""
    print(f"\n## {measurement.title}\n", flush=True)
    if measurement.missing:
        print(measurement.missing, flush=True)
        return Measured(measurement, failed=measurement.missing)
    rerun = f"Run it alone: `make bench BENCH_ONLY={measurement.name}`."
    command = [sys.executable, "-W", "ignore", "-m", *measurement.command]
    began, printed = time.monotonic(), []
    with (
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process,
        _stopped_after(process, time_limit),
    ):
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    seconds = time.monotonic() - began
    print(f"\n({seconds:.0f} s)", flush=True)
    if seconds >= time_limit:
        return Measured(measurement, failed=f"It was stopped after {time_limit:.0f} s. {rerun}")
    if process.returncode:
        return Measured(measurement, failed=f"It ended with exit code {process.returncode}. {rerun}")
    output = "".join(printed)
    try:  # output that cannot be drawn and summarised is no result
        if measurement.chart:
            measurement.chart(list(tables(output)))
        summary_lines(measurement, output)
    except (LookupError, ValueError) as error:
        return Measured(measurement, failed=f"Its output was not understood: {error!r}.")
    return Measured(measurement, output)


@contextmanager
def _stopped_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, _stop, [process])
    timer.start()
    try:
        yield
        process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt the process as Ctrl-C does, so that it cleans up; then kill its whole group."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_STOP)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _cache(folder: Path | None) -> Iterator[Path]:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="docent-bench-") as name:
            yield Path(name)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--reports", type=Path, help="folder of questions.jsonl and pdfs/")
    parser.add_argument("--open-webui", default="", metavar="URL", help="also measure this Open WebUI server")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="for example: start latency roofline"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="where stores are built and kept for the next run (a million chunks: 6 GB);\n"
        "other stores there that python -m bench.latency built are measured as well",
    )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
