"""Two searches become one order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.retrieving.fusion import DEFAULT_WEIGHTS, fuse, lift_pages

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
