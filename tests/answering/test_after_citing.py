"""What is done with a cited answer: its links, its passages, the figures that tools worked out."""

from __future__ import annotations

import pytest

from docent.answering.citing.citations import cite, in_order, linked
from docent.answering.output_filter import unlink
from tests.answering.build import passage

LIBRARY = "The library lends books for four weeks. Late books cost ten cents a day."
MUSEUM = "The museum sells tickets at https://museum.example/tickets every morning."
SHOP = "The shop sells postcards at https://shop.example/cards every afternoon."


def shelf() -> list:
    return [passage(text, n=n) for n, text in enumerate((LIBRARY, MUSEUM, SHOP), 1)]


def test_only_what_a_cited_passage_names_is_a_link():
    """The address of the passage cited is let go; one that only another passage names stays held."""
    said = unlink("The museum sells tickets at https://museum.example/tickets every morning [2].")
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
        pytest.param("1234.57 for three wines", True, id="with a count in words"),
        pytest.param("1234.57 for 3 wines", False, id="with a count in digits"),
        pytest.param("1234.58", False, id="a cent off"),
        pytest.param("1236", False, id="one off"),
    ],
)
def test_a_worked_out_figure(figure, stands):
    """What a tool worked out stands at any rounding, and nothing beside it."""
    cited = cite(f"The total is {figure}.", shelf(), computed="total: 1234.5678")
    assert (cited.unsupported == ()) is stands


def test_the_number_of_the_model_decides_between_equals():
    """Where two passages say the same, the one that it named stands, or both; named none, the first does."""
    same = [passage(LIBRARY, n=1), passage(MUSEUM, n=2), passage(LIBRARY, n=3)]
    said = "Late books cost ten cents a day"
    for mark, numbers in ((".", [1]), (" [3].", [3]), (". [3]", [3]), (" [1][3].", [1, 3])):
        assert [one.n for one in cite(f"{said}{mark}", same).citations] == numbers, mark


def test_only_numbers_that_do_not_exist_are_told_as_removed():
    """A number from one to the last passage is no mistake of the model's."""
    assert cite("The library lends books for four weeks [1].", shelf()).removed == ()
    assert cite("The shop sells postcards every afternoon [3].", shelf()).removed == ()
    assert cite("Late books cost ten cents a day [0][4].", shelf()).removed == ("[0]", "[4]")


def test_the_right_one_of_many_passages_is_found():
    """Of more passages than are looked at closely, the one that supports a sentence is cited."""
    others = [passage(f"Room {n} of the museum shows stones and coins.", n=n) for n in range(1, 31)]
    others[26] = passage(LIBRARY, n=27)
    assert [one.n for one in cite("Late books cost ten cents a day.", others).citations] == [27]


@pytest.mark.parametrize(("name", "doubtful"), [("Lisbon", ()), ("Porto", ("Porto",))])
def test_a_name_that_a_tool_told(name, doubtful):
    """It is no name out of nowhere; another is."""
    assert cite(f"The cheapest is {name}.", shelf(), computed="Lisbon").doubtful == doubtful


def test_a_sentence_in_another_language_keeps_the_number_of_its_own_passage():
    """The whole passage is quoted, if it is in another language and has the figures; its neighbour is not."""
    french = "La bibliothèque prête des livres pendant quatre semaines et ferme le lundi à 18 heures."
    english = "The museum is closed on Mondays and the last visitors are let in at 17 on every other day."
    passages = [passage(french, n=1), passage(english, n=2), passage(french, n=3)]
    cited = cite("Le musée est fermé le lundi et les derniers visiteurs entrent à 17 heures [2].", passages)
    assert [(one.n, one.quote) for one in cited.citations] == [(2, english)]
