"""The sample libraries answer their own questions: the right page is among the first five."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FLOOR = 0.95


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All three sample libraries in one storage."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
    environ = kept | {"DOCENT_STORAGE": str(tmp_path_factory.mktemp("golden") / "storage")}
    done = subprocess.run(
        [sys.executable, "ingest.py"], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return environ


@pytest.mark.parametrize("shared", [False, True], ids=["own library", "all libraries"])
@pytest.mark.parametrize("library", ["internships", "restaurants", "handbook"])
def test_page_hit_at_five(library, shared, environ):
    """Asked within its library or over all three, at least .95 of the questions find their page."""
    command = [sys.executable, "-m", "docent", "eval", f"tests/golden/{library}.jsonl", "--json"]
    scope = [] if shared else ["--library", library]
    done = subprocess.run(
        [*command, *scope, "--floor", str(FLOOR)], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    metrics = json.loads(done.stdout)
    assert metrics["questions"] >= 25
    assert metrics["page_hit_5"] >= FLOOR, metrics
    assert done.returncode == 0


def test_both_pages_of_two_hop_questions(environ):
    """Of the questions that describe a thing, hop by hop finds both pages of at least .75."""
    command = [sys.executable, "-m", "bench.two_hops", "tests/golden/two_hops/held_out.jsonl"]
    done = subprocess.run(
        [*command, "--storage", environ["DOCENT_STORAGE"]],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    cells = done.stdout.splitlines()[-1].split("|")
    once, hop_by_hop = (float(cell) for cell in cells[7:9])
    assert hop_by_hop >= max(once, 0.75)
