"""Translate a question into the languages of the documents, word by word, from dictionaries.

A word is replaced by one of its translations that occurs in the documents; the others count as the same word
when passages are scored. A word that no dictionary has stays as it is: names, figures and loan words are the
same in both languages. A language without a dictionary of its own pair is reached through a third.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from operator import attrgetter
from typing import Literal

from docent.retrieving.dictionaries import BilingualDictionary, Dictionaries, Stem
from docent.retrieving.query import parse, shorten_question
from docent.store.protocols import Reader
from docent.text_language import SMALL_WORDS_OF_QUESTIONS, detect_question_language
from docent.types import Scope

PIVOTS = ("en", "de")  # the languages with the largest dictionaries
MAX_PIVOTED = 4  # translations of a word that are translated once more
MAX_ALTERNATIVES = 4
MAX_TRANSLATED = 60  # words of a question
MAX_PHRASE = 3  # words that are looked up together
NO_TERM = "–"  # no document holds a dash as a word
MAX_TARGETS = 3  # languages that a question is translated into
MIN_COMPOUND, MIN_PART = 8, 4  # letters
MIN_LOAN = 5  # letters of a word that is the same in both languages, as "gluten"; shorter ones are chance
MIN_STEM, MIN_STEMS = 4, {"de": 3, "nl": 3}  # letters: French "dosa" is no form of "dos"
COMPOUNDING = frozenset({"de", "nl"})
LINKS = ("", "s", "es", "n", "en", "e")  # between the parts of a compound
WORD = re.compile(r"[^\W_]+")
COMMON, LIKE, SINGLE = 1.0, 1.0, 0.5
"""What a translation gains by being common in the documents, by being written like the word, and by being
one word, beside the 1 or 2 of the dictionaries' order. Double or half moves page-hit@5 by at most .04."""

Terms = Callable[[str, str], Sequence[str]]
"""Return the terms of a text in a language."""
Rarity = Callable[[Sequence[str]], Mapping[str, float]]
"""Return how rare each term is in the documents; one that none holds is rarest."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A question in another language."""

    source: str
    target: str
    text: str
    """The words that are searched: of each word's translations one that the documents hold."""
    meaning: str
    """The text that is searched by meaning."""
    by: Literal["model", "dictionary", "nothing"]
    alternatives: str = ""
    """Other translations of its words."""
    same: Mapping[str, str] = field(default_factory=dict)
    """Terms of the alternatives, each with the term of the text that it stands for."""
    unknown: frozenset[str] = frozenset()
    """Terms of words that could not be translated and that no document holds."""
    names: tuple[str, ...] = ()
    """Words that no dictionary knows and that documents hold: a translation keeps them."""
    understood: bool = False
    """The embedding model knows both languages: the question is searched by meaning as it is."""
    coverage: float = 1.0
    """Share of the question's words that are translated, or the same in both languages."""
    is_main: bool = True
    """More documents are in this language than in the question's own."""

    @property
    def words(self) -> str:
        return f"{self.text} {self.alternatives}".strip()


@dataclass(frozen=True, slots=True)
class _Meaning:
    """A word or phrase of the question with what it may be in the other language, best first."""

    words: str
    translations: Mapping[str, float]
    is_known: bool


def translate_question(
    question: str,
    scope: Scope,
    *,
    store: Reader,
    dictionaries: Dictionaries,
    embedded: Collection[str] = (),
) -> list[Translation]:
    """Return the question in each language of the documents in scope that is not its own.

    There is none for most questions: their language is that of the documents. Where only a few documents are
    in another one and nothing translates, they are searched as the others are, or no question would be
    refused any more. `embedded` are the languages that the embedding model knows.
    """
    question = parse(shorten_question(question)).text
    if not (source := detect_question_language(question)):
        return []
    languages = Counter(map(attrgetter("language"), store.documents(scope)))
    targets = [language for language, _ in languages.most_common() if language not in ("", source)]
    translations = []
    for target in targets[:MAX_TARGETS]:
        translation = translate_words(
            question,
            source,
            target,
            dictionaries=dictionaries,
            terms=store.terms,
            rarity=lambda terms: store.rarity(terms, scope),
        )
        if {source, target} <= set(embedded):
            translation = replace(translation, meaning=question, understood=True)
        is_main = languages[target] > languages[source]
        if is_main or translation.understood or translation.by == "dictionary":
            translations.append(replace(translation, is_main=is_main))
    return translations


def translate_words(
    question: str,
    source: str,
    target: str,
    *,
    dictionaries: Dictionaries,
    terms: Terms,
    rarity: Rarity,
) -> Translation:
    """Return the question in another language, as far as dictionaries and common words go."""
    lookup = _Lookup(dictionaries, source, target, terms)
    vocabulary = _Vocabulary(target, terms, rarity)
    meanings = list(islice(_meanings(question, source, lookup, vocabulary), MAX_TRANSLATED))
    text: list[str] = []
    meant: list[str] = []
    alternatives: list[str] = []
    same: dict[str, str] = {}
    unknown: set[str] = set()
    names: list[str] = []
    known = 0
    for meaning in meanings:
        scores = {
            word: score
            + COMMON * vocabulary.commonness(word)
            + LIKE * _likeness(meaning.words, word)
            + SINGLE * (" " not in word)
            for word, score in meaning.translations.items()
        }
        ranked = sorted(scores, key=lambda word: -scores[word]) or [meaning.words]
        present = [word for word in ranked if vocabulary.holds(word)]
        chosen = (present or ranked)[:MAX_ALTERNATIVES]
        is_known = meaning.is_known or vocabulary.holds(meaning.words)
        known += is_known
        if ranked[0] == meaning.words and vocabulary.holds(meaning.words):
            names.append(meaning.words)
        text.append(chosen[0])
        meant.append(ranked[0])
        alternatives += chosen[1:]
        if not (head := vocabulary.rarest_term(chosen[0])):
            continue
        if not is_known:
            unknown.update(vocabulary.terms(chosen[0]))
        same |= {term: head for word in chosen[1:] if (term := vocabulary.rarest_term(word)) and term != head}
    return Translation(
        source=source,
        target=target,
        text=" ".join(text) or question,
        meaning=" ".join(meant) or question,
        by="dictionary" if lookup.is_open else "nothing",
        alternatives=" ".join(alternatives),
        same=same,
        unknown=frozenset(unknown),
        names=tuple(names),
        coverage=known / len(meanings) if meanings else 1.0,
    )


class _Vocabulary:
    """The words of the documents, as far as they are asked for."""

    def __init__(self, language: str, terms: Terms, rarity: Rarity) -> None:
        self._language = language
        self._terms = terms
        self._rarity = rarity
        self._absent = rarity([NO_TERM])[NO_TERM]
        self._known: dict[str, dict[str, float]] = {}

    def terms(self, words: str) -> dict[str, float]:
        """Return the terms of a word or phrase, each with its rarity."""
        if words not in self._known:
            terms = self._terms(words, self._language)
            self._known[words] = dict(self._rarity(terms)) if terms else {}
        return self._known[words]

    def holds(self, words: str) -> bool:
        terms = self.terms(words)
        return bool(terms) and max(terms.values()) < self._absent

    def commonness(self, words: str) -> float:
        """Return how common the rarest of the words is, 0 for one that no document holds."""
        return 1 - max(self.terms(words).values(), default=self._absent) / self._absent

    def rarest_term(self, words: str) -> str:
        terms = self.terms(words)
        return max(terms, key=lambda term: terms[term], default="")


def _likeness(word: str, other: str) -> float:
    """Return how alike two words are written, 0 to 1: cognates begin alike."""
    shared = len(os.path.commonprefix([_folded(word), _folded(other)]))
    return shared / max(len(word), len(other)) if shared >= MIN_PART else 0.0


def _folded(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _meanings(question: str, source: str, lookup: _Lookup, vocabulary: _Vocabulary) -> Iterator[_Meaning]:
    """Yield the words and phrases of a question, small words left out, with their translations."""
    small = SMALL_WORDS_OF_QUESTIONS.get(source, frozenset())
    found = [(match[0], match.start()) for match in WORD.finditer(question)]
    at = 0
    while at < len(found):
        for length in range(min(MAX_PHRASE, len(found) - at), 1, -1):
            phrase = [word for word, _ in found[at : at + length]]
            if phrase[0].lower() in small or phrase[-1].lower() in small:
                continue
            if translations := lookup.translate(" ".join(phrase), exact=True):
                yield _Meaning(" ".join(phrase), translations, is_known=True)
                break
        else:
            length = 1
            word, start = found[at]
            if word.lower() not in small and lookup.says_something(word):
                yield _single(word, start, question, source, lookup, vocabulary)
        at += length


def _single(
    word: str, start: int, question: str, source: str, lookup: _Lookup, vocabulary: _Vocabulary
) -> _Meaning:
    begins = not question[:start].rstrip() or question[:start].rstrip()[-1] in ".?!:"
    is_name = word[0].isupper() and not begins and source != "de"
    if word.isdigit():
        return _Meaning(word, {word: 1.0}, is_known=True)
    translations = (
        lookup.translate(word) or lookup.translate_infinitive(word) or lookup.translate_compound(word)
    )
    if is_name:
        return _Meaning(word, {word: 1.0} | translations, is_known=True)
    if source == "de" and word[0].isupper():
        # Every noun has a capital, so that a name cannot be told from a word that no dictionary has.
        return _Meaning(word, translations | {word: -1.0}, is_known=bool(translations))
    if len(word) >= MIN_LOAN and vocabulary.holds(word) and lookup.is_loan_word(word):
        return _Meaning(word, translations | {word: 1.0}, is_known=True)
    return _Meaning(word, translations, is_known=bool(translations))


class _Lookup:
    """Dictionaries from one language to another: their own, or two through a third language."""

    def __init__(self, dictionaries: Dictionaries, source: str, target: str, terms: Terms) -> None:
        self._source = source
        self._terms = terms
        self._own = dictionaries.open(source, target)
        self._through: list[tuple[str, BilingualDictionary, BilingualDictionary]] = []
        for pivot in PIVOTS:
            first, second = dictionaries.open(source, pivot), dictionaries.open(pivot, target)
            if pivot not in (source, target) and first and second:
                self._through.append((pivot, first, second))
        self.is_open = bool(self._own or self._through)
        self._of_target = [
            dictionary
            for other in (source, *PIVOTS)
            if other != target and (dictionary := dictionaries.open(target, other))
        ]

    def says_something(self, word: str) -> bool:
        return bool(self._terms(word, self._source))

    def is_loan_word(self, word: str) -> bool:
        """Tell whether the other language, or a third one, has the word as it is written."""
        return any(dictionary.translate(word, None) for dictionary in self._of_target) or any(
            word.lower() in first.translate(word, None) for _, first, _ in self._through
        )

    def translate(self, words: str, *, exact: bool = False) -> dict[str, float]:
        """Return translations, each with the weight of the ways that lead to it, best first."""
        votes: defaultdict[str, float] = defaultdict(float)
        stem = None if exact else self._stem(self._source)
        if self._own is not None:
            for rank, word in enumerate(self._own.translate(words, stem)):
                votes[word] += 1 + 1 / (1 + rank)
        for pivot, first, second in self._through:
            between = first.translate(words, stem)[:MAX_PIVOTED]
            for rank, middle in enumerate(between):
                for place, word in enumerate(second.translate(middle, self._stem(pivot))):
                    votes[word] += 1 / (1 + rank) / (1 + place)
        return dict(sorted(votes.items(), key=lambda vote: -vote[1]))

    def translate_infinitive(self, word: str) -> dict[str, float]:
        """Return the translations of a German verb by its infinitive; the stemmer leaves the t of "zählt"."""
        for ending in ("et", "t") if self._source == "de" else ():
            infinitive = f"{word.removesuffix(ending)}en"
            if word.endswith(ending) and (found := self.translate(infinitive, exact=True)):
                return found
        return {}

    def translate_compound(self, word: str) -> dict[str, float]:
        """Return the translations of a compound's parts together; none where it cannot be split in two."""
        if self._source not in COMPOUNDING or len(word) < MIN_COMPOUND:
            return {}
        for cut in range(len(word) - MIN_PART, MIN_PART - 1, -1):
            tail = self.translate(word[cut:])
            for link in LINKS if tail else ():
                head = word[:cut].removesuffix(link)
                if len(head) >= MIN_PART and (before := self.translate(head)):
                    return {f"{one} {other}": 1.0 for one in list(before)[:2] for other in list(tail)[:2]}
        return {}

    def _stem(self, language: str) -> Stem:
        least = MIN_STEMS.get(language, MIN_STEM)

        def stem(word: str) -> str:
            found = "".join(self._terms(word, language)[:1]).rpartition(":")[2]
            return found if len(found) >= least else ""

        return stem
