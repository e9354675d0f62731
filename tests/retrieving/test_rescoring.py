"""The signals by which a chunk is rescored."""

from __future__ import annotations

import pytest

from docent.retrieving.rescoring import figures, headings, neighbours, sentence, sentences, title

EVENLY: dict[str, float] = dict.fromkeys("balance sheet cash flow statement consolidated soup".split(), 1.0)


def test_headings_are_what_stands_between_name_and_place():
    """The document's name and the page's number are no headings."""
    assert headings("Acme 2022 | Item 8 | Balance Sheet - Assets | page 4") == [
        "Item 8",
        "Balance Sheet",
        "Assets",
    ]
    assert headings("Acme 2022 | page 4") == []


def test_a_heading_that_the_question_says_counts():
    """The page named after what is asked beats the page that only names it among other things."""
    asked = ["balance", "sheet"]
    named = title(asked, "Acme | Balance Sheet | page 4", str.split, {"Balance": 1.0, "Sheet": 1.0})
    assert named == 0  # terms come in lower case from the lexical index
    named = title(asked, "Acme | balance sheet | page 4", str.split, EVENLY)
    among = title(asked, "Acme | consolidated balance sheet cash flow statement | page 5", str.split, EVENLY)
    assert 1 > named > among > title(asked, "Acme | soup | page 6", str.split, EVENLY) == 0


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        pytest.param("Net sales 14,694 14,544 12,861", 1.0, 1.0, id="table"),
        pytest.param(
            "The mill was built by two brothers in 1887, says the sign on its door.", 0.4, 0.8, id="prose"
        ),
        pytest.param("The mill was built long ago.", 0.0, 0.0, id="no figure"),
        pytest.param("", 0.0, 0.0, id="nothing"),
    ],
)
def test_figures(text, low, high):
    """A table is full of figures, prose is not."""
    assert low <= figures(text) <= high


def test_neighbours():
    """Words that stand together in the question and here say more than the same words apart."""
    asked = ["cash", "flow", "statement"]
    assert neighbours(asked, ["cash", "flow", "statement"], EVENLY) == 1
    assert neighbours(asked, ["cash", "flow", "soup", "statement"], EVENLY) == 0.5
    assert neighbours(asked, ["flow", "cash"], EVENLY) == 0
    assert neighbours(["cash"], ["cash"], EVENLY) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("One. Two? Three", ["One.", "Two?", "Three"], id="prose"),
        pytest.param("The mill was\nbuilt by two.", ["The mill was\nbuilt by two."], id="wrapped"),
        pytest.param("Net sales 12\nCosts 11", ["Net sales 12", "Costs 11"], id="lines of a table"),
        pytest.param(" \n ", [], id="nothing"),
    ],
)
def test_sentences(text, expected):
    """Prose is cut where sentences end, tables where lines do."""
    assert sentences(text) == expected


def test_sentence():
    """Words said in one sentence say more than the same words in two."""
    asked = ["cash", "flow", "statement"]
    together = sentence(asked, [["soup"], ["flow", "cash", "statement"]], EVENLY)
    apart = sentence(asked, [["cash", "flow"], ["statement"]], EVENLY)
    assert together == 1 > apart == pytest.approx(2 / 3)
    assert sentence(asked, [], EVENLY) == sentence([], [["cash"]], EVENLY) == 0
