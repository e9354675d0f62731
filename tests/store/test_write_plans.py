"""A write takes no longer because the library is large: no statement of it reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from docent.store import Store
from docent.store.catalog import changes
from tests.store.putting import EVERYTHING, put

SMALL = re.compile(
    r"generations|json_each|CONSTANT ROW|INDEX (documents_hidden|paths_by_next|readings_unfinished)"
)
"""What may be read as a whole: as many rows as there are generations, or documents that a write changes."""


class Recording(sqlite3.Connection):
    """A connection that asks SQLite for the plan of each statement before it executes it."""

    plans: list[str] = []

    def execute(self, sql, parameters=(), /):
        if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            rows = super().execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
            self.plans.extend(f"{row[3]}, in: {' '.join(sql.split())}" for row in rows)
        return super().execute(sql, parameters)


@pytest.fixture
def plans(monkeypatch) -> list[str]:
    """The steps of all statements that are executed from now on."""
    connect, recorded = sqlite3.connect, []
    monkeypatch.setattr(Recording, "plans", recorded)
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=Recording)
    )
    return recorded


def scans(plans: list[str]) -> list[str]:
    return [
        step for step in plans if step.startswith("SCAN") and not SMALL.search(step.partition(", in:")[0])
    ]


def change_everything(store: Store, folder: Path) -> None:
    """Store documents, replace one by a newer version, forget a file."""
    put(store, folder, "a.txt", "The heron waits.")
    put(store, folder, "a.txt", "The heron has gone.")
    put(store, folder, "b.txt", "The otter swims.")
    store.forget("default", "b.txt")
    store.come_to_rest()


def test_no_write_reads_a_whole_table(plans, tmp_path):
    """Neither storing a file nor its next version, nor forgetting one, scans documents, paths or chunks."""
    with closing(Store(tmp_path / "storage", fingerprint="f")) as store:
        change_everything(store, tmp_path)  # a new store begins its generation, and knows no library yet
        plans.clear()
        change_everything(store, tmp_path)
        assert len(plans) > 50
        assert scans(plans) == []
        assert [document.name for document in store.documents(EVERYTHING)] == ["a.txt"]


def test_documents_without_a_path_are_found_by_an_index(plans, tmp_path):
    """The statement at the end of every write reads documents that are not visible, which are few."""
    with closing(Store(tmp_path / "storage", fingerprint="f")):
        pass
    with closing(sqlite3.connect(tmp_path / "storage/index/catalog.db")) as database:
        plans.clear()
        assert changes.nameless(database) == []
    steps = [step.partition(", in:")[0] for step in plans]
    assert "SCAN d USING INDEX documents_hidden" in steps
    assert [step for step in steps if step.startswith("SCAN")] == ["SCAN d USING INDEX documents_hidden"]
