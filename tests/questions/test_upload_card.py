"""The card of a file that is ready: five lines, key dates and figures, and what this file answers."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from docent.answering.saved_summaries import SavedSummary
from docent.questions.checking import Checker
from docent.questions.offered_questions import follow_ups
from docent.questions.upload_card import overview, read_overview, summary_lines
from docent.types import Citation, Passage
from docent.web.chat.attachment_status import overview_text
from tests.answering.build import document, passage

TEXT = """Internship at the Lantern Museum

Pay: £12.90 an hour
Starts: 15 March 2027
Apply by: 29 January 2027

In the cellar of the museum stand 6,200 glass negatives of the city, which nobody has seen for a century.
You photograph the glass negatives of the city on a table of light, and write down what each of them shows.
A conservator of the museum works beside you and teaches you to hold old glass without gloves.
The museum is open from Thursday to Sunday, and its archive of the city on the other days of the week.
Interviews at the museum are on 16 February 2027, with an exercise on plain window glass.
If a negative breaks, the conservator keeps every piece of the glass.
"""


@pytest.fixture
def source() -> Passage:
    return replace(passage(TEXT), heading="")


def found_in(*passages: Passage) -> Checker:
    return Checker(lambda question: passages)


def test_five_lines_figures_and_questions_each_with_its_place(source):
    """Every line stands on its page; every question is answered by this file."""
    card = overview([source], language="en", checker=found_in(source))
    assert 3 <= len(card.sentences) <= 5 and 3 <= len(card.facts) <= 5 and len(card.questions) == 3
    page = " ".join(TEXT.split())
    for line in (*card.sentences, *card.facts):
        assert line.quote in page and (line.page, line.place) == (3, "p. 3")
    facts = [line.text for line in card.facts]
    assert "Pay: £12.90 an hour" in facts and "Starts: 15 March 2027" in facts
    assert "What is the start date?" in card.questions
    assert read_overview(json.loads(json.dumps(asdict(card)))) == card


def test_a_question_that_another_file_answers_is_not_offered(source):
    """If the search finds other pages, there is no question; the lines are there all the same."""
    other = replace(passage("The pay is good.", n=9), page=9)
    card = overview([source], language="en", checker=found_in(other))
    assert card.questions == () and card.sentences and card.facts


def test_it_ends_early_when_nobody_wants_it(source):
    """A file that is cancelled meanwhile costs no more searches."""
    searches = []

    def search(question: str) -> list[Passage]:
        searches.append(question)
        return [source]

    overview([source], language="en", checker=Checker(search), is_wanted=lambda: not searches)
    assert len(searches) == 1


def test_a_french_file_is_asked_about_in_french():
    """Questions, figures and lines are in the language of the document."""
    text = (
        "Durée : 6 mois\nRémunération : 780 € par mois\nLieu : Lyon, quai des Brumes\n\n"
        "Le musée garde 6 200 négatifs sur verre de la ville, que personne n'a vus.\n"
        "Si un négatif se casse, le conservateur garde chaque morceau du verre.\n"
    )
    french = replace(passage(text), heading="")
    card = overview([french], language="fr", checker=found_in(french))
    assert "Quelle est la rémunération ?" in card.questions
    assert all(question.endswith(" ?") for question in card.questions)
    assert "Rémunération : 780 € par mois" in [line.text for line in card.facts]


def test_the_lines_of_a_model_are_those_that_cite(source):
    """Of a model's summary the sentences with a citation are shown, each at the place that it cites."""
    start = TEXT.index("In the cellar")
    citation = Citation(
        n=1, chunk_id="c1", document_id="d1", file="museum1.pdf", library="l", page=3, page_label="",
        place="p. 3", start=start, end=start + 42, quote=TEXT[start : start + 42],
    )  # fmt: skip
    text = "The museum has 6,200 glass negatives [1]. It is a fine place. They are in the cellar [1]."
    lines = summary_lines(SavedSummary(text, (citation,), "mistral"))
    assert [line.text for line in lines] == [
        "The museum has 6,200 glass negatives.",
        "They are in the cellar.",
    ]
    assert {line.page for line in lines} == {3}


def test_each_line_leads_to_its_page_with_the_words_marked(source):
    """The link names the document, the page and the words."""
    card = overview([source], language="en", checker=found_in(source))
    shown = overview_text(card, "d1", "en")
    assert "/documents/d1/pages/3?find=" in shown and "Key dates and figures" in shown
    assert shown.count("](/documents/d1/pages/3?find=") == len(card.sentences) + len(card.facts)


def test_follow_ups_are_about_what_was_not_told(source):
    """What the answer cites is not asked again; of several documents, a question names its own."""
    start = TEXT.index("Pay")
    told = Citation(
        n=1, chunk_id="c1", document_id="d1", file="museum1.pdf", library="l", page=3, page_label="",
        place="p. 3", start=start, end=start + 19, quote=TEXT[start : start + 19],
    )  # fmt: skip
    stored = replace(document("d1"), name="lantern.pdf", language="en")
    offered = follow_ups(
        [source], [stored], checker=found_in(source), asked=["What is the pay?"], told=[told], several=True
    )
    assert offered and not any("pay" in one for one in offered)
    assert any("Lantern Museum" in one for one in offered)


@pytest.mark.parametrize("saved", [None, [], {"sentences": []}, {"sentences": [["a", "b"]], "facts": []}])
def test_what_is_no_card_is_refused(saved):
    """A browser may send anything in its place."""
    with pytest.raises(ValueError, match="no overview"):
        read_overview(saved)
