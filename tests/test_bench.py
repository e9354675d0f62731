"""The measurements run, over the sample documents and with nothing fetched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_every_measurement_runs():
    """The smallest form of each ends well and prints its figures."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--size", "smallest"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n## ") >= 6
