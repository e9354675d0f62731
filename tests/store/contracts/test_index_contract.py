"""What every index promises: level with the log, it is what one written anew from the catalog would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docent.store.catalog import changes, contents
from docent.store.index.followers import CatalogContent
from docent.store.index.local_index import LocalIndex
from docent.store.protocols import Change
from tests.store.contracts.library import Library, text_of
from tests.store.putting import EMBEDDER

LIBRARIES = ("default", "museum")
NUMBERS = st.integers(0, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "add", "searchable", "change", "read again", "delete"]), NUMBERS),
        st.tuples(st.sampled_from(["delete library", "follow", "follow", "trim", "reopen"]), NUMBERS),
    ),
    max_size=14,
)
FEW = settings(max_examples=8, derandomize=True, database=None)
QUESTION = "Where does the heron wait, and which note is revision 1?"
MOST = 1000


def take_step(library: Library, step: str, number: int) -> None:
    """Make one change of the catalog."""
    path, name = f"{number}.txt", LIBRARIES[number % 2]
    key = library.add(path, text_of(number), library=name, embedded=False) if step == "read again" else ""
    match step:
        case "add":
            library.add(path, text_of(number), library=name)
        case "searchable":
            library.add(path, text_of(number), library=name, embedded=False)
        case "change":
            library.add(path, text_of(number, revision=1), library=name)
        case "read again":
            library.read_again(key, text_of(number, revision=2))
        case "delete":
            with library.catalog.read() as db:
                keys = [
                    key for key, there in contents.read_documents(db, library.generation) if there == name
                ]
            for key in keys[:1]:
                library.delete(key)
        case "delete library":
            library.delete_library(name)


def found(index: LocalIndex) -> dict[str, set[str]]:
    """Return what an index finds in each library by words and by vectors."""
    vector = EMBEDDER.embed_query(QUESTION)
    words = {name: ids(index.matching(QUESTION, MOST, libraries=[name], documents=[])) for name in LIBRARIES}
    vectors = {name: ids(index.nearest(name, vector, MOST)) for name in LIBRARIES}
    return together(words, vectors)


def together(words: Mapping[str, set[str]], vectors: Mapping[str, set[str]]) -> dict[str, set[str]]:
    found = {f"words of {name}": words.get(name, set()) for name in LIBRARIES}
    return found | {f"vectors of {name}": vectors.get(name, set()) for name in LIBRARIES}


def ids(hits: Sequence[tuple[str, float]]) -> set[str]:
    return {chunk_id for chunk_id, _ in hits}


def expected(library: Library) -> dict[str, set[str]]:
    with library.catalog.read() as db:
        embedded = contents.embedded_chunk_ids(db, library.generation)
        chunks: dict[str, set[str]] = {name: set() for name in LIBRARIES}
        for key, name in contents.read_documents(db, library.generation):
            chunks[name].update(contents.document_chunk_ids(db, key))
    return together(chunks, embedded)


@FEW
@given(steps=STEPS)
def test_following_equals_writing_anew(catalog_factory, index_factory, steps):
    """After any changes, followed at any moments, an index holds what one holds that is written anew."""
    with TemporaryDirectory() as folder, closing(catalog_factory(Path(folder))) as catalog:
        library = Library(catalog)
        index = index_factory(Path(folder), catalog, library.generation)
        for step, number in steps:
            if step == "follow":
                index.follow()
            elif step == "trim":  # as the store does: what has been followed
                index.follow()
                library.trim()
            elif step == "reopen":
                index.close()
                index = index_factory(Path(folder), catalog, library.generation)
            else:
                take_step(library, step, number)
        with closing(index):
            index.follow()
            assert index.compare() == []
            assert found(index) == expected(library)
            with closing(index_factory(Path(folder) / "anew", catalog, library.generation)) as anew:
                assert found(anew) == found(index)
                for key in [key for key, _ in all_documents(library)]:
                    assert anew.held(*held(library, key)) == index.held(*held(library, key))


@FEW
@given(steps=STEPS, first=st.integers(0, 20), again=st.integers(0, 20))
def test_applying_again_does_no_harm(catalog_factory, derived_factory, steps, first, again):
    """A killed process may have applied more than its position says: from there the end is the same."""
    with TemporaryDirectory() as folder, closing(catalog_factory(Path(folder))) as catalog:
        library = Library(catalog)
        content = CatalogContent(catalog, library.generation)
        index = derived_factory(Path(folder))
        try:
            for at, (step, number) in enumerate(steps):
                take_step(library, step, number)
                if at == first:
                    index.apply(log_of(library), content)
            index.apply(log_of(library), content)
            index.apply(log_of(library)[again:], content)
            assert index.is_whole(content)
            index.write_anew(content)
            assert index.is_whole(content)
        finally:
            index.close()


def log_of(library: Library) -> list[Change]:
    with library.catalog.read() as db:
        return changes.after(db, library.generation, 0)


def all_documents(library: Library) -> list[tuple[str, str]]:
    with library.catalog.read() as db:
        return contents.read_documents(db, library.generation)


def held(library: Library, key: str) -> tuple[str, str, list[str]]:
    return dict(all_documents(library))[key], key, library.chunk_ids(key)


@pytest.fixture
def library(catalog):
    return Library(catalog)


@pytest.fixture
def index(library, index_factory, tmp_path):
    index = index_factory(tmp_path, library.catalog, library.generation)
    yield index
    index.close()


def test_a_position_behind_the_log_is_written_anew(library, index_factory, tmp_path):
    """An index that missed changes which are not in the log any more holds everything all the same."""
    library.add("1.txt", text_of(1))
    with closing(index_factory(tmp_path, library.catalog, library.generation)) as index:
        index.follow()
    for number in (2, 3):
        library.add(f"{number}.txt", text_of(number))
    library.delete(all_documents(library)[0][0])
    library.trim()
    library.add("4.txt", text_of(4))
    with closing(index_factory(tmp_path, library.catalog, library.generation)) as index:
        index.follow()
        assert found(index) == expected(library)
        assert index.compare() == []


def test_what_an_index_holds_of_a_document(library, index):
    """Counted while it is there, and zero once its deletion was followed."""
    key = library.add("1.txt", text_of(1))
    library.add("3.txt", text_of(3))
    name, key, chunk_ids = held(library, key)
    index.follow()
    assert index.held(name, key, chunk_ids) == (len(chunk_ids), len(chunk_ids))
    library.delete(key)
    index.follow()
    assert index.held(name, key, chunk_ids) == (0, 0)


def test_the_nearest_are_the_nearest(library, index):
    """The first has the highest similarity, which is the cosine, and there are no more than asked for."""
    for number in range(4):
        library.add(f"{number}.txt", text_of(number), library="default")
    index.follow()
    vector = EMBEDDER.embed_query("Note 2, revision 0, part 1: the heron waits")
    hits = index.nearest("default", vector, 5)
    with library.catalog.read() as db:
        exact = contents.nearest_exactly(db, library.generation, "default", vector, 5)
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in exact], abs=2e-3)
    assert len(hits) == 5


def test_libraries_are_bounds(library, index):
    """Neighbours, words, scores and the rarity of words come from the named libraries only."""
    here = library.add("1.txt", "The heron waits.", library="default")
    there = library.add("2.txt", "The heron waits, and so does the otter.", library="museum")
    index.follow()
    (mine,), (theirs,) = library.chunk_ids(here), library.chunk_ids(there)
    vector = EMBEDDER.embed_query("The heron waits.")
    assert ids(index.nearest("default", vector, 10)) == {mine}
    assert index.nearest("nowhere", vector, 10) == []
    assert ids(index.matching("heron otter", 10, libraries=["default"], documents=[])) == {mine}
    assert ids(index.matching("heron", 10, libraries=LIBRARIES, documents=[])) == {mine, theirs}
    assert ids(index.matching("heron", 10, libraries=LIBRARIES, documents=[there])) == {theirs}
    assert index.matching("heron", 10, libraries=[], documents=[]) == []
    assert set(index.scores("heron", [mine, theirs], libraries=["museum"])) == {theirs}
    assert set(index.scores("otter", [mine, theirs], libraries=LIBRARIES)) == {theirs}
    before = index.rarity(["en:heron"], libraries=["default"])
    scores = index.scores("heron", [mine], libraries=["default"])
    for number in range(5):
        library.add(f"more {number}.txt", f"The heron waits {number}.", library="museum")
    index.follow()
    assert index.rarity(["en:heron"], libraries=["default"]) == before
    assert index.scores("heron", [mine], libraries=["default"]) == scores


def test_another_process_asks_the_owner(library, index, index_factory, tmp_path):
    """Of two on one folder at most one writes; both answer alike, and either brings both level."""
    with closing(index_factory(tmp_path, library.catalog, library.generation)) as second:
        assert [index.owned, second.owned].count(True) <= 1
        library.add("1.txt", text_of(1))
        second.follow()
        assert found(second) == found(index) == expected(library)
        library.add("2.txt", text_of(2))
        index.follow()
        assert found(second) == found(index) == expected(library)


def test_written_anew_it_is_the_same(library, index):
    """And follows the log from there."""
    library.add("1.txt", text_of(1))
    index.follow()
    index.write_anew()
    library.add("2.txt", text_of(2))
    index.follow()
    index.tidy()
    assert found(index) == expected(library)


def test_another_generation_is_another_index(library, index, index_factory, tmp_path):
    """What is read in one is not found in the other."""
    other = Library(library.catalog, role="building")
    library.add("2.txt", text_of(2))
    other.add("4.txt", text_of(4))
    with closing(index_factory(tmp_path, library.catalog, other.generation)) as second:
        for one, owner in ((index, library), (second, other)):
            one.follow()
            assert found(one) == expected(owner)
