"""Words are found in the language of their document, however they are inflected or accented."""

from __future__ import annotations

import pytest

from docent.store.index.languages import MOST_WORDS, analyzer, asked, indexed, terms, terms_of


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        pytest.param("en", "The museum opens on Sundays", "Is the museum open on a Sunday?", id="English"),
        pytest.param("fr", "Les musées sont fermés", "Quand le musée est-il fermé ?", id="French"),
        pytest.param("de", "Die Häuser werden verkauft", "Welches Haus verkauft sie?", id="German"),
        pytest.param("es", "Las habitaciones reservadas", "¿Cómo reservar una habitación?", id="Spanish"),
        pytest.param("it", "Le prenotazioni dei tavoli", "Come faccio una prenotazione?", id="Italian"),
        pytest.param("pt", "As reservas dos conselhos", "Qual é o conselho?", id="Portuguese"),
        pytest.param("nl", "De boeken zijn geleend", "Welk boek is geleend?", id="Dutch"),
        pytest.param("fr", "Poire pochée au vin épicé", "poire pochee epice", id="typed without accents"),
        pytest.param("pl", "Raport roczny 2023", "Raport 2023", id="a language nobody here knows"),
        pytest.param("", "Suppe 4,50", "Suppe", id="too short to tell"),
    ],
)
def test_a_question_meets_the_text(language, text, question):
    """Each telling word of the question is among the terms of the text."""
    assert set(indexed(text, language)) & set(asked(question))


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        pytest.param("fr", "Thé vert et thé noir", "What is the price of the soup?", id="'the' is no tea"),
        pytest.param(
            "de", "Die Kinder und die Kanzlerin", "Did the inventor die young?", id="'die' is no dying"
        ),
        pytest.param("en", "What is to be done", "Was ist das?", id="only small words"),
    ],
)
def test_small_words_find_nothing(language, text, question):
    """A small word of the question's language is not searched as a telling word of another."""
    assert not set(indexed(text, language)) & set(asked(question))


def test_terms_keep_their_order_and_figures_their_form():
    """Neighbours stay neighbours; a figure is the same in every language."""
    assert terms("Cash flow statements of 2023", "en") == ["en:cash", "en:flow", "en:statement", "2023"]
    assert terms("Bilanz 2023", "de")[-1] == "2023"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Net sales (14,694) rose_by 3.5% — don't ask; x² ½ №7", id="figures and signs"),
        pytest.param("Straße ŒUVRE İstanbul ﬁne naïve café", id="letters with something on them"),
        pytest.param("Ετήσια έκθεση ΟΔΟΣ и годовой ОТЧЁТ", id="Greek and Cyrillic"),
        pytest.param("वार्षिक रिपोर्ट 2023 年度報告 รายงาน report", id="words that Python would end elsewhere"),
    ],
)
def test_a_word_met_before_has_the_terms_it_had(text):
    """Words are remembered with their terms, and those are the same as of the whole text at once."""
    whole = analyzer("en").analyze(text)
    for _ in range(2):
        assert [term.removeprefix("en:") for term in terms(text, "en")] == whole


def test_words_without_end_take_no_more_memory():
    """A list of part numbers is read to its end, and the words remembered stay as many as they may be."""
    text = " ".join(f"x{number}" for number in range(MOST_WORDS + 10))
    assert len(terms(text, "pt")) == MOST_WORDS + 10
    assert len(terms_of("pt")) <= MOST_WORDS
