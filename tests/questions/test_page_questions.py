"""Questions are made of what a page states, in its words, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docent.questions.checking import Checker, is_stated
from docent.questions.document_names import document_name
from docent.questions.model_questions import candidate_of
from docent.questions.page_questions import Asked, page_questions
from docent.questions.question_candidates import DocumentName
from docent.types import Passage
from tests.answering.build import document, passage

MUSEUM = DocumentName("Lantern Museum", "organisation", thing="internship")
FORM = (
    "Lantern Museum\n\nPay: £12.90 an hour\nStarts: 15 March 2027\nApply by: 29 January 2027\nLeave: 7 days\n"
)
MENU = (
    "Our menu\nLemon tart (1, 3)  €8.50\nSea bass in salt · €31.00\nPea soup, bread  €6.00\n"
    "Rye bread  €2.50\n"
)
TABLE = "| Tea | Degrees | Pot |\n|---|---|---|\n| Sencha Hill | 75 | €4.60 |\n| Smoke House | 95 | €4.50 |\n"
STATEMENT = (
    "Three Months Ended December 31,\n($ in millions)  2022  2021\nNet sales  $3,642  $3,507\n"
    "Cost of sales  (2,980)  (2,862)\nGross profit  662  645\n"
)
BALANCE = (
    "($ in millions)  December 31, 2022  June 30, 2022\nAssets\nTrade receivables  $837  $775\n"
    "Raw materials  1,205  1,114\n"
)
TWO_LINES = "Made  Sold\nIn town  Abroad\nSencha Hill  75  80\nSmoke House  95  90\n"


def page(text: str, heading: str = "") -> Passage:
    return replace(passage(text), heading=heading)


def made(text: str, name: DocumentName = MUSEUM, language: str = "en", heading: str = "") -> dict[str, str]:
    """Return the questions of a page with their answers."""
    return {one.question: one.answer for one in page_questions([page(text, heading)], name, language)}


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        pytest.param(FORM, "What is the pay at Lantern Museum?", "£12.90 an hour", id="a field"),
        pytest.param(
            FORM, "When does the internship start at Lantern Museum?", "15 March 2027", id="in other words"
        ),
        pytest.param(
            FORM, "What is the leave at Lantern Museum?", "7 days", id="a label of the document's own"
        ),
        pytest.param(MENU, "What is the price of pea soup at Lantern Museum?", "€6.00", id="a price"),
        pytest.param(TABLE, "What are the degrees for Smoke House at Lantern Museum?", "95", id="a cell"),
        pytest.param(
            TABLE,
            "What is the pot price of Sencha Hill at Lantern Museum?",
            "€4.60",
            id="a price in a table",
        ),
        pytest.param(
            STATEMENT,
            "What was gross profit for the three months ended December 31, 2021 at Lantern Museum?",
            "645",
            id="a cell below a year",
        ),
        pytest.param(
            BALANCE,
            "What were trade receivables as of June 30, 2022 at Lantern Museum?",
            "$775",
            id="a cell below a date",
        ),
        pytest.param(
            "Net sales increased 18% during 2021, to 192 million.",
            "By how much did net sales increase in 2021 at Lantern Museum?",
            "18%",
            id="a change",
        ),
        pytest.param(
            "The glass archive was founded in 1871.",
            "When was the glass archive founded at Lantern Museum?",
            "1871",
            id="a year",
        ),
        pytest.param(
            "The reading room seats 40 visitors.",
            "How many visitors does the reading room seat at Lantern Museum?",
            "40 visitors",
            id="a number",
        ),
        pytest.param(
            "The annual report must be submitted to the council by 31 March.",
            "By when must the annual report be submitted to the council at Lantern Museum?",
            "31 March",
            id="a deadline in a sentence",
        ),
        pytest.param(
            "“Working day” means any day on which banks are open in Lisbon.",
            "What does “Working day” mean?",
            "any day on which banks are open in Lisbon",
            id="a definition in a contract",
        ),
        pytest.param(
            "A daguerreotype is a photograph on a silvered copper plate.",
            "What is a daguerreotype?",
            "a photograph on a silvered copper plate",
            id="a definition",
        ),
        pytest.param(
            "Joseph Niépce was a French inventor and a pioneer of photography.",
            "Who was Joseph Niépce?",
            "a French inventor and a pioneer of photography",
            id="a person",
        ),
        pytest.param(
            "To cancel your booking, write to the front desk.",
            "How do I cancel my booking?",
            "write to the front desk",
            id="an instruction",
        ),
        pytest.param(
            "If a visitor loses the ticket, the front desk prints a new one.",
            "What happens if a visitor loses the ticket?",
            "the front desk prints a new one",
            id="a rule",
        ),
        pytest.param(
            "Table 3: Visitors by month and age group\n\nThe rest is prose.",
            "What does Table 3 show at Lantern Museum?",
            "Visitors by month and age group",
            id="a caption",
        ),
        pytest.param(
            "# Can I bring my own lamp?\n\nYou may bring any lamp that makes no heat.",
            "Can I bring my own lamp?",
            "You may bring any lamp that makes no heat.",
            id="a question as a heading",
        ),
    ],
)
def test_what_a_page_states_is_asked_for(text, question, answer):
    """The question names its document where others have the same; the answer is verbatim."""
    assert made(text, heading="Can I bring my own lamp?").get(question) == answer


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        pytest.param(
            "Durée : 6 mois\nRémunération : 780 € par mois\nLieu : Lyon\n",
            "Quelle est la durée ?",
            "6 mois",
            id="a field",
        ),
        pytest.param(
            "La visite dure 45 minutes.", "Combien de temps dure la visite ?", "45 minutes", id="a duration"
        ),
        pytest.param(
            "Si le visiteur perd son billet, l'accueil en imprime un autre.",
            "Que se passe-t-il si le visiteur perd son billet ?",
            "l'accueil en imprime un autre",
            id="a rule",
        ),
        pytest.param(
            "Tarte au citron  8,50 €\nPoire pochée  7,50 €\nTruite meunière  19,50 €\n",
            "Combien coûte « Poire pochée » ?",
            "7,50 €",
            id="a price",
        ),
    ],
)
def test_a_french_page_is_asked_in_french(text, question, answer):
    """The questions are in the language of the document."""
    assert made(text, DocumentName(), "fr").get(question) == answer


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("It was founded in 1871. They have 40 rooms.", id="pronouns"),
        pytest.param("Note: 12 of them\nExample: two rooms\nSee: page 4\n", id="labels that are none"),
        pytest.param("If they were late, the gates were closed by the guard.", id="the past is no rule"),
        pytest.param("To help the town, in 1974 a limit of 55 miles was imposed.", id="no instruction"),
        pytest.param("Table 3: Visitors by month ........ 12", id="a table of contents"),
        pytest.param(TWO_LINES, id="names of columns in two lines"),
        pytest.param("Ordnung muss sein. Die Miete beträgt 900 Euro.", id="prose without a form"),
    ],
)
def test_better_no_question_than_a_clumsy_one(text):
    """Pronouns, torn sentences and what only looks like a label are asked about by nobody."""
    assert made(text) == {}


def test_the_statement_of_each_question_stands_on_the_page():
    """Every candidate of these pages passes the check of claims, and one with another answer does not."""
    for text in (FORM, MENU, TABLE):
        candidates = page_questions([page(text)], MUSEUM, "en")
        assert candidates and all(map(is_stated, candidates))
        wrong = replace(candidates[0], answer="£99.00", statement="Pay: £99.00")
        assert not is_stated(wrong)


@pytest.mark.parametrize(
    ("name", "title", "text", "library", "where"),
    [
        (
            "green-kettle.pdf",
            "",
            "Tea at The Green Kettle. The Green Kettle is open.",
            "menus",
            " at The Green Kettle",
        ),
        (
            "AMCOR_2023Q2_10Q.pdf",
            "",
            "We at Amcor make boxes. Amcor sells boxes.",
            "x",
            " in the Amcor Q2 2023 report",
        ),
        ("asking.md", "Asking questions", "Type a question.", "handbook", " in “Asking questions”"),
        ("scan 17.pdf", "", "Nothing of that name.", "x", " in “scan 17”"),
    ],
)
def test_a_document_is_called_as_people_call_it(name, title, text, library, where):
    """By the name of its file as the text writes it, else by its title."""
    stored = replace(document(name, title), library=library)
    assert document_name(stored, [page(text)]).where("en") == where


def test_near_duplicates_are_one_question():
    """The same words in another order, or one word more, are the same question."""
    asked = Asked()
    asked.add("What is the price of the lemon tart at Casa Limonaia?")
    assert asked.has_like("At Casa Limonaia, what is the price of the lemon tarts?")
    assert not asked.has_like("What is the price of the pea soup at Casa Limonaia?")


def test_a_question_is_kept_only_if_it_is_found():
    """The page has to be among the first five, and the sentences found have to hold the answer."""
    source = page(FORM)
    candidate = next(one for one in page_questions([source], MUSEUM, "en") if "pay" in one.question)
    others = [replace(passage("The pay is good at Lantern Museum.", n=n), page=n) for n in range(10, 15)]

    def accepts(found, relevant_from=0.0):
        return Checker(lambda question: found, relevant_from).accepts(candidate)

    assert accepts([source])
    assert accepts([*others[:4], source])
    assert not accepts([*others, source]), "its page is the sixth"
    assert not accepts([]) and not accepts(others)
    assert not accepts([source], relevant_from=0.9), "Docent would say that nothing answers it"


def test_a_question_that_names_no_document_must_find_its_page_first():
    """ "What is the default?" is a good question only where one page answers it best."""
    title = DocumentName("Choosing a lamp", "title")
    text = "“Working day” means any day on which banks are open."
    unnamed = next(one for one in page_questions([page(text)], title, "en") if one.must_be_first)
    other = replace(passage("Working day is a word.", n=9), page=9)
    assert Checker(lambda question: [page(text), other]).is_found(unnamed)
    assert not Checker(lambda question: [other, page(text)]).is_found(unnamed)


GOOD = {
    "question": "How many visitors does the museum seat?",
    "quote": "The reading room of the museum seats 40 visitors.",
    "answer": "40 visitors",
    "statement": "The reading room of the museum seats 40 visitors.",
}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"answer": "90 visitors"}, id="an answer that its quote does not have"),
        pytest.param({"quote": "The reading room seats 40."}, id="a quote that the page does not have"),
        pytest.param({"question": "How many seats does this page name?"}, id="about the page"),
        pytest.param({"question": "Does the museum seat 40 visitors?"}, id="yes or no"),
        pytest.param({"question": "Tell me about the museum."}, id="no question"),
        pytest.param(
            {"question": "Combien de visiteurs le musée a-t-il dans la salle ?"}, id="another language"
        ),
        pytest.param({"statement": None}, id="something missing"),
    ],
)
def test_what_a_model_proposes_has_to_stand_on_the_page(change):
    """A proposal that its own quote does not bear out, or that nobody would ask, is dropped."""
    source = page("The reading room of the museum\nseats 40 visitors. It opens at nine.")
    kept = candidate_of(GOOD, [source], "en")
    assert kept is not None and kept.evidence == "The reading room of the museum\nseats 40 visitors."
    assert candidate_of({**GOOD, **change}, [source], "en") is None
    assert candidate_of(["a list"], [source], "en") is None
