"""Every measurement in one command, each in a process of its own; nothing is fetched.

    python -m bench [--size quick] [--reports FOLDER] [--open-webui URL] [--only NAME …] [--write]

FOLDER holds questions.jsonl (question, file, pages) and pdfs/. Without it, the sample documents are measured,
which are few and easy: their figures show that everything works, not how well. With --write, figures and
charts go into docs/performance.md, between the marks there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measurements import SIZES, Measurement, material, measurements
from bench.page import Measured, machine, write

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/performance.md"


def main() -> int:
    asked = _arguments()
    size = SIZES[asked.size]
    print(f"{machine()}; size {asked.size}", flush=True)
    # Beside the repository's own folders: /tmp may be too small for a million chunks.
    with tempfile.TemporaryDirectory(prefix="docent-bench-", dir=asked.cache) as name:
        cache = Path(name)
        given = material(asked.reports, cache, size.pages)
        found = [
            _measured(one)
            for one in measurements(size, given, cache=cache, open_webui=asked.open_webui)
            if not asked.only or one.name in asked.only
        ]
    if asked.write:
        write(PAGE, found, size=asked.size, own_documents=not given.are_samples)
        print(f"\nWritten to {PAGE.relative_to(ROOT)} and docs/charts/.")
    failed = [one.measurement.name for one in found if not one.output]
    if failed:
        print(f"These did not end well: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _measured(one: Measurement) -> Measured:
    """Run it, showing what it prints as it comes."""
    print(f"\n## {one.title}\n", flush=True)
    printed = []
    command = [sys.executable, "-W", "ignore", "-m", *one.command]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    return Measured(one, "" if process.returncode else "".join(printed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--reports", type=Path, help="folder of questions.jsonl and pdfs/")
    parser.add_argument("--open-webui", default="", metavar="URL", help="measure the server there as well")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="such as start latency roofline"
    )
    parser.add_argument("--cache", type=Path, help="where stores are built (a million chunks: 6 GB)")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
