"""One process owns storage/; every other works with it as if alone, and takes over when it ends."""

from __future__ import annotations

import pickle
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from docent.store.rpc import RpcClient, pack, unpack

from docent.errors import IndexMismatch, UnknownDocument
from docent.store import Store
from docent.types import ReadBy, Scope, State
from tests.store.putting import matching, nearest, put

ROOT = Path(__file__).resolve().parents[2]
ALL = Scope()
HOURS = "The museum opens at nine."
BOOKS = "Late books cost ten cents a day."


def opened(folder: Path, fingerprint: str = "f") -> Store:
    return Store(folder / "storage", fingerprint=fingerprint)


@pytest.fixture
def owner(tmp_path):
    store = opened(tmp_path)
    yield store
    store.close()


@pytest.fixture
def client(owner, tmp_path):
    store = opened(tmp_path)
    yield store
    store.close()


def test_a_second_process_sees_the_same(owner, client, tmp_path):
    """A document that either stores is found by both, and one that either deletes is gone for both."""
    assert (owner.owned, client.owned) == (True, False)
    hours = put(client, tmp_path, "hours.txt", HOURS)
    put(owner, tmp_path, "books.txt", BOOKS)
    for store in (owner, client):
        assert matching(store, "museum books") == {HOURS, BOOKS}
        assert nearest(store, "when does the museum open")[0] == HOURS
        assert store.page(hours, 1, ALL).text == HOURS
        assert store.original(hours, ALL).read_text() == HOURS
        assert [one.state for one in store.documents(ALL)] == [State.READY, State.READY]
    assert set(client.delete(hours, ALL).left.values()) == {0}
    assert matching(owner, "museum") == set()


def test_errors_come_across(owner, client):
    """The owner's error is raised in the calling process, with its sentence."""
    with pytest.raises(UnknownDocument, match="not here any more"):
        client.page("0" * 32, 1, ALL)


def test_another_fingerprint_is_refused(owner, tmp_path):
    """A process with other settings is refused with the remedy, as the owner would be."""
    with pytest.raises(IndexMismatch, match="--rebuild"):
        opened(tmp_path, "g")


def test_when_the_owner_ends_another_process_takes_over(owner, tmp_path):
    """Two processes outlive the owner: one owns the store then, and both still see everything."""
    first, second = opened(tmp_path), opened(tmp_path)
    put(first, tmp_path, "hours.txt", HOURS)
    owner.close()
    try:
        put(second, tmp_path, "books.txt", BOOKS)
        assert matching(first, "museum books") == matching(second, "museum books") == {HOURS, BOOKS}
        assert sorted([first.owned, second.owned]) == [False, True]
    finally:
        for store in sorted((first, second), key=lambda store: store.owned):
            store.close()
        owner.__init__(tmp_path / "storage", fingerprint="f")


def test_many_threads_of_a_client(owner, client, tmp_path):
    """Calls of several threads do not mix, also while the owner ends."""
    put(owner, tmp_path, "hours.txt", HOURS)
    put(owner, tmp_path, "books.txt", BOOKS)
    wrong: list[object] = []

    def ask(question: str, answer: str) -> None:
        for _ in range(40):
            if (found := matching(client, question)) != {answer}:
                wrong.append(found)

    asked = (("museum", HOURS), ("books", BOOKS)) * 3
    threads = [threading.Thread(target=ask, args=pair) for pair in asked]
    for thread in threads:
        thread.start()
    owner.close()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert client.owned
    client.close()
    owner.__init__(tmp_path / "storage", fingerprint="f")
    client.__init__(tmp_path / "storage", fingerprint="f")


OWNER = """
import sys, time
from pathlib import Path
from docent.store import Store
store = Store(Path(sys.argv[1]) / "storage", fingerprint="f")
print("owned" if store.owned else "client", flush=True)
time.sleep(60)
"""


def test_an_owner_that_is_killed(tmp_path):
    """A call that returned has its effect after kill -9 of the owner, and the caller goes on at once."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "owned\n"
    client = opened(tmp_path)
    try:
        assert not client.owned
        put(client, tmp_path, "hours.txt", HOURS)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        put(client, tmp_path, "books.txt", BOOKS)
        assert client.owned
        assert matching(client, "museum books") == {HOURS, BOOKS}
    finally:
        client.close()


MORTAL = """
import os, signal, sys
from docent.store.deletions import DeletingStore
def delete(self, *arguments, done=DeletingStore.delete):
    if sys.argv[2] == "after":
        done(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)
DeletingStore.delete = delete
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_owner_that_is_killed_while_it_deletes(tmp_path, when):
    """A deletion that was not done is done, with its receipt; one that was done is reported as it is."""
    process = subprocess.Popen(
        [sys.executable, "-c", MORTAL + OWNER, str(tmp_path), when], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"owned\n"
    client = opened(tmp_path)
    try:
        hours = put(client, tmp_path, "hours.txt", HOURS)
        if when == "before":
            assert set(client.delete(hours, ALL).left.values()) == {0}
        else:
            with pytest.raises(UnknownDocument, match=r"ended before it answered.*docent list"):
                client.delete(hours, ALL)
        assert matching(client, "museum") == set()
    finally:
        client.close()
        process.communicate()


def test_the_socket_is_for_its_user_only(owner):
    """Socket and key are readable by their user alone, and a wrong key is refused."""
    for name in ("door", "door.key"):
        assert (owner.folder / name).stat().st_mode & 0o077 == 0
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(owner.folder / "door"))
        client = Connection(plain.detach())
    client.send_bytes(b"0" * 64)
    with pytest.raises((EOFError, OSError)):
        client.send_bytes(pack(("documents", (ALL,), {})))
        client.recv_bytes()
    client.close()


@pytest.mark.parametrize(
    "harm",
    [print, subprocess.Popen, Path.unlink, Store],
    ids=["print", "Popen", "unlink", "Store"],
)
def test_nothing_but_values_is_taken(harm):
    """A message that would build anything but a value of ours is refused."""
    with pytest.raises(pickle.UnpicklingError):
        unpack(pack(harm))


def test_only_the_stores_own_methods(owner):
    """Another process can call no method that is not offered."""
    client = RpcClient(owner.folder, fingerprint="f")
    for name in ("close", "_purge", "__init__"):
        with pytest.raises(Exception, match="nothing called"):
            client.call(name, (), {})
    client.close()


def test_a_storage_far_down(tmp_path):
    """A path that is longer than a socket's may be is no hindrance."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    first, second = opened(deep), opened(deep)
    assert (first.owned, second.owned) == (True, False)
    second.close()
    first.close()


def test_members_of_enumerations_pass_by_their_value():
    """No version of Python's own way to pickle them, which may name `getattr`, is relied upon."""
    packed = pack((State.READY, ReadBy.OCR))
    assert unpack(packed) == (State.READY, ReadBy.OCR)
    assert b"getattr" not in packed
