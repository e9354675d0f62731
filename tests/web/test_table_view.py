"""A research table is shown sorted, with its phase, its progress and a button for each cited cell."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from docent.types import (
    NOT_STATED,
    CellValue,
    Citation,
    ResearchTable,
    TableCell,
    TableColumn,
    TableOrder,
    TablePlan,
    TableProgress,
    TableRow,
)
from docent.web.tables.table_view import TableQuery, sort_rows, table_view, time_left
from docent.web.templates import render

CITATION = Citation(
    n=1, chunk_id="c", document_id="d", file="a.md", library="l", page=1, page_label="", place="p. 1",
    start=0, end=4, quote="here",
)  # fmt: skip


def stated(text: str, **value) -> TableCell:
    return TableCell("stated", text, CellValue(**value), (CITATION,))


def pay(amount: int, unit: str = "EUR") -> TableCell:
    return stated(f"{amount} {unit}", number=Decimal(amount), unit=unit, period="month")


UNCLEAR = TableCell("unclear", "a lot", citations=(CITATION,), note="No figure is stated.")


def row(title: str, *cells: TableCell, **more) -> TableRow:
    return TableRow(f"id-{title}", f"{title}.md", "l", title, cells, **more)


ROWS = (
    row("Mill", pay(900), stated("1 June", date="2027-06-01")),
    row("Quay", UNCLEAR, NOT_STATED),
    row("Dock", pay(1200), stated("in May", date="2027-05")),
    row("Pier", NOT_STATED, stated("9 May", date="2027-05-09")),
    row("Farm", pay(30_000, "DKK"), NOT_STATED),
    row("anvil", pay(1000), NOT_STATED),
)
TABLE = ResearchTable(
    id="t",
    question="Which <b>pays</b> best?",
    plan=TablePlan(
        (TableColumn("Pay", "number", ("pay",)), TableColumn("Deadline", "date", ("deadline",))),
        TableOrder(0),
    ),
    state="done",
    rows=ROWS,
    matching=6,
    documents=6,
    read=6,
    empty=1,
    conclusion="Dock pays most in EUR.",
)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        pytest.param(TableQuery(), "Mill Quay Dock Pier Farm anvil", id="the table's own order"),
        pytest.param(TableQuery(0), "Mill anvil Dock Farm Quay Pier", id="amounts, by currency"),
        pytest.param(TableQuery(0, True), "Dock anvil Mill Farm Quay Pier", id="the highest first"),
        pytest.param(TableQuery(1), "Dock Pier Mill Quay Farm anvil", id="dates"),
        pytest.param(TableQuery(-1), "anvil Dock Farm Mill Pier Quay", id="titles, whatever their case"),
    ],
)
def test_rows_are_sorted_within_a_unit(query, titles):
    """Amounts of one currency stay together; what is unclear follows, and then what is not stated."""
    assert [row.title for row in sort_rows(ROWS, query)] == titles.split()


@pytest.mark.parametrize("sort", ["", "x", "1.5", "--1", "99999", "²"])
def test_a_query_that_makes_no_sense_asks_for_nothing(sort):
    """It comes from a browser: no number of a column is no order, and no number of rows is the usual one."""
    assert TableQuery.of({"sort": sort, "shown": "-5"}) == TableQuery()
    assert TableQuery.of({"sort": "-1", "order": "descending", "shown": "400"}) == TableQuery(-1, True, 400)


def shown(table: ResearchTable = TABLE, language: str = "en", **more) -> HTMLParser:
    given = {"progress": None, "is_filled_here": False, "error": "", **more}
    view = table_view(table, table.rows, TableQuery(), language=language, **given)
    return HTMLParser(render("tables/table.html", language, view=view))


def texts(part: HTMLParser, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in part.css(selector)]


def test_each_cited_cell_leads_to_its_place():
    """By document and column; what is not stated is said so, without a button, and markup stays text."""
    part = shown()
    links = [node.attributes["data-cited"] for node in part.css("td [data-cited]")]
    assert links[:3] == [
        "/tables/t/cited/id-Mill/1",
        "/tables/t/cited/id-Mill/2",
        "/tables/t/cited/id-Quay/1",
    ]
    assert texts(part, ".table-none") == ["not stated"] * 4
    assert texts(part, "td small") == ["No figure is stated."]
    assert part.css_first("[role=region]").attributes["aria-label"] == "Table: Which <b>pays</b> best?"
    assert texts(part, "[aria-sort]") == ["Pay"]
    assert [node.text() for node in part.css(".table-files a")] == ["XLSX", "CSV", "DOCX"]
    assert "6 documents read · nothing of it stated in 1" in texts(part, ".table-foot")[0]


@pytest.mark.parametrize(
    ("changed", "more", "phase", "says", "button"),
    [
        pytest.param({"state": "running", "read": 2},
                     {"is_filled_here": True, "progress": TableProgress("t", 3, 6, 119)},
                     "running", "3 of 6 documents, about 2 minutes left", "stop", id="running"),
        pytest.param({"state": "running", "read": 2}, {}, "elsewhere",
                     "2 of 6 documents", "stop", id="elsewhere"),
        pytest.param({"state": "stopped", "read": 2, "notes": ("Only 2 of 6.",)}, {}, "incomplete",
                     "Incomplete: 2 of 6 documents were read.", "start", id="stopped"),
        pytest.param({"state": "cancelled", "read": 0, "rows": ()}, {}, "planned", "", "start", id="planned"),
        pytest.param({}, {}, "done", "", "", id="done"),
    ],
)  # fmt: skip
def test_a_table_says_how_far_it_is(changed, more, phase, says, button):
    """While it is filled it can be stopped, and what was stopped can be resumed."""
    part = shown(replace(TABLE, **changed), **more)
    assert part.css_first(".table-part").attributes["data-phase"] == phase
    assert "".join(texts(part, ".table-plan")) == says
    assert not part.css(".table-note")
    assert [node.attributes["data-does"] for node in part.css("[data-does]")] == [button] * bool(button)


def test_a_document_that_was_not_read_says_why():
    """Its row has the reason in place of the cells, and an error of the whole is said above."""
    part = shown(replace(TABLE, rows=(row("Lock", failed="It has a password."),)), error="No model answers.")
    assert texts(part, "tbody td") == ["It has a password."]
    assert texts(part, "[role=alert]") == ["⚠️ No model answers."]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (3, "a few seconds left"),
        (31, "about 30 seconds left"),
        (70, "about a minute left"),
        (300, "about 5 minutes left"),
        (3 * 3600, "about 3 hours left"),
    ],
)
def test_the_time_left_is_a_round_one(seconds, says):
    """As a person would say it."""
    assert time_left(seconds) == says
