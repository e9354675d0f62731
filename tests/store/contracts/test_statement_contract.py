"""What the catalog's statements promise on every database."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from docent.store.catalog import changes, contents, documents
from docent.store.catalog.scoping import ANSWERS, holds_words, in_scope
from docent.types import Scope, SourceFile, State
from tests.store.contracts.library import Library, text_of


@pytest.fixture
def library(catalog):
    return Library(catalog)


def visible(library: Library, scope: Scope) -> set[str]:
    condition, values = in_scope(scope)
    with library.catalog.read() as db:
        known = documents.documents_where(db, library.generation, condition, *values)
        assert documents.count_where(db, library.generation, condition, *values) == len(known)
    return {document.name for document in known}


def states(library: Library, generation: int = 0) -> dict[str, str]:
    with library.catalog.read() as db:
        known = documents.documents_where(db, generation or library.generation, "1 = 1")
    return {document.name: document.state.value for document in known}


# --- the log ---------------------------------------------------------------------------------


def test_the_log_is_in_the_order_of_the_changes(library):
    """Each change comes once, after those before it, with the ids that it concerns."""
    key = library.add("a.txt", text_of(1))
    ids = tuple(library.chunk_ids(key))
    library.delete(key)
    with library.catalog.read() as db:
        log = changes.after(db, library.generation, 0)
        assert changes.after(db, library.generation, log[-1].position) == []
        assert changes.last_position(db, library.generation) == log[-1].position
    assert [change.kind for change in log] == ["words", "vectors", "drop"]
    assert [change.document_id for change in log] == [key, "", key]
    assert {change.library for change in log} == {"default"}
    assert sorted(change.position for change in log) == [change.position for change in log]
    assert [sorted(change.chunk_ids) for change in log] == [[], sorted(ids), sorted(ids)]


def test_a_change_that_is_undone_is_not_in_the_log(library):
    """It is appended in the transaction that it tells of."""
    with pytest.raises(RuntimeError), library.catalog.write() as db:
        changes.append(db, library.generation, "library", library="x")
        raise RuntimeError("an error in the middle")
    with library.catalog.read() as db:
        assert changes.after(db, library.generation, 0) == []


def test_a_long_log_is_read_in_parts(library, monkeypatch):
    """From each position the next changes, in order, until there are none."""
    monkeypatch.setattr(changes, "AT_ONCE", 3)
    with library.catalog.write() as db:
        for number in range(8):
            changes.append(db, library.generation, "library", library=str(number))
    seen: list[str] = []
    position = 0
    with library.catalog.read() as db:
        while some := changes.after(db, library.generation, position):
            seen += [change.library for change in some]
            position = some[-1].position
    assert seen == [str(number) for number in range(8)]


def test_a_position_is_never_given_twice(library):
    """After the log was trimmed the next change has a higher position, and the gap is known."""
    library.add("a.txt", text_of(1))
    with library.catalog.read() as db:
        last = changes.last_position(db, library.generation)
        assert changes.first_gap(db, library.generation) == 0
        assert changes.count_up_to(db, library.generation, last) == 2
    library.trim()
    with library.catalog.read() as db:
        assert changes.after(db, library.generation, 0) == []
        assert changes.first_gap(db, library.generation) == last
        assert changes.last_position(db, library.generation) == last
    library.add("b.txt", text_of(2))
    with library.catalog.read() as db:
        assert min(change.position for change in changes.after(db, library.generation, 0)) > last


# --- generations -----------------------------------------------------------------------------


def test_each_generation_has_its_own_log_and_readings(library):
    """What one generation has read is not read in another, which knows what it lacks."""
    key = library.add("a.txt", text_of(1))
    private = library.add("b.txt", text_of(2), library="ada/", owner="ada")
    other = Library(library.catalog, role="building")
    with library.catalog.read() as db:
        assert changes.after(db, other.generation, 0) == []
        # Private documents first, since somebody waits for them.
        assert changes.missing_in(db, other.generation, serving=library.generation) == [private, key]
        assert contents.read_documents(db, other.generation) == []
        assert contents.chunks_by_id(db, other.generation, library.chunk_ids(key), "1 = 1", []) == {}
        assert contents.count_vectors(db, other.generation) == {}
    other.add("a.txt", text_of(1))
    with library.catalog.read() as db:
        assert changes.missing_in(db, other.generation, serving=library.generation) == [private]
        assert len(contents.read_documents(db, other.generation)) == 1


def test_a_deletion_is_in_the_log_of_every_generation(library):
    """Each index drops the document."""
    other = Library(library.catalog, role="building")
    key = library.add("a.txt", text_of(1))
    other.add("a.txt", text_of(1))
    library.delete(key)
    with library.catalog.read() as db:
        for generation in (library.generation, other.generation):
            assert changes.after(db, generation, 0)[-1].kind == "drop"


def test_switching_is_one_update(library):
    """The new generation serves, the one before is the previous one, and back by the same statement."""
    other = Library(library.catalog, fingerprint="g", role="building")
    for new, old in ((other, library), (library, other)):
        with library.catalog.write() as db:
            changes.serve(db, new.generation)
            roles = {role: found.number for role, found in changes.generations(db).items()}
        assert roles == {"serving": new.generation, "previous": old.generation}


def test_a_dropped_generation_leaves_nothing(library):
    """Its readings go some at a time, in the end the generation; its number is not given again."""
    other = Library(library.catalog, role="building")
    for number in range(3):
        library.add(f"{number}.txt", text_of(number))
        other.add(f"{number}.txt", text_of(number))
    for left in (True, True, False):
        with library.catalog.write() as db:
            assert changes.delete_readings(db, other.generation, 2) is left
    with library.catalog.read() as db:
        assert set(changes.generations(db)) == {"serving"}
        assert contents.count_chunks(db, other.generation) == 0
        assert changes.after(db, other.generation, 0) == []
        assert len(contents.read_documents(db, library.generation)) == 3
    assert Library(library.catalog, role="building").generation > other.generation


# --- documents and files ---------------------------------------------------------------------


def test_the_older_version_answers_until_the_new_one_is_complete(library):
    """A path changes from one version to the other when the new one has its vectors, and the old one goes."""
    old = library.add("a.txt", text_of(1))
    new = library.add("a.txt", text_of(1, revision=1), embedded=False)
    with library.catalog.read() as db:
        (known,) = documents.documents_where(db, library.generation, "d.id = ? AND d.visible = 1", old)
        assert known.reason == documents.OUTDATED
        assert documents.documents_where(db, library.generation, "d.id = ? AND d.visible = 1", new) == []
    library.embed(new)
    library.remove_nameless()
    with library.catalog.read() as db:
        (known,) = documents.documents_where(db, library.generation, "1 = 1")
        assert (known.id, known.paths, known.reason) == (new, ("a.txt",), "")
        assert contents.count_of(db, old, library.chunk_ids(old)) == (0, 0)


def test_a_withdrawn_version_leaves_the_older_one(library):
    """Its file is read again with the next ingest."""
    old = library.add("a.txt", text_of(1))
    new = library.add("a.txt", text_of(1, revision=1), embedded=False)
    library.delete(new)
    with library.catalog.read() as db:
        (known,) = documents.documents_where(db, library.generation, "1 = 1")
        assert (known.id, known.reason) == (old, "")
        assert [file.modified_ns for file in documents.known_files(db, library.generation, "default")] == [0]


def test_a_document_has_all_paths_that_name_it(library):
    """In one row each; it goes with the last of them, and is named after one that is left."""
    key = library.add("b/second.txt", text_of(1))
    assert library.add("a/first.txt", text_of(1)) == key
    with library.catalog.write() as db:
        documents.forget_path(db, "default", "b/second.txt")
        (known,) = documents.documents_where(db, library.generation, "1 = 1")
    assert (known.paths, known.name) == (("a/first.txt",), "first.txt")
    with library.catalog.write() as db:
        documents.forget_path(db, "default", "a/first.txt")
    library.remove_nameless()
    assert states(library) == {}


def test_pages_of_a_listing(library):
    """A part of a listing is that part of the whole one."""
    for number in random.Random(1).sample(range(10), 10):
        library.add(f"{number}.txt", text_of(number), library=f"l{number % 2}", embedded=False)
    with library.catalog.read() as db:
        whole = documents.documents_where(db, library.generation, "1 = 1")
        part = documents.documents_where(db, library.generation, "1 = 1", limit=3, offset=4)
    assert [document.name[0] for document in whole] == list("0246813579")
    assert part == whole[4:7]


def test_known_files_and_failures(library):
    """A file that was read or failed is known by its size and time; uploads are in no folder."""
    library.add("a.txt", text_of(1))
    library.add(f"{documents.UPLOADED}b.txt", text_of(2))
    with library.catalog.write() as db:
        for reason in ("first", "damaged"):
            documents.note_failure(db, SourceFile("default", "c.txt", Path(), 7, 8), f"It is {reason}.")
    with library.catalog.read() as db:
        known = {file.path: file for file in documents.known_files(db, library.generation, "default")}
        assert documents.failures(db) == [known["c.txt"]]
        assert documents.known_files(db, library.generation, "elsewhere") == []
    assert set(known) == {"a.txt", "c.txt"}
    assert (known["a.txt"].bytes, known["a.txt"].modified_ns) == (len(text_of(1)), 1)
    assert (known["c.txt"].bytes, known["c.txt"].modified_ns, known["c.txt"].sha256) == (7, 8, "")
    assert known["c.txt"].reason == "It is damaged."
    library.add("c.txt", text_of(3))
    with library.catalog.read() as db:
        assert documents.failures(db) == []


def test_the_states_of_a_document(library):
    """Queued, being read, failed with its reason, queued again, searchable, ready."""
    with library.catalog.write() as db:
        n = documents.library_row(db, "default")
        row = documents.queue_document(db, "k", n, "5e", name="a.txt", size=1)
        file = SourceFile("default", "a.txt", Path(), 1, 1)
        documents.point(db, library.generation, n, file, row)
    assert states(library) == {"a.txt": State.QUEUED}
    with library.catalog.write() as db:
        documents.begin_reading(db, "k")
    assert states(library) == {"a.txt": State.LOADING}
    with library.catalog.write() as db:
        documents.give_up(db, row, "It is damaged.")
        (known,) = documents.documents_where(db, library.generation, "d.id = ?", "k")
    assert (known.state, known.reason) == (State.FAILED, "It is damaged.")
    with library.catalog.write() as db:
        assert documents.queue_document(db, "k", n, "5e", name="b.txt", size=1) == row
    assert states(library) == {"b.txt": State.QUEUED}
    library.add("c.txt", text_of(1), embedded=False)
    assert states(library)["c.txt"] == State.SEARCHABLE
    library.add("c.txt", text_of(1))
    assert states(library)["c.txt"] == State.READY


# --- scopes ----------------------------------------------------------------------------------


@pytest.fixture
def people(library):
    """Shared documents in two libraries, and private ones of two readers."""
    library.add("shared/2019.txt", text_of(1))
    library.add("museum.txt", text_of(2), library="museum")
    library.add("ada.txt", text_of(3), library="ada/", owner="ada")
    library.add("bob 100%.txt", text_of(4), library="bob/", owner="bob")
    return library


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (Scope(), {"shared/2019.txt", "museum.txt"}),
        (Scope(reader="ada"), {"shared/2019.txt", "museum.txt", "ada.txt"}),
        (Scope(reader="bob"), {"shared/2019.txt", "museum.txt", "bob 100%.txt"}),
        (Scope(reader="ada", libraries=("bob/",)), set()),
        (Scope(libraries=("museum", "bob/")), {"museum.txt"}),
        (Scope(folder="shared"), {"shared/2019.txt"}),
        (Scope(kinds=("pdf",)), set()),
        (Scope(since="2020", until="2020"), {"shared/2019.txt", "museum.txt"}),
        (Scope(since="2021"), set()),
    ],
)
def test_a_scope_shows_its_readers_documents(people, scope, names):
    """Shared ones and their own, in the libraries, folders, kinds and dates that they chose."""
    assert visible(people, scope) == names


def test_nobody_reads_another_persons_chunks(people):
    """Naming a private document, chunk or page by its id is of no use to others."""
    with people.catalog.read() as db:
        (bobs,) = documents.documents_where(db, people.generation, "l.owner = 'bob'")
        for reader, count in (("bob", 1), ("ada", 0), (None, 0)):
            where, values = in_scope(Scope(reader=reader, documents=(bobs.id,)))
            assert documents.count_where(db, people.generation, where, *values) == count
            where, values = in_scope(Scope(reader=reader))
            ids = people.chunk_ids(bobs.id)
            found = contents.chunks_by_id(db, people.generation, ids, f"{where} AND {ANSWERS}", values)
            assert len(found) == count * len(ids)
            pages = contents.plain_pages(db, people.generation, {(bobs.id, 1)}, where, values)
            assert len(pages) == count
            assert documents.libraries_of(db, reader).count("bob/") == count


def test_words_of_a_listing_are_literal(people):
    """A per cent sign is one, and capitals do not matter."""
    for search, count in (("100%", 1), ("1%0", 0), ("BOB", 1), ("bob ada", 0), ("", 4)):
        where, values = holds_words(search, [])
        with people.catalog.read() as db:
            assert documents.count_where(db, people.generation, where, *values) == count, search
    where, values = holds_words("", ["searchable", "failed"])
    with people.catalog.read() as db:
        assert documents.count_where(db, people.generation, where, *values) == 0


def test_forgetting_a_reader(people):
    """Their empty libraries go, and their name in the path of what they shared."""
    with people.catalog.read() as db:
        (bobs,) = documents.documents_where(db, people.generation, "l.owner = 'bob'")
    people.add(documents.brought_by("bob") + "plan.txt", text_of(5))
    people.delete(bobs.id)
    with people.catalog.write() as db:
        assert documents.is_named(db, "bob")
        documents.forget_name(db, "bob")
        assert not documents.is_named(db, "bob")
        assert documents.is_named(db, "ada")
        assert documents.every_library(db) == ["ada/", "default", "museum"]


# --- contents --------------------------------------------------------------------------------


def test_what_is_read_comes_back(library):
    """Pages, chunks and vectors, however many are asked for at once."""
    keys = [library.add(f"{number}.txt", text_of(number)) for number in range(60)]
    ids = [chunk for key in keys for chunk in library.chunk_ids(key)]
    with library.catalog.read() as db:
        chunks = contents.chunks_by_id(db, library.generation, ids, "1 = 1", [])
        assert set(chunks) == set(ids)
        for chunk in chunks.values():
            page = text_of(keys.index(chunk.document_id))
            assert page[chunk.start : chunk.end] == chunk.text
        pages = contents.plain_pages(db, library.generation, {(key, 1) for key in keys}, "1 = 1", [])
        assert [pages[key, 1].text for key in keys] == [text_of(number) for number in range(60)]
        found, vectors = contents.vectors_by_id(db, library.generation, ids)
        assert set(found) == set(ids)
        every = dict(zip(found, vectors.tolist(), strict=True))
        walked = [
            one
            for some in contents.vectors_where(db, library.generation, "l.name = ?", ["default"])
            for one in some[0]
        ]
        assert sorted(walked) == sorted(ids)
        best = contents.nearest_exactly(db, library.generation, "default", every[ids[7]], 3)
        assert best[0].id in {one for one in ids if every[one] == every[ids[7]]}
        assert contents.count_vectors(db, library.generation) == {"default": len(ids)}
        assert contents.count_chunks(db, library.generation) == len(ids)
        assert contents.embedded_chunk_ids(db, library.generation) == {"default": set(ids)}
        assert contents.every_chunk_id(db, library.generation) == set(ids)
        read = contents.read_whole(db, library.generation, keys[0])
        assert read is not None
        assert read.pages[0].text == text_of(0)


def test_what_waits_for_vectors(library):
    """Private chunks come first, the others in the order of their documents, without those under way."""
    shared = library.add("a.txt", text_of(1), embedded=False)
    private = library.add("b.txt", text_of(2), library="ada/", owner="ada", embedded=False)
    ids = library.chunk_ids(private) + library.chunk_ids(shared)
    with library.catalog.read() as db:
        listed = contents.documents_without_vectors(db, library.generation)
        assert listed == [private, shared]
        waiting = contents.without_vectors(db, library.generation, listed, 100, besides=())
        assert [chunk.document_id for chunk in waiting] == sorted(
            (chunk.document_id for chunk in waiting), key=[private, shared].index
        )
        assert {chunk.id for chunk in waiting} == set(ids)
        rest = contents.without_vectors(db, library.generation, listed, 2, besides={waiting[0].id})
        assert rest == waiting[1:3]
        assert contents.count_without_vectors(db, library.generation) == len(ids)
    library.embed(shared)
    library.embed(private)
    with library.catalog.read() as db:
        assert contents.count_without_vectors(db, library.generation) == 0


def test_a_copy_in_another_library(library):
    """A reading copied for another document has its pages, chunks under new ids, and vectors."""
    key = library.add("a.txt", text_of(1))
    ids = {old: old[::-1] for old in library.chunk_ids(key)}
    with library.catalog.write() as db:
        n = documents.library_row(db, "museum")
        copy = documents.queue_document(db, "copy", n, "5e", name="a.txt", size=1)
        source = documents.document_row(db, key)
        assert source is not None
        contents.copy_reading(db, library.generation, source, copy, ids)
    with library.catalog.read() as db:
        assert set(contents.document_chunk_ids(db, "copy")) == set(ids.values())
        one, two = (contents.words_of(db, library.generation, name) for name in (key, "copy"))
        assert one is not None
        assert two is not None
        assert [chunk.text for chunk in one[1]] == [chunk.text for chunk in two[1]]
        assert contents.count_vectors(db, library.generation) == {"default": len(ids), "museum": len(ids)}
