"""Stated texts are read as values: money, periods, dates, and figures of statements by their year."""

from __future__ import annotations

import pytest

from docent.research.cell_values import dates_of, read_number
from docent.research.known_fields import field_named, field_of
from docent.research.labelled_fields import labelled_fields, shown_value
from docent.research.statement_rows import statement_figures
from docent.types import Heading, Page

STATEMENT = """Consolidated Statements of Income
(amounts in millions, except per share data)
52 Weeks Ended  52 Weeks Ended
August 29,
2021
August 30,
2020
Net sales  $  192,052  $  163,220
Total revenue  195,929  166,761
Net loss  (1,204)  (15)
"""
QUARTER = """Condensed Consolidated Statements of Income
Three Months Ended December 31,  Six Months Ended December 31,
($ in millions)  2022  2021  2022  2021
Net sales  $  3,642 $  3,507 $  7,354 $  6,927
"""
BOTH = """Results
13 Weeks Ended  52 Weeks Ended
(Dollars in millions)  2023  2022  2023  2022
Net sales  $ 3,226.8 $ 2,729.4 $ 10,208.6 $ 8,630.9
"""


@pytest.mark.parametrize(
    ("text", "number", "unit", "period", "note"),
    [
        ("€1,180 a month, plus €9 for each climb", "1180", "EUR", "month", ""),
        ("CAD 24.50 an hour", "24.5", "CAD", "hour", ""),
        ("1 200,50 € par mois", "1200.5", "EUR", "month", ""),
        ("up to €500 a week", "500", "EUR", "week", "at most"),
        ("€1,000–1,200 a month", "1000", "EUR", "month", "a range; it is sorted by its lower end"),
    ],
)
def test_money(text, number, unit, period, note):
    """An amount has its currency, its period, and a remark where it is a limit or a range."""
    read = read_number(text, field_of("pay"))
    assert read is not None
    value = read.value
    assert (str(value.number), value.unit, value.period, read.note) == (number, unit, period, note)


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("Friday 19 March 2027, 17:00", ["2027-03-19"]),
        ("15 March to 30 July 2027 (20 weeks)", ["2027-03-15", "2027-07-30"]),
        ("le 3 mars 2027", ["2027-03-03"]),
        ("March 3, 2027", ["2027-03-03"]),
        ("12.03.2027", ["2027-03-12"]),
        ("03/04/2027", []),
        ("you may 12 times", []),
    ],
)
def test_dates(text, dates):
    """Dates are read in the usual forms; one that may be either of two days is none."""
    assert list(dates_of(text)) == dates


@pytest.mark.parametrize(
    ("page", "name", "year", "number"),
    [
        (STATEMENT, "revenue", "2021", "195929000000"),
        (STATEMENT, "revenue", "2020", "166761000000"),
        (STATEMENT, "revenue", "", "195929000000"),
        (STATEMENT, "net income", "2021", "-1204000000"),
        (STATEMENT, "revenue", "2019", None),
        (QUARTER, "revenue", "2021", None),
        (BOTH, "revenue", "2022", "8630900000"),
    ],
)
def test_figures_of_a_year(page, name, year, number):
    """A total comes before its parts; a quarter's figure is no year's; of both, the year's is read."""
    known = field_named(name)
    assert known is not None
    figures = sorted(statement_figures(Page(1, page), known.terms, year), key=lambda figure: figure.rank)
    assert (str(int(figures[0].number)) if figures else None) == number


def test_fields_in_every_form():
    """A label with a colon, in bold, in a table, two in a line, above its value, and going on below."""
    text = (
        "# Offer\n\n- **Pay:** €10 an hour,\n  paid monthly\n| Place | Lyon |\n"
        "Hours: 37 a week  Start: 1 May 2027\n"
        "Deadline\n3 May 2027\nThe end\nPeriod  1 to 3 June 2027\nbefore the\nvisa: allow three months\n"
    )
    headings = (
        Heading(0, "Offer"),
        Heading(text.index("Deadline"), "Deadline"),
        Heading(text.index("The end"), "x"),
    )
    fields = {
        field.label: shown_value(text[field.value_start : field.end])
        for field in labelled_fields(Page(1, text, headings=headings))
        if field.form == "label"
    }
    assert fields["Pay"] == "€10 an hour, paid monthly"
    assert fields["Place"] == "Lyon"
    assert (fields["Hours"], fields["Start"]) == ("37 a week", "1 May 2027")
    assert fields["Deadline"] == "3 May 2027"
    assert fields["Period"].startswith("1 to 3 June 2027")
    assert "visa" not in fields
