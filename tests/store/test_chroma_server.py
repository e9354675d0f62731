"""Vectors on a Chroma server: the same promises, and what happens when it goes away."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from docent.errors import StoreError
from docent.store import Store, forget_previous, roll_back
from tests.ports import free_port
from tests.store.putting import EVERYTHING, chunked, finish, is_behind, nearest, put

pytestmark = pytest.mark.slow

HOURS = "The museum opens at nine and closes at six. On Mondays it is closed."
BOOKS = "Late books cost ten cents a day. Dictionaries are not lent."
SOUP = "Tomato soup with basil is served at noon."


class Chroma:
    """A real server that can be stopped, started again, and robbed of its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, data: str = "data") -> None:
        if self._process is not None:
            return
        command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", str(self._folder / data)]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/api/v2/heartbeat", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("chroma run did not answer within 30 seconds")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def collections(self) -> set[str]:
        of = "tenants/default_tenant/databases/default_database"
        with urllib.request.urlopen(f"{self.url}/api/v2/{of}/collections") as answer:
            return {str(one["name"]) for one in json.load(answer)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroma]:
    server = Chroma(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture
def chroma(server: Chroma) -> Chroma:
    """Running, whatever the test before did; every store has collections of its own there."""
    server.start()
    return server


@pytest.fixture
def store(tmp_path: Path, chroma: Chroma) -> Iterator[Store]:
    store = Store(tmp_path / "storage", fingerprint="f", chroma_url=chroma.url)
    yield store
    store.close()


def until_it_is_back(store: Store) -> None:
    for _ in range(200):
        if not is_behind(store):
            return
        time.sleep(0.1)
    raise AssertionError("the server was not brought in step within 20 seconds")


def test_a_server_keeps_the_vectors(store, tmp_path, chroma):
    """Putting, finding, replacing and deleting work as in a folder, and storage/ holds no vectors."""
    put(store, tmp_path, "a.txt", HOURS)
    books = put(store, tmp_path, "b.txt", BOOKS)
    assert nearest(store, "when does the museum open")[0] == HOURS
    put(store, tmp_path, "a.txt", SOUP)
    assert nearest(store, "when does the museum open") in ([SOUP, BOOKS], [BOOKS, SOUP])
    deletion = store.delete(books, EVERYTHING)
    assert deletion.found["vectors"] == 1
    assert set(deletion.left.values()) == {0}
    assert not (store.folder / "index/1/chroma").exists()


def test_two_stores_share_a_server(store, tmp_path, chroma):
    """Each store has collections of its own, though their libraries have the same names."""
    put(store, tmp_path, "a.txt", HOURS)
    other = Store(tmp_path / "other", fingerprint="f", chroma_url=chroma.url)
    try:
        put(other, tmp_path, "a.txt", BOOKS)
        assert nearest(other, "museum") == [BOOKS]
        assert nearest(store, "museum") == [HOURS]
    finally:
        other.close()


def test_no_server_at_the_start_is_a_sentence(tmp_path, chroma):
    """A server that is not there is named with the setting, and storage/ is left unlocked."""
    chroma.stop()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"does not answer.*DOCENT_CHROMA_URL"):
            Store(tmp_path / "storage", fingerprint="f", chroma_url=chroma.url)


def test_a_server_that_dies_loses_nothing(store, tmp_path, chroma, caplog):
    """While it is away questions are answered and documents kept; when it is back, it is in step."""
    put(store, tmp_path, "a.txt", HOURS)
    chroma.stop()
    assert nearest(store, "when does the museum open") == [HOURS]
    assert "answered from the catalog" in caplog.text
    put(store, tmp_path, "b.txt", BOOKS)
    assert nearest(store, "what do late books cost")[0] == BOOKS
    with pytest.raises(StoreError, match="does not answer"):
        store.delete(store.documents(EVERYTHING)[0].id, EVERYTHING)
    assert len(store.documents(EVERYTHING)) == 2, "a deletion that cannot be proved does not begin"
    chroma.start()
    until_it_is_back(store)
    assert len(store.contents().vectors["default"]) == 2
    assert nearest(store, "what do late books cost")[0] == BOOKS


def test_a_server_that_lost_its_data_gets_it_again(store, tmp_path, chroma):
    """An empty server in the old one's place is filled from the catalog, without embedding again."""
    put(store, tmp_path, "a.txt", HOURS)
    chroma.stop()
    chroma.start(data="empty")
    assert nearest(store, "museum") == [HOURS]
    until_it_is_back(store)
    assert len(store.contents().vectors["default"]) == 1


def test_the_setting_can_change(store, tmp_path, chroma):
    """Vectors move from the server into the folder, and back, by the setting alone."""
    put(store, tmp_path, "a.txt", HOURS)
    store.close()
    embedded = Store(tmp_path / "storage", fingerprint="f")
    assert nearest(embedded, "museum") == [HOURS]
    put(embedded, tmp_path, "b.txt", BOOKS)
    embedded.close()
    store.__init__(tmp_path / "storage", fingerprint="f", chroma_url=chroma.url)
    assert len(store.contents().vectors["default"]) == 2


def test_what_no_index_names_any_more_is_removed(store, tmp_path, chroma):
    """However often the index is built anew, the server keeps the one that answers and the one before it."""
    before = chroma.collections()
    put(store, tmp_path, "a.txt", HOURS)

    def rebuild(fingerprint: str = "f", *, switch: bool = True) -> None:
        with closing(
            Store(store.folder, fingerprint=fingerprint, chroma_url=chroma.url, building=True)
        ) as new:
            for known in new.missing():
                document = new.read_before(known.id)
                assert document is not None
                new.put_reading(known.id, document, chunked(document, known.id))
            finish(new)
            assert not switch or new.switch() == "switched"

    def kept() -> int:
        return len(chroma.collections() - before)

    for _ in range(2):
        rebuild()
        assert kept() == 2
        assert nearest(store, "museum") == [HOURS]
    store.close()
    rebuild()
    assert kept() == 2, "though no other process is there"
    rebuild(switch=False)
    assert kept() == 3
    Store(store.folder, fingerprint="f", chroma_url=chroma.url).close()
    assert kept() == 2, "the start switched"
    rebuild("g", switch=False)
    rebuild("h", switch=False)
    assert kept() == 3, "what was begun with other settings is removed"
    roll_back(store.folder)
    assert forget_previous(store.folder, chroma_url=chroma.url)
    assert kept() == 2
    store.__init__(tmp_path / "storage", fingerprint="f", chroma_url=chroma.url)
    assert nearest(store, "museum") == [HOURS]


def test_a_deletion_while_the_server_has_an_earlier_index(store, tmp_path, chroma):
    """What is deleted after a rebuild does not come back from the server with a rollback."""
    put(store, tmp_path, "a.txt", HOURS)
    books = put(store, tmp_path, "b.txt", BOOKS)
    with closing(Store(store.folder, fingerprint="f", chroma_url=chroma.url, building=True)) as new:
        for known in new.missing():
            document = new.read_before(known.id)
            assert document is not None
            new.put_reading(known.id, document, chunked(document, known.id))
        finish(new)
        assert new.switch() == "switched"
    assert set(store.delete(books, EVERYTHING).left.values()) == {0}
    roll_back(store.folder)
    assert nearest(store, "late books") == [HOURS]
    assert len(store.contents().vectors["default"]) == 1
    assert store.complaints() == []
