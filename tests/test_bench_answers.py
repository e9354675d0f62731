"""Two settings are measured against gold answers on the same questions."""

from __future__ import annotations

import json
import sys

import pytest

from bench import answers
from bench.tables import tables
from docent.evaluating.answer_scores import SCORES

ROW = {"question": "What is the rent?", "answer": "EUR 1,250 in Aarhus", "file": "lease.md", "pages": [1]}


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
    assert rows[SCORES["completeness"]][:2] == ["1.00 (1.00 to 1.00)"] * 2
    assert len(rows[SCORES["seconds"]]) == 3
    saved = [json.loads((tmp_path / "saved" / f"answers-{n}.jsonl").read_text()) for n in (1, 2)]
    assert [one["scores"]["tokens"] > 0 for one in saved] == [False, True]


def test_nothing_is_measured_where_nothing_was_read(tmp_path, monkeypatch, capsys):
    """Figures about an empty index would say that every question was refused."""
    (tmp_path / "data" / "leases").mkdir(parents=True)
    (tmp_path / "elsewhere.md").write_text("The rent is EUR 1,250 a month.\n")
    (tmp_path / "data" / "leases" / "lease.md").symlink_to(tmp_path / "elsewhere.md")
    (tmp_path / "questions.jsonl").write_text(json.dumps(ROW) + "\n")
    command = ["answers", "--questions", str(tmp_path / "questions.jsonl"), "--data", str(tmp_path / "data")]
    monkeypatch.setattr(sys, "argv", [*command, "--setting", "extractive"])
    with pytest.raises(SystemExit, match="nothing to ask"):
        answers.main()
    assert "lease.md is not asked: " in capsys.readouterr().err
