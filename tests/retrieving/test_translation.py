"""Questions in another language than the documents, over a real store and small dictionaries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docent.retrieving import Dictionaries, retrieve, translate_question
from docent.types import Scope
from tests.answering.build import stored
from tests.fakes.dictionaries import write_dictionary
from tests.fakes.embedder import WordHashEmbedder

EMBEDDER = WordHashEmbedder()
ENGLISH = (
    "The internship with Tidelight is about the weather of the sea. The pay of the interns is 900 euro, and "
    "it is for the rent of a room. Whoever is tall may climb to the top of the wind turbine with the others."
)
OTHER = (
    "The soup of the day is for the guests of the house, and it is made of beans. The bread is from the "
    "baker in the street, and the wine is from the hills that are near to the sea."
)
FRENCH = (
    "La soupe du jour est pour les clients de la maison, et elle est faite avec des haricots. Le pain est du "
    "boulanger dans la rue, et le vin est des collines qui sont au bord de la mer. Le brochet est à 21 euros."
)


@pytest.fixture
def folder(tmp_path):
    write_dictionary(
        tmp_path / "dictd",
        "fra-eng",
        {
            "stage": "training\ninternship",
            "loyer": "rent",
            "chambre": "room",
            "mal de mer": "seasickness",
            "mer": "sea",
            "Londres": "London",
        },
    )
    write_dictionary(
        tmp_path / "dictd",
        "deu-eng",
        {"Wind": "wind", "Mühle": "turbine\nmill", "zahlen": "pay", "Turbine": "sea"},
    )
    write_dictionary(tmp_path / "dictd", "fra-deu", {"turbine": "Turbine"})
    write_dictionary(tmp_path / "dictd", "eng-fra", {"pike": "brochet", "soup": "soupe", "bread": "pain"})
    write_dictionary(tmp_path / "dictd", "ita-deu", {"affitto": "Loyer, Mieten"})
    write_dictionary(tmp_path / "dictd", "deu-ita", {"Zimmer": "camera"})
    return tmp_path


@pytest.fixture
def store(folder):
    with_texts = stored(folder / "storage", {"l/stage.txt": ENGLISH, "l/menu.txt": OTHER})
    yield with_texts
    with_texts.close()


@pytest.fixture
def mixed_store(folder):
    with_texts = stored(folder / "storage", {"l/stage.txt": ENGLISH, "l/menu.txt": FRENCH})
    yield with_texts
    with_texts.close()


def translated(question, store, folder, scope=Scope()):  # noqa: B008  a frozen value
    return translate_question(question, scope, store=store, dictionaries=Dictionaries(folder / "dictd"))


def found(question, store, folder, scope=Scope()):  # noqa: B008  a frozen value
    translations = translated(question, store, folder, scope)
    return retrieve(question, scope=scope, store=store, embedder=EMBEDDER, limit=5, translations=translations)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        pytest.param("Quel est le loyer de la chambre ?", "rent room", id="words"),
        pytest.param("Quels sont les loyers des chambres ?", "rent room", id="other forms"),
        pytest.param("Où est le stage ?", "internship", id="the translation that documents hold"),
        pytest.param("Quelle turbine ?", "turbine", id="a loan word"),
        pytest.param("Et le mal de mer ?", "seasickness", id="a phrase before its words"),
        pytest.param(
            "Où est le stage de Tidelight en 2027 ?", "internship Tidelight 2027", id="names, figures"
        ),
        pytest.param("Où est Londres ?", "london", id="a name that has a translation"),
        pytest.param("Wie hoch ist die Windmühle?", "hoch wind turbine", id="a German compound"),
        pytest.param("Was zahlt Tidelight den Leuten?", "pay Tidelight Leuten", id="a German verb"),
        pytest.param(
            'Quel est le loyer ? file:stage.txt -chambre "mer"', "rent sea", id="without conditions"
        ),
    ],
)
def test_translation(question, text, store, folder):
    """A question becomes the words of the documents' language; what no dictionary knows stays."""
    (translation,) = translated(question, store, folder)
    assert (translation.target, translation.by) == ("en", "dictionary")
    assert translation.text == text


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("What is the pay of the interns?", id="the documents' language"),
        pytest.param("Tidelight 2027", id="no language"),
    ],
)
def test_nothing_is_translated(question, store, folder):
    """A question in the language of the documents, or in none, is searched as it is."""
    assert translated(question, store, folder) == []


@pytest.mark.parametrize(("embedded", "understood"), [({"en", "fr"}, True), ({"en"}, False)])
def test_a_multilingual_embedding_model(embedded, understood, store, folder):
    """A model that knows both languages is given the question as it is; words are still translated."""
    question = "Quel est le loyer ?"
    (translation,) = translate_question(
        question, Scope(), store=store, dictionaries=Dictionaries(folder / "dictd"), embedded=embedded
    )
    assert translation.understood is understood
    assert (translation.meaning == question) is understood
    assert translation.text == "rent"


def test_the_right_document_is_found(store, folder):
    """A French question finds the English page, with a relevance that answers; untranslated it does not."""
    question = "Quel est le loyer d'une chambre pendant le stage ?"
    best = found(question, store, folder)[0]
    as_it_is = retrieve(question, scope=Scope(), store=store, embedder=EMBEDDER, limit=5)
    assert best.file == "stage.txt"
    assert best.relevance > 0.5 > max(passage.relevance for passage in as_it_is)


def test_an_english_question_finds_a_french_menu(mixed_store, folder):
    """Both directions work, also where other documents are in the question's language."""
    passages = found("Is there pike, bread or soup?", mixed_store, folder)
    assert passages[0].file == "menu.txt"
    assert found("What is the rent of a room?", mixed_store, folder)[0].file == "stage.txt"


def test_documents_of_the_own_language_keep_their_relevance(mixed_store, folder):
    """A translation for other documents changes nothing in what is said of the own language's."""
    question = "What is the rent of a room?"
    own = retrieve(question, scope=Scope(), store=mixed_store, embedder=EMBEDDER, limit=5)
    relevances = {passage.chunk_id: passage.relevance for passage in found(question, mixed_store, folder)}
    english = [passage for passage in own if passage.file == "stage.txt"]
    assert english
    assert {passage.chunk_id: passage.relevance for passage in english}.items() <= relevances.items()


def test_few_documents_in_another_language_count_less(mixed_store, folder):
    """One French menu among English documents does not answer what it merely resembles."""
    question = "Is there pike, bread or soup?"
    french = stored(folder / "french", {"l/menu.txt": FRENCH})
    try:
        alone = found(question, french, folder)[0]
    finally:
        french.close()
    among = next(one for one in found(question, mixed_store, folder) if one.file == "menu.txt")
    assert 0.5 * alone.relevance < among.relevance < 0.9 * alone.relevance


def test_without_a_dictionary_nothing_is_refused(store, folder, tmp_path):
    """A question that nobody could translate is not refused for its language."""
    question = "Quel est le loyer d'une chambre ?"
    (translation,) = translate_question(
        question, Scope(), store=store, dictionaries=Dictionaries(tmp_path / "none")
    )
    assert (translation.by, translation.coverage) == ("nothing", 0.0)
    passages = retrieve(
        question, scope=Scope(), store=store, embedder=EMBEDDER, limit=5, translations=[translation]
    )
    assert min(passage.relevance for passage in passages) >= 0.5


@pytest.mark.parametrize(
    ("texts", "is_main"),
    [
        pytest.param({"l/stage.txt": ENGLISH}, [True], id="all"),
        pytest.param({"l/stage.txt": ENGLISH, "l/menu.txt": FRENCH}, [False], id="as many as of its own"),
    ],
)
def test_the_main_language_is_known(texts, is_main, folder):
    """A translation says whether more documents are in its language than in the question's own."""
    with_texts = stored(folder / "main", texts)
    try:
        translations = translated("Quel est le loyer d'une chambre ?", with_texts, folder)
        assert [translation.is_main for translation in translations] == is_main
    finally:
        with_texts.close()


def test_a_few_documents_that_nobody_can_translate_for_change_nothing(mixed_store, tmp_path):
    """Without a dictionary, one French document does not keep English questions from being refused."""
    none = Dictionaries(tmp_path / "none")
    assert translate_question("What is the rent?", Scope(), store=mixed_store, dictionaries=none) == []


def test_understood_and_not_there_is_refused(store, folder):
    """Where every word was translated, and no passage has any, the documents do not answer."""
    write_dictionary(folder / "dictd", "fra-eng", {"dragon": "dragon", "volcan": "volcano"})
    passages = found("Quel dragon vit dans le volcan ?", store, folder)
    assert max((passage.relevance for passage in passages), default=0.0) < 0.2


def test_words_that_mean_the_same_count_once(store, folder):
    """Several translations of a word are one word for the relevance of a passage."""
    (translation,) = translated("Quel est le loyer ?", store, folder)
    doubled = replace(translation, alternatives="pay", same={"en:pai": "en:rent"})
    passages = retrieve(
        "Quel est le loyer ?", scope=Scope(), store=store, embedder=EMBEDDER, limit=5, translations=[doubled]
    )
    assert passages[0].file == "stage.txt"
    assert passages[0].relevance > 0.5
