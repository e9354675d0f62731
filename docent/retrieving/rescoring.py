"""The shortlist on closer look: every piece read in its own language, against the question's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain

from docent.retrieving.passage_features import figures, headings, neighbours, sentence, sentences, title
from docent.retrieving.question import wants_figures
from docent.retrieving.relevance import common, relevance
from docent.retrieving.weights import Weights
from docent.store.protocols import Reader
from docent.types import Chunk, Scope


class Look:
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
