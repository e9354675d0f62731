"""The kind of a request is told by its words; whatever is not clearly another kind is a question."""

from __future__ import annotations

import pytest

from docent.answering.intents import intent_of, leans_on_history
from tests.answering.build import document

DOCUMENTS = [
    document("handbook.pdf", "Staff handbook"),
    document("travel_policy_2024.docx"),
    document("menu.pdf"),
]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Hello!", "greeting"),
        ("Good morning, Docent", "greeting"),
        ("Grüß dich, wann ist geöffnet?", "question"),
        ("Hi, when does it open?", "question"),
        ("Bonjour", "greeting"),
        ("Thank you very much!", "thanks"),
        ("ok thanks", "thanks"),
        ("Thanks to whom was the prize given?", "question"),
        ("What can you do?", "about"),
        ("What do you know?", "about"),
        ("Which documents do you have?", "about"),
        ("help", "about"),
        ("What do you know about the pension fund?", "question"),
        ("How can employees get help with relocation?", "question"),
        ("answer anyway", "anyway"),
        ("Please answer it anyway.", "anyway"),
        ("When does the museum open?", "question"),
        ("List the three largest costs.", "question"),
        ("Which dishes contain nuts?", "question"),
        ("Summarise the vacation rules", "question"),
        ("What is the difference between gross and net pay?", "question"),
    ],
)
def test_intent(said, kind):
    """Greetings, thanks and requests about Docent itself are nothing to search for; questions are."""
    assert intent_of(said, DOCUMENTS).kind == kind


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("List every document that mentions parental leave", "parental leave"),
        ("Which documents mention “Zürich”?", "Zürich"),
        ("How many files contain the word 'penalty'?", "penalty"),
        ("show me all the contracts which refer to force majeure.", "force majeure"),
        ("In which documents does the name Ada appear?", None),
        ('Which documents mention ""?', None),
        ("Liste tous les documents qui mentionnent la grève", "la grève"),
    ],
)
def test_mentions(said, term):
    """A request for every document is recognised with its term, as it was written."""
    intent = intent_of(said, DOCUMENTS)
    assert (intent.term or None) == term
    assert (intent.kind == "mentions") == (term is not None)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("Summarise the handbook", ["handbook.pdf"]),
        ("Give me a summary of travel policy 2024, please", ["travel_policy_2024.docx"]),
        ("tl;dr menu.pdf", ["menu.pdf"]),
        ("Compare the menu with the handbook", ["handbook.pdf", "menu.pdf"]),
        ("Compare the menu with last year's", []),
        ("Summarise this document", []),
    ],
)
def test_whole(said, names):
    """A document is read whole when it is named; a comparison needs two."""
    assert [one.name for one in intent_of(said, DOCUMENTS).documents] == names


def test_this_document_is_known_when_it_is_the_only_one():
    """With one document in scope, "this document" can mean no other."""
    assert intent_of("Summarise this document", DOCUMENTS[:1]).documents == (DOCUMENTS[0],)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("summarise this document", "which"),
        ("Please compare these two documents.", "which"),
        ("Can you give me a summary of this file?", "which"),
        ("What is the difference between these reports in revenue?", "question"),
    ],
)
def test_this_document_is_asked_for_where_there_are_many(said, kind):
    """A wish that names none of several documents is no question about all of them."""
    assert intent_of(said, DOCUMENTS).kind == kind


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("And on Sundays?", True),
        ("How much does it cost?", True),
        ("Why?", True),
        ("What about children under twelve?", True),
        ("Et le dimanche ?", True),
        ("When does the museum open on Sundays?", False),
        ("How many days of parental leave do employees of the company get?", False),
    ],
)
def test_only_what_leans_on_history_is_rewritten(question, leans):
    """A question that stands alone costs no call to the model."""
    assert leans_on_history(question) is leans
