"""The golden questions, translated, find their page in samples of another language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.abstention import refusals, sample_questions
from bench.languages import (
    GOLDEN,
    LIBRARIES,
    LIMIT,
    Retrieve,
    ask_in_library,
    figures,
    golden_questions,
    translated_by_people,
)
from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import Scope

DATA = GOLDEN.parents[1] / "data"
DICTIONARIES = Path("/usr/share/dictd")
PAIRS = ("deu-eng", "eng-deu", "fra-eng", "eng-fra", "fra-deu", "deu-fra")
needs_dictionaries = pytest.mark.skipif(
    not all((DICTIONARIES / f"freedict-{pair}.index").exists() for pair in PAIRS),
    reason="the dictionaries are not installed: apt-get install dict-freedict-fra-deu and so on",
)
MOST_REFUSED = 3 / 29
"""Share of the answerable questions that may be refused."""


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docent]:
    folder = tmp_path_factory.mktemp("languages")
    with open_docent(Settings(storage=folder / "storage", data=DATA, dictionaries=DICTIONARIES)) as docent:
        docent.ingest([DATA / library for library in LIBRARIES])
        yield docent


def asked(docent: Docent, library: str, language: str, search: Retrieve):
    """The figures of a library's questions in a language."""
    questions = [one.question for one in golden_questions(library) if one.language == language]
    outcomes = ask_in_library(docent, library, questions, search)
    return figures(outcomes, docent.settings.relevant_from)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["fr", "de"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_with_a_translation(library, language, docent):
    """With a good translation at least .95 of the questions find their page, and few are refused."""
    found = asked(docent, library, language, translated_by_people(docent, library))
    assert found.answerable >= 40
    assert found.page_hit_5 >= 0.95
    assert found.refused <= MOST_REFUSED * found.answerable


@pytest.mark.slow
@needs_dictionaries
@pytest.mark.parametrize("language", ["fr", "de"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_with_dictionaries(library, language, docent):
    """With dictionaries alone at least .90 of the questions find their page, and few are refused."""
    found = asked(docent, library, language, lambda question, scope: docent.retrieve(question, scope, LIMIT))
    assert found.page_hit_5 >= 0.90
    assert found.refused <= MOST_REFUSED * found.answerable


@pytest.mark.slow
@needs_dictionaries
@pytest.mark.parametrize(("language", "recall"), [("en", 0.45), ("fr", 0.0), ("de", 0.1)])
def test_what_the_documents_do_not_answer(language, recall, docent):
    """Of the half that is set aside few answered questions are refused, and in English half of the others."""
    of = [one for one in sample_questions() if one.held_out and one.language == language]
    counted = refusals(docent, of)
    assert counted.unanswerable >= 90
    assert counted.answered >= 70
    assert counted.answered_refused <= 2
    assert counted.recall >= recall, counted


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_english_is_unchanged(library, docent):
    """English questions find in English documents what they find without any translation."""
    english = {document.id for document in docent.documents(library) if document.language == "en"}
    scope = Scope(libraries=(library,), documents=tuple(sorted(english)))
    for one in golden_questions(library):
        if one.language == "en":
            text = one.question.question
            assert docent.retrieve(text, scope, LIMIT) == docent.retrieve(text, scope, LIMIT, translations=())


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_question_is_translated(library):
    """Each golden question is translated with its figures; half of them are held out."""
    lines = (GOLDEN / f"{library}.jsonl").read_text(encoding="utf-8").splitlines()
    translated = (GOLDEN / f"translated/{library}.jsonl").read_text(encoding="utf-8").splitlines()
    originals, rows = [json.loads(line) for line in lines], [json.loads(line) for line in translated]
    assert [row["question"] for row in rows] == [row["question"] for row in originals]
    assert abs(sum(row["held_out"] for row in rows) - len(rows) / 2) <= 1
    for row in rows:
        assert set(row) in ({"question", "fr", "de", "held_out"}, {"question", "en", "de", "held_out"})
        figures_of = {
            tuple(sorted(re.findall(r"\d+", text))) for text in row.values() if isinstance(text, str)
        }
        assert len(figures_of) == 1, row
