"""Texts are cut into sentences by position, in prose, lists and tables alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.answering.citing.text_units import row_name, sentence_spans, text_units
from docent.answering.citing.vocabulary import content_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("One is here. Two is there.", ["One is here.", "Two is there."], id="prose"),
        pytest.param("It costs 3.50 euro. Yes.", ["It costs 3.50 euro.", "Yes."], id="a decimal point"),
        pytest.param(
            "We met on the 12. August in Ulm.", ["We met on the 12. August in Ulm."], id="an ordinal"
        ),
        pytest.param("Soup ....... $4.00", ["Soup ....... $4.00"], id="dot leaders"),
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
        pytest.param("", [], id="empty"),
    ],
)
def test_sentence_spans(text, expected):
    """Each sentence is one span, with nothing but white space between two of them."""
    assert [text[start:end] for start, end in sentence_spans(text)] == expected


@given(st.text(alphabet='ab A1.?\n-"', max_size=200))
def test_spans_lose_and_repeat_no_character(text):
    """Spans are in order, do not overlap, and leave out white space only."""
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end
        assert not text[position:start].strip()
        position = end
    assert not text[position:].strip()


def test_content_words_agree_across_endings():
    """Plurals, endings and thousands separators make no difference; small words do not count."""
    assert content_words("the cleaning of machines") == content_words("clean a machine")
    assert content_words("1,250 euro") == content_words("1250 euro")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(
            "Dish | Price\nTagine (new) | 14.50\nHarira | 7", ["Dish", "Tagine", "Harira"], id="csv"
        ),
        pytest.param("Soup .... 5.00\nBread .... 2.50", ["Soup", "Bread"], id="dot leaders"),
        pytest.param("The soup costs 5.00 euro.", [], id="prose"),
    ],
)
def test_rows_are_units_with_a_name(text, names):
    """Each row of a table is a unit of its own, named by its first cell, and knows the column names."""
    rows = [unit for unit in text_units(text) if unit.is_row]
    assert [row_name(text[row.start : row.end]) for row in rows] == names
    assert {row.columns for row in rows[1:]} <= {"Dish | Price", ""}
