"""A figure supports a claim only with its unit, scale, period, bound and day, in any notation."""

from __future__ import annotations

import pytest

from docent.answering.citing.citations import cite
from docent.answering.citing.halves import halves
from docent.answering.citing.quantities import agree, plain_figures, quantities_of
from tests.answering.build import passage


@pytest.mark.parametrize("text", ["21,400", "21.400", "21 400", "21\u00a0400", "21\u202f400", "21400"])
def test_thousands_in_any_notation(text):
    """Thousands may be parted by a comma, a point or a space of any kind, or not at all."""
    (quantity,) = quantities_of(f"The rent is {text} euros a year.").quantities
    assert (quantity.value, quantity.unit, quantity.period) == ("21400", "EUR", "year")


@pytest.mark.parametrize("text", ["21:45", "9.45 pm", "9:45 p.m.", "21 h 45", "21h45"])
def test_times_of_day(text):
    """A time is the same with twelve hours or twenty-four, in English or French."""
    assert "21:45" in plain_figures(f"It closes at {text}")


PAY = "Pay: DKK 21,400 a month"


@pytest.mark.parametrize(
    ("claim", "source", "same"),
    [
        pytest.param("It pays 21.400 DKK per month", PAY, True, id="in other words"),
        pytest.param("It pays 21 400 kroner monthly", PAY, True, id="the currency's name"),
        pytest.param("Il paie 21 400 DKK par mois", PAY, True, id="French"),
        pytest.param("It pays 21,400 euros per month", PAY, False, id="currency"),
        pytest.param("It pays DKK 21,400 a year", PAY, False, id="period"),
        pytest.param("Il paie 21 400 DKK par an", PAY, False, id="period in French"),
        pytest.param("The limit is 21,400 kilograms", PAY, False, id="weight for money"),
        pytest.param("La quenelle coûte 21 euros", "Quenelle de brochet 21,00 €", True, id="sign for word"),
        pytest.param("La quenelle coûte 21 dollars", "Quenelle de brochet 21,00 €", False, id="dollars"),
        pytest.param("It lasts 14 days", "Length: 14 weeks", False, id="days for weeks"),
        pytest.param("It lasts 20 weeks", "Hours: 20 a week", False, id="a length for a rate"),
        pytest.param("It takes 37 hours a week", "Hours: 37 a week", True, id="the unit in the label"),
        pytest.param("It holds 2.1 billion rows", "2.1 million rows", False, id="billion for million"),
        pytest.param("It holds 2.1 billion rows", "2,100 million rows", True, id="another scale"),
        pytest.param("Il vaut 3 milliards d'euros", "It is worth €3 billion", True, id="milliard"),
        pytest.param("At least 18 weeks", "Up to 18 weeks", False, id="the other bound"),
        pytest.param("Au moins 18 semaines", "at least 18 weeks", True, id="the bound in French"),
        pytest.param("More than 150 plates", "150 plates a day", False, id="a bound that is not said"),
        pytest.param("No more than three hours", "At most three hours", True, id="the same bound"),
        pytest.param(
            "It starts on 1 July", "28 June to 1 May; closed in July", False, id="a day of its parts"
        ),
        pytest.param("It is closed on 2 August", "du 2 au 24 août", True, id="the first day of a span"),
        pytest.param("It opened on 5 March 2023", "It opened on March 5, 2024", False, id="another year"),
        pytest.param(
            "It opened on 5 March 2023", "It opened on 2023-03-05", True, id="another form of a day"
        ),
        pytest.param("The tax is 5 %", "The tax is 5 per cent", True, id="percent"),
        pytest.param("The water is 75 % hot", "Sencha Hill 75 degrees", False, id="percent for degrees"),
    ],
)
def test_quantities_agree(claim, source, same):
    """Units, currencies, scales, periods, bounds and days must be those of the source."""
    assert agree(claim, source, "") is same


def test_a_table_may_give_its_unit_elsewhere():
    """A column, or a line such as "(dollars in millions)", gives a figure its unit."""
    row = "Net sales  3,226.8  2,729.4"
    assert agree("Net sales were 3,226.8 million dollars", row, "(Dollars in millions)")
    assert not agree("Net sales were 3,226.8 billion dollars", row, "(Dollars in millions)")
    assert agree("It steeps for 2 minutes", "Sencha Hill  75  2  €4.60", "Tea  Degrees  Minutes  Pot")


@pytest.mark.parametrize(
    ("sentence", "statements"),
    [
        pytest.param(
            "The internship pays DKK 21,400 a month, and it is located in Aarhus.",
            ["The internship pays DKK 21,400 a month", "The internship is located in Aarhus."],
            id="pronoun",
        ),
        pytest.param(
            "The flat has three rooms and costs 900.",
            ["The flat has three rooms", "The flat costs 900."],
            id="verb",
        ),
        pytest.param(
            "Le musée ouvre à 9 h et il ferme à 18 h.",
            ["Le musée ouvre à 9 h", "Le musée ferme à 18 h."],
            id="French",
        ),
        pytest.param(
            "Soup and bread cost 5.", ["Soup and bread cost 5."], id="two things with one verb"
        ),
        pytest.param("The soup contains milk and eggs.", ["The soup contains milk and eggs."], id="a list"),
    ],
)  # fmt: skip
def test_halves(sentence, statements):
    """A sentence is cut only before a verb, and each half has the subject of the first."""
    assert [half.statement for half in halves(sentence)] == statements


TIDELIGHT = passage(
    "Tidelight Analytics\nMachine learning internship\nAarhus, Denmark\nStart: Tuesday 1 June 2027\n"
    "Pay: DKK 21,400 a month\nPlace: Hybrid: three days a week in the office\nApply by: 28 February 2027",
    header="tidelight machine learning | Machine learning internship | Aarhus",
)


def test_a_wrong_currency_is_no_source():
    """The figure is on the page, and in another currency: the sentence is reported and gets no mark."""
    cited = cite(
        "The machine learning internship in Aarhus pays a total of 21,400 euros per month [1].", [TIDELIGHT]
    )
    assert cited.citations == ()
    assert len(cited.unsupported) == 1


def test_two_halves_from_two_fields():
    """Each half has its own place on the page."""
    cited = cite(
        "The machine learning internship pays DKK 21,400 a month, and it is located in the hybrid mode.",
        [TIDELIGHT],
    )
    assert cited.unsupported == ()
    assert [one.quote.partition(":")[0] for one in cited.citations] == ["Pay", "Place"]


def test_a_half_that_fails_is_reported_alone():
    """The half with a source has its mark, and only the other is reported."""
    cited = cite(
        "The machine learning internship pays DKK 21,400 a month and starts on 28 February 2027.", [TIDELIGHT]
    )
    assert cited.text.startswith("The machine learning internship pays DKK 21,400 a month [1] and")
    assert [one.quote for one in cited.citations] == ["Pay: DKK 21,400 a month"]
    assert cited.unsupported == ("starts on 28 February 2027.",)


def test_halves_are_never_of_two_documents():
    """What one document says of the subject is not completed by another one."""
    other = passage("Length: 20 weeks\nPay: €900 a month", n=2, header="oxbow | Wind turbines")
    cited = cite("The internship in Aarhus pays DKK 21,400 a month and lasts 20 weeks.", [TIDELIGHT, other])
    assert {one.n for one in cited.citations} == {1}
    assert cited.unsupported == ("lasts 20 weeks.",)


def test_what_a_model_says_about_documents_is_no_way_out():
    """A sentence about something else than the search is checked, though it says "document" and "not"."""
    cited = cite("Docent answers questions about a document that is not on its website.", [TIDELIGHT])
    assert len(cited.unsupported) == 1
