"""Answers are measured against gold answers: facts, citations, abstention, loops, two settings."""

from __future__ import annotations

import json
import sys

import pytest

from bench import answers
from bench.tables import tables
from docent.types import Answer, Citation, Receipt


def answer(text: str, *quotes: str, **receipt) -> Answer:
    citations = tuple(
        Citation(n, "c", "d", "lease.md", "l", 1, "", "p. 1", 0, 1, quote)
        for n, quote in enumerate(quotes, 1)
    )
    return Answer(text, citations, (), Receipt("?", "?", **receipt))


ROW = {"question": "What is the rent?", "answer": "EUR 1,250 in Aarhus", "file": "lease.md", "pages": [1]}


@pytest.mark.parametrize(
    ("text", "facts", "cited"),
    [
        pytest.param("The rent in Aarhus is EUR 1250 [1].", 1.0, 1.0, id="in other notation"),
        pytest.param("The rent is 1 250 EUR [1].", 2 / 3, 0.0, id="without its town"),
        pytest.param("The rent in Aarhus is EUR 900 [1].", 2 / 3, 0.0, id="another figure"),
    ],
)
def test_gold_facts_are_found_in_any_notation(text, facts, cited):
    """Figures and names of the gold answer count, and only an answer with all of them is a cited one."""
    found = answers.measured(ROW, answer(text, "Aarhus: EUR 1,250 a month"), 1.0, {}).figures
    assert found["facts"] == pytest.approx(facts)
    assert found["cited facts"] == cited


def test_a_gold_answer_without_figures_and_names_counts_by_its_words():
    """Else a question about a colour or a rule would not be measured."""
    found = answers.measured({**ROW, "answer": "at the long table"}, answer("At the long tables."), 1.0, {})
    assert found.figures["facts"] == 1.0
    assert answers.gold_facts("No") == frozenset()


def test_a_label_comes_before_the_gold_page():
    """A sentence that a reader has judged counts by the label, another by the page that it quotes."""
    text = "The rent is 900 [1]. It is paid monthly [1]. Nobody checked this."
    found = answers.measured(ROW, answer(text, "rent"), 1.0, {"the rent is 900": "unsupported"}).figures
    assert found["precision"] == 0.5
    assert answers.measured({**ROW, "pages": [2]}, answer(text, "rent"), 1.0, {}).figures["precision"] == 0.0


def test_a_question_that_nothing_answers_must_not_be_answered():
    """It counts for abstention alone, and a question with an answer does not."""
    row = {"question": "Who waters the orchids?", "answerable": False}
    refused = answers.measured(row, answer("Nothing was found.", not_found=True), 1.0, {}).figures
    assert (refused["refused"], refused["abstained"], refused["facts"]) == (1.0, None, None)
    assert answers.measured(ROW, answer("The documents do not say."), 1.0, {}).figures["abstained"] == 1.0


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        pytest.param("The square is called the square. " * 3, True, id="a sentence"),
        pytest.param("years " * 10, True, id="a word"),
        pytest.param("It opens at nine. It closes at five. It opens at nine on Monday.", False, id="a list"),
    ],
)
def test_an_answer_that_repeats_itself(text, repeats):
    """A sentence or eight words in a row that come three times are a loop."""
    assert answers.repeats_itself(text) is repeats


@pytest.mark.slow
def test_two_settings_are_compared_on_the_same_questions(ollama, tmp_path, monkeypatch, capsys):
    """One command asks without a model and with one, and prints both and their difference."""
    data = tmp_path / "data"
    (data / "leases").mkdir(parents=True)
    (data / "leases" / "lease.md").write_text("The rent is EUR 1,250 a month. The deposit is EUR 2,500.\n")
    questions = tmp_path / "questions.jsonl"
    row = {**ROW, "answer": "EUR 1,250", "library": "leases"}
    questions.write_text(json.dumps(row) + "\n")
    settings = f"DOCENT_MODEL_URL={ollama.url},DOCENT_MODEL=mistral"
    command = [
        "answers",
        "--questions",
        str(questions),
        "--data",
        str(data),
        "--save",
        str(tmp_path / "saved"),
    ]
    monkeypatch.setattr(sys, "argv", [*command, "--setting", "extractive", "--setting", settings])
    answers.main()
    (table,) = tables(capsys.readouterr().out)
    rows = {name: cells for name, *cells in table.rows}
    assert rows[answers.FIGURES["facts"]][:2] == ["1.00 (1.00 to 1.00)"] * 2
    assert len(rows[answers.FIGURES["seconds"]]) == 3
    saved = [json.loads((tmp_path / "saved" / f"answers-{n}.jsonl").read_text()) for n in (1, 2)]
    assert [one["figures"]["tokens"] > 0 for one in saved] == [False, True]
