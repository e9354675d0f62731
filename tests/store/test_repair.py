"""Damage to what is derived from the catalog is mended at the next start, without a person."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tantivy

from docent.store import Store
from docent.store.files import FolderFiles
from docent.store.index.owned_index import IndexChecksums
from docent.store.index.vectors import ChromaVectors
from docent.store.index.word_index import WordIndex
from tests.store.damage import catalog
from tests.store.putting import EVERYTHING, arrival, is_behind, matching, nearest, put

TEXTS = {f"{number}.txt": f"Note {number} is about {animal}s." for number, animal in enumerate(
    ("cat", "dog", "owl", "newt", "yak", "emu", "ibis", "gnu", "koi", "asp", "bat", "elk")
)}  # fmt: skip


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(max(path.stat().st_size, 100)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def each(folder: str, pattern: str, harm: Callable[[Path], None]) -> Callable[[Path], None]:
    def harmed(index: Path) -> None:
        found = [path for path in (index / folder).rglob(pattern) if path.is_file()]
        assert found, f"nothing is called {pattern} in {folder}"
        for path in found:
            harm(path)

    return harmed


def no_graph(index: Path) -> None:
    folders = [path for path in (index / "chroma").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        shutil.rmtree(folder)


STEPS = [
    pytest.param(WordIndex, "commit", id="the words were written"),
    pytest.param(WordIndex, "drop", id="the words are deleted"),
    pytest.param(ChromaVectors, "drop", id="the vectors are deleted"),
    pytest.param(FolderFiles, "release", id="the original is deleted"),
    pytest.param(FolderFiles, "keep", id="the original is stored"),
]


DAMAGE = [
    pytest.param(each("chroma", "chroma.sqlite3", garbage), id="Chroma's database is garbage"),
    pytest.param(each("chroma", "chroma.sqlite3", cut), id="Chroma's database is cut off"),
    pytest.param(each("chroma", "data_level0.bin", garbage), id="Chroma's vectors are garbage"),
    pytest.param(each("chroma", "header.bin", Path.unlink), id="a file of Chroma's graph is lost"),
    pytest.param(no_graph, id="Chroma's graph is lost"),
    pytest.param(lambda index: shutil.rmtree(index / "chroma"), id="the Chroma folder is lost"),
    pytest.param(each("words", "meta.json", garbage), id="the head of the words is garbage"),
    pytest.param(each("words", "*.term", garbage), id="the terms are garbage"),
    pytest.param(each("words", "*.idx", cut), id="the postings are cut off"),
    pytest.param(each("words", "*.store", Path.unlink), id="a file of the words is lost"),
    pytest.param(lambda index: shutil.rmtree(index / "words"), id="the words folder is lost"),
]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A closed store with a dozen documents."""
    store = Store(tmp_path / "storage", fingerprint="f")
    for path, text in TEXTS.items():
        put(store, tmp_path, path, text)
    store.close()
    return tmp_path / "storage"


def is_whole(folder: Path) -> None:
    store = Store(folder, fingerprint="f")
    try:
        assert nearest(store, "owls")[0] == TEXTS["2.txt"]
        assert len(nearest(store, "note")) == 10
        assert matching(store, "owls") == {TEXTS["2.txt"]}
        contents = store.contents()
        assert contents.vectors["default"] == contents.words
        assert len(contents.words) == len(TEXTS)
    finally:
        store.close()


@pytest.mark.parametrize("harm", DAMAGE)
@pytest.mark.parametrize("closed", [True, False], ids=["after a close", "after a kill"])
def test_a_damaged_index_is_written_again(filled, harm, closed, request):
    """After any damage to a derived file the next start finds everything again."""
    if not closed:
        if "vectors are garbage" in request.node.name:
            pytest.skip("Chroma's own process dies of it: see the test below")
        (filled / "index/1/in-step").unlink()
    harm(filled / "index/1")
    is_whole(filled)
    is_whole(filled)


def test_an_index_that_kills_its_reader_is_written_again(filled):
    """A process that died while opening leaves a mark, and the next one trusts nothing it opened."""
    (filled / "index/1/in-step").unlink()
    (filled / "index/1/opening").touch()
    each("chroma", "data_level0.bin", garbage)(filled / "index/1")
    is_whole(filled)
    assert not (filled / "index/1/opening").exists()


def test_a_sound_index_is_not_touched(filled):
    """A start after a clean close writes nothing again."""
    before = {path: path.stat().st_mtime_ns for path in (filled / "index/1/words").rglob("*.idx")}
    is_whole(filled)
    assert before
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("committed", [True, False], ids=["in good order", "in the middle of a change"])
def test_words_that_are_closed_are_at_rest(tmp_path, committed):
    """Closing waits for tantivy's merges: not a file changes afterwards."""
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        words, count = WordIndex(folder), 0
        for number in range(12):  # enough for a merge
            one = arrival(tmp_path, f"{number}.txt", f"Note {number} of {attempt}. " * 400)
            words.put(str(number), "default", one.chunks, language="en")
            count += len(one.chunks) if number < 11 or committed else 0
            if number < 11 or committed:
                words.commit()
        words.close()
        left = files_of(folder)
        time.sleep(0.1)
        assert files_of(folder) == left
        assert WordIndex(folder).count() == count


def test_words_wait_for_a_process_that_is_ending(tmp_path):
    """A killed process may hold tantivy's lock after that of the folder: its words are not written anew."""
    words = WordIndex(tmp_path / "words")
    first, second = (arrival(tmp_path, f"{number}.txt", f"Note {number}.") for number in range(2))
    words.put("0", "default", first.chunks, language="en")
    words.commit()
    words.close()
    [lock] = (tmp_path / "words").rglob(".tantivy-writer.lock")
    with lock.open("w") as ending:
        fcntl.flock(ending, fcntl.LOCK_EX)
        threading.Timer(0.2, fcntl.flock, (ending, fcntl.LOCK_UN)).start()
        words.put("1", "default", second.chunks, language="en")
    words.commit()
    assert words.count() == len(first.chunks) + len(second.chunks)
    words.close()


def files_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*")}


def test_words_of_an_earlier_version_are_written_again(filled):
    """An index with fields that this version does not know is replaced, though its checksums are right."""
    shutil.rmtree(filled / "index/1/words")
    (filled / "index/1/words").mkdir()
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("earlier", stored=True)
    tantivy.Index(builder.build(), path=str(filled / "index/1/words")).writer(heap_size=15_000_000).commit()
    IndexChecksums(filled / "index/1", parts=("chroma", "words")).record()
    is_whole(filled)


def test_chroma_breaking_under_way_is_answered_from_the_catalog(filled, caplog, tmp_path):
    """When Chroma fails in the middle of a run, questions are still answered, and the next start mends it."""
    for path in (filled / "index/1/chroma").rglob("header.bin"):
        path.unlink()
    (filled / "index/1/in-step").unlink()
    store = Store(filled, fingerprint="f")
    for path in (filled / "index/1/chroma").rglob("*"):
        if path.is_file():
            garbage(path)
    try:
        put(store, tmp_path, "new.txt", "Note 99 is about pangolins.")
        assert nearest(store, "pangolins")[0] == "Note 99 is about pangolins."
        assert is_behind(store)
    finally:
        store.close()
    again = Store(filled, fingerprint="f")
    try:
        assert nearest(again, "pangolins")[0] == "Note 99 is about pangolins."
        assert len(again.contents().vectors["default"]) == len(TEXTS) + 1
    finally:
        again.close()


def test_what_is_amiss_is_named_and_mended(tmp_path):
    """Vectors without chunks, chunks without vectors, words out of step and lost originals are each named."""
    store = Store(tmp_path / "storage", fingerprint="f")
    try:
        put(store, tmp_path, "a.txt", "Apples are red.")
        put(store, tmp_path, "b.txt", "Bananas are yellow.")
        assert store.complaints() == []
        with catalog(store.folder) as db:  # another id: the one it had is too many, and the new one missing
            db.execute("UPDATE chunks SET id = randomblob(16) WHERE n = 1")
        next((store.folder / "originals").iterdir()).unlink()
        complaints = " ".join(store.complaints())
        assert "vectors of default: 1 missing, 1 too many" in complaints
        assert "words: 1 missing, 1 too many" in complaints
        assert "originals missing: " in complaints
        store.mend()
        assert len(store.complaints()) == 1, "a file that is lost can only be added again"
        assert matching(store, "apples") == {"Apples are red."}
    finally:
        store.close()


REMOVALS = {"drop", "release"}


@pytest.mark.parametrize(("part", "step"), STEPS)
def test_what_was_interrupted_is_mended_at_the_next_start(filled, tmp_path, monkeypatch, part, step):
    """Ctrl+C in the middle of a change, then everything closed in good order: nothing is left over."""
    store = Store(filled, fingerprint="f")
    done = getattr(part, step)

    def interrupted(*arguments, **keywords):
        if step not in REMOVALS:
            done(*arguments, **keywords)
        raise KeyboardInterrupt

    monkeypatch.setattr(part, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        if step in REMOVALS:
            store.delete(found_id(store, "2.txt"), EVERYTHING)
        else:
            put(store, tmp_path, "new.txt", "Note 99 is about herons.")
    monkeypatch.undo()
    store.close()
    store = Store(filled, fingerprint="f")
    try:
        assert store.complaints() == []
        assert len(store.contents().originals) == len(store.documents(EVERYTHING))
        # Before its transaction ends nothing of a change stays, and after it everything.
        there = any(document.name == "new.txt" for document in store.documents(EVERYTHING))
        assert matching(store, "herons") == ({"Note 99 is about herons."} if there else set())
        if step in REMOVALS:
            assert matching(store, "owls") == set()
            assert TEXTS["2.txt"] not in nearest(store, "owls")
    finally:
        store.close()


def found_id(store: Store, name: str) -> str:
    return next(one.id for one in store.documents(EVERYTHING) if one.name == name)
