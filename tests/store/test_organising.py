"""Libraries are made and get titles, documents get tags and are listed in any order."""

from __future__ import annotations

import pytest

from docent.errors import InputError, UnknownLibrary
from docent.store import Store
from docent.types import Scope, private_library
from tests.store.databases import open_store
from tests.store.putting import put

IN_BOTH_DATABASES = True


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path / "storage", fingerprint="f")
    yield opened
    opened.close()


def names(store: Store, **query) -> list[str]:
    return [document.name for document in store.organiser.listing(Scope(reader="ann"), **query).documents]


def test_a_library_is_made_and_renamed(store):
    """It is there without a document; a new title leaves its name, so the ids in it stay."""
    shared = store.organiser.create_library("Reports", None)
    own = store.organiser.create_library("Reports", "ann")
    assert (shared, own) == ("Reports", private_library("ann", "Reports"))
    store.organiser.rename_library(own, "  Old   reports ", "ann")
    entries = store.organiser.libraries("ann")
    assert [(e.name, e.owner, e.title, e.documents) for e in entries] == [
        (own, "ann", "Old reports", 0),
        ("Reports", None, "Reports", 0),
    ]
    assert [entry.name for entry in store.organiser.libraries("ben")] == ["Reports"]


def test_a_library_of_another_is_not_renamed(store):
    """Neither a private one of another reader, nor a shared one as if it were private."""
    own = store.organiser.create_library("Reports", "ann")
    shared = store.organiser.create_library("Shared", None)
    for name in (own, shared, "nothing"):
        with pytest.raises(UnknownLibrary):
            store.organiser.rename_library(name, "Mine", "ben")
    assert [entry.title for entry in store.organiser.libraries("ann")] == ["Reports", "Shared"]


@pytest.mark.parametrize(
    "title", ["", "  ", "a/b", "..", "~ann", "chat-12345678", "x" * 81, "a\0b", "a\u202eb"]
)
def test_a_name_that_would_mean_something_else_is_refused(store, title):
    """No path, no private name, no conversation's own, nothing that turns the text around it."""
    with pytest.raises(InputError, match="cannot be the name"):
        store.organiser.create_library(title, None)
    assert store.organiser.libraries(None) == []


def test_two_libraries_of_one_title_are_refused(store):
    """Also where one of them got the title later."""
    first = store.organiser.create_library("Reports", None)
    store.organiser.rename_library(first, "Old", None)
    with pytest.raises(InputError, match="already"):
        store.organiser.create_library("Reports", None)
    with pytest.raises(InputError, match="already"):
        store.organiser.create_library("Old", None)


def test_documents_have_tags(store, tmp_path):
    """A tag is added once, found, listed with its documents, and removed."""
    first, second = (put(store, tmp_path, f"{name}.txt", f"{name} text") for name in ("one", "two"))
    store.organiser.tag([first, second], " To  Read ")
    store.organiser.tag([first], "to read")
    store.organiser.tag([first], "2026")
    assert dict(store.organiser.tags([first, second])) == {first: ["2026", "to read"], second: ["to read"]}
    assert store.organiser.known_tags(Scope(reader="ann")) == ["2026", "to read"]
    assert names(store, tag="2026") == ["one.txt"]
    store.organiser.untag([first, second], "to read")
    assert dict(store.organiser.tags([first, second])) == {first: ["2026"]}


def test_tags_go_with_their_document_and_move_with_it(store, tmp_path):
    """A deleted document leaves no tag; a shared one has the tags that it had."""
    gone = put(store, tmp_path, "gone.txt", "gone text")
    store.organiser.tag([gone], "secret")
    store.delete(gone, Scope())
    assert store.organiser.known_tags(Scope()) == []
    diary = put(store, tmp_path, "diary.txt", "private", library=store.organiser.create_library("d", "ann"))
    store.organiser.tag([diary], "mine")
    assert store.organiser.known_tags(Scope(reader="ben")) == []
    there = store.share(diary, "default", Scope(reader="ann"))
    assert dict(store.organiser.tags([diary, there])) == {there: ["mine"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({"sort": "size"}, ["b.txt", "a.txt", "C.txt"], id="by size"),
        pytest.param({"sort": "size", "descending": True}, ["C.txt", "a.txt", "b.txt"], id="largest first"),
        pytest.param({"sort": "name"}, ["a.txt", "b.txt", "C.txt"], id="by name, whatever the case"),
        pytest.param({"sort": "name; DROP TABLE tags"}, ["C.txt", "a.txt", "b.txt"], id="no order of ours"),
        pytest.param({"sort": "size", "start": 1, "limit": 1}, ["a.txt"], id="a part of it"),
    ],
)
def test_a_list_has_the_order_asked_for(store, tmp_path, query, expected):
    """The order is one of ours, and a part of the list is a part in that order."""
    for name, text in (("a.txt", "two words"), ("b.txt", "one"), ("C.txt", "three whole words")):
        put(store, tmp_path, name, text)
    assert names(store, **query) == expected


def test_several_documents_are_deleted_with_one_receipt(store, tmp_path):
    """The receipt counts all of them; those of others, and those that are gone, are left out."""
    ids = [put(store, tmp_path, f"{n}.txt", f"text number {n}") for n in range(3)]
    diary = put(store, tmp_path, "diary.txt", "private", library=store.organiser.create_library("d", "ann"))
    deletion = store.delete_several([*ids[:2], "nothing", diary], Scope(reader="ben"))
    assert (deletion.found["pages"], deletion.found["originals"]) == (2, 2)
    assert not any(deletion.left.values())
    assert names(store) == ["2.txt", "diary.txt"]


def test_a_shared_library_is_deleted_only_where_that_is_allowed(store, tmp_path):
    """By default it is refused."""
    put(store, tmp_path, "a.txt", "some text")
    with pytest.raises(UnknownLibrary, match="shared"):
        store.delete_library("default", Scope(reader="ann"))
    deletion = store.delete_library("default", Scope(reader="ann"), shared=True)
    assert deletion.found["pages"] == 1 and not any(deletion.left.values())
    assert store.libraries("ann") == []
