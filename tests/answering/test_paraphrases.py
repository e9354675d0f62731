"""A page said in other words is cited; the same words about another figure, day or thing are not."""

from __future__ import annotations

import pytest

from docent.answering.citing.citations import cite
from tests.answering.build import passage

MUSEUM = (
    "In the cellar of the museum stand 6,200 glass negatives of the city, made between 1871\nand 1926.\n"
    "Period  15 March to 30 July 2027 (20 weeks)\nHours  21 a week: Tuesday, Wednesday and Thursday, 09:30 "
    "to 17:00\nPay  £12.90 an hour\nClosing date  Friday 29 January 2027, 17:00\nDuties\n"
    "· Describe each plate in our Dublin Core form: place, date, street furniture, weather.\n"
    "The Lantern Street Museum is open from Thursday to Sunday, 11:00 to 17:00. Admission is free.\n"
    "Interviews, with a handling exercise on plain window glass, are on 16 February."
)
NEWSROOM = (
    "You join a crew of three for the yearly service of 28 turbines on land; no offshore work.\n\n"
    "We publish in English and in Swahili, twice a week.\n\n"
    "If you study at a university outside the EU, you need a residence permit for interns.\n\n"
    "The interview lasts an hour, at the bench: we hand you a board with three faults.\n\n"
    "Office files from before 2007 are refused too: save them as DOCX first.\n\n"
    "It decides by the content of a file, not by its name.\n\n"
    "The model has to be loaded into memory first, and that may take a minute or more."
)
MENU = (
    "Tacos\nBeef cheek, salsa morita ......................... $4.75\n"
    "Baja fish, cabbage, lime (F, E, D) ............... $5.25\n"
    "Shrimp a la diabla (S) ........................... $5.50"
)


def is_cited(sentence: str, text: str, *, closely: bool) -> bool:
    cited = cite(sentence, [passage(text, header="Oxbow Turbines | Lantern Street | Tacos")], closely=closely)
    return bool(cited.citations) and not cited.unsupported


@pytest.mark.parametrize("closely", [False, True])
@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("There are 6,200 glass negatives in the cellar of the museum.", MUSEUM),
        ("Interns work 21 hours a week on Tuesday, Wednesday and Thursday.", MUSEUM),
        ("Interns describe each plate in the museum's Dublin Core form.", MUSEUM),
        ("The Lantern Street Museum is open Thursday to Sunday from 11:00 to 17:00.", MUSEUM),
        ("In addition, admission is free.", MUSEUM),
        ("Interviews are on 16 February, with a handling exercise on plain window glass.", MUSEUM),
        ("The model has to be loaded into memory first, which may take a minute or more.", NEWSROOM),
        ("The Baja fish taco costs $5.25.", MENU),
    ],
)
def test_what_a_page_says_is_cited_in_other_words(sentence, text, closely):
    """Moved runs of words, a subject from the heading, people for "you", and rows as sentences are cited."""
    assert is_cited(sentence, text, closely=closely)


@pytest.mark.parametrize("closely", [False, True])
@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        pytest.param("The internship pays £12.90 a week.", MUSEUM, id="period of another field"),
        pytest.param("The closing date is Friday 30 July 2027.", MUSEUM, id="date of another field"),
        pytest.param("In the cellar stand 6,200 glass negatives made in 1926.", MUSEUM, id="end of a range"),
        pytest.param("You join a crew of 28.", NEWSROOM, id="figure of another thing"),
        pytest.param("We publish in English and in Swahili, twice a month.", NEWSROOM, id="period in words"),
        pytest.param("The interview lasts three hours.", NEWSROOM, id="unit of another figure"),
        pytest.param("Oxbow Turbines is in Hamburg, Germany.", NEWSROOM, id="name in a short sentence"),
        pytest.param(
            "If you study at a university in the EU, you need a residence permit.", NEWSROOM, id="outside"
        ),
        pytest.param("Office files from before 2007 are read.", NEWSROOM, id="read for refused"),
        pytest.param("It decides by the name of a file, not by its content.", NEWSROOM, id="around not"),
        pytest.param("The Baja fish taco costs $5.50.", MENU, id="price of another row"),
    ],
)
def test_what_a_page_says_of_something_else_is_not_cited(sentence, text, closely):
    """A figure, period, day or name keeps what it is said of, and an exception is not left out."""
    assert not is_cited(sentence, text, closely=closely)
