"""A library's own words for the same."""

from __future__ import annotations

import os

import pytest

from docent.retrieving.synonyms import Synonyms, expand_query, parse_synonyms
from docent.store.index.languages import terms


def english(text):
    return terms(text, "en")


GROUPS = [("capex", "capital expenditures"), ("holiday", "annual leave", "vacation")]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("How much was capex in 2021?", "capital expenditures", id="a word"),
        pytest.param("How much capital expenditure was there?", "capex", id="a phrase, inflected"),
        pytest.param("Who approves holidays?", "annual leave vacation", id="every other member"),
        pytest.param("Who approves vacation and annual leave?", "holiday", id="only what was not said"),
        pytest.param("Capital and current expenditures", "", id="the words of a phrase apart"),
        pytest.param("Who leaves?", "", id="half a phrase"),
        pytest.param("", "", id="nothing asked"),
    ],
)
def test_the_question_in_other_words(question, expected):
    """Each member of a group stands for the others, as a whole phrase, in any inflection."""
    assert expand_query(question, GROUPS, english) == expected


def test_a_file_of_synonyms():
    """A group is a line; remarks and empty lines are none; a line without two members is named."""
    groups, mistakes = parse_synonyms(
        "# ours\ncapex = capital expenditures # money\n\nholiday\nleave =\na = b = c"
    )
    assert groups == [("capex", "capital expenditures"), ("a", "b", "c")]
    assert [mistake[:19] for mistake in mistakes] == ["Line 4, 'holiday', ", "Line 5, 'leave =', "]
    assert all("holiday = annual leave" in mistake for mistake in mistakes)
    assert [mistake.parameters["number"] for mistake in mistakes] == [4, 5]  # so that it can be translated


def test_each_library_has_its_own_and_a_change_counts_at_once(tmp_path):
    """data/<library>/synonyms.txt is that library's, data/synonyms.txt the default one's; both may change."""
    (tmp_path / "menus").mkdir()
    (tmp_path / "menus/synonyms.txt").write_text("starter = entrée\n", encoding="utf-8")
    (tmp_path / "synonyms.txt").write_text("a = b\n")
    synonyms = Synonyms(tmp_path)
    assert synonyms.of(["menus"]) == [("starter", "entrée")]
    assert synonyms.of(["menus", "default", "other"]) == [("a", "b"), ("starter", "entrée")]
    (tmp_path / "synonyms.txt").write_text("c = d\n")
    os.utime(tmp_path / "synonyms.txt", ns=(1, 1))  # a clock too coarse for this test would hide it
    assert synonyms.of(["default"]) == [("c", "d")]


def test_a_name_that_is_no_folder_of_data_reads_nothing(tmp_path):
    """A library's name cannot lead out of data/."""
    (tmp_path / "synonyms.txt").write_text("a = b\n")
    (tmp_path / "data").mkdir()
    assert Synonyms(tmp_path / "data").of(["..", "../", "x/.."]) == []
