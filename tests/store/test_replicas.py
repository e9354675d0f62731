"""Several processes on one database, each with an index of its own that follows the log of changes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from docent.store import Store
from docent.store.index.followers import CatalogContent
from docent.store.index.word_index import WordIndex
from docent.types import Scope
from tests.fakes.postgres_server import execute
from tests.store.putting import arrival, finish, found, matching, put

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0
ANYBODY = Scope()
PROCESS = """
import sys
from pathlib import Path
from docent.store import Store
from tests.store.putting import matching
store = Store(Path(sys.argv[1]), fingerprint="f", database_url=sys.argv[2])
print("open", flush=True)
for line in sys.stdin:
    print(*sorted(matching(store, line.strip())), f"lag {store.lag:.1f}", sep="|", flush=True)
store.close()
"""


class Process:
    """A replica in a process of its own, which can be stopped as a machine that hangs is."""

    def __init__(self, folder: Path, url: str) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(folder), url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._running.stdout.readline() == "open\n"

    def matching(self, question: str) -> set[str]:
        print(question, file=self._running.stdin, flush=True)
        return set(self._running.stdout.readline().split("|")[:-1])

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._running.pid, number)

    def close(self) -> None:
        self.signal(signal.SIGCONT)
        self._running.communicate(timeout=SECONDS)


@pytest.fixture
def opened(tmp_path: Path, postgres_url: str) -> Iterator[Callable[[str], Store]]:
    with ExitStack() as stores:

        def store(name: str) -> Store:
            one = Store(tmp_path / name, fingerprint="f", database_url=postgres_url)
            stores.callback(one.close)
            return one

        yield store


@pytest.fixture
def process(tmp_path: Path, postgres_url: str) -> Iterator[Process]:
    running = Process(tmp_path / "process", postgres_url)
    yield running
    running.close()


def until(holds: Callable[[], bool]) -> float:
    """Wait for a condition, and return how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < SECONDS
        time.sleep(0.002)
    return time.monotonic() - began


def logged(url: str) -> int:
    ((count,),) = execute(url, "SELECT count(*) FROM change_log")
    return int(count)


def test_what_one_stores_all_find_and_nobody_finds_what_is_deleted(opened, tmp_path):
    """Three replicas are asked without a pause: once the deletion has returned, none has the document."""
    first, *others = [opened(name) for name in "abc"]
    for n in range(5):
        text = f"Boat {n} is painted in carmine."
        key = put(first, tmp_path / "files", f"{n}.txt", text)
        for other in others:
            until(lambda other=other, text=text, n=n: text in matching(other, f"boat {n} carmine"))
        deleted, wrong = threading.Event(), []

        def ask(store: Store, text: str = text, deleted: threading.Event = deleted, wrong: list = wrong):
            for _ in range(60):
                after = deleted.is_set()
                if text in found(store, "carmine boat") and after:
                    wrong.append(store.folder.name)

        asking = [threading.Thread(target=ask, args=(store,)) for store in (first, *others)]
        for thread in asking:
            thread.start()
        first.delete(key, ANYBODY)
        deleted.set()
        for thread in asking:
            thread.join()
        assert wrong == []


def test_a_stopped_replica_gets_what_it_missed(opened, process, tmp_path, postgres_url):
    """The log waits for it; once it goes on it finds what came, and nothing of what is deleted."""
    store = opened("a")
    first = put(store, tmp_path / "files", "first.txt", "Carmine boats.")
    until(lambda: process.matching("carmine") == {"Carmine boats."})
    process.signal(signal.SIGSTOP)
    put(store, tmp_path / "files", "second.txt", "Ochre boats.")
    store.delete(first, ANYBODY)
    assert logged(postgres_url) > 0
    process.signal(signal.SIGCONT)
    assert process.matching("carmine") == set()
    until(lambda: process.matching("ochre") == {"Ochre boats."})
    until(lambda: logged(postgres_url) == 0)


def test_a_replica_that_was_away_for_long_writes_its_index_anew(opened, process, tmp_path, postgres_url):
    """Others go on without it, and remove changes that it has not followed; it notices."""
    store = opened("a")
    first = put(store, tmp_path / "files", "first.txt", "Carmine boats.")
    until(lambda: process.matching("carmine") == {"Carmine boats."})
    process.signal(signal.SIGSTOP)
    put(store, tmp_path / "files", "second.txt", "Ochre boats.")
    execute(postgres_url, "UPDATE replicas SET seen = now() - interval '1 minute'")
    store.delete(first, ANYBODY)
    assert logged(postgres_url) == 0
    process.signal(signal.SIGCONT)
    until(lambda: process.matching("ochre") == {"Ochre boats."})
    assert process.matching("carmine") == set()


def test_deletions_meanwhile_do_not_make_a_new_replica_begin_again(opened, tmp_path, monkeypatch):
    """The log keeps what comes while a new replica writes its index, so it writes it once."""
    store = opened("a")
    keys = [put(store, tmp_path / "files", f"{n}.txt", f"Carmine boat {n}.") for n in range(6)]
    written = []

    def write_anew(index: WordIndex, content: CatalogContent) -> None:
        written.append(content)
        assert len(written) < 4
        write(index, content)
        store.delete(keys.pop(), ANYBODY)

    write = WordIndex.write_anew
    monkeypatch.setattr(WordIndex, "write_anew", write_anew)
    new = opened("b")
    assert len(written) == 1
    assert matching(new, "carmine boat") == {f"Carmine boat {n}." for n in range(5)}


def test_a_library_that_went_while_a_replica_was_closed_leaves_its_files(opened, tmp_path, postgres_url):
    """Vectors of a private library that was deleted elsewhere do not stay in a folder that knows it."""

    def libraries_with_vectors() -> int:
        """Open the other replica, which follows, and count the libraries in its files once it is closed."""
        Store(tmp_path / "b", fingerprint="f", database_url=postgres_url).close()
        with closing(sqlite3.connect(tmp_path / "b/index/1/chroma/chroma.sqlite3")) as vectors:
            ((count,),) = vectors.execute("SELECT count(*) FROM collections").fetchall()
        return int(count)

    store = opened("a")
    diary = arrival(tmp_path / "files", "diary.txt", "Carmine diary.", library="~bob")
    sha256 = diary.document.sha256
    store.expect(diary.file.full, sha256, name="diary.txt", library="~bob", owner="bob")
    store.put_words(diary.file, diary.document, diary.chunks)
    finish(store)
    put(store, tmp_path / "files", "boats.txt", "Carmine boats.")
    assert libraries_with_vectors() == 2
    store.delete_library("~bob", Scope(reader="bob"))
    assert logged(postgres_url) == 0
    assert libraries_with_vectors() == 1


def test_lost_listeners_are_opened_again(opened, tmp_path, postgres_url):
    """With every connection that listens ended, a replica still finds what comes: it also looks by itself."""
    first, second = opened("a"), opened("b")
    for n in range(3):
        execute(
            postgres_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'",
        )
        put(first, tmp_path / "files", f"{n}.txt", f"Carmine boat {n}.")
        until(lambda n=n: f"Carmine boat {n}." in matching(second, f"carmine boat {n}"))


def test_a_replica_says_how_far_it_is_behind(opened, postgres_url):
    """Its lag grows while it cannot look at the database, and is gone once it can."""
    store = opened("a")
    with closing(psycopg.connect(postgres_url)) as other:
        other.execute("LOCK TABLE catalog_version IN ACCESS EXCLUSIVE MODE")
        until(lambda: store.lag > 1.5)
    until(lambda: store.lag < 1.0)
