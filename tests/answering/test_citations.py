"""A citation points at the characters of a page that support the sentence before its mark."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.answering.citing.citations import cite
from docent.answering.replies_without_model import best_sentences
from tests.answering.build import PAGE, passage

OTHER = "The library lends books for four weeks. Late books cost ten cents a day."


def two_passages() -> list:
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
            id="marks after the full stop",
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
            id="a mark taken out before",
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
    """Right marks stay, wrong ones go, missing ones are added; each citation quotes the support."""
    cited = cite(answer, two_passages())
    assert cited.text == text
    assert [(citation.n, citation.quote) for citation in cited.citations] == quotes


def test_a_sentence_without_a_source_is_reported():
    """A sentence that no passage supports is reported and gets no mark; its figures are doubtful."""
    cited = cite(
        "The museum opens at 9:30 [1]. Dogs were banned from every gallery in 1987 .", two_passages()
    )
    assert cited.unsupported == ("Dogs were banned from every gallery in 1987.",)
    assert cited.doubtful == ("1987",)
    assert cited.text.endswith("in 1987.")


@pytest.mark.parametrize("figure", ["1,250.5", "1250.5", "9:30"])
def test_a_figure_is_known_however_it_is_written(figure):
    """Thousands may be written with or without a separator."""
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
        pytest.param("The tagine costs 14.50 and is vegan.", ["Tagine"], id="in a sentence"),
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
    """A row is cited in whatever form the sentence has it, and never for what another row says."""
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
def test_fields_of_a_list_put_together(text, sentence, values):
    """A sentence may put fields together: each is cited, and the value of one is never given to another."""
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
def test_words_that_name_a_source_need_none(lead_in):
    """Words about the passages assert nothing, and the passages' numbers are no figures."""
    cited = cite(f"{lead_in}ate books cost ten cents a day.", two_passages())
    assert [one.n for one in cited.citations] == [2]
    assert cited.doubtful == cited.unsupported == ()


words = st.lists(
    st.sampled_from([*PAGE.split(), *OTHER.split(), "[1]", "[2]", "[9]", ".", "\n"]), max_size=60
)


@given(words)
def test_every_quote_is_the_text_at_its_position(written):
    """In any answer, each citation's quote is the text at its position on the page."""
    pages = {"d1": PAGE, "d2": " " * 100 + OTHER}
    for answer in (
        cite(" ".join(written), two_passages()),
        best_sentences(" ".join(written), two_passages()),
    ):
        for citation in answer.citations:
            assert pages[citation.document_id][citation.start : citation.end] == citation.quote
            assert citation.quote
            assert f"[{citation.n}]" in answer.text


def test_a_command_is_shown_without_its_code_block():
    """A quoted block of code does not turn the rest of an answer without a model into code."""
    text = "Run this to list the books of a library:\n\n```sh\nbooks list --library novels\n```\n"
    answer = best_sentences("How do I list the books of a library?", [passage(text)])
    assert "```" not in answer.text
    assert "books list --library novels" in answer.text


def test_without_a_model_the_best_sentence_is_first():
    """The sentence with the question's words is listed first, with its mark."""
    answer = best_sentences("What do late books cost?", two_passages())
    assert answer.text.splitlines()[0] == "- Late books cost ten cents a day. [1]"


def test_sentences_copied_word_for_word():
    """Whole sentences run together are cited; a part torn out of a sentence is not."""
    copied = "The library lends books for four weeks, late books cost ten cents a day"
    assert [one.quote for one in cite(copied, two_passages()).citations] == [OTHER]
    denied = passage("Nobody should believe that the pump may run dry for an hour.")
    assert cite("The pump may run dry for an hour.", [denied]).citations == ()


def test_numbers_in_a_document_are_no_marks():
    """A quoted sentence shows its own "[57]"; only the mark behind it leads to a passage."""
    paper = passage("Late books are counted as in [57] and [2], ten cents a day.", n=2)
    answer = best_sentences("How are late books counted?", [passage(OTHER), paper])
    assert answer.text.splitlines()[0].endswith("as in [\u200a57] and [\u200a2], ten cents a day. [1]")
    assert [(one.n, one.quote) for one in answer.citations][:1] == [(1, paper.text)]
    assert re.findall(r"\[(\d+)\]", answer.text) == [str(one.n) for one in answer.citations]


def test_without_a_model_a_documents_name_scores_nothing():
    """A line that only repeats the document's name comes after the row with the figure asked for."""
    rows = "| Start | 7 June 2027 |\n| Pay | €1,600 a month before tax |"
    found = [passage(f"The Saltmarsh internship, Galway\n\n{rows}", header="saltmarsh internship | Glance")]
    answer = best_sentences("How much does the Saltmarsh internship pay?", found)
    assert "€1,600" in answer.text.splitlines()[0]


@pytest.mark.parametrize(
    "number", ["【2】", " (source 2)", " [Passage 2]", " [^2]", " [1, 2]", " [Sources 1 and 2]"]
)
def test_other_forms_of_marks(number):
    """Every common form of a mark becomes [n], and only the passage that supports the sentence is named."""
    assert (
        cite(f"Late books cost ten cents a day{number}.", two_passages()).text
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
def test_a_sentence_that_asserts_nothing_is_not_reported(answer):
    """A sentence that reports no result, introduces, asks or is polite needs no source."""
    assert cite(answer, two_passages()).unsupported == ()


def test_a_mark_across_languages_needs_the_figures():
    """A passage in another language is cited whole, and only if it has every figure of the sentence."""
    menu = passage("Le menu du jour est servi à midi et coûte 18,50 euro avec une entrée et un dessert.")
    cited = cite("The menu of the day is served at noon and costs 18.50 euro [1].", [menu])
    assert [citation.quote for citation in cited.citations] == [menu.text]
    assert cited.unsupported == ()
    wrong = cite("The menu of the day is served at noon and costs 19.50 euro [1].", [menu])
    assert wrong.citations == ()
    assert wrong.doubtful == ("19.50",)


def test_names_that_are_in_no_passage_are_doubtful():
    """A name that is in no passage is reported, whatever else the sentence says."""
    cited = cite("The museum opens at 9:30, says its director Harald Quist [1].", two_passages())
    assert cited.doubtful == ("Harald", "Quist")
