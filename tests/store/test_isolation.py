"""The content of a library reveals nothing to a reader who sees only another one."""

from __future__ import annotations

import pytest

from docent.retrieving import retrieve
from docent.store import Store
from docent.types import Scope
from tests.store.damage import give_library
from tests.store.databases import open_store
from tests.store.putting import EMBEDDER, put

IN_BOTH_DATABASES = True

TEXTS = {
    "1.txt": "The owls of the tower hunt at night. The tower is closed in winter.",
    "2.txt": "Tickets for the tower cost 4.50, or 12 for a family.",
    "3.txt": "The family of owls was seen again. Owls eat mice.",
}
QUESTIONS = ["Which owls hunt at night?", "What does a family pay for the tower?", "Who eats mice in winter?"]
HERE = Scope(libraries=("museum",), reader="ada")
EVERYTHING = Scope(reader="ada")


def revealed(store: Store, scope: Scope) -> list[object]:
    """Return all that a question reveals: order, scores, relevance, and the rarity of words."""
    passages = [
        retrieve(question, scope=scope, store=store, embedder=EMBEDDER, limit=10) for question in QUESTIONS
    ]
    terms = ["en:owl", "en:tower", "en:mice", "en:secret"]
    return [passages, store.rarity(terms, scope), store.matching("owls tower", 10, scope)]


def fill_elsewhere(store: Store, folder, library: str) -> None:
    """Many pieces that hold the same words, short and long, some of them deleted again."""
    for number in range(30):
        text = f"Owls, mice and the secret tower {number}. " + "winter family " * number
        document = put(store, folder, f"{number}.txt", text, library=library)
        if number % 3 == 0:
            store.delete(document, Scope(reader="bob"))


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "storage", fingerprint="x")
    for path, text in TEXTS.items():
        put(store, tmp_path, path, text, library="museum")
    yield store
    store.close()


def test_another_library_changes_nothing(store, tmp_path):
    """Ranking, scores and relevance in a library are the same to the last bit, whatever another one holds."""
    before = revealed(store, HERE)
    fill_elsewhere(store, tmp_path, "archive")
    assert revealed(store, HERE) == before


def test_another_persons_files_change_nothing(store, tmp_path):
    """Private files of one reader leave no trace in what others may read."""
    before = revealed(store, EVERYTHING)
    give_library(store.folder, "bobs", "bob")
    fill_elsewhere(store, tmp_path, "bobs")
    assert revealed(store, EVERYTHING) == before
    assert revealed(store, Scope(reader="bob")) != before


@pytest.mark.parametrize("listed_before", [True, False])
def test_naming_documents_shows_no_more_than_the_list(store, tmp_path, listed_before):
    """A reader who names every document sees their own, in the order of the list, whatever was cached."""
    give_library(store.folder, "bobs", "bob")
    theirs = put(store, tmp_path, "diary.txt", "The owls are mine.", library="bobs")
    named = tuple(document.id for document in reversed(store.documents(Scope(reader="bob"))))
    put(store, tmp_path, "4.txt", "Nobody has read of this yet.", library="museum")  # forgets what was read
    listed = store.documents(EVERYTHING) if listed_before else []
    seen = store.documents(Scope(reader="ada", documents=named))
    assert theirs in named and [document.name for document in seen] == sorted(TEXTS)
    places = {(document, 1) for document in named}
    assert {document for document, _ in store.plain_pages(places, EVERYTHING)} == set(named) - {theirs}
    assert not listed or [document for document in listed if document.id in named] == seen


def test_libraries_read_together_are_counted_together(store, tmp_path):
    """A word that is rare here and common there is as rare as it is in both."""
    fill_elsewhere(store, tmp_path, "archive")
    alone = store.rarity(["en:secret"], HERE)["en:secret"]
    assert alone > store.rarity(["en:secret"], EVERYTHING)["en:secret"]
    found = [hit.id for hit in store.matching("secret tickets", 10, EVERYTHING)]
    assert store.chunks(found, EVERYTHING)[found[0]].text == TEXTS["2.txt"]


def test_a_library_without_documents_leaves_no_words(store, tmp_path):
    """With the last document of a library its dictionary is gone from the disk."""
    words = tmp_path / "storage/index/1/words"
    before = set(words.iterdir())
    key = put(store, tmp_path, "plans.txt", "The xylophonist arrives on Monday.", library="plans")
    assert len(set(words.iterdir()) - before) == 1
    store.delete(key, Scope())
    assert set(words.iterdir()) == before
    put(store, tmp_path, "again.txt", "The cellist arrives on Friday.", library="plans")
    assert store.matching("cellist", 10, Scope(libraries=("plans",)))
