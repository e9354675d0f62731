"""The clauses, years and figures of a question, before anything is searched."""

from __future__ import annotations

import pytest

from docent.retrieving.query import clauses_of, wants_figures, with_years


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("Who owns the mill?", [], id="one sentence is whole"),
        pytest.param(
            "Who owns the mill? When was it built?",
            ["Who owns the mill?", "When was it built?"],
            id="two questions",
        ),
        pytest.param(
            "Using the balance sheet, what are total assets? Answer in millions.",
            ["Using the balance sheet", "what are total assets?", "Answer in millions."],
            id="how to answer is a clause of its own",
        ),
        pytest.param("Red, green and blue: why?", [], id="too short for clauses"),
    ],
)
def test_clauses(question, expected):
    """A compound question is taken apart at its sentences and at clauses that begin with a question word."""
    assert clauses_of(question) == expected


@pytest.mark.parametrize(
    ("question", "more"),
    [
        pytest.param("sales in FY2018", " 2018", id="fiscal year"),
        pytest.param("sales in FY18 and FY 19", " 2018 2019", id="short years"),
        pytest.param("sales in Q3 2023", " third quarter", id="quarter"),
        pytest.param("sales in 2023", "", id="plain year"),
    ],
)
def test_with_years(question, more):
    """Fiscal years and quarters are also written out."""
    assert with_years(question) == question + more


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("How much does the soup cost?", True, id="how much"),
        pytest.param("Combien coûte la soupe ?", True, id="French"),
        pytest.param("Wie viel kostet die Suppe?", True, id="German"),
        pytest.param("Did sales increase in the third quarter?", True, id="comparison"),
        pytest.param("Is it a capital-intensive business, by FY2022 data?", True, id="data of a year"),
        pytest.param("Was sagen die Zahlen von 2022?", True, id="data of a year, German"),
        pytest.param("Which personal data may be kept?", False, id="personal data"),
        pytest.param("Who cooks the soup?", False, id="who"),
        pytest.param("Why is the museum closed?", False, id="why"),
    ],
)
def test_wants_figures(question, expected):
    """A question for an amount, a date or a comparison is answered by figures."""
    assert wants_figures(question) is expected
