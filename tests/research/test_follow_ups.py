"""A follow-up of a table sorts it, keeps some of its rows, or adds a column; any other question does not."""

from __future__ import annotations

import pytest

from docent.research.follow_ups import follow_up_plan
from docent.research.requests import table_plan
from docent.types import TableFilter, TableOrder

PLAN = table_plan("Compare all internships by pay, place and deadline")
assert PLAN is not None


@pytest.mark.parametrize(
    ("question", "order"),
    [
        ("Sort by deadline", TableOrder(2, descending=False)),
        ("sort them by deadline, latest first", TableOrder(2)),
        ("And now order the table by pay", TableOrder(0)),
        ("sort by pay, lowest first", TableOrder(0, descending=False)),
        ("Sort it by start date.", TableOrder(3, descending=False)),
        ("Trie par date limite", TableOrder(2, descending=False)),
    ],
)
def test_a_table_is_sorted_again(question, order):
    """Dates the earliest first, figures the highest, unless it says otherwise; a new column is added."""
    plan = follow_up_plan(question, PLAN)
    assert (plan.order, plan.subject) == (order, "internships")
    assert len(plan.columns) == max(3, order.column + 1)


@pytest.mark.parametrize(
    ("question", "condition", "column"),
    [
        ("Only the remote ones", TableFilter(3, "is", "yes"), "Remote"),
        ("Which of them are remote?", TableFilter(3, "is", "yes"), "Remote"),
        ("Seulement ceux à distance", TableFilter(3, "is", "yes"), "Remote"),
        (
            "only those that pay more than €1,000 a month",
            TableFilter(0, "at_least", "1000", "EUR/month"),
            "Pay",
        ),
        ("just those that start before 1 June 2027", TableFilter(3, "at_most", "2027-06-01"), "Start"),
    ],
)
def test_some_of_the_rows_are_kept(question, condition, column):
    """By what a column says, which is added where the table lacks it."""
    plan = follow_up_plan(question, PLAN)
    assert plan.filters == (condition,)
    assert plan.columns[condition.column].name.startswith(column)


def test_a_column_is_added():
    """Those that the table has already are not added again."""
    plan = follow_up_plan("Also add the start date and pay", PLAN)
    assert [column.name for column in plan.columns] == ["Pay", "Place", "Deadline", "Start date"]


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Denmark?",
        "Only one of them mentions Python. Which one?",
        "Sort by relevance to my life and summarise",
        "Which of them mentions a dog?",
        "Tell me more about the first one",
    ],
)
def test_any_other_question_is_none(question):
    """It is answered as if there were no table."""
    assert follow_up_plan(question, PLAN) is None
