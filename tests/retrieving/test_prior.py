"""Which documents a question is about."""

from __future__ import annotations

import pytest

from docent.retrieving.names import Names, words_of
from docent.retrieving.prior import evidence, prior, routed
from docent.retrieving.weights import OURS
from docent.store.protocols import Hit

FILES = [
    "ACME_2021_REPORT.pdf", "ACME_2022_REPORT.pdf", "BLUEHARBOUR_2022_REPORT.pdf", "BLUEHARBOUR_2022Q3.pdf",
    "la-table-d-oseille.pdf", "guide-to-the-garden.md",
]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "first"),
    [
        pytest.param("What did Acme earn in 2022?", "ACME_2022_REPORT.pdf", id="name and year"),
        pytest.param("What did ACME earn in FY21?", "ACME_2021_REPORT.pdf", id="fiscal year"),
        pytest.param("Acme's growth from 2021 to 2022", "ACME_2022_REPORT.pdf", id="the latest year asked"),
        pytest.param("Blue Harbour's third quarter, Q3 2022", "BLUEHARBOUR_2022Q3.pdf", id="run together"),
        pytest.param("Blue's report of 2022", "BLUEHARBOUR_2022_REPORT.pdf", id="begun"),
        pytest.param("Le menu de La Table d'Oseille", "la-table-d-oseille.pdf", id="hyphens and apostrophes"),
    ],
)
def test_a_question_names_its_document(question, first):
    """The file whose name the question mentions most tellingly comes first."""
    matched = Names([(name, name) for name in FILES]).match(question)
    assert max(matched, key=lambda name: matched[name]) == first


def test_small_words_name_nothing():
    """Words that every question has do not point at a file that happens to hold them."""
    assert Names([(name, name) for name in FILES]).match("What is the way to the door?") == {}


def test_words_of_a_name():
    """A name falls into words at signs, capitals and quarters; accents do not count."""
    assert words_of("Café-Menu_2023Q4.pdf") == {"cafe", "menu", "2023", "q4"}
    assert words_of("InstallGuide.md") == {"install", "guide"}


def test_name_and_evidence_together():
    """A document that is named goes before one that merely holds the better piece."""
    hits = [Hit("b1", 0.9), Hit("a1", 0.7), Hit("a2", 0.6), Hit("c1", 0.5)]
    found = evidence(hits, {"a1": "a", "a2": "a", "b1": "b", "c1": "c"})
    assert found == {"b": pytest.approx(0.4), "a": pytest.approx(0.2), "c": 0.0}
    assert routed(prior({"a": 2.0}, found, {}, OURS), 2) == ("a", "b")


def test_nothing_known_is_no_prior():
    """Without names and without hits, no document is preferred."""
    assert prior({}, {}, {}, OURS) == {}
    assert evidence([], {}) == {}
