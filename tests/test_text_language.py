"""The language of a text, and of a question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docent.text_language import detect_question_language

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        pytest.param("How much is the rent?", "en", id="English"),
        pytest.param("Combien coûte une chambre ?", "fr", id="French"),
        pytest.param("Was kosten zehn Spieße?", "de", id="a word that English has, too"),
        pytest.param("¿Cuánto cuesta una habitación?", "es", id="Spanish"),
        pytest.param("Quanto costa una camera?", "it", id="Italian"),
        pytest.param("Quanto custa um quarto com vista?", "pt", id="Portuguese"),
        pytest.param("Hoeveel kost een kamer?", "nl", id="Dutch"),
        pytest.param("Casa Limonaia, Dublin", "", id="a name alone"),
        pytest.param("capex 2023", "", id="no small word"),
    ],
)
def test_question(question, language):
    """A question's small words decide; a name does not."""
    assert detect_question_language(question) == language


def test_golden_questions():
    """Of the golden questions in three languages 99 % are recognised, and none is taken for another."""
    wrong, asked = [], 0
    for path in (GOLDEN / "translated").glob("*.jsonl"):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            texts = {"en" if "fr" in row else "fr": row["question"], "fr": row.get("fr"), "de": row["de"]}
            for language, text in texts.items():
                if text:
                    asked += 1
                    wrong += [(text, found)] if (found := detect_question_language(text)) != language else []
    assert asked > 340
    assert not [text for text, found in wrong if found]
    assert len(wrong) <= asked / 100
