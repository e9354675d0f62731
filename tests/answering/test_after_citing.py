"""A cited answer gets its links and its final numbers, and figures that tools computed are accepted."""

from __future__ import annotations

import pytest

from docent.answering.citing.citations import cite, link_cited_addresses, renumber
from docent.answering.output_filter import unlink
from tests.answering.build import passage

LIBRARY = "The library lends books for four weeks. Late books cost ten cents a day."
MUSEUM = "The museum sells tickets at https://museum.example/tickets every morning."
SHOP = "The shop sells postcards at https://shop.example/cards every afternoon."


def three_passages() -> list:
    return [passage(text, n=n) for n, text in enumerate((LIBRARY, MUSEUM, SHOP), 1)]


def test_only_addresses_of_cited_passages_become_links():
    """An address in the cited passage is a link; one that only another passage holds is not."""
    answer = unlink("The museum sells tickets at https://museum.example/tickets every morning [2].")
    cited = cite(answer, three_passages())
    assert [one.n for one in cited.citations] == [2]
    assert "https://museum.example/tickets" in link_cited_addresses(cited, three_passages()).text
    elsewhere = [passage(text, n=n) for n, text in enumerate((MUSEUM, LIBRARY, SHOP), 1)]
    assert link_cited_addresses(cited, elsewhere).text == cited.text


def test_citations_are_numbered_as_they_appear():
    """Only cited passages are left, numbered from 1 in order of appearance; each keeps its citations."""
    text = "Late books cost ten cents a day [1]."
    cited = cite(f"The shop sells postcards every afternoon [3]. {text}", three_passages())
    numbered, used = renumber(cited, three_passages())
    assert [one.text for one in used] == [SHOP, LIBRARY]
    assert (
        numbered.text == "The shop sells postcards every afternoon [1]. Late books cost ten cents a day [2]."
    )
    assert [(one.n, one.quote in used[one.n - 1].text) for one in numbered.citations] == [
        (1, True),
        (2, True),
    ]


@pytest.mark.parametrize(
    ("figure", "accepted"),
    [
        pytest.param("1234.57", True, id="to the cent"),
        pytest.param("1234.6", True, id="rounded"),
        pytest.param("1235", True, id="rounded to a whole"),
        pytest.param("1234.57 for three wines", True, id="with a count in words"),
        pytest.param("1234.57 for 3 wines", False, id="with a count in digits"),
        pytest.param("1234.58", False, id="a cent off"),
        pytest.param("1236", False, id="one off"),
    ],
)
def test_a_computed_figure(figure, accepted):
    """A figure that a tool computed needs no passage, at any rounding; no other figure is accepted."""
    cited = cite(f"The total is {figure}.", three_passages(), computed="total: 1234.5678")
    assert (cited.unsupported == ()) is accepted


def test_the_models_mark_decides_between_equal_passages():
    """Of passages that say the same, those that the model named are cited; if it named none, the first."""
    same = [passage(LIBRARY, n=1), passage(MUSEUM, n=2), passage(LIBRARY, n=3)]
    sentence = "Late books cost ten cents a day"
    for mark, numbers in ((".", [1]), (" [3].", [3]), (". [3]", [3]), (" [1][3].", [1, 3])):
        assert [one.n for one in cite(f"{sentence}{mark}", same).citations] == numbers, mark


def test_only_numbers_of_no_passage_are_reported_as_removed():
    """Numbers from 1 to that of the last passage are never reported."""
    assert cite("The library lends books for four weeks [1].", three_passages()).removed == ()
    assert cite("The shop sells postcards every afternoon [3].", three_passages()).removed == ()
    assert cite("Late books cost ten cents a day [0][4].", three_passages()).removed == ("[0]", "[4]")


def test_the_source_is_found_among_many_passages():
    """With more passages than are compared, the one that supports a sentence is still cited."""
    others = [passage(f"Room {n} of the museum shows stones and coins.", n=n) for n in range(1, 31)]
    others[26] = passage(LIBRARY, n=27)
    assert [one.n for one in cite("Late books cost ten cents a day.", others).citations] == [27]


@pytest.mark.parametrize(("name", "doubtful"), [("Lisbon", ()), ("Porto", ("Porto",))])
def test_a_name_from_a_tool(name, doubtful):
    """A name that a tool returned is not doubtful; any other name is."""
    assert cite(f"The cheapest is {name}.", three_passages(), computed="Lisbon").doubtful == doubtful


def test_a_mark_across_languages_keeps_its_own_passage():
    """The named passage in another language is cited whole if it has the figures; no other passage is."""
    french = "La bibliothèque prête des livres pendant quatre semaines et ferme le lundi à 18 heures."
    english = "The museum is closed on Mondays and the last visitors are let in at 17 on every other day."
    passages = [passage(french, n=1), passage(english, n=2), passage(french, n=3)]
    cited = cite("Le musée est fermé le lundi et les derniers visiteurs entrent à 17 heures [2].", passages)
    assert [(one.n, one.quote) for one in cited.citations] == [(2, english)]
