"""A stored document is whole, seen by its readers alone, and gone when it is deleted."""

from __future__ import annotations

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from docent.errors import IndexMismatch, UnknownDocument
from docent.store import Store
from docent.store.files import FolderFiles, sha256_of
from docent.store.index.vectors import ChromaVectors
from docent.store.searching import VersionedCache
from docent.types import Chunk, Scope, State, document_id
from tests.store.damage import catalog, give_library, indexes
from tests.store.databases import database_url, open_store
from tests.store.putting import EMBEDDER, arrival, found, put, put_several

IN_BOTH_DATABASES = True

HOURS = "The museum opens at nine and closes at six. On Mondays it is closed."
BOOKS = "Late books cost ten cents a day. Dictionaries are not lent."


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "storage", fingerprint="f")
    yield store
    store.close()


def test_a_document_comes_back_as_it_was(store, tmp_path):
    """Pages, chunks, original and both searches hold the document's own words."""
    key = put(store, tmp_path, "hours.txt", HOURS)
    assert store.page(key, 1, Scope()).text == HOURS
    (piece,) = store.chunks_of(key, Scope())
    assert HOURS[piece.start : piece.end] == piece.text
    assert store.original(key, Scope()).read_text() == HOURS
    (document,) = store.documents(Scope())
    assert (document.name, document.state, document.paths, document.chunks) == (
        "hours.txt", State.READY, ("hours.txt",), 1,
    )  # fmt: skip
    vector = EMBEDDER.embed_query("when does the museum open")
    assert store.nearest(vector, 1, Scope())[0].id == piece.id
    assert store.matching("museum opens", 1, Scope())[0].id == piece.id
    near = store.nearest(vector, 1, Scope())[0].score
    assert store.similarity(vector, [piece.id, "0" * 32], Scope()) == pytest.approx([near, -1.0], abs=2e-3)


def test_several_documents_at_once(store, tmp_path):
    """New files are stored; known, repeated and changed ones are left out."""
    put(store, tmp_path, "a.txt", HOURS)
    texts = {"b.txt": BOOKS, "a-again.txt": HOURS, "b-again.txt": BOOKS, "c.txt": "Soup is served at noon."}
    assert put_several(store, tmp_path, texts, change="c.txt") == [True, False, False, False]
    assert {one.name for one in store.documents(Scope())} == {"a.txt", "b.txt"}
    assert found(store, "books museum") == {HOURS, BOOKS}
    assert len(store.contents().originals) == 2


def test_a_new_version_replaces_the_old_one(store, tmp_path):
    """After a change only the new words are found, and nothing of the old version is left."""
    old = put(store, tmp_path, "a.txt", HOURS)
    (piece,) = store.chunks_of(old, Scope())
    new = put(store, tmp_path, "a.txt", BOOKS)
    assert [document.id for document in store.documents(Scope())] == [new]
    assert found(store, "museum opens") <= {BOOKS}
    with pytest.raises(UnknownDocument):
        store.page(old, 1, Scope())
    contents = store.contents()
    assert piece.id not in contents.vectors["default"] | contents.words


def size_of(store: Store, part: str = "") -> int:
    """Return the size of the index in bytes, or of a part of it, as the next start finds it."""
    store.close()
    folder = store.folder / "index/1" / part
    taken = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    store.__init__(store.folder, fingerprint="f", database_url=database_url())
    return taken


def test_fifty_updates_do_not_grow(store, tmp_path):
    """After fifty changes of one file there is what one file needs, in rows and in bytes."""
    put(store, tmp_path, "a.txt", HOURS)
    first = size_of(store)
    for number in range(50):
        put(store, tmp_path, "a.txt", f"{HOURS} Revision {number}.")
    assert len(store.documents(Scope())) == 1
    contents = store.contents()
    assert len(contents.vectors["default"]) == len(contents.words) == len(contents.originals) == 1
    assert size_of(store) <= 2 * first


def put_thousand_chunks(store: Store, folder: Path, name: str) -> None:
    one = arrival(folder, name, f"A thousand chunks of {name}.")
    key = document_id("default", one.document.sha256)
    chunks = [
        Chunk(hashlib.md5(f"{name} {n}".encode()).hexdigest(), key, 1, 0, 10, "A thousand", "", "", 2)
        for n in range(1000)
    ]
    store.put_words(one.file, one.document, chunks)
    store.put_vectors([chunk.id for chunk in chunks], np.tile(EMBEDDER.embed([HOURS]), (1000, 1)))


@pytest.mark.parametrize("running", [True, False], ids=["while idle", "at the next start"])
def test_room_is_made(store, tmp_path, running):
    """Chroma's files give back the space of thousands of deleted vectors, and lose no others."""
    key = put(store, tmp_path, "a.txt", HOURS)
    first = size_of(store, "chroma")
    for name in ("1.txt", "2.txt", "3.txt"):
        put_thousand_chunks(store, tmp_path, name)
        store.forget("default", name)
    if running:
        store.save()
        assert found(store, "museum opens") == {HOURS}
    else:
        assert size_of(store, "chroma") > 2 * first
    assert size_of(store, "chroma") <= 2 * first
    assert store.contents().vectors["default"] == {one.id for one in store.chunks_of(key, Scope())}


def test_deleting_proves_itself(store, tmp_path):
    """The receipt counts what was there and what is left; only the words' own dictionary may know them."""
    key = put(store, tmp_path, "a.txt", "The secret word is xylophonist.")
    put(store, tmp_path, "b.txt", BOOKS)
    deletion = store.delete(key, Scope())
    counts = {
        "pages": 1,
        "chunks": 1,
        "words": 1,
        "vectors": 1,
        "originals": 1,
        "copies": 0,
        "answers": 0,
        "questions": 0,
    }
    assert deletion.found == counts
    assert set(deletion.left.values()) == {0}
    assert found(store, "xylophonist") <= {BOOKS}
    with pytest.raises(UnknownDocument):
        store.delete(key, Scope())
    for file in store.folder.rglob("*"):
        if file.is_file() and "words" not in file.parts:
            assert b"xylophonist" not in file.read_bytes(), file


def test_scopes_are_applied_inside_the_store(store, tmp_path):
    """Library, document, folder and kind bound every way of reading."""
    hours = put(store, tmp_path, "deep/hours.txt", HOURS, library="museum")
    books = put(store, tmp_path, "books.txt", BOOKS, library="library")
    assert found(store, "museum books", Scope(libraries=("museum",))) == {HOURS}
    assert found(store, "museum books", Scope(documents=(books,))) == {BOOKS}
    assert found(store, "museum books", Scope(folder="deep")) == {HOURS}
    assert found(store, "museum books", Scope(kinds=("pdf",))) == set()
    assert found(store, "museum books") == {HOURS, BOOKS}
    for wrong in (Scope(libraries=("library",)), Scope(documents=(books,))):
        with pytest.raises(UnknownDocument):
            store.page(hours, 1, wrong)
        with pytest.raises(UnknownDocument):
            store.original(hours, wrong)
        assert store.chunks_of(hours, wrong) == []


def test_another_readers_library_does_not_exist(store, tmp_path):
    """Documents of one reader are in no answer of another, by any method."""
    key = put(store, tmp_path, "diary.txt", HOURS, library="~ada")
    give_library(store.folder, "~ada", "ada")
    (piece,) = store.chunks_of(key, Scope(reader="ada"))
    for stranger in (Scope(), Scope(reader="bob"), Scope(reader="bob", libraries=("~ada",))):
        assert store.documents(stranger) == []
        assert found(store, "museum opens", stranger) == set()
        assert store.chunks([piece.id], stranger) == {}
        with pytest.raises(UnknownDocument):
            store.page(key, 1, stranger)
    assert store.libraries("bob") == []
    assert found(store, "museum opens", Scope(reader="ada")) == {HOURS}


def test_another_fingerprint_is_refused(store):
    """An index made by another model or chunker is not opened; the repair is named."""
    store.close()
    with pytest.raises(IndexMismatch, match="--rebuild"):
        open_store(store.folder, fingerprint="g")
    again = open_store(store.folder, fingerprint="f")
    again.close()
    store.__init__(store.folder, fingerprint="f", database_url=database_url())


@pytest.mark.parametrize("missing", [True, False], ids=["one vector is missing", "one is left over"])
def test_derived_indexes_are_brought_in_step_after_a_crash(store, tmp_path, missing):
    """Vectors and words that are missing, or too many, are mended from the catalog at the next start."""
    put(store, tmp_path, "a.txt", HOURS)
    put(store, tmp_path, "b.txt", BOOKS)
    pieces = {
        chunk.id: chunk.text
        for document in store.documents(Scope())
        for chunk in store.chunks_of(document.id, Scope())
    }
    (piece,) = [one for one, text in pieces.items() if text == HOURS]
    store.close()
    with indexes(store.folder) as (vectors, words):
        if missing:
            vectors.drop("default", [piece])
        else:
            vectors.put("default", ["f" * 32], np.asarray([EMBEDDER.embed_query("left over")]))
        words.clear()
        words.commit()
    store.__init__(store.folder, fingerprint="f", database_url=database_url())
    assert found(store, "museum opens") >= {HOURS}
    contents = store.contents()
    assert contents.vectors["default"] == contents.words == set(pieces)


def test_what_is_listed_is_never_old(store, tmp_path):
    """Documents are remembered between changes; the very next look sees a change, even a foreign one."""
    everything = Scope()
    assert store.documents(everything) == []
    put(store, tmp_path, "a.txt", "apples")
    [document] = store.documents(everything)
    assert store.documents(everything) == [document]
    with catalog(tmp_path / "storage") as foreign:
        foreign.execute("UPDATE readings SET title = 'Fruit'")
    assert [one.title for one in store.documents(everything)] == ["Fruit"]
    store.delete(document.id, everything)
    assert store.documents(everything) == []


def test_several_ask_at_once_after_a_change(store, tmp_path, monkeypatch):
    """Each gets the documents, though another thread lists the same ones in the middle of it."""

    class Overtaken(dict[Scope, object]):
        def __contains__(self, scope: object) -> bool:
            there = super().__contains__(scope)
            if not there:
                monkeypatch.setattr(Overtaken, "__contains__", dict.__contains__)
                store.documents(scope)
            return there

    key = put(store, tmp_path, "a.txt", HOURS)
    cached = Overtaken()
    monkeypatch.setattr(VersionedCache, "at", lambda cache, version: cached)
    assert [one.id for one in store.documents(Scope())] == [key]
    assert [one.id for one in store.documents(Scope())] == [key]


def test_two_threads_keep_the_same_file(tmp_path):
    """Neither takes the other's half-written copy away."""
    source = tmp_path / "file"
    source.write_bytes(b"x" * 3_000_000)
    originals = FolderFiles(tmp_path / "originals")
    sha256 = sha256_of(source)
    for _ in range(20):
        originals.open(sha256).unlink(missing_ok=True)
        with ThreadPoolExecutor(4) as pool:
            for kept in [pool.submit(originals.keep, source, sha256) for _ in range(4)]:
                kept.result()
        assert [*originals.held()] == [sha256]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_library_is_a_vector_store_of_llama_index(tmp_path):
    """llama-index's own pipelines find what Docent stored, by its ids, and may add to it."""
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery

    with closing(ChromaVectors(tmp_path, name="mine", url="")) as vectors:
        vectors.put("default", ["hours"], EMBEDDER.embed([HOURS]))
        theirs = vectors.as_llama_index("default")
        theirs.add([TextNode(id_="books", text=BOOKS, embedding=EMBEDDER.embed([BOOKS])[0].tolist())])
        asked = VectorStoreQuery(query_embedding=EMBEDDER.embed_query(HOURS), similarity_top_k=2)
        found = theirs.query(asked)
    assert found.ids == ["hours", "books"]
    assert found.similarities[0] > found.similarities[1]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which files are open")
def test_a_store_that_was_refused_holds_nothing_open(tmp_path):
    """After another fingerprint was refused, catalog and lock are closed."""
    open_store(tmp_path / "storage", fingerprint="f").close()
    with pytest.raises(IndexMismatch) as refused:
        open_store(tmp_path / "storage", fingerprint="g")
    held = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of this look itself
            held.append(os.readlink(one))
    assert not [path for path in held if path.startswith(str(tmp_path))], refused.value
