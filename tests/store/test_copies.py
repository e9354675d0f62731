"""A copy of an original is made once, takes bounded space, and goes with its original."""

from __future__ import annotations

import os

import pytest

from docent.errors import UnreadableFile
from docent.store import Copies, Store
from docent.types import Scope
from tests.store.putting import put


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "originals" / "a1"
    path.parent.mkdir()
    path.write_bytes(b"original")
    return path


def test_a_copy_is_made_once(tmp_path, original):
    """The second time it is there."""
    made = []
    copies = Copies(tmp_path / "copies")
    for _ in range(2):
        path = copies.get(original, "x.pdf", lambda: made.append(1) or b"copy")
        assert path.read_bytes() == b"copy"
    assert len(made) == 1


def test_what_cannot_be_made_leaves_nothing(tmp_path, original):
    """An error passes through, and the next time it is tried again."""

    def fail() -> bytes:
        raise UnreadableFile("damaged")

    copies = Copies(tmp_path / "copies")
    with pytest.raises(UnreadableFile):
        copies.get(original, "x.pdf", fail)
    assert copies.held("a1") == 0


def test_the_longest_unseen_makes_room(tmp_path, original):
    """All copies together stay below the bound; the one that was asked for is always there."""
    copies = Copies(tmp_path / "copies", most=25)
    for number, name in enumerate(("a", "b", "c")):
        os.utime(copies.get(original, name, lambda: b"0123456789"), ns=(number, number))
    assert {path.name for path in (tmp_path / "copies" / "a1").iterdir()} == {"b", "c"}
    assert copies.get(original, "d", lambda: b"0" * 100).exists()


def test_an_original_deleted_meanwhile_leaves_no_copy(tmp_path, original):
    """Deleting while a copy is being made leaves nothing behind."""
    copies = Copies(tmp_path / "copies")

    def make() -> bytes:
        original.unlink()
        return b"copy"

    copies.get(original, "x.pdf", make)
    assert copies.held("a1") == 0


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "storage", fingerprint="f")
    yield store
    store.close()


def test_deleting_a_document_deletes_what_was_made_of_it(store, tmp_path):
    """The receipt counts the copies, and none is left."""
    key = put(store, tmp_path, "a.txt", "The museum opens at nine.")
    original = store.original(key, Scope())
    path = Copies(store.folder / "copies").get(original, "x.pdf", lambda: b"copy")
    deletion = store.delete(key, Scope())
    assert (deletion.found["copies"], deletion.left["copies"]) == (1, 0)
    assert not path.exists()
