"""A question that describes a thing instead of naming it is searched hop by hop, each with its citation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from docent.answering.multi_hop.hop_patterns import MOST_HOPS, plan_by_patterns
from docent.answering.multi_hop.hop_planning import looks_like_hops, read_plan
from docent.retrieving import retrieve
from docent.types import Hop, Scope, Searching, Token, Turn
from tests.answering.build import LIMITS, answer_of, answering, events, notices, stored
from tests.answering.test_clients import native
from tests.fakes.embedder import WordHashEmbedder

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TEXTS = {
    "jobs/harbour.txt": "Harbour forecasts, an internship in Aarhus\n\nFjordlys tells a ship two days "
    "ahead how long it waits for a berth. The internship starts on Tuesday 1 June 2027.\f"
    "Fjordlys: how we choose\n\nYou visit us for half a day. Travel to the visit is refunded up to 90 euro.",
    "jobs/clinic.txt": "Clinic records, an internship in Ghent\n\nThe clinic types handwritten records of "
    "patients into a database. The internship starts on Friday 4 June 2027.\fThe clinic: how to apply\n\n"
    "Write a letter of one page. Travel to the interview is not paid.",
    "menus/lantern.txt": "The Lantern: menu\n\nThe special on Tuesday is three tacos for 13 euro.\n"
    "The special on Friday is a fried snapper for 24 euro.",
}
DESCRIBED = "What does the company that tells ships how long they wait say about travel?"
WEEKDAY = "Which special does the Lantern have on the weekday on which the clinic internship starts?"
ORDINARY = "When does the clinic internship start?"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    store = stored(tmp_path_factory.mktemp("hops") / "storage", TEXTS)
    yield store
    store.close()


@pytest.fixture
def services(store):
    """A real search of a real store, and a list of what was searched in how many documents."""
    searched: list[tuple[str, int]] = []

    def search(question, scope, translations=()):
        searched.append((question, len(scope.documents)))
        return retrieve(question, scope=scope, store=store, embedder=WordHashEmbedder(), limit=8)

    return {"retrieve": search, "store": store}, searched


def hops_of(found):
    return [event for event in found if isinstance(event, Hop)]


async def test_a_described_document_is_found_first_and_searched_then(services):
    """The company is found by its description and its own pages are searched; both pages are cited."""
    given, searched = services
    found = await events(DESCRIBED, None, **given)
    answer = answer_of(found)
    assert [hop.looked_for for hop in hops_of(found)] == ["the company that tells ships how long they wait"]
    assert [documents for _, documents in searched] == [0, 1]
    assert answer.text.startswith("First: the company that tells ships how long they wait → ")
    assert "refunded up to 90 euro" in answer.text and "is not paid" not in answer.text
    assert {(citation.file, citation.page) for citation in answer.citations} >= {
        ("harbour.txt", 1), ("harbour.txt", 2),
    }  # fmt: skip
    (hop,) = answer.receipt.hops
    assert hop.citation in answer.citations and f"p. 1 [{hop.citation.n}]" in answer.text
    assert answer.receipt.question == DESCRIBED


async def test_a_fact_of_one_document_searches_another(services):
    """The weekday that one file states is looked up in the menu, and the answer cites both."""
    given, _ = services
    answer = answer_of(await events(WEEKDAY, None, **given))
    assert [hop.fact for hop in answer.receipt.hops] == ["Friday"]
    assert "fried snapper for 24 euro" in answer.text
    assert {citation.file for citation in answer.citations} >= {"clinic.txt", "lantern.txt"}
    assert answer.receipt.searched == "Which special does the Lantern have on Friday?"


async def test_a_hop_that_finds_nothing_is_named(services):
    """What no document describes is named, no fact is made up, and the question is searched as a whole."""
    given, searched = services
    question = "What does the company that sells zeppelins to Zembla say about travel?"
    found = await events(question, None, **given, limits=replace(LIMITS, relevant_from=0.2))
    assert "Step 1 found nothing: the company that sells zeppelins to Zembla" in notices(found)
    assert hops_of(found) == [] and answer_of(found).receipt.hops == ()
    assert searched[-1] == (question, 0)


async def test_the_fact_is_shown_above_an_answer_that_finds_nothing(services):
    """Where only the last search finds nothing, the facts found before stay, with the step that failed."""
    given, _ = services
    question = "Which zeppelin flies to Zembla on the weekday on which the clinic internship starts?"
    found = await events(question, None, **given, limits=replace(LIMITS, relevant_from=0.5))
    answer = answer_of(found)
    assert answer.receipt.not_found
    assert "Step 2 found nothing: Which zeppelin flies to Zembla on Friday." in notices(found)
    n = answer.citations[-1].n
    assert answer.text.startswith(
        f"First: the weekday on which the clinic internship starts → Friday, p. 1 [{n}]\n"
    )
    assert answer.citations[-1].file == "clinic.txt"


async def test_the_model_plans_names_the_fact_and_answers(services, ollama):
    """One call plans, one answers; the words of a plan are searched, and the numbers of both pages hold."""
    given, searched = services
    ollama.script(
        "1. Which company tells ships how long they wait?\n2. What does #1 say about travel?",
        "Travel to the visit is refunded up to 90 euro [1].",
    )
    found = await events(DESCRIBED, native(ollama.url), **given)
    answer = answer_of(found)
    assert searched[0][0] == "Which company tells ships how long they wait?"
    assert len(ollama.requests_to("/api/chat")) == 2
    shown = "".join(event.text for event in found if isinstance(event, Token))
    assert shown.startswith("First: Which company tells ships how long they wait → ")
    assert "refunded up to 90 euro" in answer.text
    assert {(citation.file, citation.page) for citation in answer.citations} == {
        ("harbour.txt", 1), ("harbour.txt", 2),
    }  # fmt: skip
    assert answer.receipt.unsupported == ()


async def test_a_fact_that_a_model_names_stands_in_a_passage(services, ollama):
    """Words of the model that no passage has are no fact; the sentence that was found is shown instead."""
    given, _ = services
    question = "What does the Lantern cook for the person who types handwritten records of patients?"
    ollama.script("ONE", "Napoleon Bonaparte", "Three tacos [1].")
    answer = answer_of(await events(question, native(ollama.url), **given))
    assert all("Napoleon" not in hop.fact for hop in answer.receipt.hops)
    assert "Napoleon" not in answer.text


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("ONE", id="one search"),
        pytest.param("Fjordlys refunds travel up to 90 euro.", id="an answer"),
        pytest.param("1. Which company tells ships how long they wait?\n2. What is travel?", id="no link"),
        pytest.param("1. Who is #2?\n2. What does #1 say about travel?", id="a loop"),
        pytest.param(f"1. {DESCRIBED}\n2. What does #1 say?", id="an echo"),
        pytest.param("1. Which bank owns Fjordlys Holding?\n2. What says #1 of travel?", id="made up"),
        pytest.param("\n".join(f"{n}. Which ships #{n - 1}?" for n in range(1, 9)), id="endless"),
        pytest.param("1. Which company pays most?\n2. What does #1 say about travel?", id="a comparison"),
        pytest.param("", id="nothing"),
    ],
)  # fmt: skip
def test_garbage_is_no_plan(written):
    """A plan is used only if its searches are in the question's words and each needs the one before."""
    assert read_plan(written, DESCRIBED) == ()


async def test_garbage_of_the_model_leaves_the_plan_to_patterns(services, ollama):
    """A model that cannot plan costs its call, and the question is cut by its words."""
    given, searched = services
    ollama.script("I am happy to help!", "Travel is refunded up to 90 euro [1].")
    answer = answer_of(await events(DESCRIBED, native(ollama.url), **given))
    assert searched[0][0] == "the company that tells ships how long they wait"
    assert len(answer.receipt.hops) == 1


async def test_an_ordinary_question_costs_no_call_and_one_search(services, ollama):
    """The model is asked for the answer alone, of one search, and the answer has no line above it."""
    given, searched = services
    ollama.script("It starts on Friday 4 June 2027 [1].")
    answer = answer_of(await events(ORDINARY, native(ollama.url), **given))
    assert searched == [(ORDINARY, 0)]
    assert len(ollama.requests_to("/api/chat")) == 1
    assert answer.receipt.hops == () and "First:" not in answer.text
    assert "plan" not in answer.receipt.seconds


def golden_questions():
    """Return every golden question that one search answers, in English, French and German."""
    files = [*GOLDEN.glob("*.jsonl"), *GOLDEN.glob("translated/*.jsonl")]
    files.append(GOLDEN.parent / "retrieving" / "unanswerable.jsonl")
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return list(dict.fromkeys(row[key] for row in rows for key in ("question", "fr", "de") if key in row))


def test_no_ordinary_question_is_cut():
    """No golden question is cut into hops but one, which does describe a company; a model is shown few."""
    questions = golden_questions()
    assert len(questions) > 550
    (cut,) = [question for question in questions if plan_by_patterns(question)]
    assert "l'entreprise qui prévoit l'arrivée des navires" in cut
    assert sum(map(looks_like_hops, questions)) <= len(questions) / 100


@pytest.mark.parametrize(
    ("question", "hops"),
    [
        pytest.param(
            "Which restaurant is in the city of the internship that counts whales?",
            ["the internship that counts whales", "the city of #1", "Which restaurant is in #2?"],
            id="three",
        ),
        pytest.param(
            "In the month in which the fair opens, what is taught?",
            ["the month in which the fair opens", "In #1, what is taught?"],
            id="in front",
        ),
        pytest.param(
            "Quels jours le restaurant qui sert la quenelle est-il fermé ?",
            ["restaurant qui sert la quenelle", "Quels jours #1 est-il fermé ?"],
            id="French",
        ),
        pytest.param(
            "Was zahlt die Firma, die das Lager in Aarhus betreibt, für Reisen?",
            ["Firma, die das Lager in Aarhus betreibt", "Was zahlt #1 für Reisen?"],
            id="German",
        ),
        pytest.param("Where is the file that I uploaded about travel?", [], id="the reader's own"),
        pytest.param("What is the name of the company that runs the ferry?", [], id="only which one"),
        pytest.param(
            "Who may apply at the company that pays most?",
            ["the company that pays most", "Who may apply at #1?"],
            id="a comparison",
        ),
        pytest.param(
            "What does the internship with the earliest deadline pay?",
            ["the internship with the earliest deadline", "What does #1 pay?"],
            id="with a superlative",
        ),
        pytest.param("What does flat #4 of the company that runs the ferry cost?", [], id="a number sign"),
        pytest.param("How do I open a document?", [], id="ordinary"),
    ],
)
def test_a_question_is_cut_by_its_words(question, hops):
    """The innermost description is looked for first; what describes nothing of the documents is not cut."""
    assert [hop.question for hop in plan_by_patterns(question)] == hops
    assert len(hops) <= MOST_HOPS


async def test_conditions_hold_for_the_question_as_a_whole(services):
    """A question with a condition written into it is searched as it stands."""
    given, searched = services
    await events(f"{DESCRIBED} file:clinic.txt", None, **given)
    assert searched == [(f"{DESCRIBED} file:clinic.txt", 0)]


async def test_only_documents_in_scope_are_described(services):
    """A description is looked for in the libraries that are asked, and nowhere else."""
    given, _ = services
    answer = answer_of(await events(DESCRIBED, None, scope=Scope(libraries=("menus",)), **given))
    assert all(citation.library == "menus" for citation in answer.citations)
    assert all(hop.citation.library == "menus" for hop in answer.receipt.hops)


async def test_a_follow_up_with_a_description_of_its_own_is_cut(services):
    """An earlier turn does not lead in a question that stands by itself; one that does not is rewritten."""
    given, searched = services
    history = [Turn("How long are books lent?", "Four weeks.")]
    await events(DESCRIBED, None, history=history, **given)
    assert searched[0][0] == "the company that tells ships how long they wait"
    searched.clear()
    await events("What does it pay the company that tells ships?", None, history=history, **given)
    assert searched[0][0].startswith("How long are books lent?")


async def test_a_reader_who_leaves_ends_the_hops(services):
    """After the answer is closed, no further hop is searched."""
    given, searched = services
    running = answering(DESCRIBED, None, **given)
    async for event in running:
        if isinstance(event, Searching):
            break
    await running.aclose()
    assert len(searched) <= 1
