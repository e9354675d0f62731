"""Words first, vectors after, and the older version of a file until the newer one is whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from docent.errors import UnknownDocument, UnreadableFile
from docent.indexing import chunk
from docent.store import Store
from docent.types import Document, Page, ReadBy, Scope, SourceFile, State, document_id
from tests.store.databases import database_url, open_store
from tests.store.putting import EMBEDDER, finish, found, put
from tests.store.test_store import BOOKS, HOURS

IN_BOTH_DATABASES = True

ALL = Scope()


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "storage", fingerprint="f")
    yield store
    store.close()


def put_words(store: Store, folder: Path, path: str, *pages: str, unread: bool = False) -> str:
    """Write a file and keep it by its words, as an ingest does."""
    text = "\f".join(pages)
    full = folder / "default" / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_text(text)
    read = [Page(number, page) for number, page in enumerate(pages, 1)]
    if unread:
        read.append(Page(len(read) + 1, "", read_by=ReadBy.FAILED, note="This page is damaged."))
    document = Document(hashlib.sha256(text.encode()).hexdigest(), path, "text", tuple(read))
    new = document_id("default", document.sha256)
    chunks = chunk(document, document_id=new, tokenizer=EMBEDDER.tokenizer, size=200, overlap=25, limit=256)
    stat = full.stat()
    store.put_words(SourceFile("default", path, full, stat.st_size, stat.st_mtime_ns), document, chunks)
    return new


def states(store: Store) -> dict[str, tuple[str, int, int]]:
    return {one.name: (one.state.value, one.embedded, one.chunks) for one in store.documents(ALL)}


def test_words_answer_before_vectors_are_there(store, tmp_path):
    """A document is found by its words at once, says that it is not ready, and is ready when embedded."""
    put_words(store, tmp_path, "a.txt", HOURS, BOOKS)
    assert states(store) == {"a.txt": ("searchable", 0, 2)}
    assert store.nearest(EMBEDDER.embed_query("museum"), 5, ALL) == []
    (hit,) = store.matching("museum opens", 5, ALL)
    assert store.similarity(EMBEDDER.embed_query("museum"), [hit.id], ALL) == [-1.0]
    assert store.lacking() == 2
    finish(store)
    assert states(store) == {"a.txt": ("ready", 2, 2)}
    assert store.lacking() == 0
    assert len(store.nearest(EMBEDDER.embed_query("museum"), 5, ALL)) == 2


@pytest.mark.parametrize("narrow", [ALL, Scope(kinds=("text",))], ids=["a whole library", "one kind"])
def test_half_embedded(store, tmp_path, narrow):
    """Meaning finds the chunks that have vectors, words find all, and the count says how many there are."""
    put_words(store, tmp_path, "a.txt", HOURS, BOOKS)
    (first,) = store.waiting.chunks(1, besides=())
    store.put_vectors([first.id], EMBEDDER.embed([first.text]))
    assert states(store) == {"a.txt": ("searchable", 1, 2)}
    assert [hit.id for hit in store.nearest(EMBEDDER.embed_query("books"), 5, narrow)] == [first.id]
    assert len(store.matching("museum books", 5, narrow)) == 2


def test_a_document_without_text_is_ready_at_once(store, tmp_path):
    """Nothing to embed is nothing to wait for."""
    put_words(store, tmp_path, "empty.txt", " ")
    assert states(store) == {"empty.txt": ("ready", 0, 0)}


def test_unread_pages_make_it_partial(store, tmp_path):
    """When all vectors are there, a document with a page that was not read is partial, with the reason."""
    put_words(store, tmp_path, "a.txt", HOURS, unread=True)
    finish(store)
    (document,) = store.documents(ALL)
    assert (document.state, document.unread_pages) == (State.PARTIAL, 1)
    assert document.reason == "This page is damaged."


def test_the_older_version_answers_until_the_newer_is_whole(store, tmp_path):
    """Until the last vector only the older version is found, and says so; then only the newer one."""
    old = put(store, tmp_path, "a.txt", HOURS)
    new = put_words(store, tmp_path, "a.txt", BOOKS)
    (document,) = store.documents(ALL)
    assert (document.id, document.state) == (old, State.READY)
    assert "newer version" in document.reason
    assert found(store, "museum books") == {HOURS}
    assert store.document(new, ALL).state is State.SEARCHABLE
    finish(store)
    assert found(store, "museum books") == {BOOKS}
    assert [one.id for one in store.documents(ALL)] == [new]
    with pytest.raises(UnknownDocument):
        store.document(old, ALL)


def test_a_third_version_overtakes_the_second(store, tmp_path):
    """A version that is changed before it was ready is forgotten; the first answers until the third can."""
    put(store, tmp_path, "a.txt", HOURS)
    put_words(store, tmp_path, "a.txt", BOOKS)
    put_words(store, tmp_path, "a.txt", "Lockers are in the cellar.")
    assert found(store, "museum books lockers") == {HOURS}
    finish(store)
    assert found(store, "museum books lockers") == {"Lockers are in the cellar."}
    assert len(store.contents().words) == 1
    assert store.contents().vectors["default"] == store.contents().words


def test_back_to_the_older_version(store, tmp_path):
    """A file that takes its old content back before the new one was ready needs nothing at all."""
    old = put(store, tmp_path, "a.txt", HOURS)
    put_words(store, tmp_path, "a.txt", BOOKS)
    put_words(store, tmp_path, "a.txt", HOURS)
    assert [(one.id, one.reason) for one in store.documents(ALL)] == [(old, "")]
    assert store.lacking() == 0


def test_cancelling(store, tmp_path):
    """A new document that is cancelled is gone; of a new version the older stays; a whole one is kept."""
    old = put(store, tmp_path, "a.txt", HOURS)
    new = put_words(store, tmp_path, "a.txt", BOOKS)
    other = put_words(store, tmp_path, "b.txt", "Lockers are in the cellar.")
    assert store.cancel(new, ALL)
    assert store.cancel(other, ALL)
    assert [(one.id, one.reason) for one in store.documents(ALL)] == [(old, "")]
    assert not store.cancel(old, ALL)
    with pytest.raises(UnknownDocument):
        store.cancel(other, ALL)
    finish(store)
    assert len(store.contents().words) == 1
    assert store.contents().vectors["default"] == store.contents().words


def test_vectors_that_come_too_late(store, tmp_path):
    """Vectors of a document that was deleted while they were made leave nothing behind."""
    key = put_words(store, tmp_path, "a.txt", HOURS)
    chunks = store.waiting.chunks(10, besides=())
    assert set(store.delete(key, ALL).left.values()) == {0}
    store.put_vectors([one.id for one in chunks], EMBEDDER.embed([one.text for one in chunks]))
    assert store.contents().vectors["default"] == set()


def test_unfinished_vectors_are_made_after_the_next_start(store, tmp_path):
    """Vectors that were made are kept, the others are made then, and none twice."""
    put_words(store, tmp_path, "a.txt", HOURS, BOOKS)
    (first,) = store.waiting.chunks(1, besides=())
    store.put_vectors([first.id], EMBEDDER.embed([first.text]))
    store.close()
    store.__init__(store.folder, fingerprint="f", database_url=database_url())
    assert [one.text for one in store.waiting.chunks(10, besides=())] == [BOOKS]
    assert store.waiting.chunks(10, besides=[one.id for one in store.waiting.chunks(10, besides=())]) == []
    finish(store)
    assert states(store) == {"a.txt": ("ready", 2, 2)}


def test_a_file_that_changed_since_it_was_read_is_refused(store, tmp_path):
    """The text read from a file is not stored once the file has other content."""
    put(store, tmp_path, "a.txt", HOURS)
    full = tmp_path / "default/a.txt"
    stat = full.stat()
    document = Document(hashlib.sha256(HOURS.encode()).hexdigest(), "a.txt", "text", (Page(1, HOURS),))
    full.write_text(BOOKS)
    with pytest.raises(UnreadableFile, match="changed while it was read"):
        store.put_words(SourceFile("default", "a.txt", full, stat.st_size, stat.st_mtime_ns), document, [])
