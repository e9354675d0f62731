"""What is done with a cited answer: its links, its passages, the figures that tools worked out."""

from __future__ import annotations

import pytest

from docent.generating.citations import cite, in_order, linked
from docent.generating.output import held
from tests.generating.build import passage

LIBRARY = "The library lends books for four weeks. Late books cost ten cents a day."
MUSEUM = "The museum sells tickets at https://museum.example/tickets every morning."
SHOP = "The shop sells postcards at https://shop.example/cards every afternoon."


def shelf() -> list:
    return [passage(text, n=n) for n, text in enumerate((LIBRARY, MUSEUM, SHOP), 1)]


def test_only_what_a_cited_passage_names_is_a_link():
    """The address of the passage cited is let go; one that only another passage names stays held."""
    said = held("The museum sells tickets at https://museum.example/tickets every morning [2].")
    cited = cite(said, shelf())
    assert [one.n for one in cited.citations] == [2]
    assert "https://museum.example/tickets" in linked(cited, shelf()).text
    elsewhere = [passage(text, n=n) for n, text in enumerate((MUSEUM, LIBRARY, SHOP), 1)]
    assert linked(cited, elsewhere).text == cited.text


def test_passages_are_numbered_as_they_appear():
    """Only what is cited is left, numbered from one as it comes; each number keeps its passage."""
    text = "Late books cost ten cents a day [1]."
    cited = cite(f"The shop sells postcards every afternoon [3]. {text}", shelf())
    again, left = in_order(cited, shelf())
    assert [one.text for one in left] == [SHOP, LIBRARY]
    assert again.text == "The shop sells postcards every afternoon [1]. Late books cost ten cents a day [2]."
    assert [(one.n, one.quote in left[one.n - 1].text) for one in again.citations] == [(1, True), (2, True)]


@pytest.mark.parametrize(
    ("figure", "stands"),
    [
        pytest.param("1234.57", True, id="to the cent"),
        pytest.param("1234.6", True, id="rounded"),
        pytest.param("1235", True, id="rounded to a whole"),
        pytest.param("1234.58", False, id="a cent off"),
        pytest.param("1236", False, id="one off"),
    ],
)
def test_a_worked_out_figure(figure, stands):
    """What a tool worked out stands at any rounding, and nothing beside it."""
    cited = cite(f"The total is {figure}.", shelf(), computed="total: 1234.5678")
    assert (cited.unsupported == ()) is stands
