"""The kind of a request is told by its words; whatever is not clearly another kind is a question."""

from __future__ import annotations

import pytest

from docent.answering.intents import intent_of, leans_on_history, needs_documents
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


COSTCO = document("COSTCO_2021_10K.pdf")
FILINGS = [COSTCO, document("AMCOR_2023Q4_EARNINGS.pdf"), *DOCUMENTS]

SUMMARIES = """\
Summarize this
Summarise it
Summarize this document
Please summarise this report for me.
Give me a summary
Give me a short summary of the document, please
Can you give me a summary of this file?
Could you summarize the attached PDF in five bullet points?
summary
Summary please
A brief overview
Give me an overview of this report
Write an executive summary
I need a one page summary of the contract
Sum it up
Sum up this document
TL;DR
tldr please
Recap this for me
What are the key points?
What are the main points of this document?
List the main ideas
What are the key takeaways?
Give me the gist
Give me the highlights of the report
What is this about?
What is this document about?
What's the report about?
What is it about?
What does this document say?
What does the file contain?
What's in this file?
Tell me about this document
Describe this document
Explain this report to me
Walk me through this document
Brief me on this report
Outline the document
The big picture, in two sentences
Summarize everything in this document
Make a summary in three sentences
Résume ce document
Résume-moi ce document
Résumez ce rapport, s'il vous plaît
Résumer
Fais un résumé
Fais-moi un résumé de ce fichier
Peux-tu me faire un résumé ?
Pouvez-vous résumer ce document ?
Un bref résumé, s'il te plaît
Donne-moi un aperçu
Donnez-moi une vue d'ensemble du rapport
Fais une synthèse de ce document
Synthétise ce rapport
Quels sont les points clés ?
Quels sont les points principaux de ce document ?
Quelles sont les idées principales ?
Les grandes lignes en quelques phrases
De quoi parle ce document ?
De quoi traite le rapport ?
De quoi s'agit-il dans ce document ?
Que dit ce rapport ?
Que contient ce fichier ?
C'est quoi ce document ?
Présente-moi ce document
Parle-moi de ce rapport
Je voudrais un résumé court
L'essentiel, en bref
En bref
""".splitlines()


@pytest.mark.parametrize("said", SUMMARIES)
def test_every_wording_asks_for_a_summary_of_what_is_at_hand(said):
    """In English and French, "this", "it" and "the report" are the source of the conversation."""
    intent = intent_of(said, FILINGS, at_hand=[COSTCO.id])
    assert (intent.kind, intent.documents) == ("summary", (COSTCO,))
    assert needs_documents(said)


@pytest.mark.parametrize(
    "said",
    [
        "Summarize the Costco report",
        "Give me an overview of the Costco 10-K, please",
        "What does the Costco report say?",
        "What is the Costco 2021 report about?",
        "tl;dr Costco",
        "Résume le rapport Costco",
        "De quoi parle le rapport Costco ?",
    ],
)
def test_part_of_a_name_is_enough(said):
    """Nobody types COSTCO_2021_10K.pdf: the words that are said pick the document among many."""
    intent = intent_of(said, FILINGS)
    assert (intent.kind, intent.documents) == ("summary", (COSTCO,))


@pytest.mark.parametrize(
    "said",
    [
        "Summarize the vacation rules",
        "What does the report say about pensions?",
        "Tell me about the pension fund",
        "Explain how overtime is paid",
        "What are the main risks?",
        "What is it?",
        "What does it say?",
        "Give me an overview of net sales by country",
        "Que dit le rapport sur les retraites ?",
        "Parle-moi des congés",
        "Describe the dog policy",
    ],
)
def test_a_topic_is_a_question(said):
    """What names a topic is searched, also where the conversation has a source."""
    assert intent_of(said, FILINGS, at_hand=[COSTCO.id]).kind == "question"


def test_a_topic_within_a_named_document_is_looked_for_in_all_of_it():
    """The whole document is read with the topic as the task."""
    intent = intent_of("Summarise the handbook's rules on overtime", DOCUMENTS)
    assert (intent.kind, intent.documents) == ("whole", (DOCUMENTS[0],))


def test_a_summary_of_none_of_many_asks_which():
    """Without a source, "give me a summary" is not answered from eight unrelated passages."""
    assert intent_of("Give me a summary", FILINGS).kind == "which"
    assert intent_of("Fais un résumé", FILINGS).kind == "which"


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
