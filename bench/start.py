"""Measure the time from `make run` to the page, a search and an answer, and from an upload to its search.

    python -m bench.start [--rounds 3] [--pages 500]

The recipe of `make run` itself is timed, with everything installed and the samples ingested, in a fresh
process each round. No model server runs, so the answer consists of the best sentences. Then a PDF of 500
pages is uploaded over the API, and timed until its words are searchable and until its vectors are stored.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import httpx

from bench.resources import resident
from bench.scanning import book
from tests.ports import free_port, free_url

ROOT = Path(__file__).resolve().parent.parent
QUESTION = "Which internship is about machine learning?"
CHAT = {"model": "library/internships", "messages": [{"role": "user", "content": QUESTION}]}
TIME_LIMIT = 600.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="number of starts; the median counts")
    parser.add_argument("--pages", type=int, default=500, help="pages of the uploaded PDF")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="docent-start-") as folder:
        environ = _environ(Path(folder))
        subprocess.run([sys.executable, "ingest.py"], cwd=ROOT, env=environ, check=True, capture_output=True)
        starts = [start(environ) for _ in range(args.rounds)]
        searchable, ready = upload(environ, args.pages)
    print("| from `make run`, already installed, until | median | worst |\n|---|---|---|")
    for milestone in starts[0]:
        values = [start[milestone] for start in starts]
        print(f"| {milestone} | {median(values):.1f} | {max(values):.1f} |")
    print(f"\n| a PDF of {args.pages} pages, from its upload until | seconds |\n|---|---|")
    print(f"| its words are searchable | {searchable:.1f} |\n| its vectors are stored | {ready:.1f} |")


def start(environ: dict[str, str]) -> dict[str, float]:
    """Return the seconds until each milestone, and the processor time and memory of the server."""
    with served(environ) as (client, began, group):

        def until(reached: Callable[[], bool]) -> float:
            _wait_until(reached, group)
            return time.perf_counter() - began

        milestones = {
            "the page answers, s": until(lambda: client.get("/").is_success),
            "a search returns results, s": until(
                lambda: bool(_data(client.post("/v1/search", json={"query": QUESTION})))
            ),
            "an answer is complete, s": until(
                lambda: client.post("/v1/chat/completions", json=CHAT).is_success
            ),
        }
        server = _server(group)
        return milestones | {
            "processor time of the server, s": _processor(server),
            "memory of the server, MB": resident(server.name),
        }


def upload(environ: dict[str, str], pages: int) -> tuple[float, float]:
    """Return the seconds until a new PDF is found by full text, and until its vectors are stored."""
    with served(environ) as (client, _, group):
        _wait_until(lambda: bool(_data(client.post("/v1/search", json={"query": QUESTION}))), group)
        pdf = book(pages)
        began = time.perf_counter()
        file = client.post("/v1/files", files={"file": ("book.pdf", pdf)}, data={"library": "bench"})
        where = f"/v1/files/{file.raise_for_status().json()['id']}"

        def reached(*states: str) -> float:
            _wait_until(lambda: client.get(where).raise_for_status().json()["status"] in states, group)
            return time.perf_counter() - began

        return reached("processing", "processed"), reached("processed")


@contextmanager
def served(environ: dict[str, str]) -> Iterator[tuple[httpx.Client, float, int]]:
    """Run `make run`; yield a client, the start time and the process group."""
    command = ["make", "run"]
    if not (ROOT / ".venv").exists():  # this Python has everything installed
        command += ["-o", "install", f"VENV={Path(sys.executable).parent}"]
    port = str(free_port())
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ | {"DOCENT_PORT": port},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            yield client, began, process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait_until(reached: Callable[[], bool], group: int) -> None:
    limit = time.perf_counter() + TIME_LIMIT
    while time.perf_counter() < limit:
        try:
            if reached():
                return
        except httpx.ConnectError:
            os.killpg(group, 0)  # raises ProcessLookupError when `make run` has ended
        time.sleep(0.02)
    raise SystemExit(f"Docent was not ready within {TIME_LIMIT:.0f} s. Run: make run")


def _data(response: httpx.Response) -> list[object]:
    data: list[object] = response.json().get("data", []) if response.is_success else []
    return data


def _server(group: int) -> Path:
    """Return the /proc folder of the group's server process."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, FileNotFoundError):  # the process has ended
            serves = b"docent\0serve" in (process / "cmdline").read_bytes()
            if serves and os.getpgid(int(process.name)) == group:
                return process
    raise SystemExit("`make run` has no server process.")


def _processor(process: Path) -> float:
    user, system = (process / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / TICKS


def _environ(folder: Path) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    return environ | {"DOCENT_STORAGE": str(folder / "storage"), "DOCENT_MODEL_URL": free_url()}


if __name__ == "__main__":
    main()
