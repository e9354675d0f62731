"""Processes that start at the same moment make a database of SQLite together: one makes it, others wait."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.web.chat.history_database import prepare


def make_catalog(path: Path) -> None:
    SqliteCatalog(path).close()


@pytest.mark.parametrize("make", [prepare, make_catalog])
def test_starts_at_the_same_moment(make, tmp_path):
    """ "database is locked" or "table share_links already exists" ended one of them."""
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as processes:
        for path in (tmp_path / str(n) / "made.db" for n in range(20)):
            list(processes.map(make, [path] * 4))
