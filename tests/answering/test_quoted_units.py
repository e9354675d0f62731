"""Words of a document are shown as sentences that are whole, and tables as tables."""

from __future__ import annotations

import pytest

from docent.answering.quoted_units import quoted_units, row_cells, shown_sentence
from docent.answering.replies_without_model import best_sentences
from tests.answering.build import passage

REPORT = """\
RESULTS OF OPERATIONS
Net Sales
2021  2020  2019
Net Sales  $  192,052 $  163,220  $  149,351
Increases in net sales:
U.S.  16 %  9 %  9 %
Total Company  18 %  9 %  8 %
Net Sales
Net sales increased $28,832 or 18% during 2021. Foreign currencies impacted sales by $2,759, compared to
2020, attributable to our Canadian operations. Gasoline prices impacted net sales by $1,636, or"""


def test_a_row_is_quoted_under_its_columns():
    """What a row of a table says is shown as a table, each figure below its year."""
    text = best_sentences("What were net sales?", [passage(REPORT)]).text
    assert text.startswith(
        "|  | 2021 | 2020 | 2019 |\n| --- | --- | --- | --- |\n"
        "| Net Sales [1] | $192,052 | $163,220 | $149,351 |\n\n- "
    )


def test_a_sentence_is_quoted_whole():
    """A sentence over two lines with figures is one quote; of one that is cut off, the text says so."""
    said = [REPORT[unit.start : unit.end] for unit in quoted_units(REPORT) if not unit.row]
    assert any(one.startswith("Foreign currencies") and one.endswith("operations.") for one in said)
    assert [unit.whole for unit in quoted_units(REPORT)][-1] is False
    text = best_sentences("How did gasoline prices change?", [passage(REPORT)]).text
    assert "by $1,636, or … [1]" in text


def test_a_row_keeps_its_name():
    """ "U.S." at the beginning of a row is no sentence of its own."""
    rows = [unit.row for unit in quoted_units(REPORT) if unit.row]
    assert ("U.S.", "16 %", "9 %", "9 %") in rows


def test_a_row_without_columns_is_a_line():
    """Without the names of the columns there is no table to show."""
    text = best_sentences(
        "What does the panna cotta cost?", [passage("Panna cotta, bitter orange (7)  €8.00")]
    )
    assert text.text == "- Panna cotta, bitter orange (7) · €8.00 [1]"


@pytest.mark.parametrize(
    ("quote", "shown"),
    [
        ("- **One at a time.** Ask again.", "**One at a time.** Ask again."),
        ("One at a time.** Ask again.", "One at a time. Ask again."),
        ("1. Put files into `data/`", "Put files into `data/`"),
        ("`docent ask \"What", "docent ask \"What"),
        ("(up to SGD 450) if you pass it", "(up to SGD 450) if you pass it"),
    ],
)  # fmt: skip
def test_markdown_is_never_half(quote, shown):
    """A mark without its other half is left out; the marks of lists are no part of a sentence."""
    assert shown_sentence(quote) == shown


def test_a_currency_belongs_to_its_figure():
    """A report sets the sign apart from the figure; a reader sees them together."""
    assert row_cells("Net Sales  $  192,052 $  163,220  $  149,351") == (
        "Net Sales",
        "$192,052",
        "$163,220",
        "$149,351",
    )


HELP = """\
## Choose another port

Another program is using it. Stop that, or name a port of your own:

```sh
PORT=8001 serve
```

## Start again

It takes a minute, and nothing is read twice."""


def test_a_sentence_is_quoted_with_the_code_that_it_announces():
    """A command is the answer, not the sentence before it."""
    text = best_sentences("How do I name another port?", [passage(HELP)]).text
    assert text.startswith("- Stop that, or name a port of your own: PORT=8001 serve [1]")


def test_a_heading_answers_nothing_but_leads_to_what_does():
    """The sentence below it comes first, though only the heading has the words of the question."""
    first, *_ = best_sentences("What if I start it again?", [passage(HELP, header="help")]).citations
    assert first.quote == "It takes a minute, and nothing is read twice."
    report = "Reconciliation of adjusted earnings and cash flow\n\nThe adjusted earnings rose to 540."
    found = passage(report, header="report | Reconciliation of adjusted earnings and cash flow")
    first, *_ = best_sentences("Reconcile adjusted earnings and cash flow", [found]).citations
    assert first.quote == "The adjusted earnings rose to 540."


def test_names_of_columns_with_footnotes_are_no_row():
    """A mark such as (1) is no figure."""
    rows = "Income (1)  EBITDA  EBIT (2)\nAdjusted  395  250  109\n"
    names, figures = (unit for unit in quoted_units(rows) if unit.row)
    assert not names.says and figures.says
    assert figures.columns == ("Income (1)", "EBITDA", "EBIT (2)")


def test_a_title_that_says_all_answers():
    """A question for a document is answered by its title, not by another text's example of a question."""
    offer = passage(
        "Tidelight Analytics: Machine learning internship\n\nYou bring two years of physics or the like.",
        header="tidelight machine learning | Tidelight Analytics: Machine learning internship",
    )
    example = passage('Ask "Which internship is about machine learning?" in the chat.', header="help")
    question = "Which internship is about machine learning?"
    first, *_ = best_sentences(question, [example, offer]).citations
    assert first.quote == "Tidelight Analytics: Machine learning internship"
    first, *_ = best_sentences(question, [offer], translated="stage physics machine apprendre").citations
    assert first.quote == "Tidelight Analytics: Machine learning internship"
