"""A deleted document takes along what answers copied from it, and nothing else."""

from __future__ import annotations

import pytest

from docent.conversations import Wording, quoted

TEXT = "The museum opens at nine in the morning. It closes at five."


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        pytest.param("It says: the museum opens at nine, in the MORNING!", "It says: […]!", id="a sentence"),
        pytest.param("The museum opens [1] at nine [1].", "[…] [1].", id="with citation marks in it"),
        pytest.param("It opens at nine.", "It opens at nine.", id="four words by chance"),
        pytest.param("Nothing is known.", "Nothing is known.", id="other words"),
        pytest.param("", "", id="empty"),
    ],
)
def test_runs_of_words_are_blanked(answer, left):
    """Five words in a row are taken for copied, whatever stands between them."""
    assert Wording([TEXT]).blank(answer) == left


def test_texts_without_spaces_are_blanked_too():
    """In Japanese each sign counts as a word."""
    assert Wording(["美術館は九時に開きます。"]).blank("答え：美術館は九時に開きます。") == "答え：[…]。"


def citation(document: str, quote: str) -> dict:
    return {"document_id": document, "chunk_id": f"chunk of {document}", "quote": quote, "file": "a.md"}


def test_an_answer_loses_what_it_quotes_of_the_deleted_document_only():
    """Its quotes, headings and copied words go; the question, and what another document says, stay."""
    answer = {
        "question": TEXT,
        "text": f"{TEXT} [1] And rent: 900 euros [2]. Tea is free all day long [3].",
        "citations": [
            citation("gone", TEXT),
            citation("gone", "Rent: 900"),
            citation("there", "Tea is free all day long"),
        ],
        "extracts": {"chunk of gone": [0, 59, "Hours"], "chunk of there": [0, 9, "Tea"]},
        "receipt": {"unsupported": [TEXT], "found": 3},
    }
    deleted = quoted(["gone"], ["chunk of gone"], [TEXT])
    texts, metadata = deleted.blanked({"output": answer["text"]}, {"docent": answer, "n": 1})
    assert texts == {"output": "[…]. [1] And […] euros [2]. Tea is free all day long [3]."}
    left = metadata["docent"]
    assert left["question"] == TEXT
    assert left["text"] == texts["output"]
    assert [one["quote"] for one in left["citations"]] == ["", "", "Tea is free all day long"]
    assert left["extracts"] == {"chunk of gone": [0, 59, ""], "chunk of there": [0, 9, "Tea"]}
    assert left["receipt"] == {"unsupported": ["[…]."], "found": 3}


def test_an_answer_loses_the_facts_that_it_took_from_the_deleted_document():
    """A fact of two words, too short to be recognised by its wording, goes from the text and the receipt."""
    hops = [
        {
            "looked_for": "the firm",
            "fact": "Evenbook Partners",
            "citation": citation("gone", "Evenbook & Co"),
        },
        {"looked_for": "the day", "fact": "Rent day", "citation": citation("there", "Rent day")},
    ]
    text = "First: the firm → Evenbook Partners, p. 1 [1]  \nThen: the day → Rent day, p. 2 [2]"
    answer = {"question": "?", "text": text, "citations": [hop["citation"] for hop in hops]}
    deleted = quoted(["gone"], ["chunk of gone"], ["Evenbook & Co"])
    texts, metadata = deleted.blanked({"output": text}, {"docent": {**answer, "receipt": {"hops": hops}}})
    assert "Evenbook" not in texts["output"] and "Rent day, p. 2" in texts["output"]
    assert "Evenbook" not in str(metadata) and "Rent day" in str(metadata)


@pytest.mark.parametrize(
    "metadata",
    [{}, {"docent": 1}, {"docent": {"citations": 1}}, {"docent": {"citations": [1, {"document_id": []}]}}],
)
def test_metadata_that_a_browser_made_up_is_no_obstacle(metadata):
    """No metadata of one reader prevents the deletion of another's document."""
    assert quoted(["gone"], [], [TEXT]).blanked({}, metadata) == ({}, metadata)
