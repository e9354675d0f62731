"""Any number of processes use storage/ as if alone; one owns its index, another takes over when it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

from docent.errors import IndexMismatch, StoreError
from docent.store import Store
from docent.store.index.local_index import LocalIndex, OwnerGone, OwnerServer, ask_owner
from docent.store.index.word_index import WordIndex
from docent.types import Scope, State
from tests.store.databases import open_store
from tests.store.putting import arrival, finish, matching, nearest, put

IN_BOTH_DATABASES = True

ROOT = Path(__file__).resolve().parents[2]
ALL = Scope()
HOURS = "The museum opens at nine."
BOOKS = "Late books cost ten cents a day."


def opened(folder: Path, fingerprint: str = "f") -> Store:
    return open_store(folder / "storage", fingerprint=fingerprint)


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


def test_at_rest_documents_are_ready(owner, client, tmp_path, monkeypatch):
    """A process that waits for vectors finds its document ready, whichever process stored the last."""
    new = arrival(tmp_path, "hours.txt", HOURS)
    client.put_words(new.file, new.document, new.chunks)
    with monkeypatch.context() as slow:
        slow.setattr(LocalIndex, "follow", lambda _: None)  # the owner has not got further yet
        finish(owner)
    assert client.lacking() == 0
    assert [one.state for one in client.documents(ALL)] == [State.SEARCHABLE]
    client.come_to_rest()
    assert [one.state for one in client.documents(ALL)] == [State.READY]


@pytest.mark.parametrize("again", ["the document", "its file", "the document, deleted again"])
def test_what_is_stored_again_is_not_left(owner, client, tmp_path, monkeypatch, again):
    """A receipt counts what is left of what was deleted, not what another process has stored since."""
    key = put(client, tmp_path, "hours.txt", HOURS)
    original, held, calls = client.original(key, ALL), LocalIndex.held, count()

    def store_meanwhile(index: LocalIndex, *of) -> tuple[int, int]:
        if not index.owned and next(calls) == 1:  # after the deletion, before what is left is counted
            if again == "its file":
                original.write_text(HOURS)
            else:
                put(owner, tmp_path, "hours.txt", HOURS)
            counts = held(index, *of)
            if again == "the document, deleted again":
                owner.withdraw(key)
            return counts
        return held(index, *of)

    monkeypatch.setattr(LocalIndex, "held", store_meanwhile)
    receipt = client.delete(key, ALL)
    assert receipt.found["originals"] == receipt.found["words"] == 1
    assert set(receipt.left.values()) == {0}
    assert next(calls) >= 2


def test_errors_come_across(tmp_path, monkeypatch):
    """The error of the process that owns the index is raised in the one that asks, with its sentence."""
    owner = opened(tmp_path)
    client = opened(tmp_path)
    try:
        key = put(owner, tmp_path, "hours.txt", HOURS)

        def full(*_):
            raise StoreError("The index is {state}.", state="full")

        monkeypatch.setattr(WordIndex, "apply", full)
        with pytest.raises(StoreError, match="The index is full.") as refused:
            client.delete(key, ALL)
        assert refused.value.message.parameters == {"state": "full"}
        monkeypatch.undo()
        assert matching(client, "museum") == set(), (
            "what was deleted is in no answer, whatever the index says"
        )
    finally:
        client.close()
        owner.close()


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
from tests.store.databases import open_store
store = open_store(Path(sys.argv[1]) / "storage", fingerprint="f")
print("owned" if store.owned else "client", flush=True)
time.sleep(60)
"""


def owner_process(folder: Path) -> subprocess.Popen[str]:
    """Start a process that owns the index."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "owned\n"
    return process


def test_an_owner_that_is_killed(tmp_path):
    """A call that returned has its effect after kill -9 of the owner, and the caller goes on at once."""
    process = owner_process(tmp_path)
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


def test_an_owner_that_is_killed_before_another_deletes(tmp_path):
    """The one that deletes becomes the owner, clears the index itself, and counts what is left."""
    process = owner_process(tmp_path)
    client = opened(tmp_path)
    try:
        hours = put(client, tmp_path, "hours.txt", HOURS)
        put(client, tmp_path, "books.txt", BOOKS)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        deletion = client.delete(hours, ALL)
        assert deletion.found["vectors"] == 1
        assert set(deletion.left.values()) == {0}
        assert client.owned
        assert matching(client, "museum books") == {BOOKS}
        assert client.complaints() == []
    finally:
        client.close()


def test_an_owner_that_does_not_answer_holds_no_question_up(tmp_path):
    """A process that is stopped owns the index still; the nearest are found without it."""
    process = owner_process(tmp_path)
    client = opened(tmp_path)
    try:
        put(client, tmp_path, "hours.txt", HOURS)
        put(client, tmp_path, "books.txt", BOOKS)
        asked = nearest(client, "museum")
        process.send_signal(signal.SIGSTOP)
        assert nearest(client, "museum") == asked
        assert matching(client, "museum") == {HOURS}
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        client.close()


def test_the_socket_is_for_its_user_only(owner):
    """Nobody else may open the socket on which the owner answers."""
    assert (owner.folder / "index/1/owner.socket").stat().st_mode & 0o077 == 0


def test_the_owner_answers_its_six_calls_only(owner):
    """What another process sends names one of them; a method of the store is none."""
    index = owner.folder / "index/1"
    for name in ("close", "compact", "__init__", "print"):
        with pytest.raises(StoreError, match="could not do this"):
            ask_owner(index, name)
    assert ask_owner(index, "nearest", "default", [0.0] * 8, 3) == []


def test_a_message_holds_data_and_never_code(tmp_path):
    """Calls and answers are lines of JSON; a line that is none is refused, and the next one is answered."""
    server = OwnerServer(tmp_path, {"double": lambda number: 2 * number})
    try:
        assert ask_owner(tmp_path, "double", 21) == 42
        assert "error" in server.reply(b"\x80\x04cposix\nsystem\n")
        assert ask_owner(tmp_path, "double", "a") == "aa"
    finally:
        server.close()
    with pytest.raises(OwnerGone):
        ask_owner(tmp_path, "double", 21)


def test_a_storage_far_down(tmp_path):
    """A path that is longer than a socket's may be is no hindrance."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    first, second = opened(deep), opened(deep)
    try:
        put(second, tmp_path, "hours.txt", HOURS)
        assert (first.owned, second.owned) == (True, False)
        assert nearest(second, "museum") == [HOURS]
    finally:
        second.close()
        first.close()


def test_two_processes_store_the_same_file_at_once(owner, client, tmp_path):
    """The same bytes, handed to both, are one document, and its file is kept while one of its names stays."""
    stores = [owner, client]
    threads = [
        threading.Thread(target=put, args=(store, tmp_path / str(n), f"{n}.txt", HOURS))
        for n, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (document,) = owner.documents(ALL)
    assert sorted(document.paths) == ["0.txt", "1.txt"]
    client.forget("default", "0.txt")
    assert owner.original(document.id, ALL).read_text() == HOURS
    assert owner.complaints() == []


def test_a_file_that_is_stored_while_its_last_document_goes(owner, client, tmp_path):
    """Of two processes one deletes a document and the other stores the same bytes: its file is never lost."""
    for attempt in range(20):
        put(owner, tmp_path, "a.txt", HOURS)
        deleting = threading.Thread(target=owner.forget, args=("default", "a.txt"))
        deleting.start()
        put(client, tmp_path, f"b{attempt}.txt", HOURS)
        deleting.join()
        (document,) = client.documents(ALL)
        assert client.original(document.id, ALL).read_text() == HOURS
        client.forget("default", f"b{attempt}.txt")
        assert client.documents(ALL) == []
