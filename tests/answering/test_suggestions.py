"""Questions are offered only if a search for them finds what they were made from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docent.answering.suggestions import suggest
from tests.answering.build import passage

REPORT = [
    passage("Net sales increased 18% during 2021, to 192 million. Costs are discussed below.", n=1),
    passage("Membership fees decreased 3% in 2021. The average fee was $60 per household.", n=2),
    passage("Les ventes ont augmenté de 18 % en 2021.", n=3),
]


def test_questions_are_made_from_what_is_said():
    """What changed, and how much something was, is asked for; none is asked twice."""
    found = suggest(REPORT[:2], language="en", search=lambda question: REPORT[:2])
    assert "By how much did net sales increase?" in found
    assert "What was the average fee?" in found
    assert len(found) == len(set(found)) <= 3


def test_a_question_that_is_not_answered_is_not_offered():
    """If the search finds other passages, the question is left out."""
    assert suggest(REPORT[:2], language="en", search=lambda question: [REPORT[2]]) == []


def test_what_was_asked_is_not_offered_again():
    """A question about the same subject as an earlier one is left out."""
    asked = ["By how much did net sales increase last year?"]
    found = suggest(REPORT[:2], language="en", search=lambda question: REPORT[:2], asked=asked)
    assert "By how much did net sales increase?" not in found


def test_questions_are_in_the_language_of_the_document():
    """A French text is asked in French, which finds it best."""
    found = suggest(REPORT[2:], language="fr", search=lambda question: REPORT[2:])
    assert found[0] == "Comment ont évolué les ventes ?"


@pytest.mark.parametrize(
    ("text", "clumsy"),
    [
        ("One of every four boats is late. One of every four is early.", "every four"),
        ("You train a model. The harbour holds ships for a while.", "harbour holds"),
        ("We pay for the second month. The second month is the best.", "second month"),
        ("The bakery opens at six. The bakery closes at noon.", "bakery"),
        ("Chacun des trois quarts compte. Un des trois quarts manque.", "trois quarts"),
        ("Each is 12. Every guest was 40 years old.", "guest"),
        ("The price is $4. It was $5.", "price"),
        ("Barolo Casa 98 Ribera Casa 45", "Barolo Casa"),
        ("They meet on Monday, and again in April.", "Monday"),
    ],
)
def test_nothing_clumsy_is_offered(text, clumsy):
    """Better no question than one about a determiner, a number, a date, one plain word or half a sentence."""
    passages = [passage(text, n=1)]
    assert clumsy not in " ".join(suggest(passages, language="en", search=lambda question: passages))


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("A ship waits for the harbour master. Ask the harbour master.", "the harbour master"),
        ("The night boat Borealis carries forty goats.", "Borealis"),
        ("It was founded by Larkwater Ferries in spring.", "Larkwater Ferries"),
    ],
)
def test_a_short_text_is_asked_about_its_names(text, question):
    """Two words that stand together more than once, and names, are what a short text is about."""
    passages = [passage(text, n=1)]
    offered = suggest(passages, language="en", search=lambda question: passages)
    assert f"What is said about {question}?" in offered


@pytest.mark.parametrize("heading", ["Your five months", "How to ask well", "N e w s r e l e a s e"])
def test_a_heading_that_names_nothing_is_no_subject(heading):
    """A determiner, a question or letters set apart are not asked about."""
    passages = [replace(passage("Boil water.", n=1), heading=heading)]
    assert suggest(passages, language="en", search=lambda question: passages) == []


MENU = """Our menu
Lemon tart (1, 3)  €8.50
Sea bass in salt · €31.00
Pea soup  €6.00
Rye bread  €2.50
Plum cake  €5.00
"""
DISHES = ("Lemon tart", "Sea bass in salt", "Pea soup", "Rye bread", "Plum cake")


def test_a_price_list_is_asked_for_prices():
    """Each line that names a thing and its price; a report with one such line is no price list."""
    menu = [replace(passage(MENU, n=1), heading="")]
    offered = suggest(menu, language="en", search=lambda question: menu)
    assert offered and set(offered) <= {f"How much is {dish}?" for dish in DISHES}
    report = [passage("Diluted earnings per share $24.01\nThe year was good.", n=1)]
    assert not any("How much" in one for one in suggest(report, language="en", search=lambda _: report))


def test_a_form_is_asked_for_its_values():
    """What stands after a label is asked for by the label."""
    form = [passage("Pay: €1,180 a month\nNotice period: three months\nPlace: on site", n=1)]
    offered = suggest(form, language="en", search=lambda question: form)
    assert {"What is the pay?", "What is the notice period?"} <= set(offered)


LONG = " ".join(f"Sentence {n} says that the boats go out and come home again." for n in range(12))


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        ("They write from Bremen once.", "Bremen"),
        ("Read it in the Evening Post once.", "Evening Post"),
        ("Halfmoon · 12 rue du Hibou\n" * 3 + "They met near Hibou.", "Hibou"),
        ("When the Company terminates. If the Company terminates.", "Company terminates"),
        ("For the authorities take a week. And the authorities take it.", "authorities take"),
        ("An emerging growth company. The emerging growth company.", "emerging growth"),
    ],
)
def test_a_long_text_is_not_asked_about_any_name(text, weak):
    """A city, a street of the footer, a verb or a part of a name is not worth asking about."""
    passages = [passage(f"{text}\n{LONG}", n=1)]
    assert weak not in " ".join(suggest(passages, language="en", search=lambda question: passages))


@pytest.mark.parametrize(
    "heading", ["Sound intern · Stagiaire son", "A file is deleted", "Everything about it"]
)
def test_a_title_is_no_subject(heading):
    """The first of several headings names the whole text; two names or a sentence are no subject either."""
    passages = [
        replace(passage("Boil water.", n=1), heading="Everything about it"),
        replace(passage("Cool it.", n=2), heading=heading),
        replace(passage("Clean dishes are dry.", n=3), heading="Clean dishes"),
    ]
    offered = suggest(passages, language="en", search=lambda question: passages)
    assert offered == ["What is said about Clean dishes?"]
