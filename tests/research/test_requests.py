"""Questions over many documents are told from all others by their words and by the documents."""

from __future__ import annotations

import pytest

from docent.errors import InputError
from docent.research.requests import documents_asked, table_plan
from docent.types import State, StoredDocument

BY_THREE = ["Pay", "Place", "Deadline"]


@pytest.mark.parametrize(
    ("question", "columns"),
    [
        ("compare all internships by pay, place and deadline", BY_THREE),
        ("Compare the internships by pay and place", ["Pay", "Place"]),
        ("list every report's revenue for 2021", ["Revenue 2021"]),
        ("List the revenue for 2020 and 2021 of all reports", ["Revenue 2020", "Revenue 2021"]),
        ("Give me the revenue and net income of all reports in 2021", ["Revenue 2021", "Net income 2021"]),
        ("list all internships with their pay and deadline", ["Pay", "Deadline"]),
        ("What is the pay of each internship?", ["Pay"]),
        ("Make a table of pay and deadline for all internships", ["Pay", "Deadline"]),
        ("Compare all internships by pay, visa and insurance", ["Pay", "Visa", "Insurance"]),
        ("/table internships by pay, place", ["Pay", "Place"]),
        ("/table pay, visa", ["Pay", "Visa"]),
        ("Comparez tous les stages par salaire, lieu et date limite", ["Salaire", "Lieu", "Date limite"]),
        ("Quel est le salaire de chaque stage ?", ["Salaire"]),
        ("liste le chiffre d'affaires de tous les rapports pour 2021", ["Chiffre d'affaires 2021"]),
        ("which three restaurants have the most vegan dishes?", ["Vegan dishes"]),
        ("Quels sont les trois restaurants avec le plus de plats végétaliens ?", ["Plats végétaliens"]),
    ],
)
def test_columns_are_planned(question, columns):
    """A question that compares documents names its columns, in English and in French."""
    plan = table_plan(question)
    assert plan is not None
    assert [column.name for column in plan.columns] == columns


@pytest.mark.parametrize(
    ("question", "field", "descending", "top"),
    [
        ("What pays best?", "pay", True, 1),
        ("Which internship pays the most?", "pay", True, 1),
        ("which is the cheapest", "price", False, 1),
        ("Which internship has the earliest deadline?", "deadline", False, 1),
        ("Which internship is the longest?", "duration", True, 1),
        ("Which three internships have the highest pay?", "pay", True, 3),
        ("Quel stage paie le mieux ?", "pay", True, 1),
        ("Quel stage a la durée la plus longue ?", "duration", True, 1),
        ("Quel est le moins cher ?", "price", False, 1),
    ],
)
def test_the_best_is_a_sorted_table(question, field, descending, top):
    """A superlative names the column to sort by, its direction, and how many are wanted."""
    plan = table_plan(question)
    assert plan is not None and plan.order is not None
    assert (plan.columns[0].field, plan.order.descending, plan.top) == (field, descending, top)


@pytest.mark.parametrize(
    ("question", "field", "operation", "value", "unit"),
    [
        ("how many internships are remote", "remote", "is", "yes", ""),
        ("Combien de stages sont à distance ?", "remote", "is", "yes", ""),
        ("How many internships pay more than 1,000 euros a month?", "pay", "at_least", "1000", "EUR/month"),
        ("Which internships start before 1 June 2027?", "start", "at_most", "2027-06-01", ""),
        ("How many restaurants have vegan dishes?", "", "at_least", "1", ""),
    ],
)
def test_conditions_are_filters(question, field, operation, value, unit):
    """A condition is a column with a limit, to be compared in code."""
    plan = table_plan(question)
    assert plan is not None
    (one,) = plan.filters
    assert (plan.columns[0].field, one.operation, one.value, one.unit) == (field, operation, value, unit)


@pytest.mark.parametrize(
    ("question", "calculation"),
    [
        ("What is the total revenue of all reports for 2021?", "sum"),
        ("What is the average pay of the internships?", "mean"),
    ],
)
def test_sums_and_means_are_planned(question, calculation):
    """A total over documents is added in code."""
    plan = table_plan(question)
    assert plan is not None and plan.calculation == calculation


ORDINARY = """What does the Barolo cost?
Which wine is the cheapest?
What is the cheapest pizza?
Which internship is about machine learning?
How many interns does Evenbook take?
How many restaurants are there?
Compare Oxbow and Saltmarsh
Compare the pay of Oxbow and Saltmarsh
Compare Oxbow and Saltmarsh by pay
List the tasks of the robotics internship
What is the deadline for the robotics internship?
List all allergens of Casa Limonaia
Who wrote the report?
What is the best way to add documents?
How many documents mention pensions?
Where do I put my documents?
Which city has the most bridges?
Show me all documents
Give me a summary of all reports
What are the main risks of each project?
How long is the dough left to rise at Casa Limonaia?
What was the total revenue in 2021?
What was Costco's revenue in 2021?
Is the robotics internship remote?
Compare the two wines by price
What is the price of each pizza?
Which dishes are vegan?
How many vegan dishes are there?
Which model is the best for me?
What happens on the last Friday of each month?
List all employees with their salary
What costs the most time?
Quelle est la date limite du stage de robotique ?
Combien coûte le Barolo ?""".splitlines()


@pytest.mark.parametrize("question", ORDINARY)
def test_ordinary_questions_are_no_tables(question):
    """A question about one thing, or about things inside documents, is answered as before."""
    documents = [_document(library, n) for library in ("internships", "restaurants") for n in range(8)]
    plan = table_plan(question)
    assert plan is None or documents_asked(plan, documents) == []


def test_a_question_is_about_the_documents_that_it_names():
    """The library of that name is read, or the documents whose title says so."""
    documents = [
        *(_document("internships", n) for n in range(3)),
        *(_document("mixed", n, title=f"Invoice {n}") for n in range(2)),
        _document("mixed", 9, title="A letter"),
    ]
    for subject, count in (("internships", 3), ("stages", 3), ("invoices", 2), ("documents", 6)):
        plan = table_plan(f"/table {subject} by pay")
        assert plan is not None
        assert len(documents_asked(plan, documents)) == count, subject


def test_a_command_without_columns_says_what_to_write():
    """`/table` alone is refused with an example."""
    with pytest.raises(InputError, match="/table internships by pay"):
        table_plan("/table")


def _document(library: str, n: int, title: str = "") -> StoredDocument:
    return StoredDocument(
        id=f"{library}{n}", library=library, name=f"file{n}.md", title=title, kind="markdown", sha256="",
        paths=(), state=State.READY, reason="", pages=1, unread_pages=0, chunks=1, embedded=1, bytes=1,
        language="en", date="", added="",
    )  # fmt: skip
