"""The documents that a question is about."""

from __future__ import annotations

import pytest

from docent.retrieving.document_prior import (
    NameIndex,
    document_evidence,
    document_priors,
    likely_documents,
    name_matcher,
    words_of,
)
from docent.retrieving.scoring import DEFAULT_WEIGHTS
from docent.store.protocols import Hit
from docent.types import State, StoredDocument

FILES = [
    "ACME_2021_REPORT.pdf", "ACME_2022_REPORT.pdf", "BLUEHARBOUR_2022_REPORT.pdf", "BLUEHARBOUR_2022Q3.pdf",
    "la-table-d-oseille.pdf", "guide-to-the-garden.md",
]  # fmt: skip


def stored(name, *, pages=3):
    return StoredDocument(
        id=name, library="default", name=name, title="", kind="pdf", sha256=name, paths=(name,),
        state=State.READY, reason="", pages=pages, unread_pages=0, chunks=9, embedded=9, bytes=9,
        language="en", date="", added="",
    )  # fmt: skip


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
    matched = NameIndex([(name, name) for name in FILES]).match(question)
    assert max(matched, key=lambda name: matched[name]) == first


def test_small_words_name_nothing():
    """Words that every question has do not point at a file that happens to hold them."""
    assert NameIndex([(name, name) for name in FILES]).match("What is the way to the door?") == {}


OPENINGS = {
    "scan0001.pdf": "Annual report\nAcme Mills, Inc.\nfor the year 2021",
    "scan0002.pdf": "Annual report\nAcme Mills, Inc.\nfor the year 2022",
    "scan0003.pdf": "Annual report\nBlue Harbour plc\nfor the year 2022",
}


@pytest.mark.parametrize(
    ("question", "first"),
    [
        pytest.param("What did Acme earn in FY21?", "scan0001.pdf", id="name and year"),
        pytest.param("What did Blue Harbour earn in 2022?", "scan0003.pdf", id="two words"),
    ],
)
def test_first_pages_are_matched_where_names_are_generic(question, first):
    """The names that a scanner gives say nothing; then a question is matched with first pages."""
    matched = name_matcher(
        [stored(name) for name in OPENINGS], lambda document: OPENINGS[document.name]
    ).match(question)
    assert max(matched, key=lambda name: matched[name]) == first


def test_first_pages_are_not_read_needlessly():
    """Where most names say something, or a document has one page, no first page is read."""
    descriptive = [stored(name) for name in (*FILES, "scan0001.pdf")]
    short = [stored("scan0001.pdf", pages=1), stored("scan0002.pdf", pages=1)]
    for documents in (descriptive, short):
        name_matcher(documents, lambda document: pytest.fail(f"{document.name} was read")).match(
            "Acme in 2021"
        )


def test_words_on_a_first_page_name_nothing():
    """A question that names nothing is not led to a document by how its first page is worded."""
    documents = [stored(name) for name in OPENINGS]
    assert (
        name_matcher(documents, lambda document: OPENINGS[document.name]).match(
            "What does the report say of mills?"
        )
        == {}
    )


def test_words_of_a_name():
    """A name falls into words at signs, capitals and quarters; accents do not count."""
    assert words_of("Café-Menu_2023Q4.pdf") == {"cafe", "menu", "2023", "q4"}
    assert words_of("InstallGuide.md") == {"install", "guide"}


def test_name_and_evidence_together():
    """A document that is named goes before one that merely holds the better piece."""
    hits = [Hit("b1", 0.9), Hit("a1", 0.7), Hit("a2", 0.6), Hit("c1", 0.5)]
    found = document_evidence(hits, {"a1": "a", "a2": "a", "b1": "b", "c1": "c"})
    assert found == {"b": pytest.approx(0.4), "a": pytest.approx(0.2), "c": 0.0}
    assert likely_documents(document_priors({"a": 2.0}, found, {}, DEFAULT_WEIGHTS), 2) == ("a", "b")


def test_nothing_known_is_no_prior():
    """Without names and without hits, no document is preferred."""
    assert document_priors({}, {}, {}, DEFAULT_WEIGHTS) == {}
    assert document_evidence([], {}) == {}
