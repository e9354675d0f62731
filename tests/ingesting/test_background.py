"""Vectors are made in the background, also after failures, stops and restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError

import pytest

from docent.errors import EmbeddingError
from docent.ingesting import EmbeddingWorker
from docent.store import Store
from docent.store.index.word_index import WordIndex
from tests.fakes.embedder import WordHashEmbedder
from tests.store.test_store import HOURS
from tests.store.test_versions import put_words, states


class Stubborn(WordHashEmbedder):
    """Fails a given number of times, as a model server that is being restarted does."""

    def __init__(self, *, failures: int, error: type[Exception] = EmbeddingError) -> None:
        super().__init__()
        self._failures = failures
        self._error = error

    def embed(self, texts):
        if texts and self._failures:
            self._failures -= 1
            raise self._error("The embedding model did not answer.")
        return super().embed(texts)


class Endless(WordHashEmbedder):
    """Ends a batch only when the embedder is closed, as the fast embedder drops its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self._closed = threading.Event(), threading.Event()

    def embed(self, texts):
        self.begun.set()
        self._closed.wait()
        raise CancelledError

    def close(self):
        self._closed.set()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "storage", fingerprint="f")
    yield store
    store.close()


def test_everything_is_embedded_once(store, tmp_path):
    """Each chunk of many documents is embedded exactly once, and the progress ends at none left."""
    embedder = WordHashEmbedder()
    background = EmbeddingWorker(store=store, embedder=embedder)
    for number in range(12):
        put_words(store, tmp_path, f"{number}.txt", *(f"{HOURS} {number} {page}" for page in range(40)))
    left: list[int] = []
    background.wait(left.append)
    background.close()
    assert left[-1] == 0
    assert embedder.embedded == 480
    assert set(states(store).values()) == {("ready", 40, 40)}
    assert len(store.contents().vectors["default"]) == 480


def test_waiting_ends_after_the_older_version_is_removed(store, tmp_path, monkeypatch):
    """`wait` returns only after the replaced version of a document has been removed."""
    background = EmbeddingWorker(store=store, embedder=WordHashEmbedder())
    put_words(store, tmp_path, "a.txt", HOURS)
    background.wait(lambda left: None)
    put_words(store, tmp_path, "a.txt", f"{HOURS} From May on at eight.")
    drop = WordIndex.drop

    def slowly(words: WordIndex, documents: Sequence[str]) -> None:
        time.sleep(0.5)
        drop(words, documents)

    monkeypatch.setattr(WordIndex, "drop", slowly)
    background.wait(lambda left: None)
    originals = store.contents().originals
    background.close()
    assert len(originals) == 1


@pytest.mark.parametrize("error", [EmbeddingError, RuntimeError])
def test_a_failure_is_raised_and_retried(store, tmp_path, error):
    """`wait` raises the reason of an expected or unexpected failure; a later attempt embeds the rest."""
    put_words(store, tmp_path, "a.txt", HOURS)
    background = EmbeddingWorker(store=store, embedder=Stubborn(failures=1, error=error))
    with pytest.raises(EmbeddingError):
        background.wait(lambda left: None)
    while store.lacking():
        background.start()
    background.close()
    assert states(store) == {"a.txt": ("ready", 1, 1)}


def test_closing_does_not_wait_for_the_batch_under_way(store, tmp_path, caplog):
    """The batch is dropped without an error; the next process that opens the store makes its vectors."""
    put_words(store, tmp_path, "a.txt", HOURS)
    embedder = Endless()
    background = EmbeddingWorker(store=store, embedder=embedder)
    background.start()
    embedder.begun.wait()
    background.close()
    assert (store.lacking(), store.held_up(), caplog.records) == (1, "", [])
    again = EmbeddingWorker(store=store, embedder=WordHashEmbedder())
    again.wait(lambda left: None)
    again.close()
    assert states(store) == {"a.txt": ("ready", 1, 1)}


def test_closing_before_the_thread_ran(store, monkeypatch):
    """An interrupt before the worker's thread has started does not make closing fail."""

    def interrupted(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    background = EmbeddingWorker(store=store, embedder=WordHashEmbedder())
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(threading.Thread, "start", interrupted)
        background.start()
    background.close()
