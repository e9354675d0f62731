"""The bounds on a question's length, whoever asks, and the order of long questions."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from docent.errors import InputError
from docent.retrieving import retrieve
from docent.retrieving.query import MAX_QUESTION, MAX_SEARCHED, is_long, shorten_question, shortened_notice
from docent.store import Store
from docent.types import Scope
from tests.fakes.embedder import WordHashEmbedder

LONG = "Dear all, " + "nothing of interest " * 4_000 + "so what does the soup cost?"


class RecordingEmbedder(WordHashEmbedder):
    """Records every question; a long one is held until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.held, self.release = threading.Event(), threading.Event()

    def embed_query(self, text: str) -> list[float]:
        self.asked.append(text)
        if is_long(text):
            self.held.set()
            assert self.release.wait(30)
        return super().embed_query(text)


@pytest.fixture
def search(tmp_path):
    store = Store(tmp_path / "storage", fingerprint="x")
    embedder = RecordingEmbedder()

    def ask(question: str) -> Any:
        return retrieve(question, scope=Scope(), store=store, embedder=embedder, limit=5)

    ask.embedder = embedder  # type: ignore[attr-defined]
    yield ask
    embedder.release.set()
    store.close()


def test_a_question_of_any_usual_length_is_searched_whole():
    """Nothing is cut, and there is no notice."""
    question = 'What does "net sales" mean? ' * 50
    assert shorten_question(question) == question
    assert shortened_notice(question) == ""


def test_of_a_long_text_both_ends_are_searched():
    """A question stands before the text that is pasted with it, or behind it."""
    assert len(shorten_question(LONG)) <= MAX_SEARCHED + 3
    assert shorten_question(LONG).startswith("Dear all,") and shorten_question(LONG).endswith(
        "so what does the soup cost?"
    )
    assert "80,037 characters only the first 1,000 and the last 1,000" in shortened_notice(LONG)


def test_a_quotation_that_was_cut_is_no_condition():
    """A cut takes one mark of a pair away; the other must not exclude every passage."""
    assert not set('"“”„«»') & set(shorten_question('He said "yes" and “no”. ' * 200))


def test_what_is_embedded_is_bounded_whoever_asks(search):
    """Beneath every caller: the question and its clauses together are a few thousand characters."""
    search.embedder.release.set()
    search(LONG)
    assert max(map(len, search.embedder.asked)) <= MAX_SEARCHED + 3
    assert sum(map(len, search.embedder.asked)) <= 2 * MAX_SEARCHED + 3


def test_a_question_longer_than_any_model_reads_is_refused(search):
    """With its length, the bound, and what to do instead."""
    with pytest.raises(InputError, match=r"100,000 characters; this one has 100,001.*as a document"):
        search("x" * (MAX_QUESTION + 1))
    assert search.embedder.asked == []


def test_conditions_are_counted(search):
    """Each is compared with every candidate, so that hundreds would take seconds."""
    with pytest.raises(InputError, match=r"40 conditions.*Leave some out"):
        search("soup " + " ".join(f"-word{'abcdefghij'[n % 10]}" for n in range(40)))


def test_a_short_question_does_not_wait_for_long_ones(search):
    """While one long question is searched and another waits, a short one is answered."""
    long_ones = [threading.Thread(target=search, args=(LONG,)) for _ in range(2)]
    for thread in long_ones:
        thread.start()
    assert search.embedder.held.wait(30)
    search("What does the soup cost?")
    assert sum(map(is_long, search.embedder.asked)) == 1
    search.embedder.release.set()
    for thread in long_ones:
        thread.join(30)
    assert sum(map(is_long, search.embedder.asked)) == 2
