"""Figures that a question names, and the lines and statements behind them."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from docent.retrieving import DEFAULT_WEIGHTS, FigureLines, retrieve
from docent.retrieving.figure_lines import (
    AskedLines,
    LineFinder,
    asked_lines,
    parse_figures,
    shipped_figures,
)
from docent.store.index.languages import terms
from docent.types import Scope
from tests.fakes.embedder import WordHashEmbedder
from tests.retrieving.reports import BALANCE_SHEET, QUESTIONS

EMBEDDER = WordHashEmbedder()
OWN = """
[statements]
"seed register" = ["seed register", "register of seeds"]

["sowing ratio"]
names = ["seeds per metre"]
lines = ["seeds sown", "metres of row"]
statements = ["seed register"]

["quick ratio"]
lines = ["seeds in the bag"]
"""


def english(text):
    return terms(text, "en")


@pytest.mark.parametrize(
    ("question", "line", "title"),
    [
        pytest.param("Has the quick ratio improved?", "total current assets", "balance sheet", id="name"),
        pytest.param(
            "Is it a capital intensive business?", "capital expenditures", "balance sheet", id="hyphen"
        ),
        pytest.param("What were ROA and DPO?", "accounts payable", "income statement", id="short forms"),
        pytest.param("What were the effective tax rates?", "provision for income taxes", "", id="plural"),
        pytest.param(
            "What is the EBITDA according to the cash flow statement?",
            "depreciation and amortization",
            "statement of cash flows",
            id="with the statement",
        ),
    ],
)
def test_a_question_names_a_figure(question, line, title):
    """Every name of a figure, in any inflection, stands for its lines and its statements' headings."""
    asked = asked_lines(question, shipped_figures(), english)
    assert line in asked.lines
    assert not title or title in asked.titles


def test_the_statement_of_the_question_is_taken():
    """A statement that the question names replaces those that the figure is computed from."""
    asked = asked_lines("What is EBITDA by the cash flow statement?", shipped_figures(), english)
    assert "statement of cash flows" in asked.titles
    assert "balance sheet" not in asked.titles and "statement of income" not in asked.titles


@pytest.mark.parametrize(
    "question",
    [
        "What does the tasting menu cost?",
        "How quickly does the ratio of interns change?",
        "Which capital has the most intensive traffic?",
        "Who won the prize for the best margin notes?",
        "",
    ],
)
def test_other_questions_are_left_alone(question):
    """Words of a name that stand apart name no figure."""
    assert asked_lines(question, shipped_figures(), english) == AskedLines()


def test_every_shipped_figure_has_lines_and_known_statements():
    """The shipped file has no mistake, and each of its figures leads to a line under a known statement."""
    book = shipped_figures()
    assert book.mistakes == ()
    assert len(book.figures) >= 30
    for name, figure in book.figures.items():
        assert figure.lines and figure.statements, name
        assert set(figure.statements) <= book.statements.keys(), name


@pytest.mark.parametrize(
    ("text", "share"),
    [
        pytest.param("Total current assets  5,308  5,853", 0.5, id="one of two"),
        pytest.param("Inventories, net  (1,221)\nTotal current assets  $  5,308", 1.0, id="both, with signs"),
        pytest.param("Total current assets rose again.", 0.0, id="no figure"),
        pytest.param("In 2021 total current assets rose", 0.0, id="figure before the words"),
        pytest.param(
            "Once more our managers spoke of total current assets, weather and new plants, 12 in all",
            0.0,
            id="prose",
        ),
        pytest.param("", 0.0, id="nothing"),
    ],
)
def test_lines_are_rows_that_they_begin(text, share):
    """A line counts where a row of hardly more words than its own goes on with a figure."""
    finder = LineFinder(AskedLines(lines=("total current assets", "inventories")), english)
    assert finder.share(text) == share


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        pytest.param("Consolidated Balance Sheets", True, id="plural"),
        pytest.param("ACME CORPORATION CONSOLIDATED BALANCE SHEET", True, id="with the company"),
        pytest.param("Notes to the Balance Sheet and the Statement of Income of Acme", False, id="notes"),
        pytest.param(
            "Amounts recognized in the balance sheets of subsidiary companies abroad", False, id="longer"
        ),
        pytest.param("Balance of trade", False, id="half of it"),
    ],
)
def test_a_statement_is_known_by_its_heading(heading, expected):
    """A heading that says hardly more than a statement's name is that of the statement."""
    finder = LineFinder(AskedLines(titles=("balance sheet",)), english)
    assert finder.is_statement(["Part II", heading]) is expected


def test_each_library_changes_the_figures_for_itself(tmp_path):
    """data/<library>/figures.toml adds and replaces figures; a change counts at once."""
    (tmp_path / "garden").mkdir()
    own = tmp_path / "garden/figures.toml"
    own.write_text(OWN)
    figure_lines = FigureLines(tmp_path)
    book = figure_lines.of(["garden"])
    asked = asked_lines("How many seeds per metre?", book, english)
    assert asked == AskedLines(("seeds sown", "metres of row"), ("seed register", "register of seeds"))
    assert asked_lines("What is the quick ratio?", book, english).lines == ("seeds in the bag",)
    assert asked_lines("What is the gross margin?", book, english).lines
    assert figure_lines.of(["menus", "../garden"]) == shipped_figures()
    own.write_text('["quick ratio"]\nlines = ["bags"]\n')
    os.utime(own, ns=(1, 1))  # a clock too coarse for this test would hide it
    assert figure_lines.of(["garden"]).figures["quick ratio"].lines == ("bags",)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param('["a"]\nlines = "total assets"\n', "'a' is no figure", id="no list"),
        pytest.param('["a"]\nrows = ["total assets"]\n', "'a' is no figure", id="unknown key"),
        pytest.param("a = 1\n", "'a' is no figure", id="no table"),
        pytest.param('[statements]\n"b" = [""]\n', "'b' is no figure", id="empty heading"),
        pytest.param("[", "It is no valid TOML", id="no TOML"),
    ],
)
def test_mistakes_are_named(text, mistake):
    """What is no figure is left out and named; the others count."""
    book = parse_figures(f'{text}["c"]\nlines = ["rows"]\n')
    assert len(book.mistakes) == 1 and book.mistakes[0].startswith(mistake)
    assert "a" not in book.figures
    assert text == "[" or "c" in book.figures


def first_pages(question, store, weights):
    passages = retrieve(question, scope=Scope(), store=store, embedder=EMBEDDER, limit=20, weights=weights)
    return list(dict.fromkeys(passage.page for passage in passages))


def rank(question, pages, store, weights):
    found = first_pages(question, store, weights)
    return next((at for at, page in enumerate(found, 1) if page in pages), 99)


def test_statement_pages_come_first(report):
    """Of questions that name a figure no page prints, at least .9 find a page with its lines first."""
    hits = [rank(question, pages, report, DEFAULT_WEIGHTS) == 1 for question, pages in QUESTIONS]
    assert sum(hits) / len(hits) >= 0.9, [
        question for (question, _), hit in zip(QUESTIONS, hits, strict=True) if not hit
    ]


@pytest.mark.parametrize("signal", ["lines", "statement"])
def test_each_signal_helps(signal, report):
    """Without the rows, or without the statements' headings, fewer statement pages come first."""
    without = replace(DEFAULT_WEIGHTS, **{signal: 0.0})
    mean = {
        weights: sum(1 / rank(question, pages, report, weights) for question, pages in QUESTIONS)
        for weights in (DEFAULT_WEIGHTS, without)
    }
    assert mean[DEFAULT_WEIGHTS] > mean[without]


def test_rows_that_a_question_names(report):
    """A row whose label the question says comes before pages that say more of its words in prose."""
    question = "What were the inventories at the end of the year 2022 of the business?"
    assert rank(question, {BALANCE_SHEET}, report, DEFAULT_WEIGHTS) == 1
    assert rank(question, {BALANCE_SHEET}, report, replace(DEFAULT_WEIGHTS, row=0.0)) > 1
