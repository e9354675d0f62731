"""A storage/ that version 0.1 wrote is brought up to date: nothing is lost, and nothing is embedded again."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from docent.errors import StorageBusy, UnknownDocument
from docent.store import Store
from docent.store.locks import FolderLock
from docent.types import Scope, State
from tests.store.putting import EMBEDDER, matching, nearest

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "old_storage.json").read_text())


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    with tarfile.open(HERE / "old_storage.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.mark.parametrize("kind", ["closed", "killed", "rebuilt"])
def test_everything_is_there(unpacked, kind, caplog):
    """Documents, pages, chunks, files, failures and what waits are as the old version had them."""
    expected = EXPECTED[kind]
    with closing(Store(unpacked / kind, fingerprint="f")) as store:
        for key, old in expected["documents"].items():
            scope = Scope(reader=old["owner"])
            document = store.document(key, scope)
            for name in ("library", "name", "title", "kind", "sha256", "bytes", "language", "date", "added"):
                assert getattr(document, name) == old[name], name
            assert (document.state, document.chunks, document.embedded) == (
                old["state"],
                old["chunks"],
                old["embedded"],
            )
            assert sorted(document.paths) == sorted(old["paths"])
            assert [page.text for page in store.pages(key, scope)] == [page[1] for page in old["pages"]]
            assert [chunk.id for chunk in store.chunks_of(key, scope)] == (
                [chunk[0] for chunk in old["chunk_list"]] if document.state is not State.QUEUED else []
            )
            assert store.original(key, scope).exists()
        waiting = [[one.id, one.state, one.owner] for one in store.waiting.unread()]
        assert waiting == expected["expected"]
        assert store.lacking() == expected["lacking"]
        for library, files in expected["known_files"].items():
            known = {file.path: [*astuple(file)[1:]] for file in store.known_files(library)}
            assert {path: known[path] for path, *_ in files} == {file[0]: [*file] for file in files}
        for reader, seen in expected["readers"].items():
            scope = Scope(reader=reader or None)
            assert store.libraries(reader or None) == seen["libraries"]
            assert [one.id for one in store.documents(scope)] == seen["documents"]
            for question, hits in seen["found"].items():
                near = store.nearest(EMBEDDER.embed_query(question), len(hits["nearest"]), scope)
                assert {hit.id for hit in store.matching(question, 10, scope)} == set(hits["words"])
                assert {hit.id for hit in near} == set(hits["nearest"])
        assert store.complaints() == []
    if kind == "closed":
        assert "written again" not in caplog.text


def test_it_is_found_and_deleted(unpacked):
    """What the old version indexed is found by words and vectors, and deleted everywhere."""
    with closing(Store(unpacked / "closed", fingerprint="f")) as store:
        assert any(text.startswith("Plum cake") for text in nearest(store, "plum cake with butter")[:3])
        assert any(text.startswith("Plum cake") for text in matching(store, "plums"))
        (recipe,) = [one for one in store.documents(Scope()) if one.name == "recipe.txt"]
        assert set(store.delete(recipe.id, Scope()).left.values()) == {0}
        assert matching(store, "plums") == set()
        with pytest.raises(UnknownDocument):
            store.document(recipe.id, Scope())


def test_indexes_that_did_not_answer_are_removed(unpacked):
    """The index before a rebuild and one that was being built go: another rebuild makes them again."""
    folder = unpacked / "rebuilt"
    assert (folder / "index-previous").exists()
    Store(folder, fingerprint="f").close()
    assert not [name for name in ("index-previous", "index-aside", "building") if (folder / name).exists()]


def test_a_switch_that_was_killed_under_the_old_version_is_undone(unpacked):
    """Killed between two renames, the old version left no index in place; the one before answers."""
    folder = unpacked / "closed"
    (folder / "index").rename(folder / "index-aside")
    with closing(Store(folder, fingerprint="f")) as store:
        assert len(store.documents(Scope())) > 3


def test_a_process_of_the_old_version_is_not_disturbed(unpacked):
    """While one has the folder open, nothing is changed, and the error says what to do."""
    old = FolderLock(unpacked / "closed")
    catalog = unpacked / "closed/index/catalog.db"
    before = catalog.read_bytes()
    with pytest.raises(StorageBusy, match="Stop it"):
        Store(unpacked / "closed", fingerprint="f")
    assert catalog.read_bytes() == before
    old.release()


def tables_of(catalog: Path) -> dict[str, list[Any]]:
    """Return the columns, references and indexes of each table."""
    with closing(sqlite3.connect(catalog)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, list[Any]] = {}
        for name in names:
            columns = database.execute(f"PRAGMA table_info({name})").fetchall()
            references = database.execute(f"PRAGMA foreign_key_list({name})").fetchall()
            indexes = [row[1:] for row in database.execute(f"PRAGMA index_list({name})")]
            found[name] = [columns, references, sorted(indexes)]
    return found


def test_the_tables_are_those_of_a_new_catalog(unpacked, tmp_path):
    """Columns, references and indexes are the same, so that a later change fits both."""
    Store(unpacked / "closed", fingerprint="f").close()
    Store(tmp_path / "new", fingerprint="f").close()
    brought, new = (
        tables_of(folder / "index/catalog.db") for folder in (unpacked / "closed", tmp_path / "new")
    )
    assert brought == new


def test_a_snapshot_is_taken_before_the_tables_change(unpacked):
    """Should a migration go wrong, the catalog before it is there."""
    folder = unpacked / "closed"
    last = folder / "index/snapshots/catalog.db"
    last.unlink()
    store = Store(folder, fingerprint="f")
    with closing(sqlite3.connect(last)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
        assert database.execute("SELECT count(*) FROM vectors").fetchone() > (0,)
    store.close()
