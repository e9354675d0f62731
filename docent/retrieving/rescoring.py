"""Rescore."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain, pairwise

from docent.retrieving.fusion import Weights
from docent.retrieving.query import wants_figures
from docent.store.protocols import Reader
from docent.types import Chunk, Scope


class Rescorer:
    """One question's look at pieces; a text that is looked at twice is read once."""

    def __init__(self, question: str, languages: Mapping[str, str], store: Reader, scope: Scope) -> None:
        """The language of every piece that will be looked at, by its id."""
        self._question = question
        self._languages = languages
        self._store = store
        self._scope = scope
        self._terms = cache(store.terms)
        self._said = cache(self._sentences)
        self._asked = {language: store.terms(question, language) for language in set(languages.values())}

    def closely(
        self, chunks: Mapping[str, Chunk], by_words: Mapping[str, float], weights: Weights
    ) -> dict[str, float]:
        """What headings, figures, sentences and neighbouring words add to each piece.

        A piece without a score by words holds none of the question's words, so it need not be read for them.
        """
        named = {
            word
            for piece, chunk in chunks.items()
            for part in headings(chunk.header)
            for word in self._terms(part, self._languages[piece])
        }
        rarity = self._rarity(named)
        figured = wants_figures(self._question)
        searched = self._store.searched(self._question)
        whole = {language for language, asked in self._asked.items() if searched.issuperset(asked)}
        silent = {piece for piece in chunks if not by_words[piece] and self._languages[piece] in whole}
        return {
            piece: self._look(chunk, rarity, figured, weights, read=piece not in silent)
            for piece, chunk in chunks.items()
        }

    def relevance(self, chunks: Sequence[Chunk], closeness: Mapping[str, float]) -> dict[str, float]:
        """How likely it is that each piece helps."""
        rarity = self._rarity(set())
        return {chunk.id: self._relevance(chunk, closeness.get(chunk.id), rarity) for chunk in chunks}

    def _look(
        self, chunk: Chunk, rarity: Mapping[str, float], figured: bool, weights: Weights, *, read: bool
    ) -> float:
        language = self._languages[chunk.id]
        asked, in_words = self._asked[language], 0.0
        if read:
            said = self._said(chunk.text, language)
            in_words = weights.neighbours * neighbours(asked, list(chain(*said)), rarity)
            in_words += weights.sentence * sentence(asked, said, rarity)
        return (
            weights.title * title(asked, chunk.header, lambda text: self._terms(text, language), rarity)
            + in_words * (weights.figured if figured else 1.0)
            + (weights.figures * figures(chunk.text) if figured else 0.0)
        )

    def _relevance(self, chunk: Chunk, closeness: float | None, rarity: Mapping[str, float]) -> float:
        language = self._languages[chunk.id]
        said = chain(self._terms(chunk.header, language), *self._said(chunk.text, language))
        return relevance(closeness, common(self._asked[language], list(said), rarity))

    def _rarity(self, more: set[str]) -> dict[str, float]:
        return self._store.rarity(sorted(more.union(*self._asked.values())), self._scope)

    def _sentences(self, text: str, language: str) -> list[Sequence[str]]:
        return [self._store.terms(part, language) for part in sentences(text)]


FULL_OF_FIGURES = 0.1  # a tenth of the letters; a table of figures has more, prose has less
UNSAID = 2.0  # so that a heading of one common word does not count as wholly said

SENTENCE_ENDS = re.compile(r"\s(?:(?<=[.!?;]\s)\s*|(?<=\n)(?!\s*[a-zß-ÿ]))")
"""Also at a line's end, unless the next line goes on in small letters, as in a wrapped paragraph.

It begins with what it ends at, so that nothing but blanks is looked at: a third of the time.
"""
DIGIT = re.compile(r"\d")
DIGITS = b"0123456789"

Terms = Callable[[str], Sequence[str]]


def headings(header: str) -> list[str]:
    """The headings in a header: what stands between the document's name and the place."""
    return [heading for part in header.split(" | ")[1:-1] for heading in part.split(" - ")]


def title(asked: Sequence[str], header: str, terms: Terms, rarity: Mapping[str, float]) -> float:
    """How much of the best heading the question says, 0 to 1: a page is named after what it answers."""
    question, best = set(asked), 0.0
    for heading in headings(header):
        words = {word for word in terms(heading) if not word.isdigit()}
        said = sum(rarity.get(word, 0.0) for word in words & question)
        best = max(best, said / (sum(rarity.get(word, 0.0) for word in words) + UNSAID))
    return best


def figures(text: str) -> float:
    """How full of figures a text is, 0 to 1."""
    # A tenth of the time, and most texts are.
    digits = (
        len(text) - len(text.encode().translate(None, DIGITS)) if text.isascii() else len(DIGIT.findall(text))
    )
    return min(digits / (FULL_OF_FIGURES * len(text)), 1.0) if text else 0.0


def neighbours(asked: Sequence[str], terms: Sequence[str], rarity: Mapping[str, float]) -> float:
    """The share of the question's neighbouring words that are neighbours here, too, rare ones first."""
    pairs = {pair: rarity.get(pair[0], 0.0) + rarity.get(pair[1], 0.0) for pair in pairwise(asked)}
    whole = sum(pairs.values())
    return sum(pairs[pair] for pair in pairs.keys() & pairwise(terms)) / whole if whole else 0.0


def sentences(text: str) -> list[str]:
    """A text cut where its sentences end, or its lines when they are no prose."""
    return [part for part in SENTENCE_ENDS.split(text) if part.strip()]


def sentence(asked: Sequence[str], said: Sequence[Sequence[str]], rarity: Mapping[str, float]) -> float:
    """The share of the question's words in the sentence that holds most of them, rare ones first."""
    question = set(asked)
    whole = sum(rarity.get(word, 0.0) for word in question)
    shares = (sum(rarity.get(word, 0.0) for word in question.intersection(words)) for words in said)
    return max(shares, default=0.0) / whole if whole else 0.0


CLOSENESS = 6.3
COMMON = 6.8
OFFSET = -4.0
UNKNOWN_CLOSENESS = 0.4
"""Of a passage that has no vector yet; it is judged by its words."""


def relevance(closeness: float | None, common: float) -> float:
    """0 to 1, from the cosine of question and passage, and the share of the question's rare words in it."""
    known = UNKNOWN_CLOSENESS if closeness is None else closeness
    return 1 / (1 + math.exp(-(CLOSENESS * known + COMMON * common + OFFSET)))


def common(asked: Sequence[str], terms: Sequence[str], rarity: Mapping[str, float]) -> float:
    """The share of the question's words that stand in the passage, rare ones counting more."""
    question = set(asked)
    whole = sum(rarity.get(word, 0.0) for word in question)
    return sum(rarity.get(word, 0.0) for word in question & set(terms)) / whole if whole else 0.0
