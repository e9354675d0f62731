"""Turn texts into terms: stems in the language of each document, without stop words, accents folded.

A term carries its language ("fr:quenell"), so that a French stem never meets an English one; figures
carry none. A question is read in every language, less the stop words of its own.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

NAMES = {
    "en": "english",
    "fr": "french",
    "de": "german",
    "es": "spanish",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
}
UNKNOWN = "en"  # a text too short to tell, or in another language: figures and names match all the same
ACCENTED = re.compile(r"\w*[^\W\x00-\x7f]\w*")
WORD = re.compile(r"[^\W_]+")
PLAIN = bytes(code if code < 128 and chr(code).isalnum() else ord(" ") for code in range(256))
UNLIKE = re.compile("[^\x00-\u0344\u0370-\u052f\u1e00-\u24b5\u2500-\u2bff\ue000-\uf8ff\ufb00-\ufb06]")
"""Letters of scripts that Python and tantivy may split into words differently."""
MOST_WORDS = 50_000  # cached with their terms for each language: some 10 MB


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a text in their order."""
    known = language if language in NAMES else UNKNOWN
    if text.isascii():  # most texts; it takes a third of the time
        words = text.encode().translate(PLAIN).decode().split()
    elif UNLIKE.search(text):
        return _analyzed(text, known)
    else:
        words = WORD.findall(text)
    return [term for term in map(terms_of(known).__getitem__, words) if term]


def indexed(text: str, language: str) -> list[str]:
    """Return the terms of a text, and those of its words as typed without accents."""
    found = terms(text, language)
    if text.isascii():
        return found
    accented = " ".join(dict.fromkeys(ACCENTED.findall(text)))
    return (
        [*found, *(dict.fromkeys(terms(_folded(accented), language)).keys() - set(found))]
        if accented
        else found
    )


@lru_cache(maxsize=64)
def asked(question: str) -> tuple[str, ...]:
    """Return the terms of a question in every language, each once; cached, as each search asks for them."""
    words = " ".join(_telling(question))
    return tuple(dict.fromkeys(term for language in NAMES for term in terms(words, language)))


def _telling(question: str) -> list[str]:
    """Return the question's words without the stop words of its language: "the" must not find French tea."""
    words = re.findall(r"\w+", question)
    left = {language: [word for word in words if terms(word, language)] for language in NAMES}
    return min(left.values(), key=len)  # the first of equals is English


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


class _Terms(dict[str, str]):
    """Words of one language with their terms, stop words with none; most words of a text were met before."""

    def __init__(self, language: str) -> None:
        self._language = language

    def __missing__(self, word: str) -> str:
        if len(self) >= MOST_WORDS:
            self.clear()
        found = "".join(_analyzed(word, self._language))
        self[word] = found
        return found


@lru_cache(maxsize=len(NAMES))
def terms_of(language: str) -> _Terms:
    return _Terms(language)


def _analyzed(text: str, language: str) -> list[str]:
    return [word if word.isdigit() else f"{language}:{word}" for word in analyzer(language).analyze(text)]


@lru_cache(maxsize=len(NAMES))
def analyzer(language: str) -> TextAnalyzer:
    # Stemmed before accents are folded: "fermée" and "fermé" are one word to the stemmer only as written.
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.lowercase())
        .filter(Filter.stopword(NAMES[language]))
        .filter(Filter.stemmer(NAMES[language]))
        .filter(Filter.ascii_fold())
        .build()
    )
