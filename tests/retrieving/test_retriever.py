"""From a question to passages, over a real store."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from docent.errors import InputError, UnknownDocument
from docent.indexing import chunk, embedded_text
from docent.retrieving import DEFAULT_WEIGHTS, Synonyms, candidates, retrieve, retriever
from docent.store import Store
from docent.types import Document, Page, Scope, SourceFile, document_id
from tests.fakes.embedder import WordHashEmbedder

EMBEDDER = WordHashEmbedder()
TEXTS = {
    ("default", "acme_2022.txt"): "Net sales rose to 14,694 in the year. The mill was painted.",
    ("default", "acme_2021.txt"): "Net sales fell to 12,861 in the year. The roof was mended.",
    ("menus", "spring/soup.txt"): "Nettle soup with an egg costs 7.50. It is a draft.",
    ("menus", "autumn/soup.md"): "Pumpkin soup with seeds costs 6.50. It is a soup of the house.",
}


@pytest.fixture
def store(tmp_path):
    with_texts = Store(tmp_path / "storage", fingerprint="x")
    for (library, path), text in TEXTS.items():
        file = tmp_path / library / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        document = Document(
            sha256=sha256,
            name=file.name,
            kind="markdown" if path.endswith("md") else "text",
            pages=(Page(number=1, text=text),),
            language="en",
            created="2022-01-01" if "2022" in path else "2021-01-01",
        )
        chunks = chunk(
            document,
            document_id=document_id(library, sha256),
            tokenizer=EMBEDDER.tokenizer,
            size=100,
            overlap=10,
            limit=256,
        )
        source = SourceFile(library, path, file, file.stat().st_size, file.stat().st_mtime_ns)
        with_texts.put_words(source, document, chunks)
        vectors = EMBEDDER.embed([embedded_text(one) for one in chunks])
        with_texts.put_vectors([one.id for one in chunks], vectors)
    yield with_texts
    with_texts.close()


def files(question, store, scope=Scope()):  # noqa: B008  a frozen value
    return [
        passage.file for passage in retrieve(question, scope=scope, store=store, embedder=EMBEDDER, limit=10)
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("What were Acme's net sales in 2021?", "acme_2021.txt", id="the year in the name"),
        pytest.param("What were Acme's net sales in FY22?", "acme_2022.txt", id="the fiscal year"),
        pytest.param("Is there nettle soup with an egg?", "soup.txt", id="words"),
    ],
)
def test_the_right_passage_comes_first(question, expected, store):
    """Name, year and words lead to the passage."""
    assert files(question, store)[0] == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param('"soup with" price', {"soup.txt", "soup.md"}, id="phrase"),
        pytest.param('"soup of the house"', {"soup.md"}, id="phrase of few"),
        pytest.param('"with soup"', set(), id="phrase of none"),
        pytest.param("soup -draft -sales", {"soup.md"}, id="excluded"),
        pytest.param("soup file:acme_2022", {"acme_2022.txt"}, id="file"),
        pytest.param("sales library:menus", {"soup.txt", "soup.md"}, id="library"),
        pytest.param("sales folder:spring", {"soup.txt"}, id="folder"),
        pytest.param("sales type:md", {"soup.md"}, id="type"),
        pytest.param("soup since:2022", {"acme_2022.txt"}, id="since"),
        pytest.param("soup until:2021 library:default", {"acme_2021.txt"}, id="until"),
    ],
)
def test_conditions_in_the_question(question, expected, store):
    """Only what meets the conditions is found, however well something else would match."""
    assert set(files(question, store)) == expected


def test_an_excluded_word_makes_room_for_others(store, monkeypatch):
    """Where the best candidates hold it, those behind them are found."""
    monkeypatch.setattr(candidates, "POOL", 1)
    assert files("soup with an egg", store)[0] == "soup.txt"
    assert files("soup with an egg -draft", store)[0] == "soup.md"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param(Scope(folder="spring"), {"soup.txt"}, id="folder"),
        pytest.param(Scope(kinds=("markdown",)), {"soup.md"}, id="type"),
        pytest.param(Scope(kinds=("md",)), {"soup.md"}, id="type by its ending"),
        pytest.param(Scope(kinds=(".MD",)), {"soup.md"}, id="type as a suffix"),
        pytest.param(Scope(since="2022"), {"acme_2022.txt"}, id="since"),
        pytest.param(Scope(until="2021-12-31", libraries=("default",)), {"acme_2021.txt"}, id="until"),
        pytest.param(Scope(since="2021-02"), {"acme_2022.txt"}, id="a month"),
        pytest.param(Scope(kinds=("pdf",)), set(), id="nothing of this type"),
    ],
)
def test_conditions_beside_the_question(scope, expected, store):
    """A scope bounds what is found as conditions in the question do."""
    assert set(files("soup or sales", store, scope)) == expected


@pytest.mark.parametrize("date", ["last year", "2023-13", "2023-02-30", "23", "2023-7", "2023/07/01"])
def test_a_date_that_is_none(date, store):
    """Beside the question or in it, what is no date is refused with an example of one."""
    with pytest.raises(InputError, match="2023-07-31"):
        files("sales", store, Scope(since=date))
    with pytest.raises(InputError, match="2023-07-31"):
        files(f'sales until:"{date}"', store)


def test_an_unknown_file_is_an_error(store):
    """A misspelt file name is an error with what comes near, not an empty answer."""
    with pytest.raises(UnknownDocument, match="acme_2022.txt"):
        files("sales file:acme_2O22.txt", store)


def test_as_many_as_are_asked_for(store, monkeypatch):
    """A limit above the shortlist's length is met."""
    monkeypatch.setattr(retriever, "SHORTLIST", 1)
    assert len(files("the year", store)) == len(TEXTS)


def test_the_same_question_always_gets_the_same_answer(store):
    """Equal scores are ordered by id."""
    assert files("the year", store) == files("the year", store)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("What does soup with an egg cost?", id="in the documents' language"),
        pytest.param("Was kostet the soup with an egg?", id="its small words are words of theirs"),
        pytest.param("Quel est le prix?", id="no word in common"),
    ],
)
def test_chunks_without_a_word_of_the_question_need_not_be_read(question, store, monkeypatch):
    """Order and scores are the same as when every chunk is read."""
    found = retrieve(question, scope=Scope(), store=store, embedder=EMBEDDER, limit=10)
    monkeypatch.setattr(Store, "searched", lambda self, question: frozenset())
    read = retrieve(question, scope=Scope(), store=store, embedder=EMBEDDER, limit=10)
    assert [one.chunk_id for one in found] == [one.chunk_id for one in read]
    assert [one.score for one in found] == pytest.approx([one.score for one in read], abs=1e-9)


def test_synonyms_of_the_library_are_searched(store, tmp_path):
    """A word that stands in no document finds what its synonym would; without the file it does not."""
    data = tmp_path / "data"
    data.mkdir()

    def first(question):
        found = retrieve(
            question,
            scope=Scope(),
            store=store,
            embedder=EMBEDDER,
            limit=1,
            weights=replace(DEFAULT_WEIGHTS, meaning=0.0),  # words alone: the fake's meaning is chance here
            synonyms=Synonyms(data),
        )
        return found[0].file if found else ""

    assert first("zucca") != "soup.md"
    (data / "synonyms.txt").write_text("zucca = pumpkin\n")
    assert first("zucca") == "soup.md"


def test_an_empty_store_answers_nothing(tmp_path):
    """Without documents there is nothing to find, and nothing fails."""
    empty = Store(tmp_path / "empty", fingerprint="x")
    assert files("anything at all?", empty) == []
    empty.close()


def test_llama_index_gets_the_same_passages(store):
    """As a llama-index retriever it returns the same chunks in the same order, with their places."""
    from docent.retrieving.llama_index_retriever import DocentRetriever

    def find_passages(question, scope):
        return retrieve(question, scope=scope, store=store, embedder=EMBEDDER, limit=3)

    nodes = DocentRetriever(find_passages, Scope()).retrieve("net sales of 2021")
    passages = find_passages("net sales of 2021", Scope())
    assert [node.node.node_id for node in nodes] == [passage.chunk_id for passage in passages]
    assert nodes[0].node.metadata["file"] == "acme_2021.txt"


def test_a_reranker_decides_the_order(store):
    """Its order wins; it reads the header with the text, and gets the question without conditions."""
    read = []

    def likes_pumpkins(question, texts):
        read.append((question, list(texts)))
        return [float("Pumpkin" in text) for text in texts]

    found = retrieve(
        "Is there nettle soup with an egg? library:menus",
        scope=Scope(),
        store=store,
        embedder=EMBEDDER,
        limit=1,
        rerank=likes_pumpkins,
    )
    assert [passage.file for passage in found] == ["soup.md"]
    ((question, texts),) = read
    assert question == "Is there nettle soup with an egg?"
    assert len(texts) == 2
    assert all(" | " in text.split("\n")[0] for text in texts)
