"""Sentences are found by their positions, in prose, lists and tables alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.answering.citing.text_units import sentence_spans
from docent.answering.citing.vocabulary import content_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("One is here. Two is there.", ["One is here.", "Two is there."], id="prose"),
        pytest.param("It costs 3.50 euro. Yes.", ["It costs 3.50 euro.", "Yes."], id="a point in a figure"),
        pytest.param(
            "We met on the 12. August in Ulm.", ["We met on the 12. August in Ulm."], id="an ordinal"
        ),
        pytest.param("Soup ....... $4.00", ["Soup ....... $4.00"], id="leading dots"),
        pytest.param("- one\n- two", ["- one", "- two"], id="a list"),
        pytest.param("1. one thing\n2. two things", ["1. one thing", "2. two things"], id="a numbered list"),
        pytest.param("Title\n\nBody text.", ["Title", "Body text."], id="a blank line"),
        pytest.param(
            "Prices\nThis sentence is wrapped over two lines because it is\nlong. Next one.",
            ["Prices", "This sentence is wrapped over two lines because it is\nlong.", "Next one."],
            id="a short line is a heading, a long one is wrapped",
        ),
        pytest.param('He said "stop." Then left.', ['He said "stop."', "Then left."], id="a quotation"),
        pytest.param(
            "Wine: A | Year: 1\nWine: B | Year: 2", ["Wine: A | Year: 1", "Wine: B | Year: 2"], id="rows"
        ),
        pytest.param("", [], id="nothing"),
    ],
)
def test_spans(text, expected):
    """Each sentence, and nothing between them but white space."""
    assert [text[start:end] for start, end in sentence_spans(text)] == expected


@given(st.text(alphabet='ab A1.?\n-"', max_size=200))
def test_no_character_is_lost_or_read_twice(text):
    """Spans are in order, do not overlap, and leave out white space only."""
    at = 0
    for start, end in sentence_spans(text):
        assert at <= start < end
        assert not text[at:start].strip()
        at = end
    assert not text[at:].strip()


def test_words_agree_across_endings():
    """Plurals, endings and thousands do not keep words apart; small words do not count."""
    assert content_words("the cleaning of machines") == content_words("clean a machine")
    assert content_words("1,250 euro") == content_words("1250 euro")
