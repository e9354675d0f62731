"""A backup holds everything that cannot be made again, and a restore puts back exactly that."""

from __future__ import annotations

import sqlite3
import tarfile
from pathlib import Path

import pytest

from docent.errors import DamagedStore, StoreError
from docent.store import Store, back_up, restore
from tests.store.putting import EVERYTHING, matching, nearest, put

HOURS = "The museum opens at nine and closes at six. On Mondays it is closed."
BOOKS = "Late books cost ten cents a day. Dictionaries are not lent."


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Taken while the store is open and written to."""
    store = Store(tmp_path / "storage", fingerprint="f")
    put(store, tmp_path, "a.txt", HOURS)
    with sqlite3.connect(store.folder / "history.db") as history:
        history.execute("CREATE TABLE said (text)")
        history.execute("INSERT INTO said VALUES ('hello')")
    history.close()
    assert back_up(store.folder, tmp_path / "b.tar") > 0
    put(store, tmp_path, "b.txt", BOOKS)
    store.close()
    return tmp_path / "b.tar"


def test_everything_is_back(backup, tmp_path):
    """Documents, originals and other databases are as they were; both searches work, unembedded."""
    assert restore(backup, tmp_path / "elsewhere", force=False) is None
    store = Store(tmp_path / "elsewhere", fingerprint="f")
    try:
        (document,) = store.documents(EVERYTHING)
        assert store.original(document.id, EVERYTHING).read_text() == HOURS
        assert nearest(store, "museum") == [HOURS]
        assert matching(store, "museum") == {HOURS}
    finally:
        store.close()
    history = sqlite3.connect(tmp_path / "elsewhere/history.db")
    assert history.execute("SELECT text FROM said").fetchall() == [("hello",)]
    history.close()
    assert backup.stat().st_mode & 0o077 == 0


def test_what_belongs_to_a_running_process_stays_with_it(tmp_path):
    """Neither its lock nor its socket and key are in a backup."""
    store = Store(tmp_path / "storage", fingerprint="f")
    put(store, tmp_path, "a.txt", HOURS)
    back_up(store.folder, tmp_path / "b.tar")
    store.close()
    with tarfile.open(tmp_path / "b.tar") as tar:
        (document,) = [name for name in tar.getnames() if name.startswith("originals/")]
        assert set(tar.getnames()) == {"index/catalog.db", document, "docent-backup.json"}


def test_nothing_is_overwritten_unasked(backup, tmp_path):
    """A folder with content is refused; with force its content is kept aside."""
    folder = tmp_path / "storage"
    with pytest.raises(StoreError, match="--force"):
        restore(backup, folder, force=False)
    aside = restore(backup, folder, force=True)
    assert aside is not None
    assert (aside / "index/catalog.db").exists()
    store = Store(folder, fingerprint="f")
    assert [one.name for one in store.documents(EVERYTHING)] == ["a.txt"]
    store.close()
    with pytest.raises(StoreError, match="exists already"):
        back_up(folder, backup)


def test_a_damaged_backup_changes_nothing(backup, tmp_path):
    """One altered byte is noticed, the file is named, and storage/ stays as it was."""
    data = bytearray(backup.read_bytes())
    at = data.index(HOURS.encode())
    data[at] ^= 1
    backup.write_bytes(data)
    with pytest.raises(DamagedStore, match="damaged"):
        restore(backup, tmp_path / "storage", force=True)
    store = Store(tmp_path / "storage", fingerprint="f")
    assert len(store.documents(EVERYTHING)) == 2
    store.close()


@pytest.mark.parametrize("content", [b"", b"not a tar", bytes(2048)], ids=["empty", "text", "zeros"])
def test_what_is_no_backup_is_refused(tmp_path, content):
    """Any other file is refused with a sentence."""
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(DamagedStore, match="backup"):
        restore(tmp_path / "x.tar", tmp_path / "storage", force=False)
