"""Everything at once on one storage/."""

from __future__ import annotations

import os

import pytest

from tests.concurrency import run

SECONDS = float(os.environ.get("CONCURRENCY_SECONDS", "12"))


@pytest.mark.slow
def test_everything_at_once(tmp_path):
    """Two ingests, a watcher, four searchers and a deleter, killed now and then: no error, nothing missed,
    and in the end what one ingest alone makes of the files."""
    assert run(tmp_path, seconds=SECONDS)["changes"] > 0
