"""A question in another language than the documents, translated by the model or by dictionaries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docent.answering import question_translation
from docent.answering.question_translation import is_translation
from docent.retrieving.translation import Translation
from tests.answering.build import FOUND, LIMITS, answer_of, events, notices
from tests.answering.test_clients import native

QUESTION = "Combien coûtent 2 livres rendus en retard à la bibliothèque Tidelight ?"
WRITTEN = "How much do 2 books cost that come back late to the Tidelight library?"
BY_WORDS = Translation(
    source="fr",
    target="en",
    text="cost 2 books late library Tidelight",
    meaning="cost 2 books late library Tidelight",
    by="dictionary",
    names=("Tidelight",),
)


def searching(translations):
    """Services that translate like this, and a list of what was searched with what translations."""
    searched = []

    def retrieve(question, scope, translations=()):
        searched.append((question, tuple(translations)))
        return FOUND

    return {"retrieve": retrieve, "translate": lambda question, scope: translations}, searched


async def test_the_model_translates_once(ollama):
    """The model's translation is searched, in one short call before the answer, and the receipt says so."""
    services, searched = searching([BY_WORDS])
    ollama.script(WRITTEN, "Dix cents par jour [2].")
    found = await events(QUESTION, native(ollama.url), **services)
    ((question, (translation,)),) = searched
    assert question == QUESTION
    assert (translation.text, translation.by) == (WRITTEN, "model")
    first, second = ollama.requests_to("/api/chat")
    assert first.body["options"]["num_predict"] < 200
    assert "English" in first.body["messages"][0]["content"]
    assert second.body["messages"][-1]["content"].count(QUESTION) == 1
    assert WRITTEN in notices(found)
    assert "language model" in notices(found)
    assert answer_of(found).receipt.searched == QUESTION
    assert any(WRITTEN in notice for notice in answer_of(found).receipt.notices)


async def test_a_question_in_the_documents_language_costs_no_call(ollama):
    """Where nothing is to be translated, the model is asked for the answer alone, and no notice is shown."""
    services, searched = searching([])
    ollama.script("Ten cents a day [2].")
    found = await events("What do late books cost?", native(ollama.url), **services)
    assert searched == [("What do late books cost?", ())]
    assert len(ollama.requests_to("/api/chat")) == 1
    assert notices(found) == ""


async def test_a_few_documents_in_another_language_cost_no_call(ollama):
    """Where most documents are in the question's language, dictionaries do for others; nothing is said."""
    few = replace(BY_WORDS, is_main=False)
    services, searched = searching([few])
    ollama.script("Dix cents par jour [2].")
    found = await events(QUESTION, native(ollama.url), **services)
    assert searched == [(QUESTION, (few,))]
    assert len(ollama.requests_to("/api/chat")) == 1
    assert notices(found) == ""


async def test_without_a_model_dictionaries_translate():
    """Without a model the words of dictionaries are searched and named, and they find sentences."""
    services, searched = searching([BY_WORDS])
    found = await events(QUESTION, None, **services)
    assert searched == [(QUESTION, (BY_WORDS,))]
    assert BY_WORDS.text in notices(found)
    assert answer_of(found).text.startswith("- Late books cost ten cents a day.")


async def test_without_model_and_dictionary_it_is_said(ollama):
    """Where nothing translates, the receipt says that answers may be missed."""
    services, _ = searching([replace(BY_WORDS, by="nothing")])
    assert "may be missed" in notices(await events(QUESTION, None, **services))


async def test_a_small_model_is_not_asked(ollama):
    """A small model, which would answer rather than translate, is left out; dictionaries translate."""
    services, searched = searching([BY_WORDS])
    ollama.script("Dix cents par jour [2].")
    await events(QUESTION, native(ollama.url), limits=replace(LIMITS, small_model="on"), **services)
    assert searched == [(QUESTION, (BY_WORDS,))]
    assert len(ollama.requests_to("/api/chat")) == 1


async def test_an_embedding_model_of_both_languages_needs_no_call(ollama):
    """Where the embedding model knows both languages, the language model is asked for the answer alone."""
    understood = replace(BY_WORDS, by="nothing", understood=True, meaning=QUESTION)
    services, searched = searching([understood])
    ollama.script("Dix cents par jour [2].")
    found = await events(QUESTION, native(ollama.url), **services)
    assert searched == [(QUESTION, (understood,))]
    assert len(ollama.requests_to("/api/chat")) == 1
    assert notices(found) == ""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param({"reply": "Je ne sais pas, désolé."}, id="an answer"),
        pytest.param({"refuse": "overflow"}, id="an error"),
        pytest.param({"reply": ""}, id="nothing"),
        pytest.param({"reply": f"{WRITTEN}\n\nIt costs ten cents."}, id="more than the translation"),
    ],
)
async def test_what_is_no_translation_is_dropped(script, ollama):
    """What the model wrote is dropped where it is no translation; the dictionaries' words are searched."""
    services, searched = searching([BY_WORDS])
    ollama.script(script, "Dix cents par jour [2].")
    found = await events(QUESTION, native(ollama.url), **services)
    assert searched == [(QUESTION, (BY_WORDS,))]
    assert answer_of(found).text


async def test_a_slow_model_is_not_waited_for(ollama, monkeypatch):
    """A translation that takes too long is given up, and the answer goes on."""
    monkeypatch.setattr(question_translation, "SECONDS", 0.01)
    services, searched = searching([BY_WORDS])
    ollama.script({"reply": WRITTEN, "delay": 5}, "Dix cents par jour [2].")
    await events(QUESTION, native(ollama.url), **services)
    assert searched == [(QUESTION, (BY_WORDS,))]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(WRITTEN, True, id="a translation"),
        pytest.param("", False, id="nothing"),
        pytest.param(QUESTION, False, id="an echo"),
        pytest.param(
            "Wie viel kosten 2 Bücher, die zu spät zur Tidelight kommen?", False, id="another language"
        ),
        pytest.param("How much do books cost that are late for Tidelight?", False, id="a lost figure"),
        pytest.param("How much do 2 books cost that are late for the library?", False, id="a lost name"),
        pytest.param("2 books of Tidelight " * 20, False, id="too long"),
        pytest.param("Tidelight 2 books", False, id="too short"),
        pytest.param("Tidelight: how much is 2, how much is late, how much is it?", False, id="repetition"),
    ],
)
def test_is_translation(line, expected):
    """A line is a translation if it is in the language asked for, keeps figures and names, and is short."""
    assert is_translation(line, QUESTION, BY_WORDS) is expected
