"""Conditions that are written into a question."""

from __future__ import annotations

import pytest

from docent.errors import InputError, UnknownDocument, UnknownLibrary
from docent.retrieving.query import Query, narrow_scope, parse
from docent.types import Scope, State, StoredDocument


def document(name, library="default"):
    return StoredDocument(
        id=f"{library}/{name}", library=library, name=name, title="", kind="pdf", sha256="", paths=(name,),
        state=State.READY, reason="", pages=1, unread_pages=0, chunks=1, embedded=1, bytes=1, language="en",
        date="2023-01-01", added="",
    )  # fmt: skip


DOCUMENTS = [
    document("Handbook.pdf"),
    document("menu.pdf", "restaurants"),
    document("menu.md", "restaurants"),
]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("What is new?", Query("What is new?"), id="a plain question"),
        pytest.param(
            'Who said "to the mill"?', Query("Who said to the mill ?", ("to the mill",)), id="phrase"
        ),
        pytest.param("« café noir » prix", Query("café noir prix", (" café noir ",)), id="other quotes"),
        pytest.param(
            'soup -fish -"spring onion"', Query("soup", without=("fish", "spring onion")), id="minus"
        ),
        pytest.param("is -5 cold, or well-known?", Query("is -5 cold, or well-known?"), id="no exclusions"),
        pytest.param(
            'soup file:menu.pdf library:"my menus"',
            Query("soup", files=("menu.pdf",), libraries=("my menus",)),
            id="file and library",
        ),
        pytest.param(
            "soup folder:2023/spring type:MD since:2022 until:2023-06",
            Query("soup", folder="2023/spring", kinds=("markdown",), since="2022", until="2023-06"),
            id="folder, type and dates",
        ),
        pytest.param("see profile:x", Query("see profile:x"), id="a word that ends in file"),
    ],
)
def test_parse(question, expected):
    """Conditions leave the question; everything else stays in it."""
    assert parse(question) == expected


@pytest.mark.parametrize(
    ("question", "said"),
    [
        pytest.param("file:menu.pdf", "nothing to search for", id="only conditions"),
        pytest.param("soup since:spring", "'spring' is not a date", id="no date"),
    ],
)
def test_what_cannot_be_understood(question, said):
    """A condition that makes no sense is named, not ignored."""
    with pytest.raises(InputError, match=said):
        parse(question)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param("x file:handbook.pdf", ("default/Handbook.pdf",), id="whatever the case"),
        pytest.param("x file:handbook", ("default/Handbook.pdf",), id="without its ending"),
        pytest.param("x file:menu", ("restaurants/menu.pdf", "restaurants/menu.md"), id="two of one name"),
        pytest.param("x file:andb", ("default/Handbook.pdf",), id="a part of its name"),
    ],
)
def test_files_are_found_by_name(question, expected):
    """A document may be named as a person would name it."""
    assert narrow_scope(Scope(), parse(question), DOCUMENTS).documents == expected


def test_an_unknown_name_is_an_error():
    """An unknown file or library is an error with the nearest names, never an empty answer."""
    with pytest.raises(UnknownDocument, match="Did you mean Handbook.pdf"):
        narrow_scope(Scope(), parse("x file:handbok.pdf"), DOCUMENTS)
    with pytest.raises(UnknownLibrary, match="There are: default, restaurants"):
        narrow_scope(Scope(), parse("x library:cafes"), DOCUMENTS)


def test_a_question_never_widens_the_scope():
    """Dates meet, and the reader stays who they are."""
    scope = Scope(reader="ann", since="2022-05", until="2024")
    found = narrow_scope(scope, parse("x since:2021 until:2023 library:Restaurants"), DOCUMENTS)
    assert found == Scope(reader="ann", libraries=("restaurants",), since="2022-05", until="2023")
    inside = Scope(kinds=("pdf",), folder="2023")
    found = narrow_scope(inside, parse("x type:md folder:spring"), DOCUMENTS)
    assert found == Scope(kinds=("none",), folder="2023/spring")
    assert narrow_scope(inside, parse("x folder:2023/spring"), DOCUMENTS).folder == "2023/spring"


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        pytest.param("2023", "2023-drafts", "2023/2023-drafts", id="a name that begins like the outer one"),
        pytest.param("2023/", "/spring/", "2023/spring", id="signs at the ends"),
        pytest.param("2023", "2023", "2023", id="the same"),
        pytest.param("", "spring", "spring", id="none outside"),
    ],
)
def test_a_folder_in_the_question_lies_in_the_folder_of_the_scope(outer, inner, expected):
    """Said with the folder around it or without, and never another one."""
    assert narrow_scope(Scope(folder=outer), parse(f"x folder:{inner}"), DOCUMENTS).folder == expected


@pytest.mark.parametrize(("outer", "inner"), [("2023-07", "2023"), ("2023", "2023-07")])
def test_a_year_does_not_reach_beyond_its_month(outer, inner):
    """Until July, then until the end of the year, is until July, in whatever order."""
    assert narrow_scope(Scope(until=outer), parse(f"x until:{inner}"), DOCUMENTS).until == "2023-07"


@pytest.mark.parametrize(
    ("question", "text", "allowed"),
    [
        pytest.param('"net sales"', "Net\nsales rose", True, id="over a line's end, in capitals"),
        pytest.param('"net sales"', "sales were net", False, id="not in that order"),
        pytest.param("sales -draft", "a draft of sales", False, id="excluded"),
        pytest.param("sales -draft", "drafty sales", True, id="only whole words"),
    ],
)
def test_allows(question, text, allowed):
    """Quoted words must be there, words with a minus must not."""
    assert parse(question).allows(text) is allowed
