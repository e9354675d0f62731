"""Tables over the sample libraries, cell by cell against what a person reads on the pages."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import (
    Answered,
    AnswerRequest,
    Hop,
    ResearchTable,
    Scope,
    TablePlanned,
    TableProgress,
    Turn,
)

ROOT = Path(__file__).resolve().parents[2]

INTERNSHIPS = {
    # file: pay, its unit and period; words of the place; deadline, start, duration, hours a week, remote
    "copper-ledger-journalism.md": (
        "45000", "KES", "month", "Nairobi", "2027-04-30", "2027-07-01", "13 week", "40", "no"),
    "evenbook-accounting.md": (
        "1300", "SGD", "month", "Singapore", "2027-02-26", "2027-05-03", "6 month", "42.5", "no"),
    "gantry-otter-robotics.md": (
        "2400", "CHF", "month", "Winterthur", "2027-05-09", "2027-08-16", "26 week", "42", "no"),
    "halfmoon-game-audio.pdf": (
        "24.5", "CAD", "hour", "Montréal", "2027-02-05", "2027-05-10", "12 week", "35", "in part"),
    "lantern-street-museum-archive.pdf": (
        "12.9", "GBP", "hour", "Edinburgh", "2027-01-29", "2027-03-15", "20 week", "21", ""),
    "nove-ruas-urban-planning-gis.pdf": (
        "780", "EUR", "month", "Lisbon", "2027-05-31", "2027-09-15", "6 month", "35", "in part"),
    "oxbow-wind-turbine-mechanics.pdf": (
        "1180", "EUR", "month", "Bremerhaven", "2027-03-12", "2027-05-03", "16 week", "40", "no"),
    "plumb-and-pixel-front-end-design.md": (
        "900", "EUR", "month", "Barcelona", "2027-01-15", "2027-03-01", "5 month", "30", "yes"),
    "quillstone-embedded-firmware.pdf": (
        "850", "EUR", "month", "Eindhoven", "2027-04-30", "2027-09-01", "24 week", "36", "no"),
    "redoubt-seven-cyber-security.pdf": (
        "1450", "EUR", "month", "Tallinn", "2027-03-21", "2027-07-05", "10 week", "40", "no"),
    "saltmarsh-marine-biology-data.md": (
        "1600", "EUR", "month", "Galway", "2027-03-19", "2027-06-07", "12 week", "37.5", "in part"),
    "terra-lenta-agronomy.md": (
        "520", "USD", "month", "Mendoza", "2026-12-06", "2027-02-01", "10 week", "", ""),
    "tidelight-machine-learning.pdf": (
        "21400", "DKK", "month", "Aarhus", "2027-02-28", "2027-06-01", "14 week", "37", "in part"),
    "weaverbird-translation.md": (
        "14.2", "EUR", "hour", "anywhere in the EU", "2027-06-13", "2027-10-04", "16 week", "20", "yes"),
}  # fmt: skip
VEGAN = {
    "brass-thali.pdf": 4,
    "casa-limonaia.pdf": 3,
    "el-comal-azul.pdf": 3,
    "green-kettle.pdf": 19,
    "harbour-lantern.pdf": 2,
    "kitsune-steps.pdf": 4,
    "la-table-d-oseille.pdf": 1,
    "meridian-supper-club.pdf": None,
}
"""Dishes with a price of their own that the menu calls vegan; drinks are none, nor "without the cheese"."""


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docent]:
    settings = Settings(
        storage=tmp_path_factory.mktemp("tables"), data=ROOT / "data", model_url="http://127.0.0.1:9"
    )
    with open_docent(settings) as opened:
        opened.ingest([ROOT / "data" / "internships", ROOT / "data" / "restaurants"])
        yield opened


def compare(docent: Docent, question: str) -> ResearchTable:
    table = docent.compare(question, use_model=False)
    for row in table.rows:
        for cell in row.cells:
            for citation in cell.citations:
                page = docent.store.page(citation.document_id, citation.page, Scope())
                assert citation.quote == page.text[citation.start : citation.end]
                assert citation.document_id == row.document_id
            assert bool(cell.citations) == (cell.state != "not_stated")
    return table


def test_the_internships_cell_by_cell(docent):
    """Each of 14 × 7 cells says what its page says, or that the page says nothing; each has its citation."""
    table = compare(
        docent, "compare all internships by pay, place, deadline, start, duration, hours and remote work"
    )
    read = {}
    for row in table.rows:
        pay, place, deadline, start, duration, hours, remote = row.cells
        expected_place = INTERNSHIPS[row.file][3]
        assert expected_place in place.text
        said = {True: "yes", False: "no", None: "in part" if remote.state == "unclear" else ""}
        read[row.file] = (
            str(pay.value.number.normalize().__format__("f")),
            pay.value.unit,
            pay.value.period,
            expected_place,
            deadline.value.date,
            start.value.date,
            f"{duration.value.number} {duration.value.unit}",
            "" if hours.value.number is None else str(hours.value.number),
            said[remote.value.yes],
        )
    assert read == INTERNSHIPS
    assert (table.documents, table.matching, table.empty, table.state) == (14, 14, 0, "done")


def test_vegan_dishes_are_counted_exactly(docent):
    """Dishes are counted by word, by code, by a sentence on all or on some; three restaurants lead."""
    table = compare(docent, "/table restaurants by vegan dishes")
    counts = {row.file: row.cells[0].value.number for row in table.rows}
    assert counts == VEGAN
    best = compare(docent, "which three restaurants have the most vegan dishes?")
    assert [row.file for row in best.rows] == ["green-kettle.pdf", "brass-thali.pdf", "kitsune-steps.pdf"]
    assert "The Green Kettle: brunch, cakes and tea (19)" in best.conclusion
    gnocchi = next(row for row in table.rows if row.file == "casa-limonaia.pdf").cells[0]
    assert "Potato gnocchi" in gnocchi.note


def test_what_pays_best_keeps_currencies_apart(docent):
    """The best of each currency and period is named; amounts of different ones are never put in one order."""
    table = compare(docent, "What pays best?")
    assert len(table.groups) == 9
    assert (table.groups[0].name, table.groups[0].rows) == ("EUR per month", 6)
    assert table.rows[0].file == "saltmarsh-marine-biology-data.md"
    assert {(row.cells[0].value.unit, row.cells[0].value.period) for row in table.rows} == {
        (unit, period) for _, unit, period, *_ in INTERNSHIPS.values()
    }
    assert "9 units that cannot be compared" in table.conclusion
    assert "EUR per month: Marine biology data intern (€1,600 a month before tax)" in table.conclusion


def test_remote_internships_are_counted(docent):
    """Those that are wholly remote are counted; those in part, and those that say nothing, are told apart."""
    table = compare(docent, "how many internships are remote")
    assert {row.file for row in table.rows} == {
        file for file, values in INTERNSHIPS.items() if values[-1] == "yes"
    }
    assert table.conclusion.startswith("2 of 14 meet this: ")
    assert table.conclusion.endswith("4 more meet it in part. 2 state nothing about it.")


def test_a_limit_is_compared_in_its_own_unit(docent):
    """Of "more than 1,000 euros a month", amounts of other units are left out, and it is said."""
    table = compare(docent, "How many internships pay more than 1,000 euros a month?")
    assert {row.cells[0].value.number for row in table.rows} == {1180, 1450, 1600}
    assert "EUR per hour (1)" in table.notes[0]


def test_means_are_taken_by_unit(docent):
    """A mean is one of each currency and period."""
    table = compare(docent, "What is the average pay of the internships?")
    assert table.groups[0].result == "1,126.67 EUR per month"
    assert table.groups[0].rows == 6
    assert any("not added" in note for note in table.notes)


def test_the_earliest_deadline(docent):
    """Dates are sorted as dates, whatever their form on the page."""
    table = compare(docent, "Which internship has the earliest deadline?")
    assert [row.file for row in table.rows] == ["terra-lenta-agronomy.md"]


def test_an_unknown_column_quotes_the_section_that_is_named_so(docent):
    """Any other word is looked for as a label or a heading; documents without it say nothing."""
    table = compare(docent, "/table internships by insurance, dog")
    stated = {row.file: row.cells[0].text for row in table.rows if row.cells[0].state == "stated"}
    assert stated["copper-ledger-journalism.md"] == "medical and accident cover from the first day"
    assert all(row.cells[1].state == "not_stated" or "dog" in row.cells[1].text for row in table.rows)


async def test_a_question_is_answered_by_a_table(docent):
    """Asked as any question, it yields its plan, its progress, and an answer whose numbers are the cells'."""
    request = AnswerRequest(question="What pays best?", scope=Scope(), use_model=False)
    events = [event async for event in docent.answer(request)]
    assert isinstance(events[0], TablePlanned)
    assert any(isinstance(event, TableProgress) for event in events)
    assert isinstance(events[-1], Answered)
    answer = events[-1].answer
    assert answer.table is not None
    assert "| Marine biology data intern | €1,600 a month before tax [1] |" in answer.text
    assert [citation.n for citation in answer.citations] == list(range(1, 10))
    assert answer.receipt.model == ""


@pytest.mark.parametrize(
    ("question", "history"),
    [
        ("Which wine is the cheapest?", ()),
        ("which is the cheapest?", ()),
        ("which is the cheapest?", (Turn("Which wines are there?", "Barolo."),)),
        ("Compare Oxbow and Saltmarsh", ()),
    ],
)
async def test_other_questions_are_answered_from_passages(docent, question, history):
    """A question about things inside a document, or that nothing states, is answered as before."""
    request = AnswerRequest(question=question, scope=Scope(), history=history, use_model=False)
    events = [event async for event in docent.answer(request)]
    assert isinstance(events[-1], Answered)
    assert events[-1].answer.table is None


def test_amounts_a_month_and_a_year_are_compared_exactly(tmp_path):
    """In one currency, twelve times a monthly amount is compared with a yearly one, and it is said."""
    folder = tmp_path / "data" / "jobs"
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("# Job A\n\n- Pay: €3,000 a month\n")
    (folder / "b.md").write_text("# Job B\n\n- Pay: €30,000 a year\n")
    (folder / "c.md").write_text("# Job C\n\n- Pay: €25 an hour\n")
    settings = Settings(storage=tmp_path / "storage", data=tmp_path / "data", model_url="http://127.0.0.1:9")
    with open_docent(settings) as docent:
        docent.ingest([folder])
        table = docent.compare("Which job pays best?", use_model=False)
    assert [(row.title, row.cells[0].value.number) for row in table.rows] == [
        ("Job A", Decimal(3000)),
        ("Job C", Decimal(25)),
    ]
    assert any("twelve times" in note for note in table.notes)


@pytest.mark.parametrize(
    ("question", "looked_for", "file", "searched"),
    [
        pytest.param(
            "In which city is the internship with the earliest deadline?",
            "the internship with the earliest deadline",
            "terra-lenta-agronomy.md",
            "terra-lenta-agronomy.md",
            id="with a superlative",
        ),
        pytest.param(
            "What are the opening hours of the restaurant with the most vegan dishes?",
            "the restaurant with the most vegan dishes",
            "green-kettle.pdf",
            "green-kettle.pdf",
            id="a count",
        ),
        pytest.param(
            "Que paie le stage qui commence le plus tôt ?",
            "stage qui commence le plus tôt",
            "terra-lenta-agronomy.md",
            "terra-lenta-agronomy.md",
            id="French",
        ),
    ],
)
async def test_the_first_of_all_documents_is_a_step(docent, question, looked_for, file, searched):
    """It is found by comparing all of them, shown with the value that was compared, and searched then."""
    request = AnswerRequest(question=question, scope=Scope(), use_model=False)
    events = [event async for event in docent.answer(request)]
    (hop,) = [event for event in events if isinstance(event, Hop)]
    assert (hop.looked_for, hop.citation.file) == (looked_for, file)
    answer = events[-1].answer
    assert searched in {passage.file for passage in answer.passages}
    assert (1, file) in {(citation.n, citation.file) for citation in answer.citations}


async def test_what_cannot_be_compared_is_no_step(docent):
    """Pay in nine units has no highest: a notice says so, and the whole question is searched."""
    question = "Which restaurant is in the city of the internship that pays most?"
    events = [event async for event in docent.answer(AnswerRequest(question=question, scope=Scope()))]
    assert not [event for event in events if isinstance(event, Hop)]
    notices = [str(notice) for notice in events[-1].answer.receipt.notices]
    assert any("no single answer: the internship that pays most" in notice for notice in notices)
    assert any("cannot be compared with each other" in notice for notice in notices)
