"""Killed at any instant, the store is whole at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import crash

pytestmark = pytest.mark.slow


def test_a_few_kills(tmp_path: Path) -> None:
    """Files come, change and go and the index is rebuilt; kill -9 and Ctrl+C lose, double and leave nothing.

    The long form: python -m bench.crash
    """
    assert sum(crash.run(tmp_path, kills=6, seed=5).values()) == 6
