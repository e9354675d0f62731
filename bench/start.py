"""From `make run` to the page, a search and an answer; and from a file to its first words found.

    python -m bench.start [--rounds 3] [--pages 500]

What is timed is the recipe of `make run` itself, with everything installed and the samples ingested, in a
fresh process each round. No model server runs, so the answer is made of the best sentences. Then a PDF of
500 pages is handed in over the API: until its words are found, and until its vectors are there as well.
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
PATIENCE = 600.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how many starts; the median counts")
    parser.add_argument("--pages", type=int, default=500, help="of the PDF that is handed in")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="docent-start-") as folder:
        environ = _environ(Path(folder))
        subprocess.run([sys.executable, "ingest.py"], cwd=ROOT, env=environ, check=True, capture_output=True)
        starts = [started(environ) for _ in range(asked.rounds)]
        searchable, ready = handed_in(environ, asked.pages)
    print("| from `make run`, installed, until | median | worst |\n|---|---|---|")
    for what in starts[0]:
        values = [start[what] for start in starts]
        print(f"| {what} | {median(values):.1f} | {max(values):.1f} |")
    print(f"\n| a PDF of {asked.pages} pages, from handing it in until | seconds |\n|---|---|")
    print(f"| its words are found | {searchable:.1f} |\n| its vectors are there as well | {ready:.1f} |")


def started(environ: dict[str, str]) -> dict[str, float]:
    """What was reached when, in seconds; and what it cost until then."""
    with served(environ) as (client, began, group):

        def until(reached: Callable[[], bool]) -> float:
            _wait(reached, group)
            return time.perf_counter() - began

        told = {
            "the page answers, s": until(lambda: client.get("/").is_success),
            "a search has found, s": until(
                lambda: bool(_data(client.post("/v1/search", json={"query": QUESTION})))
            ),
            "an answer has come, s": until(lambda: client.post("/v1/chat/completions", json=CHAT).is_success),
        }
        server = _server(group)
        return told | {
            "processor time of the server, s": _processor(server),
            "its memory, MB": resident(server.name),
        }


def handed_in(environ: dict[str, str], pages: int) -> tuple[float, float]:
    """Seconds until a new PDF is found by its words, and until it is found by its meaning."""
    with served(environ) as (client, _, group):
        _wait(lambda: bool(_data(client.post("/v1/search", json={"query": QUESTION}))), group)
        pdf = book(pages)
        began = time.perf_counter()
        file = client.post("/v1/files", files={"file": ("book.pdf", pdf)}, data={"library": "bench"})
        where = f"/v1/files/{file.raise_for_status().json()['id']}"

        def reached(*states: str) -> float:
            _wait(lambda: client.get(where).raise_for_status().json()["status"] in states, group)
            return time.perf_counter() - began

        return reached("processing", "processed"), reached("processed")


@contextmanager
def served(environ: dict[str, str]) -> Iterator[tuple[httpx.Client, float, int]]:
    """`make run`, with the moment it began and its process group."""
    command = ["make", "run"]
    if not (ROOT / ".venv").exists():  # this very Python has everything already
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


def _wait(reached: Callable[[], bool], group: int) -> None:
    limit = time.perf_counter() + PATIENCE
    while time.perf_counter() < limit:
        try:
            if reached():
                return
        except httpx.ConnectError:
            os.killpg(group, 0)  # raises ProcessLookupError when `make run` has ended
        time.sleep(0.02)
    raise SystemExit(f"Docent did not get there within {PATIENCE:.0f} s. Try: make run")


def _data(response: httpx.Response) -> list[object]:
    found: list[object] = response.json().get("data", []) if response.is_success else []
    return found


def _server(group: int) -> Path:
    """The process of the group that serves."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, FileNotFoundError):  # it ended meanwhile
            serves = b"docent\0serve" in (process / "cmdline").read_bytes()
            if serves and os.getpgid(int(process.name)) == group:
                return process
    raise SystemExit("No process of `make run` serves.")


def _processor(process: Path) -> float:
    user, system = (process / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / TICKS


def _environ(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    return kept | {"DOCENT_STORAGE": str(folder / "storage"), "DOCENT_MODEL_URL": free_url()}


if __name__ == "__main__":
    main()
