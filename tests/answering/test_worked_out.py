"""Code works out questions on spreadsheets, sums and dates: the same with every model and with none."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from docent.store import Store
from docent.types import Scope, StepProgress
from tests.answering.build import LIMITS, Catalog, answer_of, events, passage
from tests.answering.sheet_store import NOT_TABLES, QUESTIONS, sheet_store
from tests.answering.test_clients import native

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")
TODAY = dt.date(2026, 11, 30)


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = sheet_store(tmp_path_factory.mktemp("sheets") / "storage")
    yield store
    store.close()


def nothing(question: str, scope: Scope) -> tuple:
    return ()


async def asked(question: str, store, model=None, **changes):
    changes = {"retrieve": nothing, "scope": Scope(), "today": lambda: TODAY, **changes}
    return await events(question, model, store=store, **changes)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["question"]) for row in QUESTIONS])
async def test_a_table_question_has_its_exact_value(row, sheets):
    """The answer has every value and nothing that it excludes, and cites cells of the file, to the letter."""
    result = answer_of(await asked(row["question"], sheets))
    for value in row["answer"]:
        assert value in result.text
    for value in row.get("absent", ()):
        assert value not in result.text
    assert {citation.file for citation in result.citations} == {row["file"]}
    for citation in result.citations:
        page = sheets.page(citation.document_id, citation.page, Scope())
        assert page.text[citation.start : citation.end] == citation.quote != ""
        assert f"[{citation.n}]" in result.text
    assert result.receipt.model == ""
    assert result.receipt.steps[0].startswith(f"Queried {row['file']}: SELECT ")


async def test_no_model_changes_what_code_decides(sheets, ollama):
    """With no model, a bad one and a good one the answers are the same; neither is asked."""
    ollama.script("The total is 999,999.99 [1]. Ignore the table!", sticky=True)
    bad = [answer_of(await asked(row["question"], sheets, native(ollama.url))).text for row in QUESTIONS]
    ollama.reset()
    ollama.script("The answer stands in the table [1].", sticky=True)
    good = [answer_of(await asked(row["question"], sheets, native(ollama.url))).text for row in QUESTIONS]
    none = [answer_of(await asked(row["question"], sheets)).text for row in QUESTIONS]
    assert bad == good == none
    assert ollama.requests_to("/api/chat") == []


@pytest.mark.parametrize("question", NOT_TABLES)
async def test_a_question_with_more_in_it_is_no_table_question(question, sheets):
    """One word that the table does not explain, and the question is read and answered like any other."""
    result = answer_of(await asked(question, sheets))
    assert not any(step.startswith("Queried") for step in result.receipt.steps)


READINGS = [
    ("How many orders were not paid?", "**6** rows of bakery-orders.csv match (Status ≠ paid)"),
    (
        "How many orders are not from the city of Lyon?",
        "**10** rows of bakery-orders.csv match (City ≠ Lyon)",
    ),
    ("Total amount for Lyon and Geneva", "**€1,635.00** is the sum of Amount in 12 rows"),
    ("How many orders were there in January and February?", "**9** rows"),
    ("Which city has the fewest orders?", "| Annecy [1] | 3 |\n| Grenoble [2] | 3 |"),
    ("Which month had the highest total amount?", "Date: **2026-03** · Sum of Amount: **€812.25** [1]"),
    ("Which quarter had the most orders?", "Date: **2026-Q1** · Rows: **15**"),
    ("Quels vins ne viennent pas de France ?", "**8** rows of wine-list.csv match (Country ≠ France)"),
    ("What percentage of the bottles are red?", "**35.83 %** of Bottles"),
    ("How many orders were there in 2025?", "**0** rows of bakery-orders.csv match"),
    ("Quel est le coût total ?", "The rows of totals in the table were left out."),
    ("What is the average price of wines under 20 euros?", "**€15.29** is the average of Price in 7 rows"),
    ("What is the average amount of orders over 100?", "**€160.50** is the average of Amount in 11 rows"),
    ("How many orders were there in May?", "**0** rows"),
    ("Which wines cost more than 500 euros?", "No row of wine-list.csv has this: Price > 500."),
]


@pytest.mark.parametrize(("question", "expected"), [pytest.param(*row, id=row[0]) for row in READINGS])
async def test_a_question_is_read_as_it_is_meant(question, expected, sheets):
    """Denials, several values, parts of dates, equal values and rows of totals are not passed over."""
    assert expected in answer_of(await asked(question, sheets)).text


@pytest.mark.parametrize(
    "question",
    [
        "Which orders are from Lyon or open?",
        "What is the maximum and minimum salary?",
        "What is the second most expensive wine?",
        "What is the third most expensive wine?",
        "Which wine has the most bottles and the lowest price?",
        "Who earns more than Ada Holm?",
        "Total quantity per product and city",
        "The 3 largest orders",
        "What may the total amount be?",
        "How many entries are there?",
    ],
)
async def test_what_has_two_readings_is_not_worked_out(question, sheets):
    """Code answers exactly, or not at all."""
    assert answer_of(await asked(question, sheets)).receipt.steps == ()


class ResearchTables:
    """Stands for the tables over many documents, and notes the questions that come to it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request, draft):
        self.asked.append(request.question)
        for event in ():
            yield event


async def test_a_question_is_claimed_by_one_kind_of_table(sheets):
    """What one spreadsheet explains whole is worked out there; the rest may become a table over documents."""
    research = ResearchTables()
    await asked("Which wines cost less than 15 euros?", sheets, tables=research)
    assert research.asked == []
    await asked("Which three restaurants have the most vegan dishes?", sheets, tables=research)
    assert research.asked == ["Which three restaurants have the most vegan dishes?"]


async def test_another_persons_table_is_not_read(sheets):
    """Only tables of the libraries in scope are asked."""
    result = answer_of(await asked("What is the median salary?", sheets, scope=Scope(libraries=("other",))))
    assert result.receipt.steps == ()


async def test_tools_switched_off(sheets):
    """Without tools, a question on a table is searched like any other."""
    limits = replace(LIMITS, tools="off")
    result = answer_of(await asked("What is the median salary?", sheets, limits=limits))
    assert result.receipt.steps == ()


async def test_the_steps_are_events(sheets):
    """Each step names the tool and what it was given, while the answer is made and in its receipt."""
    found = await asked("What is 15 % of the total amount?", sheets)
    steps = [event.what for event in found if isinstance(event, StepProgress)]
    assert steps == [
        "Queried bakery-orders.csv: SELECT sum(amount) FROM bakery_orders",
        "Calculated: 15 % of 2,245.75",
    ]
    assert answer_of(found).receipt.steps == tuple(steps)


SUMS = [
    ("What is 21,400 × 12?", "256,800"),
    ("what is 15 % of 340?", "51"),
    ("Combien font 12 fois 3,5 ?", "42"),
    ("quel est 20 % de 1 500 €", "€300"),
    ("3 km + 200 m", "3.2 km"),
    ("12,50 € × 4", "€50"),
    ("100 + 20 %", "120"),
    ("convert 3 miles to km", "4.828 km"),
    ("how many grams are in 2.5 kg?", "2,500 g"),
    ("900 g / 0.3 kg", "3"),
    ("2^10", "1,024"),
    ("(12.5 + 3) * 4 =", "62"),
]


@pytest.mark.parametrize(("question", "value"), [pytest.param(*row, id=row[0]) for row in SUMS])
async def test_arithmetic(question, value):
    """Sums, percentages, units and conversions have their value, in both languages' notation."""
    result = answer_of(await asked(question, Catalog()))
    assert result.text.endswith(f"= **{value}**")
    assert result.receipt.steps[0].startswith("Calculated: ")


@pytest.mark.parametrize(
    "question",
    ["2021-2022", "What is 24/7?", "5 apples + 3 apples", "3 € + 2 $", "1/0", "9^9^9", "12/03/2027",
     "Call 555 - x", "21,400 fois 12", "What is the notice period?"],
)  # fmt: skip
async def test_what_is_no_arithmetic(question):
    """Ranges, fractions of names, two currencies and a figure with two readings are not calculated."""
    assert answer_of(await asked(question, Catalog())).receipt.steps == ()


REPORT = passage(
    "Revenue in 2021 was DKK 21,400 in all.\nThe workshop has nine benches and three kilns.",
    header="report | Figures",
)
STIPEND = passage(
    "Start: 3 May 2027\nStipend: DKK 9,500 a month\nHours: 37 a week", header="tidelight | Terms"
)
OTHER_REPORT = passage("Revenue in 2021 was DKK 9,000 in all.", n=2, header="other | Figures")


async def test_arithmetic_with_a_stated_figure():
    """The figure is taken from the one line that states it, and that line is cited."""
    found = await asked(
        "What is 15 % of the revenue in 2021?", Catalog(), retrieve=lambda words, scope: [REPORT]
    )
    result = answer_of(found)
    assert result.text.startswith("15 % of 21,400 DKK is **3,210.00 DKK**.")
    assert [citation.quote for citation in result.citations] == ["Revenue in 2021 was DKK 21,400 in all."]


async def test_a_field_is_known_by_its_meaning():
    """A question may name the field otherwise than its label: a stipend is pay."""
    found = await asked(
        "What is 10 % of the pay at Tidelight?", Catalog(), retrieve=lambda words, scope: [STIPEND]
    )
    assert answer_of(found).text.startswith("10 % of 9,500 DKK is **950.00 DKK**.")
    assert [citation.quote for citation in answer_of(found).citations] == ["Stipend: DKK 9,500 a month"]


async def test_two_stated_figures_are_not_chosen_from():
    """Where two lines state different figures, nothing is calculated."""
    both = [REPORT, OTHER_REPORT]
    found = await asked("What is 15 % of the revenue in 2021?", Catalog(), retrieve=lambda words, scope: both)
    assert answer_of(found).receipt.steps == ()


DAYS = [
    ("How many days until 24 December?", "**24 days** until Thursday 24 December 2026"),
    ("How many weeks between 3 March and 9 June 2026?", "**14 weeks** from Tuesday 3 March 2026"),
    ("Which weekday is 3 May 2027?", "3 May 2027 is a **Monday**"),
    ("What date is 45 days after 3 March 2026?", "**Friday 17 April 2026** is 45 days after"),
    ("90 days before 31 December 2026", "**Friday 2 October 2026**"),
    ("How many months from 2026-01-15 to 2027-03-01?", "**13 months and 14 days**"),
    ("How many working days until 24 December?", "**18 working days (Monday to Friday)**"),
    ("Combien de jours jusqu'au 25 décembre 2026 ?", "**25 days** until Friday 25 December 2026"),
    ("Combien de semaines entre le 3 mars 2026 et le 9 juin 2026 ?", "**14 weeks**"),
    ("Quel jour de la semaine est le 14 juillet 2027 ?", "14 July 2027 is a **Wednesday**"),
    ("How many days ago was 1 November 2026?", "**29 days** since Sunday 1 November 2026, which is past"),
]


@pytest.mark.parametrize(("question", "expected"), [pytest.param(*row, id=row[0]) for row in DAYS])
async def test_days_and_dates(question, expected):
    """Days, weeks, months and weekdays are counted from the dates of the question and from today."""
    assert expected in answer_of(await asked(question, Catalog())).text


NOTICE = passage(
    "Stipend\n\nInterns earn DKK 9,500.\nApplications close at noon on 15 January 2027.\nStart: 3 May 2027.",
    header="tidelight | Dates",
)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many days until the application deadline?", "**46 days** until Friday 15 January 2027"),
        ("Combien de jours avant la date limite ?", "**46 days**"),
        ("Which weekday is the start date?", "3 May 2027 is a **Monday**"),
        ("How many weeks between the deadline and the start?", "**15 weeks and 3 days**"),
        ("How many weeks between the deadline and the start of Tidelight?", "**15 weeks and 3 days**"),
    ],
)
async def test_a_date_of_a_document_is_cited(question, expected):
    """A deadline or a start is read from the line that states it."""
    result = answer_of(await asked(question, Catalog(), retrieve=lambda words, scope: [NOTICE]))
    assert expected in result.text
    assert all(citation.quote in NOTICE.text and citation.n for citation in result.citations)
    assert result.citations


async def test_a_date_that_nobody_states_is_not_invented():
    """Without a line that states the date, the question is answered like any other."""
    result = answer_of(await asked("How many days until the deadline of Quartz?", Catalog(),
                                   retrieve=lambda words, scope: [NOTICE]))  # fmt: skip
    assert result.receipt.steps == ()


async def test_golden_questions_are_left_alone(sheets):
    """No question of the sample libraries is worked out, also where there are spreadsheets beside them."""
    golden = Path(__file__).parents[1] / "golden"
    lines = [
        line for path in golden.rglob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert len(lines) > 300
    ids = tuple(
        one.id for one in sheets.documents(Scope()) if one.name != "wine-list.csv"
    )  # there are wines there
    for question in {json.loads(line)["question"] for line in lines}:
        result = answer_of(await asked(question, sheets, scope=Scope(documents=ids)))
        assert result.receipt.steps == (), question
