"""A citation points at characters of a page that support the sentence it stands behind."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.answering.citing.citations import cite
from docent.answering.extractive import best_sentences
from tests.answering.build import PAGE, passage

OTHER = "The library lends books for four weeks. Late books cost ten cents a day."


def two() -> list:
    return [passage(PAGE[15:], start=15, n=1), passage(OTHER, start=100, n=2, header="library | Lending")]


@pytest.mark.parametrize(
    ("answer", "text", "quotes"),
    [
        pytest.param(
            "The museum opens at 9:30 [1].",
            "The museum opens at 9:30 [1].",
            [(1, "The museum opens at 9:30 and closes at 18:00.")],
            id="cited",
        ),
        pytest.param(
            "The museum opens at 9:30. [1] Late books cost ten cents a day. [2]",
            "The museum opens at 9:30 [1]. Late books cost ten cents a day [2].",
            [
                (1, "The museum opens at 9:30 and closes at 18:00."),
                (2, "Late books cost ten cents a day."),
            ],
            id="numbers after the full stop",
        ),
        pytest.param(
            "Late books cost ten cents a day.",
            "Late books cost ten cents a day [2].",
            [(2, "Late books cost ten cents a day.")],
            id="not cited by the model",
        ),
        pytest.param(
            "Late books cost ten cents a day [1].",
            "Late books cost ten cents a day [2].",
            [(2, "Late books cost ten cents a day.")],
            id="cited wrongly",
        ),
        pytest.param(
            "Late books cost ten cents a day [7].",
            "Late books cost ten cents a day [2].",
            [(2, "Late books cost ten cents a day.")],
            id="unknown number",
        ),
        pytest.param(
            "Late books cost ten cents a day .",
            "Late books cost ten cents a day [2].",
            [(2, "Late books cost ten cents a day.")],
            id="a number taken out before",
        ),
        pytest.param(
            "| What | When |\n| --- | --- |\n| The museum opens | 9:30 |",
            "| What | When |\n| --- | --- |\n| The museum opens | 9:30 [1] |",
            [(1, "The museum opens at 9:30 and closes at 18:00.")],
            id="a table stays a table",
        ),
    ],
)
def test_cite(answer, text, quotes):
    """Known numbers stay, unknown ones go, missing ones are added, each with its sentence."""
    cited = cite(answer, two())
    assert cited.text == text
    assert [(citation.n, citation.quote) for citation in cited.citations] == quotes


def test_what_no_passage_says_is_marked():
    """A sentence without support is named, carries no number, and its figures are doubted."""
    cited = cite("The museum opens at 9:30 [1]. Dogs were banned from every gallery in 1987 .", two())
    assert cited.unsupported == ("Dogs were banned from every gallery in 1987.",)
    assert cited.doubtful == ("1987",)
    assert cited.text.endswith("in 1987.")


@pytest.mark.parametrize("figure", ["1,250.5", "1250.5", "9:30"])
def test_a_figure_is_known_however_it_is_written(figure):
    """Thousands may be written with or without their signs."""
    assert cite(f"It is {figure} [1].", [passage("It is 1,250.5 at 9:30.")]).doubtful == ()


MENU = (
    "# Menu\n\n| Dish | Price | Diet |\n|---|---|---|\n"
    "| Tagine | 14.50 | vegan |\n| Harira | 7.00 | vegetarian |\n| Couscous | 12.00 | |"
)
TAGINE, HARIRA = "Tagine | 14.50 | vegan", "Harira | 7.00 | vegetarian"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MENU, id="markdown"),
        pytest.param(MENU.replace(" | ", "   ").replace("|", ""), id="wide spaces"),
        pytest.param(f"Dish | Price | Diet\n{TAGINE}\n{HARIRA}", id="csv"),
        pytest.param("Dish: Tagine | Price: 14.50 | Diet: vegan\nDish: Harira | Price: 7.00", id="named"),
    ],
)
@pytest.mark.parametrize(
    ("sentence", "rows"),
    [
        pytest.param("Tagine | 14.50 | vegan", ["Tagine"], id="copied"),
        pytest.param("The table says: Tagine | 14.50 | vegan.", ["Tagine"], id="copied into a sentence"),
        pytest.param("The tagine costs 14.50 and is vegan.", ["Tagine"], id="spoken"),
        pytest.param(
            "Tagine (14.50) and harira (7.00) are on the menu.", ["Tagine", "Harira"], id="two rows joined"
        ),
        pytest.param("The harira costs 14.50.", [], id="the price of another"),
        pytest.param("The tagine costs 14.50 and is vegetarian.", [], id="the diet of another"),
        pytest.param("The vegan dishes are tagine (14.50) and harira (7.00).", [], id="one is not"),
        pytest.param("Harira and tagine are vegan.", [], id="not said of the first"),
    ],
)
def test_rows_of_a_table(text, sentence, rows):
    """A row is cited however the model works it into its sentence, and never for what another row says."""
    citations = cite(sentence, [passage(text, header="menu | Menu")]).citations
    assert [next((row for row in ("Tagine", "Harira") if row in one.quote), "") for one in citations] == rows
    assert all(len([row for row in ("Tagine", "Harira") if row in one.quote]) == 1 for one in citations)


LIST = (
    "Tidelight Analytics\nMachine learning internship\nStart: Tuesday 1 June 2027\nLength: 14 weeks\n"
    "Hours: 37 a week\nPay: DKK 21,400 a month, lunch not included\nApply by: 28 February 2027\nThe project\n"
    "Our forecasts come from trees that are good on ordinary days and poor in storms and in strikes."
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LIST, id="lines"),
        pytest.param(LIST.replace("2027\nLength", "2027   Length"), id="two columns"),
        pytest.param(re.sub(r"(?m)^([A-Z][a-z ]+): ", r"- **\1:** ", LIST), id="markdown"),
        pytest.param(re.sub(r"(?m)^([A-Z][a-z ]+): ", r"\1   ", LIST), id="wide spaces"),
        pytest.param(re.sub(r"(?m)^([A-Z][a-z ]+): ", r"\1\n", LIST), id="labels above"),
        pytest.param(
            re.sub(r"(?m)^([A-Z][a-z ]+): (.*)$", r"| \1 | \2 |", LIST), id="a table of two columns"
        ),
    ],
)
@pytest.mark.parametrize(
    ("sentence", "values"),
    [
        pytest.param(
            "It starts on 1 June 2027, lasts 14 weeks, and pays DKK 21,400 a month.",
            ["1 June", "14 weeks", "DKK"],
            id="three",
        ),
        pytest.param(
            "The internship at Tidelight pays DKK 21,400 a month for 14 weeks.",
            ["DKK", "14 weeks"],
            id="subject",
        ),
        pytest.param("It takes 37 hours a week and lasts 14 weeks.", ["37", "14 weeks"], id="in other words"),
        pytest.param(
            "It starts on 1 June 2027 and you must apply by 28 February 2027.",
            ["1 June", "28 F"],
            id="two days",
        ),
        pytest.param("It starts on 28 February 2027.", [], id="another's day"),
        pytest.param(
            "It starts on 28 February 2027 and lasts 14 weeks.", [], id="another's day among others"
        ),
        pytest.param("It starts on 28 February 2027; apply by 1 June 2027.", [], id="days exchanged"),
        pytest.param("It starts on 1 June 2027 and lasts 37 weeks.", [], id="another's number"),
        pytest.param("It pays DKK 21,400 a month, and lunch is included.", [], id="the opposite of its tail"),
        pytest.param("It lasts 14 weeks and pays for the flight to Spain.", [], id="more than the list says"),
    ],
)
def test_lines_of_a_list_put_together(text, sentence, values):
    """A sentence may gather what lines of a list say, each is cited, and none lends its value to another."""
    citations = cite(
        sentence, [passage(text, header="tidelight | Tidelight Analytics - Start: Tuesday")]
    ).citations
    assert len(citations) == len(values)
    assert all(value in one.quote for value, one in zip(values, citations, strict=True))
    assert not any("The project" in one.quote for one in citations)


@pytest.mark.parametrize(
    "lead_in",
    ["According to passage 2, l", "The document states that l", "Based on the provided passages, l"],
)
def test_words_that_say_where_it_stands_need_no_source(lead_in):
    """What a model says about its passages is no claim, and their numbers are no figures."""
    cited = cite(f"{lead_in}ate books cost ten cents a day.", two())
    assert [one.n for one in cited.citations] == [2]
    assert cited.doubtful == cited.unsupported == ()


words = st.lists(
    st.sampled_from([*PAGE.split(), *OTHER.split(), "[1]", "[2]", "[9]", ".", "\n"]), max_size=60
)


@given(words)
def test_every_quote_is_the_text_at_its_place(found):
    """Whatever a model writes, each citation's characters on the page are its quote."""
    pages = {"d1": PAGE, "d2": " " * 100 + OTHER}
    for answer in (cite(" ".join(found), two()), best_sentences(" ".join(found), two())):
        for citation in answer.citations:
            assert pages[citation.document_id][citation.start : citation.end] == citation.quote
            assert citation.quote
            assert f"[{citation.n}]" in answer.text


def test_without_a_model_the_best_sentence_comes_first():
    """The sentence that says what was asked leads, with its number."""
    answer = best_sentences("What do late books cost?", two())
    assert answer.text.splitlines()[0] == "- Late books cost ten cents a day. [1]"


def test_what_is_copied_word_for_word():
    """Whole sentences run together are found as they stand; what is torn out of one is not."""
    copied = "The library lends books for four weeks, late books cost ten cents a day"
    assert [one.quote for one in cite(copied, two()).citations] == [OTHER]
    denied = passage("Nobody should believe that the pump may run dry for an hour.")
    assert cite("The pump may run dry for an hour.", [denied]).citations == ()


def test_a_papers_own_numbers_are_no_citations():
    """A sentence quoted with its "[57]" keeps it in sight; only the number behind it leads to a passage."""
    paper = passage("Late books are counted as in [57] and [2], ten cents a day.", n=2)
    answer = best_sentences("How are late books counted?", [passage(OTHER), paper])
    assert answer.text.splitlines()[0].endswith("as in [\u200a57] and [\u200a2], ten cents a day. [1]")
    assert [(one.n, one.quote) for one in answer.citations][:1] == [(1, paper.text)]
    assert re.findall(r"\[(\d+)\]", answer.text) == [str(one.n) for one in answer.citations]


def test_without_a_model_a_documents_name_answers_nothing():
    """A line that only repeats what the document is called comes after the row with the figure asked for."""
    rows = "| Start | 7 June 2027 |\n| Pay | €1,600 a month before tax |"
    found = [passage(f"The Saltmarsh internship, Galway\n\n{rows}", header="saltmarsh internship | Glance")]
    answer = best_sentences("How much does the Saltmarsh internship pay?", found)
    assert "€1,600" in answer.text.splitlines()[0]


@pytest.mark.parametrize(
    "number", ["【2】", " (source 2)", " [Passage 2]", " [^2]", " [1, 2]", " [Sources 1 and 2]"]
)
def test_however_a_model_writes_its_numbers(number):
    """Every common way to write a number ends as [n], and only where it holds."""
    assert (
        cite(f"Late books cost ten cents a day{number}.", two()).text
        == "Late books cost ten cents a day [2]."
    )


@pytest.mark.parametrize(
    "answer",
    [
        "The passages do not say how much the café charges for cake.",
        "Here is what the documents say about opening hours:",
        "Would you like to know more about the opening hours on holidays?",
        "Of course!",
    ],
)
def test_what_asserts_nothing_is_not_marked(answer):
    """A sentence that says that nothing was found, introduces, asks or is polite needs no source."""
    assert cite(answer, two()).unsupported == ()


def test_an_answer_in_another_language_keeps_the_models_numbers():
    """The passage is cited whole, and only if it has every figure that the sentence has."""
    menu = passage("Le menu du jour est servi à midi et coûte 18,50 euro avec une entrée et un dessert.")
    cited = cite("The menu of the day is served at noon and costs 18.50 euro [1].", [menu])
    assert [citation.quote for citation in cited.citations] == [menu.text]
    assert cited.unsupported == ()
    wrong = cite("The menu of the day is served at noon and costs 19.50 euro [1].", [menu])
    assert wrong.citations == ()
    assert wrong.doubtful == ("19.50",)


def test_names_that_are_in_no_passage_are_doubted():
    """A name that no passage knows is told, whatever else the sentence says."""
    cited = cite("The museum opens at 9:30, says its director Harald Quist [1].", two())
    assert cited.doubtful == ("Harald", "Quist")
