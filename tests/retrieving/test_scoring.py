"""Scores: the fusion of both searches, the signals of a chunk's text, and its relevance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.retrieving.scoring import (
    DEFAULT_WEIGHTS,
    figures,
    fuse,
    headings,
    lift_pages,
    neighbours,
    relevance,
    row,
    sentence,
    sentences,
    title,
    words_in_common,
)

scores = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 100), max_size=6)


@pytest.mark.parametrize(
    ("by_meaning", "by_words", "first"),
    [
        pytest.param({"a": 0.9, "b": 0.1}, {"a": 9.0, "b": 1.0}, "a", id="both agree"),
        pytest.param({"a": 0.9, "b": 0.1}, {"b": 9.0, "a": 1.0}, "a", id="meaning weighs more"),
        pytest.param({"a": 0.9, "b": 0.88, "c": 0.0}, {"b": 9.0}, "b", id="words decide what is close"),
        pytest.param({}, {"a": 3.0}, "a", id="only words"),
        pytest.param({"a": 0.2}, {}, "a", id="only meaning"),
        pytest.param({"b": 0.5, "c": 0.1}, {"a": 9.0, "b": 1.0, "c": 0.0}, "a", id="no vector yet"),
    ],
)
def test_fuse(by_meaning, by_words, first):
    """Meaning counts more than words, each stretched over its own range; without a vector, words stand in."""
    fused = fuse(by_meaning, by_words, DEFAULT_WEIGHTS)
    assert max(fused, key=lambda chunk_id: fused[chunk_id]) == first


@given(scores, scores)
def test_every_chunk_keeps_a_score_from_0_to_1(by_meaning, by_words):
    """Nothing found is lost, and no score leaves 0 to 1."""
    fused = fuse(by_meaning, by_words, DEFAULT_WEIGHTS)
    assert fused.keys() == by_meaning.keys() | by_words.keys()
    assert all(0 <= score <= 1 + 1e-9 for score in fused.values())


def test_a_page_with_two_good_chunks_overtakes_one_with_a_single():
    """The second and third chunk of a page lift all of its chunks."""
    places = {"a": 1, "b": 2, "c": 2, "d": 3}
    lifted = lift_pages({"a": 0.71, "b": 0.7, "c": 0.6, "d": 0.1}, places, DEFAULT_WEIGHTS)
    assert lifted["b"] > lifted["a"] == 0.71
    assert lifted["b"] == pytest.approx(0.7 + DEFAULT_WEIGHTS.page * 0.5)


def test_a_fourth_chunk_adds_nothing():
    """A page of many chunks is no better than one of three."""
    scores = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6, "e": 0.0}
    bonus = DEFAULT_WEIGHTS.page * 0.8 + DEFAULT_WEIGHTS.page**2 * 0.7
    assert lift_pages(scores, dict.fromkeys("abcd", 1), DEFAULT_WEIGHTS)["d"] == pytest.approx(0.6 + bonus)


def test_a_document_of_one_page_gains_nothing_from_being_long():
    """A chunk without a page is not lifted."""
    scores = {"a": 0.7, "b": 0.6}
    assert lift_pages(scores, {}, DEFAULT_WEIGHTS) == scores


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


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        pytest.param(["net", "sale", "4", "210", "3", "980"], 0.5, id="a row that is asked for"),
        pytest.param(["sale", "12", "11"], 1 / 3, id="a shorter label says less"),
        pytest.param(["net", "sale", "europ", "12", "11"], 0, id="a longer label is another row"),
        pytest.param(["net", "sale", "2", "grew", "last", "year"], 0, id="prose"),
        pytest.param(["net", "sale"], 0, id="no figure"),
        pytest.param(["4", "210"], 0, id="no label"),
        pytest.param([], 0, id="nothing"),
    ],
)
def test_row(terms, expected):
    """A row of figures counts where the question says its whole label, the more telling the more."""
    asked = {"compani", "net", "sale", "4"}
    rarity = dict.fromkeys(asked | {"europ", "grew", "last", "year", "soup"}, 1.0)
    assert row(asked, [["soup"], terms], rarity) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("closeness", "shared", "low", "high"),
    [
        pytest.param(0.7, 0.8, 0.95, 1.0, id="close, and in the same words"),
        pytest.param(0.1, 0.9, 0.8, 1.0, id="in the same words"),
        pytest.param(0.6, 0.1, 0.5, 0.8, id="close in other words"),
        pytest.param(0.1, 0.0, 0.0, 0.1, id="neither"),
        pytest.param(None, 0.8, 0.9, 1.0, id="no vector yet"),
    ],
)
def test_relevance(closeness, shared, low, high):
    """Closeness and shared words each make up for the other; with neither, hardly anything helps."""
    assert low <= relevance(closeness, shared) <= high


def test_rare_words_in_common_count_more():
    """To share the name asked about is more than to share a common word."""
    rarity = {"museum": 5.0, "open": 1.0}
    assert (
        words_in_common(["museum", "open"], ["museum"], rarity)
        > words_in_common(["museum", "open"], ["open"], rarity)
        > 0
    )
    assert words_in_common([], ["museum"], rarity) == 0
