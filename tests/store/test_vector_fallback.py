"""The vectors while they are changed: a question then is answered, and Chroma is not given up for it."""

from __future__ import annotations

import threading
from contextlib import closing

from docent.errors import DamagedStore
from docent.store import Store
from docent.store.catalog import changes, documents
from docent.store.catalog.sqlite_catalog import SqliteCatalog
from docent.store.index.local_index import LocalIndex
from docent.store.index.vectors import ChromaVectors
from tests.store.putting import EMBEDDER, is_behind, nearest, put

VECTOR = EMBEDDER.embed_query("a heron")
ASKING = 3


def test_questions_while_the_first_vectors_are_written(tmp_path):
    """A library's first vectors may come while it is asked: the question finds none yet, or some."""
    vectors = ChromaVectors(tmp_path / "chroma", name="docent", url="")
    refused: list[DamagedStore] = []

    def ask(library: str, written: threading.Event) -> None:
        while not written.is_set():
            try:
                vectors.nearest(library, VECTOR, 3)
            except DamagedStore as error:
                refused.append(error)

    for library in (f"library {number}" for number in range(25)):
        vectors.nearest(library, VECTOR, 3)
        written = threading.Event()
        asking = [threading.Thread(target=ask, args=(library, written)) for _ in range(ASKING)]
        for thread in asking:
            thread.start()
        try:
            vectors.put(library, ["a" * 32], EMBEDDER.embed(["a heron"]))
        finally:
            written.set()
            for thread in asking:
                thread.join()
        assert [hit.id for hit in vectors.nearest(library, VECTOR, 3)] == ["a" * 32]
    vectors.close()
    assert refused == []


def test_a_question_to_a_library_that_goes(tmp_path):
    """Chroma may have dropped a library that is being deleted: nothing is found, and Chroma is used on."""
    with closing(Store(tmp_path / "storage", fingerprint="f")) as store:
        put(store, tmp_path, "a.txt", "The heron lives in the valley.", library="birds")
        put(store, tmp_path, "b.txt", "Tomato soup with basil.")
    folder = tmp_path / "storage/index"
    with (
        closing(SqliteCatalog(folder / "catalog.db")) as catalog,
        closing(
            LocalIndex(folder / "1", catalog, 1, chroma=("", ""), on_level=lambda _: None, on_wake=lambda: "")
        ) as index,
    ):
        assert len(index.nearest("birds", VECTOR, 3)) == 1
        with catalog.write() as db:
            documents.forget_path(db, "birds", "a.txt")
            changes.remove(db, changes.nameless(db))
        with closing(ChromaVectors(folder / "1/chroma", name="docent", url="")) as other:
            other.drop_library("birds")  # while the first still has it open
            assert index.nearest("birds", VECTOR, 3) == []
            assert index.owned
            assert not index.behind
            index.follow()
            assert not index.behind
            assert len(index.nearest("default", VECTOR, 3)) == 1


def test_what_chroma_refused_it_is_told_again(tmp_path, monkeypatch):
    """After a refusal, as on a disk that was full, Chroma gets what it missed as soon as it takes it."""

    def full(*_: object) -> None:
        raise DamagedStore("The vectors cannot be used (database or disk is full).")

    store = Store(tmp_path / "storage", fingerprint="f")
    try:
        with monkeypatch.context() as refusing:
            refusing.setattr(ChromaVectors, "put", full)
            put(store, tmp_path, "a.txt", "The heron lives in the valley.")
            assert is_behind(store)
            assert nearest(store, "heron") == ["The heron lives in the valley."], "from the catalog"
            store.save()
            store.come_to_rest()
            assert is_behind(store)
            assert [complaint.partition(":")[0] for complaint in store.complaints()] == [
                "vectors of default", "vectors",
            ]  # fmt: skip
        assert nearest(store, "heron") == ["The heron lives in the valley."]
        put(store, tmp_path, "b.txt", "The otter swims.")
        assert not is_behind(store)
        assert len(store.contents().vectors["default"]) == 2
    finally:
        store.close()
