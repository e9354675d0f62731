"""A second generation of the index beside the one that answers, the switch to it, and the way back."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from docent.errors import IndexMismatch, StoreError
from docent.store import Store, forget_previous, roll_back, sha256_of
from docent.types import Document, Page, Scope, State, document_id, private_library
from tests.store.damage import catalog, give_library
from tests.store.databases import DATABASE, database_url, open_store
from tests.store.putting import EVERYTHING, arrival, chunked, finish, matching, nearest, put

IN_BOTH_DATABASES = True

HOURS = (
    "The museum opens at nine and closes at six. On Mondays it is closed. Children pay half. Dogs wait "
    "outside, where a bench and a bowl of water stand in the shade of the old wall."
)
BOOKS = "Late books cost ten cents a day. Dictionaries are not lent."
SOUP = "Tomato soup with basil is served at noon."
ADA = Scope(reader="ada")
SMALL = 20  # tokens, so that a.txt becomes two chunks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with two documents, one of them private and from no folder."""
    store = open_store(tmp_path / "storage", fingerprint="old")
    put(store, tmp_path, "a.txt", HOURS)
    put(store, tmp_path, "b.txt", BOOKS, library="~ada")
    give_library(store.folder, "~ada", "ada")
    with catalog(store.folder) as db:
        db.execute("UPDATE documents SET added = '2001-01-01T00:00:00+00:00'")
    store.close()
    for file in tmp_path.glob("*/*.txt"):
        file.unlink()
    return tmp_path / "storage"


def beside(folder: Path, fingerprint: str = "new") -> Store:
    """Open the generation that is being built."""
    return open_store(folder, fingerprint=fingerprint, building=True)


def carry(new: Store, *, most: int = 100) -> None:
    """Carry documents over as a rebuild does, in chunks that are half as long."""
    for known in new.missing()[:most]:
        if (document := new.read_before(known.id)) is not None:
            new.put_reading(known.id, document, chunked(document, known.id, size=SMALL, overlap=2))
    finish(new)


def rebuild(folder: Path, fingerprint: str = "new") -> str:
    with closing(beside(folder, fingerprint)) as new:
        carry(new)
        assert new.missing() == []
        return new.switch()


def hand_in(store: Store, folder: Path, name: str, *, library: str = "uploads", owner: str = "") -> str:
    """Queue a file that is to be read later, and return the id of its document."""
    (folder / name).write_text(f"{SOUP} {name}")
    sha256 = sha256_of(folder / name)
    store.expect(folder / name, sha256, name=name, library=library, owner=owner or None)
    return document_id(library, sha256)


def read_what_waits(store: Store) -> list[str]:
    """Read what waits to be read, as the next start does, and return the names."""
    waiting = store.waiting.unread()
    for known in waiting:
        text = store.original(known.id, EVERYTHING).read_text()
        document = Document(known.sha256, known.name, "text", (Page(1, text),))
        store.put_reading(known.id, document, chunked(document, known.id))
    finish(store)
    return [known.name for known in waiting]


def generations(folder: Path) -> dict[str, int]:
    """Return the numbers of the generations by role; each has its folder, and there is no other."""
    with catalog(folder) as db:
        known = {str(role): int(n) for role, n in db.execute("SELECT role, n FROM generations")}
        read = {n for (n,) in db.execute("SELECT DISTINCT generation FROM readings")}
    assert {one.name for one in (folder / "index").iterdir() if one.name.isdigit()} == set(
        map(str, known.values())
    )
    assert read <= set(known.values())
    return known


def test_everything_is_carried_over(folder):
    """Text, owners, paths and dates are those of before, though no file is where it was."""
    assert rebuild(folder) == "switched"
    store = open_store(folder, fingerprint="new")
    try:
        mine = store.documents(ADA)
        assert [(one.name, one.library, one.owner, one.paths) for one in mine] == [
            ("a.txt", "default", None, ("a.txt",)),
            ("b.txt", "~ada", "ada", ("b.txt",)),
        ]
        assert {one.added for one in mine} == {"2001-01-01T00:00:00+00:00"}
        assert [one.name for one in store.documents(EVERYTHING)] == ["a.txt"]
        assert store.page(mine[0].id, 1, EVERYTHING).text == HOURS
        assert store.original(mine[0].id, EVERYTHING).read_text() == HOURS
        assert matching(store, "museum opens") == {HOURS.partition(" Dogs")[0]}
        assert store.known_files("default")[0].modified_ns != 0
        assert store.complaints() == []
    finally:
        store.close()
    assert set(generations(folder)) == {"serving", "previous"}


def test_what_waits_to_be_read_goes_on_waiting(folder, tmp_path):
    """A file that was handed in and not read yet, or could not be, is so in the new index, too."""
    with closing(open_store(folder, fingerprint="old")) as old:
        hand_in(old, tmp_path, "later.txt")
        old.give_up(hand_in(old, tmp_path, "never.txt"), "It is locked.")
    assert rebuild(folder) == "switched"
    with closing(open_store(folder, fingerprint="new")) as store:
        assert [one.name for one in store.waiting.unread()] == ["later.txt"]
        (failed,) = [one for one in store.documents(EVERYTHING) if one.state is State.FAILED]
        assert (failed.name, failed.reason) == ("never.txt", "It is locked.")


def test_the_old_index_answers_meanwhile(folder, tmp_path):
    """While it is built, the old store may be open, answer, take documents in and delete them."""
    old, new = open_store(folder, fingerprint="old"), beside(folder)
    carry(new)
    put(old, tmp_path, "c.txt", SOUP)
    (hours,) = [one for one in old.documents(EVERYTHING) if one.name == "a.txt"]
    assert nearest(old, "museum")[0] == HOURS
    assert set(old.delete(hours.id, EVERYTHING).left.values()) == {0}
    assert [known.name for known in new.missing()] == ["c.txt"]
    assert new.switch() == "behind"
    carry(new)
    assert new.switch() == "busy", "the old one is open, with other settings"
    assert nearest(old, "soup")[0] == SOUP
    new.close()
    old.close()
    with closing(open_store(folder, fingerprint="new")) as store:
        assert [one.name for one in store.documents(EVERYTHING)] == ["c.txt"]
        assert matching(store, "museum soup") == {SOUP}
        assert len(store.contents().words) == 2
        assert store.complaints() == []


def test_who_has_the_same_settings_answers_from_the_new_one_at_once(folder):
    """A store that is open during a switch or a rollback answers from the other index with its next call."""
    with closing(open_store(folder, fingerprint="old")) as store:
        (before,) = [one for one in store.documents(EVERYTHING) if one.name == "a.txt"]
        assert before.chunks == 1
        assert rebuild(folder, "old") == "switched"
        after = store.document(before.id, EVERYTHING)
        assert after.chunks > 1
        assert "".join(nearest(store, "museum")).count("museum") == 1
        assert store.complaints() == []
        roll_back(folder, database_url=database_url())
        assert store.document(before.id, EVERYTHING) == before
        assert nearest(store, "museum") == [HOURS]
        assert store.complaints() == []


def test_a_deletion_is_followed_at_once_by_the_index_that_is_built(folder):
    """When it is over, the index that another process is building has nothing of the document any more."""
    with closing(open_store(folder, fingerprint="old")) as old, closing(beside(folder)) as new:
        carry(new)
        (hours,) = old.documents(EVERYTHING)
        assert len(new.contents().words) > 1
        old.delete(hours.id, EVERYTHING)
        assert len(new.contents().words) == 1
        assert new.complaints() == []


def in_another_process(task: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a task with this test's database: the process that forks it is older than the test."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=with_database, args=(database_url(), task, *arguments))
    process.start()
    return process


def with_database(url: str, task: Callable[..., None], *arguments: object) -> None:
    os.environ[DATABASE] = url
    task(*arguments)


def delete_museum(folder: Path) -> None:
    with closing(open_store(folder, fingerprint="old")) as store:
        (hours,) = store.documents(EVERYTHING)
        assert set(store.delete(hours.id, EVERYTHING).left.values()) == {0}


def test_a_deletion_while_another_process_rebuilds(folder):
    """It is gone from the index that is built, too, whatever that process has read of it before."""
    with closing(beside(folder)) as new:
        (hours,) = [known for known in new.missing() if known.name == "a.txt"]
        document = new.read_before(hours.id)
        assert document is not None
        carry(new)
        process = in_another_process(delete_museum, folder)
        process.join()
        assert process.exitcode == 0
        new.put_reading(hours.id, document, chunked(document, hours.id))
        finish(new)
        assert new.read_before(hours.id) is None
        assert [known.name for known in new.missing()] == []
        assert new.switch() == "switched"
    with closing(open_store(folder, fingerprint="new")) as store:
        assert store.documents(EVERYTHING) == []
        assert matching(store, "museum opens") == set()
        assert store.complaints() == []
        assert len(store.contents().originals) == 1
    assert not [file for file in folder.rglob("*") if file.is_file() and b"museum" in file.read_bytes()]


def test_a_document_that_is_read_again_during_a_rebuild(folder):
    """What was carried over of it before is dropped, and what is read of it now is carried over."""
    with closing(open_store(folder, fingerprint="old")) as old, closing(beside(folder)) as new:
        carry(new)
        (hours,) = [one for one in old.documents(EVERYTHING) if one.name == "a.txt"]
        better = Document(hours.sha256, "a.txt", "text", (Page(1, SOUP),))
        old.put_again(hours.id, better, chunked(better, hours.id))
        finish(old)
        assert [known.id for known in new.missing()] == [hours.id]
        assert new.switch() == "behind"
        carry(new)
        assert new.missing() == []
    with closing(open_store(folder, fingerprint="new")) as store:
        assert nearest(store, "soup") == [SOUP]
        assert matching(store, "museum") == set()
        assert store.complaints() == []


def test_a_private_library_begun_meanwhile_stays_private(folder, tmp_path):
    """A file that a reader hands in first while the index is rebuilt is theirs alone in the new one."""
    old = open_store(folder, fingerprint="old")
    own = private_library("bob", "uploads")
    for step, name in enumerate(("diary.txt", "letter.txt")):  # the second comes after the last look
        with closing(beside(folder)) as new:
            carry(new)
            assert new.missing() == []
            hand_in(old, tmp_path, name, library=own, owner="bob")
            put(old, tmp_path, name, f"{SOUP} {name}", library=own)
            carry(new, most=1 - step)
    with closing(beside(folder)) as new:
        carry(new)
    old.close()
    with closing(open_store(folder, fingerprint="new")) as store:
        assert [one.name for one in store.documents(EVERYTHING)] == ["a.txt"]
        theirs = store.documents(Scope(reader="bob", libraries=(own,)))
        assert [(one.name, one.owner) for one in theirs] == [("diary.txt", "bob"), ("letter.txt", "bob")]


def test_what_came_after_it_was_whole_is_not_left_behind(folder, tmp_path):
    """An index that has less than the old one is not switched to."""
    with closing(beside(folder)) as new:
        carry(new)
    with closing(open_store(folder, fingerprint="old")) as old:
        put(old, tmp_path, "c.txt", SOUP)
    with pytest.raises(IndexMismatch, match="--rebuild"):
        open_store(folder, fingerprint="new")
    with closing(beside(folder)) as new:
        assert new.switch() == "behind"
    assert rebuild(folder) == "switched"


def test_what_is_handed_in_after_it_was_whole_waits_in_both(folder, tmp_path):
    """A file that was handed in and is not read yet does not hold a switch up, and goes on waiting."""
    with closing(beside(folder)) as new:
        carry(new)
        with closing(open_store(folder, fingerprint="old")) as old:
            hand_in(old, tmp_path, "later.txt")
        assert new.switch() == "switched"
    with closing(open_store(folder, fingerprint="new")) as store:
        assert read_what_waits(store) == ["later.txt"]
        assert nearest(store, "soup")[0] == f"{SOUP} later.txt"


def test_a_newer_version_that_waits_takes_over_after_the_switch(folder, tmp_path):
    """A file that changed, and has no vectors in the old index, gets them in the new one and answers."""
    with closing(open_store(folder, fingerprint="old")) as old:
        put(old, tmp_path, "c.txt", SOUP)
        with closing(beside(folder, "old")) as new:
            carry(new)
            old.put_words(*arrival(tmp_path, "c.txt", BOOKS))
            assert nearest(old, "soup")[0] == SOUP, "the version before answers until then"
            carry(new)
            assert new.switch() == "switched"
        assert matching(old, "soup books") == {BOOKS}
        assert old.complaints() == []


def test_it_goes_on_where_it_was_killed(folder):
    """A document that was carried over is not read or embedded again."""
    with closing(beside(folder)) as new:
        carry(new, most=1)
    with closing(beside(folder)) as again:
        assert len(again.missing()) == 1
        assert again.lacking() == 0


def test_a_rebuild_with_other_settings_begins_anew(folder):
    """What was begun with other settings is removed, and nothing of it is used."""
    with closing(beside(folder, "newer")) as new:
        carry(new)
    begun = generations(folder)["building"]
    with closing(beside(folder)) as new:
        assert len(new.missing()) == 2
        assert generations(folder)["building"] != begun
        carry(new)
        assert new.switch() == "switched"
    with pytest.raises(IndexMismatch):
        open_store(folder, fingerprint="newer")
    open_store(folder, fingerprint="new").close()


def test_a_rebuild_with_other_settings_while_one_runs(folder):
    """It is refused with a sentence, and the one that runs goes on."""
    with closing(beside(folder, "newer")) as new:
        carry(new, most=1)
        with pytest.raises(StoreError, match="in use by another Docent"):
            beside(folder)
        carry(new)
        assert new.switch() == "switched"


def test_two_rebuilds_at_once(folder):
    """They build one index together; the second is told that it answers already."""
    with closing(beside(folder)) as one, closing(beside(folder)) as other:
        carry(one, most=1)
        carry(other)
        assert one.missing() == []
        assert one.switch() == "busy", "the other one has it open with other settings than those that answer"
    with closing(beside(folder, "old")) as one, closing(beside(folder, "old")) as other:
        carry(one)
        assert (one.switch(), other.switch()) == ("switched", "switched")
        assert other.missing() == []
    assert set(generations(folder)) == {"serving", "previous"}


def test_a_second_rebuild_removes_what_answered_before_the_first(folder):
    """One earlier index is kept; nothing is left of the one before it, in the catalog or on the disk."""
    rebuild(folder)
    first = generations(folder)
    with closing(open_store(folder, fingerprint="new")) as store:
        assert rebuild(folder) == "switched"
        second = generations(folder)
        assert (second["previous"], second["serving"] > first["serving"]) == (first["serving"], True)
        assert nearest(store, "museum")
        assert rebuild(folder) == "switched", "also of one that this process had open"
        assert generations(folder)["previous"] == second["serving"]
        assert nearest(store, "museum")
        assert store.complaints() == []


def test_back_and_forth(folder, database):
    """The old index is kept, answers after a rollback, and so does the new one after another."""
    rebuild(folder)
    assert roll_back(folder, database_url=database_url()) == "old"
    with closing(open_store(folder, fingerprint="old")) as store:
        assert nearest(store, "museum") == [HOURS]
    assert roll_back(folder, database_url=database_url()) == "new"
    with closing(open_store(folder, fingerprint="new")) as store:
        assert nearest(store, "museum")[0].startswith("The museum opens")
    assert forget_previous(folder, chroma_url="", database_url=database_url())
    if database == "SQLite":
        with catalog(folder) as db:
            assert db.execute("PRAGMA freelist_count").fetchone() == (0,), "the file is written anew"
    assert not forget_previous(folder, chroma_url="", database_url=database_url())
    assert set(generations(folder)) == {"serving"}
    with pytest.raises(StoreError, match="no earlier index"):
        roll_back(folder, database_url=database_url())


def test_a_rollback_beside_a_docent_with_other_settings_is_refused(folder):
    """What runs goes on answering, and the sentence says what to stop."""
    rebuild(folder)
    with closing(open_store(folder, fingerprint="new")) as store:
        with pytest.raises(StoreError, match=r"Stop it and run this again"):
            roll_back(folder, database_url=database_url())
        assert nearest(store, "museum")[0].startswith("The museum opens")


def test_what_came_since_waits_to_be_read_after_a_rollback(folder, tmp_path):
    """The index before has not read it: it says so, is read again by the next start, and answers in both."""
    rebuild(folder, "old")
    with closing(open_store(folder, fingerprint="old")) as store:
        new = put(store, tmp_path, "c.txt", SOUP)
        roll_back(folder, database_url=database_url())
        assert store.document(new, EVERYTHING).state is State.QUEUED
        assert nearest(store, "soup") == [HOURS]
        assert "c.txt" not in [file.path for file in store.known_files("default")], "an ingest reads it, too"
    with closing(open_store(folder, fingerprint="old")) as store:
        assert read_what_waits(store) == ["c.txt"]
        assert nearest(store, "soup")[0] == SOUP
        assert store.complaints() == []
        roll_back(folder, database_url=database_url())
        assert nearest(store, "soup")[0] == SOUP
        assert store.complaints() == []


def test_what_is_deleted_is_deleted_from_every_index(folder):
    """After a rebuild a deletion leaves the text in no file, and a rollback does not bring it back."""
    rebuild(folder)
    with closing(open_store(folder, fingerprint="new")) as store:
        (hours,) = store.documents(EVERYTHING)
        store.delete(hours.id, EVERYTHING)
    assert not [file for file in folder.rglob("*") if file.is_file() and b"museum" in file.read_bytes()]
    roll_back(folder, database_url=database_url())
    with closing(open_store(folder, fingerprint="old")) as store:
        assert store.documents(EVERYTHING) == []
        assert [one.name for one in store.documents(ADA)] == ["b.txt"]
        assert matching(store, "museum opens") == set()
        assert store.complaints() == []


def steps(folder: Path) -> Iterator[str]:
    """Rebuild the index, switch to it, go back and forget the other one; yield what was done."""
    with closing(beside(folder, "old")) as new:
        yield "it is begun"
        for known in new.missing():
            document = new.read_before(known.id)
            assert document is not None
            new.put_reading(known.id, document, chunked(document, known.id, size=SMALL, overlap=2))
            yield f"{known.name} is carried over"
        finish(new)
        yield "it has its vectors"
        new.switch()
        yield "it answers"
    roll_back(folder, database_url=database_url())
    yield "the one before answers"
    forget_previous(folder, chroma_url="", database_url=database_url())
    yield "the new one is forgotten"


KILLED = [
    "it is begun", "b.txt is carried over", "a.txt is carried over", "it has its vectors", "it answers",
    "the one before answers", "the new one is forgotten",
]  # fmt: skip


def until_killed(folder: Path, at: str) -> None:
    for step in steps(folder):
        if step == at:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("at", KILLED)
def test_killed_between_any_two_steps(folder, at):
    """The next start has one index whole, with everything in it, and the next rebuild succeeds."""
    process = in_another_process(until_killed, folder, at)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with closing(open_store(folder, fingerprint="old")) as store:
        assert [one.name for one in store.documents(ADA)] == ["a.txt", "b.txt"]
        (hours,) = store.documents(EVERYTHING)
        assert (hours.chunks > 1) == (at in ("it has its vectors", "it answers"))
        assert "".join(nearest(store, "museum")).count("museum") == 1
        assert len(matching(store, "museum opens")) == 1
        assert store.complaints() == []
        assert rebuild(folder, "old") == "switched"
        assert store.document(hours.id, EVERYTHING).chunks > 1
        assert store.complaints() == []
    assert set(generations(folder)) == {"serving", "previous"}
