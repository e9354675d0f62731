"""A sentence is verified by the characters that say it; of another one is told what the text says instead."""

from __future__ import annotations

from collections import Counter

import pytest

from docent.answering.citing.verification import Difference, verify
from tests.answering.build import passage
from tests.answering.labelled.measuring import judged, passages

LEASE = (
    "The rent is €900 a month. The deposit is two months' rent.\n"
    "Mr Jensen receives the rent on 1 June. The lease ends on 30 September 2031."
)
HOUSE = "Pets are not allowed in the flat. The office is open on Sundays. The house cost 2.1 million euros."
TABLE = "Dish | Price\nSoup | €7.50\nCurry | €16.00"
PASSAGES = (
    passage(LEASE, n=1, header="lease.pdf | Rent"),
    passage(HOUSE, n=2, header="house.pdf | Rules"),
    passage(TABLE, n=3, header="menu.pdf | Dishes"),
)


@pytest.mark.parametrize(
    ("sentence", "quotes"),
    [
        ("The rent is 900 euros a month.", ["The rent is €900 a month."]),
        ("The rent is 900 euros a month [7].", ["The rent is €900 a month."]),
        ("The house cost €2,100,000.", ["The house cost 2.1 million euros."]),
        ("The lease ends on September 30, 2031.", ["The lease ends on 30 September 2031."]),
        ("The price of the soup is €7.50.", ["Soup | €7.50"]),
    ],
)
def test_a_true_sentence(sentence, quotes):
    """It is supported by the characters that say it, in whatever notation."""
    [verified] = verify(sentence, PASSAGES)
    assert (verified.verdict, verified.differences) == ("supported", ())
    assert [source.quote for source in verified.sources] == quotes


@pytest.mark.parametrize(
    ("sentence", "nearest", "difference"),
    [
        pytest.param(
            "The rent is 950 euros a month.",
            "The rent is €900 a month.",
            Difference("figure", "950 EUR per month", ("900 EUR per month",)),
            id="another figure",
        ),
        pytest.param(
            "The deposit is three months' rent.",
            "The deposit is two months' rent.",
            Difference("figure", "3 month", ("2 month",)),
            id="another number word",
        ),
        pytest.param(
            "The house cost 2.3 million euros.",
            "The house cost 2.1 million euros.",
            Difference("figure", "2.3 million EUR", ("2.1 million EUR",)),
            id="another figure with its scale",
        ),
        pytest.param(
            "The rent is 900 dollars a month.",
            "The rent is €900 a month.",
            Difference("unit", "900 dollar per month", ("900 EUR per month",)),
            id="another currency",
        ),
        pytest.param(
            "The rent is 900 euros a year.",
            "The rent is €900 a month.",
            Difference("unit", "900 EUR per year", ("900 EUR per month",)),
            id="another period",
        ),
        pytest.param(
            "The rent is at most 900 euros a month.",
            "The rent is €900 a month.",
            Difference("unit", "at most 900 EUR per month", ("900 EUR per month",)),
            id="a bound",
        ),
        pytest.param(
            "Mr Jensen receives the rent on 3 July.",
            "Mr Jensen receives the rent on 1 June.",
            Difference("date", "3 July", ("1 June",)),
            id="another day",
        ),
        pytest.param(
            "The rent is received by Mr Hansen on 1 June.",
            "Mr Jensen receives the rent on 1 June.",
            Difference("name", "Hansen", ("Jensen",)),
            id="another name",
        ),
        pytest.param(
            "Pets are allowed in the flat.",
            "Pets are not allowed in the flat.",
            Difference("negation", "affirmed", ("denied",)),
            id="a missing not",
        ),
        pytest.param(
            "The office is closed on Sundays.",
            "The office is open on Sundays.",
            Difference("negation", "closed", ("open",)),
            id="the opposite",
        ),
    ],
)
def test_a_false_sentence(sentence, nearest, difference):
    """It is unsupported, with the text that has most of its words and with all that differs, and no more."""
    [verified] = verify(sentence, PASSAGES)
    assert (verified.verdict, verified.sources, verified.unsupported) == ("unsupported", (), (sentence,))
    assert verified.nearest is not None
    assert verified.nearest.quote == nearest
    assert verified.differences == (difference,)


def test_words_that_a_source_does_not_have():
    """A sentence that is cited as a paraphrase is called reworded, with the words to be judged."""
    [verified] = verify("Mr Jensen receives the whole rent on 1 June.", PASSAGES)
    assert (verified.verdict, verified.unsupported) == ("reworded", ())
    assert verified.sources[0].quote == "Mr Jensen receives the rent on 1 June."
    assert verified.differences == (Difference("words", "whole"),)


def test_a_half_that_nothing_says():
    """The half that is said keeps its source; of the other one is told what the nearest text lacks."""
    pay = passage(
        "Tidelight Analytics\nMachine learning internship\nAarhus, Denmark\nStart: Tuesday 1 June 2027\n"
        "Pay: DKK 21,400 a month\nPlace: Hybrid: three days a week in the office\nApply by: 28 February 2027",
        header="tidelight machine learning | Machine learning internship | Aarhus",
    )
    sentence = "The machine learning internship pays DKK 21,400 a month and starts on 28 February 2027."
    [verified] = verify(sentence, [pay])
    assert (verified.verdict, verified.unsupported) == ("unsupported", ("starts on 28 February 2027.",))
    assert [source.quote for source in verified.sources] == ["Pay: DKK 21,400 a month"]
    assert verified.nearest is not None
    assert verified.nearest.quote == "Apply by: 28 February 2027"
    assert verified.differences == (Difference("words", "starts"),)


@pytest.mark.parametrize("sentence", ["The moon is made of cheese.", "Yes.", "Is the rent 900 euros?"])
def test_no_text_is_about_it(sentence):
    """What the passages do not speak of, or what states nothing, is unsupported."""
    [verified] = verify(sentence, PASSAGES[1:])
    assert (verified.verdict, verified.sources) == ("unsupported", ())


def test_each_sentence_is_verified():
    """Of several sentences each has its own verdict."""
    verdicts = [
        one.verdict for one in verify("The rent is €900 a month. The rent is €910 a month.", PASSAGES)
    ]
    assert verdicts == ["supported", "unsupported"]


def test_nothing_to_compare_with():
    """Without passages, nothing is supported."""
    [verified] = verify("The rent is 900 euros a month.", ())
    assert (verified.verdict, verified.nearest) == ("unsupported", None)


def test_verdicts_agree_with_a_careful_reader():
    """Of the sentences that the reader found unsupported, nearly none is called supported; of those found
    supported, few are called unsupported."""
    everything = passages()
    verdicts = Counter(
        (row.label == "supported", verify(row.sentence, everything)[0].verdict) for row in judged()
    )
    said = sum(count for (supported, _), count in verdicts.items() if supported)
    assert verdicts[True, "supported"] >= 0.6 * said
    assert verdicts[True, "unsupported"] <= 0.07 * said
    assert verdicts[False, "supported"] + verdicts[False, "reworded"] <= 0.02 * (verdicts.total() - said)
