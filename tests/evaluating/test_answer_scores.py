"""Scores of an answer: faithfulness, completeness, citation precision, abstention, loops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docent.evaluating import Question
from docent.evaluating.answer_scores import gold_facts, repeats_itself, score_answer, sentences_of
from docent.types import Answer, Citation, Receipt


def answer(text: str, *quotes: str, **receipt) -> Answer:
    citations = tuple(
        Citation(n, "c", "d", "lease.md", "l", 1, "", "p. 1", 0, 1, quote)
        for n, quote in enumerate(quotes, 1)
    )
    return Answer(text, citations, (), Receipt("?", "?", **receipt))


RENT = Question("What is the rent?", "lease.md", (1,), answer="EUR 1,250 in Aarhus")


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
    scores = score_answer(RENT, answer(text, "Aarhus: EUR 1,250 a month"), 1.0)
    assert scores["completeness"] == pytest.approx(facts)
    assert scores["cited_completeness"] == cited


def test_a_gold_answer_without_figures_and_names_counts_by_its_words():
    """Else a question about a colour or a rule would not be measured."""
    question = replace(RENT, answer="at the long table")
    assert score_answer(question, answer("At the long tables."), 1.0)["completeness"] == 1.0
    assert gold_facts("No") == frozenset()


def test_a_label_comes_before_the_gold_page():
    """A sentence that a reader has judged counts by the label, another by the page that it quotes."""
    text = "The rent is 900 [1]. It is paid monthly [1]. Nobody checked this."
    labels = {"the rent is 900": "unsupported"}
    assert score_answer(RENT, answer(text, "rent"), 1.0, labels)["citation_precision"] == 0.5
    assert score_answer(replace(RENT, pages=(2,)), answer(text, "rent"), 1.0)["citation_precision"] == 0.0


def test_a_question_that_nothing_answers_must_not_be_answered():
    """It counts for abstention alone, and a question with an answer does not."""
    question = Question("Who waters the orchids?", "", (), answerable=False)
    scores = score_answer(question, answer("Nothing was found.", not_found=True), 1.0)
    assert (scores["refused"], scores["abstained"], scores["completeness"]) == (1.0, None, None)
    assert score_answer(RENT, answer("The documents do not say."), 1.0)["abstained"] == 1.0


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
    assert repeats_itself(text) is repeats


@pytest.mark.parametrize(
    ("text", "unsupported", "verdicts"),
    [
        pytest.param("The rent is 900 [1]. It is paid monthly [1].", (), "ss", id="all supported"),
        pytest.param(
            "The rent is 900 [1]. It is cheap.", ("It is cheap.",), "su", id="a sentence without a source"
        ),
        pytest.param("The rent is 900 [1] and falls in May.", ("falls in May.",), "u", id="a half"),
        pytest.param("Here is the rent:\n\n- The rent is 900. [1]", (), "-s", id="what claims nothing"),
    ],
)
def test_faithfulness_is_the_share_of_supported_sentences(text, unsupported, verdicts):
    """A sentence counts as supported if it has a mark and no part of it was reported."""
    given = answer(text, "rent", unsupported=unsupported)
    assert "".join((one.verdict or "-")[0] for one in sentences_of(given)) == verdicts
    claims = verdicts.replace("-", "")
    assert score_answer(RENT, given, 1.0)["faithfulness"] == claims.count("s") / len(claims)


def test_a_gold_page_is_one_of_the_questions_library():
    """A page of the same number in another file or library is no gold page; the suffix may be left out."""
    given = answer("The rent is 900 [1].", "rent")
    for question, right in (
        (replace(RENT, file="home/lease"), 1.0),
        (replace(RENT, file="other.md"), 0.0),
        (replace(RENT, library="l"), 1.0),
        (replace(RENT, library="m"), 0.0),
    ):
        assert score_answer(question, given, 1.0)["citation_precision"] == right
