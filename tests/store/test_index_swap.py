"""A new index beside the old one: from what the old one has, in one step, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from docent.errors import IndexMismatch, StoreError
from docent.indexing import chunk
from docent.store import Rebuild, Store, forget_previous, roll_back, sha256_of, switch
from docent.types import Scope, State, document_id, private_library
from tests.store.damage import catalog, give_library
from tests.store.putting import EMBEDDER, EVERYTHING, finish, matching, nearest, put

HOURS = "The museum opens at nine and closes at six. On Mondays it is closed."
BOOKS = "Late books cost ten cents a day. Dictionaries are not lent."
SOUP = "Tomato soup with basil is served at noon."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with two documents, one of them private and from no folder."""
    store = Store(tmp_path / "storage", fingerprint="old")
    put(store, tmp_path, "a.txt", HOURS)
    put(store, tmp_path, "b.txt", BOOKS, library="~ada")
    give_library(store.folder, "~ada", "ada")
    with catalog(store.folder) as db:
        db.execute("UPDATE documents SET added = '2001-01-01T00:00:00+00:00'")
    store.close()
    for file in tmp_path.glob("*/*.txt"):
        file.unlink()
    return tmp_path / "storage"


def carry(work: Rebuild, new: Store, *, most: int = 100) -> None:
    """Carry documents over as an ingest does, in chunks that are half as long."""
    for kept in work.missing()[:most]:
        document = work.document(kept)
        stat = kept.files[0].full.stat()
        file = kept.files[0].__class__(
            kept.library, kept.files[0].path, kept.files[0].full, stat.st_size, stat.st_mtime_ns
        )
        chunks = chunk(
            document, document_id=kept.id, tokenizer=EMBEDDER.tokenizer, size=32, overlap=5, limit=256
        )
        new.put_words(file, document, chunks)
    finish(new)


def rebuilt(folder: Path, *, fingerprint: str = "new") -> None:
    new = Store(folder / "building", fingerprint=fingerprint)
    with Rebuild(folder, new=new) as work:
        carry(work, new)
        assert work.missing() == []
        work.finish()
    new.close()


def test_everything_is_carried_over(folder):
    """Text, owners, paths and dates are those of before, though no file is where it was."""
    rebuilt(folder)
    assert switch(folder, chroma_url="") == "switched"
    store = Store(folder, fingerprint="new")
    try:
        mine = store.documents(Scope(reader="ada"))
        assert [(one.name, one.library, one.owner, one.paths) for one in mine] == [
            ("a.txt", "default", None, ("a.txt",)),
            ("b.txt", "~ada", "ada", ("b.txt",)),
        ]
        assert {one.added for one in mine} == {"2001-01-01T00:00:00+00:00"}
        assert [one.name for one in store.documents(EVERYTHING)] == ["a.txt"]
        assert store.page(mine[0].id, 1, EVERYTHING).text == HOURS
        assert store.original(mine[0].id, EVERYTHING).read_text() == HOURS
        assert matching(store, "museum opens") == {HOURS}
        assert store.known_files("default")[0].modified_ns != 0
    finally:
        store.close()
    assert not (folder / "building").exists()


def test_what_waits_to_be_read_goes_on_waiting(folder, tmp_path):
    """A file that was handed in and not read yet, or could not be, is so in the new index, too."""
    for name in ("later.txt", "never.txt"):
        (tmp_path / name).write_text(name)
    old = Store(folder, fingerprint="old")
    for name in ("later.txt", "never.txt"):
        sha256 = sha256_of(tmp_path / name)
        old.expect(tmp_path / name, sha256, name=name, library="uploads", owner=None)
    old.give_up(document_id("uploads", sha256), "It is locked.")
    old.close()
    rebuilt(folder)
    assert switch(folder, chroma_url="") == "switched"
    store = Store(folder, fingerprint="new")
    try:
        assert [one.name for one in store.expected()] == ["later.txt"]
        (failed,) = [one for one in store.documents(EVERYTHING) if one.state is State.FAILED]
        assert (failed.name, failed.reason) == ("never.txt", "It is locked.")
    finally:
        store.close()


def test_the_old_index_answers_meanwhile(folder, tmp_path):
    """While it is built, the old store may be open, answer, take documents in and delete them."""
    old = Store(folder, fingerprint="old")
    new = Store(folder / "building", fingerprint="new")
    with Rebuild(folder, new=new) as work:
        carry(work, new)
        put(old, tmp_path, "c.txt", SOUP)
        (hours,) = [one for one in old.documents(EVERYTHING) if one.name == "a.txt"]
        assert nearest(old, "museum")[0] == HOURS
        assert set(old.delete(hours.id, EVERYTHING).left.values()) == {0}
        assert [kept.document.name for kept in work.missing()] == ["c.txt"]
        carry(work, new)
        work.finish()
    new.close()
    assert switch(folder, chroma_url="") == "busy"
    old.close()
    store = Store(folder, fingerprint="new")
    try:
        assert [one.name for one in store.documents(EVERYTHING)] == ["c.txt"]
        assert matching(store, "museum soup") == {SOUP}
        assert len(store.contents().words) == 2
    finally:
        store.close()


def test_a_private_library_begun_meanwhile_stays_private(folder, tmp_path):
    """A file that a reader hands in first while the index is rebuilt is theirs alone in the new one."""
    old = Store(folder, fingerprint="old")
    own = private_library("bob", "uploads")
    for step, name in enumerate(("diary.txt", "letter.txt")):  # the second comes after the last look
        new = Store(folder / "building", fingerprint="new")
        with Rebuild(folder, new=new) as work:
            carry(work, new)
            assert work.missing() == []
            full = tmp_path / name
            full.write_text(f"{SOUP} {name}")
            old.expect(full, sha256_of(full), name=name, library=own, owner="bob")
            put(old, tmp_path, name, full.read_text(), library=own)
            carry(work, new, most=1 - step)
            work.finish()
        new.close()
    rebuilt(folder)
    old.close()
    assert switch(folder, chroma_url="") == "switched"
    store = Store(folder, fingerprint="new")
    try:
        assert [one.name for one in store.documents(EVERYTHING)] == ["a.txt"]
        theirs = store.documents(Scope(reader="bob", libraries=(own,)))
        assert [(one.name, one.owner) for one in theirs] == [("diary.txt", "bob"), ("letter.txt", "bob")]
    finally:
        store.close()


def test_what_came_after_it_was_whole_is_not_left_behind(folder, tmp_path):
    """An index that has less than the old one is not switched to."""
    rebuilt(folder)
    old = Store(folder, fingerprint="old")
    put(old, tmp_path, "c.txt", SOUP)
    old.close()
    assert switch(folder, chroma_url="") == "behind"
    with pytest.raises(IndexMismatch, match="--rebuild"):
        Store(folder, fingerprint="new")
    rebuilt(folder)
    assert switch(folder, chroma_url="") == "switched"


def test_what_is_handed_in_after_it_was_whole_is_not_left_behind(folder, tmp_path):
    """Nor is it when a file was handed in that is not read yet."""
    rebuilt(folder)
    old = Store(folder, fingerprint="old")
    (tmp_path / "later.txt").write_text(SOUP)
    sha256 = sha256_of(tmp_path / "later.txt")
    old.expect(tmp_path / "later.txt", sha256, name="later.txt", library="uploads", owner=None)
    old.close()
    assert switch(folder, chroma_url="") == "behind"


def test_it_goes_on_where_it_was_killed(folder):
    """A document that was carried over is not read or embedded again."""
    new = Store(folder / "building", fingerprint="new")
    with Rebuild(folder, new=new) as work:
        carry(work, new, most=1)
    new.close()
    again = Store(folder / "building", fingerprint="new")
    with Rebuild(folder, new=again) as work:
        assert len(work.missing()) == 1
    again.close()


def test_back_and_forth(folder):
    """The old index is kept, answers after a rollback, and so does the new one after another."""
    rebuilt(folder)
    switch(folder, chroma_url="")
    assert roll_back(folder) == "old"
    store = Store(folder, fingerprint="old")
    assert nearest(store, "museum") == [HOURS]
    store.close()
    assert roll_back(folder) == "new"
    store = Store(folder, fingerprint="new")
    assert nearest(store, "museum") == [HOURS]
    store.close()
    assert forget_previous(folder, chroma_url="")
    assert not forget_previous(folder, chroma_url="")
    with pytest.raises(StoreError, match="no earlier index"):
        roll_back(folder)


def test_what_is_deleted_is_deleted_from_every_index(folder):
    """After a rebuild a deletion leaves the text in no file, and a rollback does not bring it back."""
    rebuilt(folder)
    switch(folder, chroma_url="")
    store = Store(folder, fingerprint="new")
    (hours,) = store.documents(EVERYTHING)
    store.delete(hours.id, EVERYTHING)
    store.close()
    roll_back(folder)
    store = Store(folder, fingerprint="old")
    try:
        assert store.documents(EVERYTHING) == []
        assert [one.name for one in store.documents(Scope(reader="ada"))] == ["b.txt"]
        assert matching(store, "museum opens") == set()
    finally:
        store.close()


STEPS = ["the originals are moved", "the old one stands aside", "the new one is in place"]


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_a_switch_that_was_killed_is_finished(folder, step):
    """Killed between any two renames, the next start has the new index whole."""
    rebuilt(folder)
    building = folder / "building"
    for original in (building / "originals").iterdir():
        original.replace(folder / "originals" / original.name)
    if step > 0:
        (folder / "index").rename(folder / "index-previous")
    if step > 1:
        (building / "index").rename(folder / "index")
    store = Store(folder, fingerprint="new")
    try:
        assert nearest(store, "museum")[0].startswith("The museum opens")
        assert store.original(store.documents(EVERYTHING)[0].id, EVERYTHING).read_text() == HOURS
    finally:
        store.close()
    assert not building.exists()


ROLLED = ["the new one stands aside", "the old one is in place"]


@pytest.mark.parametrize("step", range(len(ROLLED)), ids=ROLLED)
def test_a_rollback_that_was_killed_is_settled(folder, step):
    """Killed between any two renames, one of the two indexes answers and the other is kept."""
    rebuilt(folder)
    switch(folder, chroma_url="")
    (folder / "index").rename(folder / "index-aside")
    if step > 0:
        (folder / "index-previous").rename(folder / "index")
    store = Store(folder, fingerprint=("new", "old")[step])
    try:
        assert nearest(store, "museum")[0].startswith("The museum opens")
    finally:
        store.close()
    assert roll_back(folder) == ("old", "new")[step]
