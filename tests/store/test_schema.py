"""The catalog's tables are brought up to date as a whole, or not at all."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from docent.errors import IndexMismatch
from docent.store.catalog import schema
from docent.store.catalog.sqlite_catalog import SqliteCatalog


def test_a_migration_that_fails_changes_nothing(monkeypatch):
    """The catalog stays at the version that it had, whatever the broken one had done before it broke."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        schema.migrate(database)
        before = database.execute("SELECT sql FROM sqlite_master").fetchall()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        broken = "CREATE TABLE half_done (n);\nINSERT INTO nowhere VALUES (1);"
        monkeypatch.setattr(schema, "MIGRATIONS", {version: (broken, version + 1)})
        monkeypatch.setattr(schema, "LATEST", version + 1)
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            schema.migrate(database)
        assert database.execute("SELECT sql FROM sqlite_master").fetchall() == before
        assert database.execute("PRAGMA user_version").fetchone() == (version,)


def test_a_catalog_of_a_newer_docent_is_left_alone():
    """It is refused with what to do, and not locked by it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        schema.migrate(database)
        database.execute("PRAGMA user_version = 999")
        with pytest.raises(IndexMismatch, match="newer Docent.*Update Docent"):
            schema.migrate(database)
        assert not database.in_transaction


def test_a_catalog_in_use_is_closed_afterwards(tmp_path):
    """`close` waits for a thread that is writing: SQLite crashes where its connection is closed meanwhile."""
    catalog = SqliteCatalog(tmp_path / "catalog.db")
    ending = threading.Thread(target=catalog.close)
    with catalog.write() as db:
        ending.start()
        ending.join(timeout=0.2)
        assert ending.is_alive()
        db.execute("INSERT INTO meta VALUES ('kept', 'yes')")
    ending.join(timeout=30)
    assert not ending.is_alive()
    with closing(SqliteCatalog(tmp_path / "catalog.db")) as again:
        assert again.value("kept") == "yes"
