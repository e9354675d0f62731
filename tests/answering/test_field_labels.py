"""A field of a list is cited for what its label means, in other words too, and for nothing else."""

from __future__ import annotations

import pytest

from docent.answering.citing.citations import cite
from tests.answering.build import passage

MEETING = (
    "Annual general meeting of the rowing club\nDate: Friday 12 March 2027\nTime: 19:30\nRoom: boathouse, "
    "upper floor\nMotions by: 26 February 2027\nFee: 180 kroner a year\nThe bar is open until 23:00."
)
INTERNSHIP = (
    "Tidelight Analytics\nMachine learning internship\nAarhus, Denmark\nStart: Tuesday 1 June 2027\n"
    "Length: 14 weeks\nLeave: 7 days\nHours: 37 a week\nPay: DKK 21,400 a month\nApply by: 28 February 2027"
)
STAGE = (
    "Stage en cuisine\nLyon\nDébut : 3 mai 2027\nFin : 30 juillet 2027\nGratification : 650 € par mois\n"
    "Date limite de candidature : 15 mars 2027\nHoraires : 35 heures par semaine"
)
LABELS_ABOVE = (
    "Security internship\nStart\nMonday 5 July 2027\nLength\n10 weeks\nPay\n€1,450 a month\n"
    "Apply by\n21 March 2027"
)


def is_cited(sentence: str, text: str, *, closely: bool = False) -> bool:
    header = text.partition("\n")[0] + " | Machine learning internship | Stage"
    cited = cite(sentence, [passage(text, header=header)], closely=closely)
    return bool(cited.citations) and not cited.unsupported


@pytest.mark.parametrize("closely", [False, True], ids=["any model", "a small model"])
@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("The meeting is on Friday 12 March 2027 at 19:30.", MEETING),
        ("Motions are due by 26 February 2027.", MEETING),
        ("The fee is 180 kroner a year.", MEETING),
        ("Applications are due by 28 February 2027.", INTERNSHIP),
        ("The application deadline is 28 February 2027.", INTERNSHIP),
        ("Applicants must apply by 28 February 2027.", INTERNSHIP),
        ("The internship begins on Tuesday 1 June 2027.", INTERNSHIP),
        ("The internship begins on 1 June 2027 and lasts 14 weeks.", INTERNSHIP),
        ("The duration is 14 weeks.", INTERNSHIP),
        ("The salary is DKK 21,400 a month.", INTERNSHIP),
        ("Le stage commence le 3 mai 2027.", STAGE),
        ("Le salaire est de 650 € par mois.", STAGE),
        ("La date limite est le 15 mars 2027.", STAGE),
        ("The application deadline is 21 March 2027.", LABELS_ABOVE),
        ("The salary is €1,450 a month.", LABELS_ABOVE),
    ],
)
def test_a_field_is_cited_in_other_words(sentence, text, closely):
    """Due, deadline and apply by are one thing; so are begins and start, salary and pay; in French, too."""
    assert is_cited(sentence, text, closely=closely)


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        pytest.param(
            "The meeting is on 26 February 2027 at 19:30.", MEETING, id="date of one, time of another"
        ),
        pytest.param("The meeting is on 26 February 2027.", MEETING, id="date of another thing"),
        pytest.param("Motions are due by 12 March 2027.", MEETING, id="deadline for date"),
        pytest.param("The meeting is at 23:00.", MEETING, id="time of the bar"),
        pytest.param("The deadline is Tuesday 1 June 2027.", INTERNSHIP, id="deadline for start"),
        pytest.param("Applications begin on 28 February 2027.", INTERNSHIP, id="begin for close"),
        pytest.param("The internship begins on 28 February 2027.", INTERNSHIP, id="start for deadline"),
        pytest.param("The internship is on 28 February 2027.", INTERNSHIP, id="a day that is not named"),
        pytest.param("The internship ends on 1 June 2027.", INTERNSHIP, id="end for start"),
        pytest.param("The internship lasts 7 days.", INTERNSHIP, id="length for leave"),
        pytest.param("The salary is DKK 21,400 a week.", INTERNSHIP, id="another period"),
        pytest.param("Le stage commence le 15 mars 2027.", STAGE, id="start for deadline, French"),
        pytest.param("Le stage se termine le 3 mai 2027.", STAGE, id="end for start, French"),
        pytest.param("The application deadline is 5 July 2027.", LABELS_ABOVE, id="label above"),
    ],
)
def test_a_value_stays_with_its_field(sentence, text):
    """Another field of the same kind, or of another meaning, lends its value to nothing."""
    assert not is_cited(sentence, text)
    assert not is_cited(sentence, text, closely=True)
