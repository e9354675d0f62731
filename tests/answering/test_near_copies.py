"""What a small model writes is cited where it nearly copies its source, and an altered copy never is."""

from __future__ import annotations

import pytest

from docent.answering.citing.citations import cite
from docent.answering.citing.near_copies import is_near_copy
from tests.answering.build import passage

MUSEUM = (
    "A chunk that was found for your question, with a score. One of the most famous people was Marie. "
    "Our history dates back more than 150 years. The concept of certainty is recognised since the 1960s. "
    "You will train a small model on four years of positions. The museum is not a licensed sponsor. "
    "The problems solvable within this time are easy. Engines with three or four stages are known as triple "
    "and quadruple engines respectively."
)
MENU = (
    "Haddock and chips (F, G)  £16.50\nbeef dripping; in vegetable oil if you ask\n"
    "Lobster, half (C, D)  £32.00\ngarlic butter and chips; whole £59.00\n"
    "Celeriac steak, hazelnuts (N)  £15.50\nvegan, with roast kale and capers"
)


def is_cited(sentence: str, text: str, *, closely: bool, header: str = "page") -> bool:
    found = cite(sentence, [passage(text, header=header)], closely=closely)
    return bool(found.citations) and not found.unsupported


@pytest.mark.parametrize(
    ("sentence", "cited"),
    [
        pytest.param("Our history dates back over 150 years.", True, id="another word for the bound"),
        pytest.param("The problems that are solvable within this time are easy.", True, id="that are"),
        pytest.param("The museum is not a licensed sponsor.", True, id="copied"),
        pytest.param(
            "The document that was found for your question, with a score, is a chunk.", False, id="order"
        ),
        pytest.param("The museum is not a licensor.", False, id="another word"),
        pytest.param("It is recognised since the 1960s.", False, id="a pronoun for another subject"),
        pytest.param(
            "The firm has trained a small model on four years of positions.", False, id="another tense"
        ),
        pytest.param("Engines with four stages are known as triple engines.", False, id="respectively"),
        pytest.param("The answer is: Marie.", False, id="an answer whose question is not compared"),
    ],
)
def test_only_near_copies_are_cited(sentence, cited):
    """The words of the source in their order are cited; the same words in another relation are not."""
    assert is_cited(sentence, MUSEUM, closely=True) == cited


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("The museum is a licensed sponsor.", "The museum is not a licensed sponsor."),
        ("Admission is not free.", "Admission is free."),
        ("£25.00 with supper; ten places.", "€25.00 with supper; ten places."),
        ("Lemon rice with cashews €8.00", "Lemon rice with cashews  $8.00"),
        ("The most famous person born here was Marie.", "One of the most famous people born here was Marie."),
        ("Take the pills after you eat something warm.", "Take the pills before you eat something warm."),
        (
            "Great musicians include Anna Weber and Paul Klein.",
            "Great musicians include Anna Weber and Paul Groß.",
        ),
        ("The menu is made by the menu.", "The menu is made by the cook."),
    ],
)
@pytest.mark.parametrize("closely", [False, True])
def test_a_copy_with_one_thing_altered_is_not_cited(sentence, source, closely):
    """A "not", a currency, a superlative, an opposite or a name changed in a copy, of any model."""
    assert is_cited(source, source, closely=closely)
    assert not is_cited(sentence, source, closely=closely)


def test_a_price_stands_with_the_words_of_its_dish():
    """A figure of another dish, of another part of the row or of the heading is no price of it."""
    assert is_cited("A whole lobster costs £59.00.", MENU, closely=False)
    for wrong in (
        "A whole lobster costs £32.00.",
        "A whole lobster costs £16.50.",
        "A whole lobster costs £11.50.",
    ):
        assert not is_cited(wrong, MENU, closely=False, header="Harbour Lantern | Chalk Lane £11.50 | page 2")
    found = cite("Haddock and chips cost £16.50.", [passage(MENU)])
    assert found.citations[0].quote.splitlines()[0] == "Haddock and chips (F, G)  £16.50"
    assert len(found.citations[0].quote.splitlines()) == 2


def test_a_row_is_cited_by_its_name():
    """What a row says of one tea is not said of all of them."""
    tea = (
        "Tea  Tastes of  Pot\nNight Shift (no caffeine)  chamomile, mint  €3.80\nSmoke House  campfire  €4.50"
    )
    assert is_cited("Night Shift has no caffeine.", tea, closely=True)
    assert not is_cited(
        "The Green Kettle has no caffeine in its tea.", tea, closely=True, header="Green Kettle | Tea"
    )


@pytest.mark.parametrize("text", ["## Right to work", "Which internships are hybrid?", "The dishes are:"])
def test_what_claims_nothing_has_no_mark(text):
    """A heading, a question or the beginning of a list is neither cited nor marked as unsupported."""
    found = cite(text, [passage(f"{text}\n\nMore of the page.")])
    assert (found.citations, found.unsupported) == ((), ())


def test_a_list_number_is_no_claim():
    """The number of an item is not cited for itself, and "Mr." ends no sentence."""
    found = cite("1. Visit Mr. Costa on the moon.", [passage("On 1 February a puzzle appears.")])
    assert not found.citations
    assert found.unsupported == ("1. Visit Mr. Costa on the moon.",)


def test_a_field_may_be_put_into_a_sentence():
    """Of a row or a field every content word must be there, and the order is free."""
    assert is_near_copy("The corkage is twelve pounds.", "Corkage: 12 pounds", "")
    assert not is_near_copy("The corkage is twelve euros.", "Corkage: 12 pounds", "")


LAKE = (
    "Aldmere is the deepest lake of the county not linked to a canal. From 1990 to 2001 two rowing clubs, "
    "the Herons and the Otters, met there. The Otters were closed in 2001, with a second rowing club to "
    "return in 2004. Several recent surveys of the shore have also found the lake to be clear. The lake has "
    "a primary outlet, which never freezes."
)


@pytest.mark.parametrize("closely", [False, True])
@pytest.mark.parametrize(
    ("sentence", "cited"),
    [
        pytest.param("The deepest lake not linked to a canal is Aldmere.", True, id="name at the end"),
        pytest.param(
            "The deepest lake not connected to a canal is Aldmere.", True, id="verb of same meaning"
        ),
        pytest.param("The deepest lake linked to a canal is Aldmere.", False, id="without the not"),
        pytest.param("The deepest lake not linked to a canal is Wenmere.", False, id="another name"),
        pytest.param(
            "The deepest lake not linked to a canal is Otterbridge.", False, id="name of the heading"
        ),
    ],
)
def test_a_name_may_stand_at_the_end(sentence, cited, closely):
    """A sentence that ends with the name that it describes is the same sentence the other way round."""
    assert is_cited(sentence, LAKE, closely=closely, header="Otterbridge | Lakes") == cited


def test_another_of_several_is_not_the_one_spoken_of():
    """What is said of "a second club" is not said of "the club"."""
    assert is_cited("A second rowing club is to return in 2004.", LAKE, closely=True)
    assert not is_cited("The rowing club is to return in 2004.", LAKE, closely=True)


def test_primary_is_not_secondary():
    """A copied sentence with "secondary" for "primary" has no source."""
    assert is_cited("The lake has a primary outlet, which never freezes.", LAKE, closely=True)
    assert not is_cited("The lake has a secondary outlet, which never freezes.", LAKE, closely=True)


def test_what_was_found_is_no_clause_of_its_own():
    """ "Surveys found that …" is "surveys found … to be"; a clause with "which" says more than its source."""
    assert is_cited("Several recent surveys have also found that the lake is clear.", LAKE, closely=True)
    assert not is_cited(
        "Several recent surveys have also found the lake, which is safe, to be clear.", LAKE, closely=True
    )


@pytest.mark.parametrize("lead", ["In this passage, it is stated that ", "It is said that "])
def test_words_before_a_statement_assert_nothing(lead):
    """A statement is cited with and without the words by which a model leads to it."""
    assert is_cited(f"{lead}the Otters were closed in 2001.", LAKE, closely=True)
