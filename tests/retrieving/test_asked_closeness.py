"""Passages that speak of the thing that a question names, but not of what it asks about it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from docent.app import open_docent
from docent.retrieving.asked_closeness import DOUBTFUL, absent_share, asked_of, doubted
from docent.settings import Settings
from docent.types import Chunk, Scope
from tests.fakes.embedder import WordHashEmbedder

ROOT = Path(__file__).resolve().parents[2]
EMBEDDER = WordHashEmbedder()
CHUNK = Chunk("a", "d", 1, 0, 61, "The office is in the north. Interns eat lunch at noon.", "Acme | page 1")


class ScriptedEmbedder:
    """Every sentence is as close to the question as it says."""

    def __init__(self, closeness: float) -> None:
        self.closeness = closeness
        self.asked: list[str] = []

    def embed_query(self, text):
        self.asked.append(text)
        return [1.0, 0.0]

    def embed(self, texts):
        return np.array([[self.closeness, 0.0] for _ in texts])


@pytest.mark.parametrize(
    ("question", "names", "asked"),
    [
        pytest.param(
            "What is the dress code at Acme?", ["acme_2022.pdf"], "What is the dress code at", id="name"
        ),
        pytest.param("Is lunch free?", ["acme_2022.pdf"], "Is lunch free", id="no name"),
        pytest.param("Acme?", ["acme.pdf", "Acme"], "Acme?", id="nothing else"),
        pytest.param("", [], "", id="nothing"),
    ],
)
def test_what_is_asked(question, names, asked):
    """The words of a document's name are left out, unless nothing else is left."""
    assert asked_of(question, names) == asked


@pytest.mark.parametrize(
    ("question", "share"),
    [
        pytest.param("What is the weight of the lorries?", 0.0, id="all are there"),
        pytest.param("Where are the helicopters?", 1.0, id="none is"),
        pytest.param("Which lorries and helicopters?", 0.5, id="one of two"),
        pytest.param("Is it?", 0.0, id="small words only"),
    ],
)
def test_the_share_of_words_that_stand_nowhere(question, share, report):
    """Words count that no document in scope has, in any inflection; small words do not."""
    assert absent_share(question, report, Scope()) == share


@pytest.mark.parametrize(
    ("question", "closeness", "relevance", "expected"),
    [
        pytest.param("Do helicopters land at Acme?", 0.1, 0.8, DOUBTFUL, id="nothing close to what is asked"),
        pytest.param("Do helicopters land at Acme?", 0.5, 0.8, 0.8, id="a sentence is close"),
        pytest.param("Do helicopters land at Acme?", 0.1, 0.99, 0.99, id="sure of its words"),
        pytest.param("Do helicopters land at Acme?", 0.1, 0.05, 0.05, id="never raised"),
        pytest.param("What is the weight of the lorries?", 0.1, 0.8, 0.8, id="every word is there"),
    ],
)
def test_a_passage_is_doubted(question, closeness, relevance, expected, report):
    """Where words stand nowhere and no sentence is close to what is asked, the relevance is small."""
    embedder = ScriptedEmbedder(closeness)
    doubts = doubted(
        question, [CHUNK], ["acme.pdf"], {"a": relevance}, embedder=embedder, store=report, scope=Scope()
    )
    assert doubts == {"a": expected}
    assert all("Acme" not in asked for asked in embedder.asked)


def questions(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """Whether each question about the samples is refused, asked of its own library."""
    storage = tmp_path_factory.mktemp("samples") / "storage"
    environ = {"DOCENT_STORAGE": str(storage), "DOCENT_DATA": str(ROOT / "data")}
    settings = Settings.read(environ=os.environ | environ)
    with open_docent(settings) as docent:
        docent.ingest([ROOT / "data"])

        def is_refused(row: dict) -> bool:
            passages = docent.retrieve(row["question"], Scope(libraries=(row["library"],)))
            return max((passage.relevance for passage in passages), default=0.0) < settings.relevant_from

        yield is_refused


@pytest.mark.slow
def test_questions_that_only_sound_answerable(refused):
    """Of 44 questions that were set aside, at least half are refused; by relevance alone a third."""
    rows = [
        row
        for row in questions(Path(__file__).parent / "unanswerable.jsonl")
        if row["half"] == "set aside" and "fr" not in row
    ]
    assert len(rows) >= 40
    share = sum(map(refused, rows)) / len(rows)
    assert share >= 0.5


@pytest.mark.slow
def test_questions_that_are_answered(refused):
    """Of 149 golden questions at most two are refused, as by relevance alone."""
    names = ("handbook", "internships", "restaurants")
    rows = [
        row for name in names for row in questions(ROOT / f"tests/golden/{name}.jsonl") if row["answerable"]
    ]
    wrongly = [row["question"] for row in rows if refused(row)]
    assert len(wrongly) <= 2, wrongly
