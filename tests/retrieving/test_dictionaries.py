"""Bilingual dictionaries as Debian installs them, looked up without reading them whole."""

from __future__ import annotations

import gzip

import pytest

from docent.errors import InputError
from docent.retrieving import Dictionaries
from tests.fakes.dictionaries import write_dictionary


def stem(word: str) -> str:
    return word.rstrip("esn")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param("wage <n>, (regular) pay [Br.]", ["wage", "pay"], id="notes"),
        pytest.param("1. augment, enlarge\n2. to grow", ["augment", "enlarge", "grow"], id="senses"),
        pytest.param('pay <v>\n      "die Rechnung zahlen"  - pay the bill', ["pay"], id="examples"),
        pytest.param("wage <n>\n   Synonym: {Lohn}\n\n see: {Löhne}, {Sold}", ["wage"], id="references"),
        pytest.param("a word that takes a sentence", [], id="explanations"),
    ],
)
def test_translations_of_an_entry(entry, expected, tmp_path):
    """Translations are taken from an entry; its examples, notes, references and explanations are not."""
    write_dictionary(tmp_path, "deu-eng", {"Lohn": entry})
    assert Dictionaries(tmp_path).open("de", "en").translate("Lohn", stem) == expected


def test_every_headword_is_found(tmp_path):
    """Each of a thousand headwords is found, also where its entry crosses a compressed piece."""
    entries = {f"wort{at:04}": f"word{at:04}" for at in range(1000)}
    write_dictionary(tmp_path, "deu-eng", entries, piece=97)
    dictionary = Dictionaries(tmp_path).open("de", "en")
    assert {word: dictionary.translate(word, None) for word in entries} == {
        word: [translation] for word, translation in entries.items()
    }
    assert dictionary.translate("wort", None) == dictionary.translate("zebra", None) == []


def test_another_form_of_the_word_is_found(tmp_path):
    """A plural is translated by its singular, and after it by what the plural alone means."""
    write_dictionary(tmp_path, "deu-eng", {"Mühle": "mill", "Mühlen": "mill works"})
    assert Dictionaries(tmp_path).open("de", "en").translate("Mühlen", stem) == ["mill works", "mill"]


def test_the_other_direction_counts(tmp_path):
    """A small dictionary is read backwards as well."""
    write_dictionary(tmp_path, "fra-eng", {"stage": "course"})
    write_dictionary(tmp_path, "eng-fra", {"internship": "stage", "porpoise": "marsouin"})
    dictionary = Dictionaries(tmp_path).open("fr", "en")
    assert dictionary.translate("stage", None) == ["course", "internship"]
    assert dictionary.translate("marsouins", stem) == ["porpoise"]


def test_none_installed(tmp_path):
    """Without the files of a pair there is no dictionary."""
    write_dictionary(tmp_path, "fra-eng", {"stage": "internship"})
    dictionaries = Dictionaries(tmp_path)
    assert dictionaries.open("de", "en") is dictionaries.open("fr", "xx") is None
    assert Dictionaries(tmp_path / "missing").open("fr", "en") is None


@pytest.mark.parametrize(
    "content", [gzip.compress(b"stage\ninternship"), b"", b"no gzip"], ids=["no dictd", "empty", "no gzip"]
)
def test_a_damaged_dictionary_is_named(content, tmp_path):
    """A file in another format raises an error that names it and the setting."""
    write_dictionary(tmp_path, "fra-eng", {"stage": "internship"})
    (tmp_path / "freedict-fra-eng.dict.dz").write_bytes(content)
    with pytest.raises(InputError, match=r"freedict-fra-eng\.dict\.dz.*DOCENT_DICTIONARIES"):
        Dictionaries(tmp_path).open("fr", "en")
