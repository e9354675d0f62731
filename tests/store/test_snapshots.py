"""A damaged catalog is reported in one sentence, and doctor --mend puts back its last sound snapshot."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from docent.errors import DamagedStore
from docent.store import Store, mend_catalog
from docent.store.catalog.packing import pack_text
from docent.store.catalog.snapshots import complaint
from docent.types import Scope, State
from tests.store.putting import finish, matching, nearest, put

PAGE = 4096
TEXTS = {f"{number}.txt": f"Note {number} tells of animal{number}." for number in range(12)}


def zeroed(path: Path) -> None:
    """Every page but the first two and the last."""
    whole = path.read_bytes()
    path.write_bytes(whole[: 2 * PAGE] + bytes(len(whole) - 3 * PAGE) + whole[-PAGE:])


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


DAMAGE = [
    pytest.param(zeroed, id="pages are zeroed"),
    pytest.param(cut, id="it is cut off"),
    pytest.param(lambda path: path.write_bytes(b"no database" * 1000), id="it is no database"),
    pytest.param(lambda path: os.truncate(path, 0), id="it is empty"),
    pytest.param(Path.unlink, id="it is gone"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    store = Store(folder / "storage", fingerprint="f")
    for path, text in TEXTS.items():
        put(store, folder, path, text)
    store.close()
    return folder / "storage"


@pytest.fixture
def filled(made: Path, tmp_path: Path) -> Path:
    """A closed store."""
    return shutil.copytree(made, tmp_path / "storage")


def opened_and_read(folder: Path) -> None:
    store = Store(folder, fingerprint="f")
    try:
        for document in store.documents(Scope()):
            store.chunks_of(document.id, Scope())
    finally:
        store.close()


@pytest.mark.parametrize("harm", DAMAGE)
def test_a_damaged_catalog_is_put_back(filled, harm):
    """The error names the command; after it words find every document, and once vectors are made both do."""
    harm(filled / "index/catalog.db")
    with pytest.raises(DamagedStore, match=r"snapshot .* python -m docent doctor --mend$"):
        opened_and_read(filled)
    assert "put back" in mend_catalog(filled)
    store = Store(filled, fingerprint="f")
    try:
        assert len(store.documents(Scope())) == len(TEXTS)
        assert matching(store, "animal7") == {TEXTS["7.txt"]}
        assert store.complaints() == []
        finish(store)
        assert TEXTS["7.txt"] in nearest(store, "animal7")
        assert {document.state for document in store.documents(Scope())} == {State.READY}
        assert store.complaints() == []
    finally:
        store.close()
    assert mend_catalog(filled) == ""


def test_a_snapshot_leaves_out_what_can_be_made_again(filled):
    """The text is in it; vectors, half of a catalog, are not, and it knows that they are wanted."""
    with closing(sqlite3.connect(filled / "index/snapshots/catalog.db")) as copy:
        assert copy.execute("SELECT count(*) FROM vectors").fetchone() == (0,)
        assert set(copy.execute("SELECT state, embedded FROM readings")) == {("searchable", 0)}
        assert copy.execute("PRAGMA freelist_count").fetchone() == (0,)
    with closing(sqlite3.connect(filled / "index/catalog.db")) as catalog:
        assert catalog.execute("SELECT count(*) FROM vectors").fetchone() == (len(TEXTS),)


def test_words_and_vectors_follow_an_older_catalog(filled, tmp_path):
    """A later document is gone from every index, its file is kept, and it can be read again."""
    older = (filled / "index/snapshots/catalog.db").read_bytes()
    store = Store(filled, fingerprint="f")
    put(store, tmp_path, "later.txt", "A later note tells of narwhals.")
    store.close()
    (filled / "index/snapshots/catalog.db").write_bytes(older)
    cut(filled / "index/catalog.db")
    assert "1 files that were handed in later" in mend_catalog(filled)
    assert [path.read_text() for path in (filled / "unclaimed").iterdir()] == [
        "A later note tells of narwhals."
    ]
    store = Store(filled, fingerprint="f")
    try:
        assert matching(store, "narwhals") == set()
        assert store.complaints() == []
        put(store, tmp_path, "later.txt", "A later note tells of narwhals.")
        assert matching(store, "narwhals") == {"A later note tells of narwhals."}
    finally:
        store.close()


def test_without_a_snapshot_the_error_names_the_backup(filled):
    """Nothing is promised that cannot be kept."""
    (filled / "index/snapshots/catalog.db").unlink()
    cut(filled / "index/catalog.db")
    for open_it in (opened_and_read, mend_catalog):
        with pytest.raises(DamagedStore, match="docent restore FILE --force"):
            open_it(filled)


def test_a_catalog_in_use_is_not_replaced(filled):
    """A process that has the folder open must stop first."""
    store = Store(filled, fingerprint="f")
    try:
        zeroed(filled / "index/catalog.db")
        with pytest.raises(DamagedStore, match="Stop every Docent"):
            mend_catalog(filled)
    finally:
        store.close()


def test_damage_never_reaches_the_snapshot(filled, tmp_path):
    """A copy that is not sound does not replace the one before."""
    store = Store(filled, fingerprint="f")
    zeroed(filled / "index/catalog.db")
    store.save()
    store.close()
    assert complaint(filled / "index/snapshots/catalog.db") == ""


def test_deleted_text_is_in_no_snapshot(filled):
    """From the deletion on, the snapshot is gone; the next one does not have it."""
    trace = pack_text(TEXTS["3.txt"])
    last = filled / "index/snapshots/catalog.db"
    assert trace in last.read_bytes()
    store = Store(filled, fingerprint="f")
    (document,) = [one for one in store.documents(Scope()) if one.name == "3.txt"]
    store.delete(document.id, Scope())
    assert not last.exists()
    store.save()
    assert trace not in last.read_bytes()
    store.close()


def test_nothing_is_copied_when_nothing_has_changed(filled):
    """Opening and closing costs no copy."""
    before = (filled / "index/snapshots/catalog.db").stat().st_ino
    opened_and_read(filled)
    assert (filled / "index/snapshots/catalog.db").stat().st_ino == before
