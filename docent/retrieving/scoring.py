"""The scores of retrieval and their weights: fuse both searches, rescore the shortlist, lift pages.

A chunk gains from headings that the question says, figures where they are asked for, neighbouring words, a
sentence that holds most of the question, and a row of figures whose label it says; each chunk is read in its
own language. The relevance of a passage
is a logistic curve over closeness in meaning and words in common, fitted on 149 answerable questions of the
sample libraries against 28 that only sound answerable and 72 that belong to other documents;
docs/decisions/0010-refuse-below-a-relevance.md has precision and recall.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, pairwise, takewhile

from docent.retrieving.figure_lines import AskedLines, LineFinder
from docent.retrieving.query import wants_figures
from docent.retrieving.translation import Translation
from docent.store.protocols import Reader
from docent.types import Chunk, Scope

FIGURES_SHARE = 0.1  # a tenth of the characters are digits; a table of figures has more, prose has less
HEADING_OFFSET = 2.0  # so that a heading of one common word does not count as wholly said
LABEL_OFFSET = 2.0  # so that a row of one common word, as "Total", says little
SENTENCE_ENDS = re.compile(r"\s(?:(?<=[.!?;]\s)\s*|(?<=\n)(?!\s*[a-zß-ÿ]))")
"""Also at a line's end, unless the next line goes on in small letters, as in a wrapped paragraph.

It begins with the white space that it ends at, so that nothing else is looked at: a third of the time.
"""
DIGIT = re.compile(r"\d")
DIGITS = b"0123456789"
CLOSENESS = 6.3
COMMON = 6.8
OFFSET = -4.0
UNKNOWN_CLOSENESS = 0.4
"""For a passage that has no vector yet; it is judged by its words."""
NOT_UNDERSTOOD = 0.5
"""Least relevance where no word of a question could be translated, in proportion where some could."""
IN_FEW_DOCUMENTS = 0.7
"""Of the relevance by a translation, where most documents are in the question's language: to an English model
any two French texts are close, and questions on what stands nowhere reached .25. With .5 to 1 the same golden
questions are refused."""
Terms = Callable[[str], Sequence[str]]
Rarity = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weights of retrieval's steps; 0 switches a step off, as `python -m bench.retrieval` does in turn.

    docs/decisions/0009-weighted-fusion.md says how they were chosen.
    """

    meaning: float = 0.7
    """Share of a chunk's closeness in meaning; its words have the rest. Rank fusion was worse."""
    clauses: float = 1.0
    """Weight of the mean vector of a compound question's clauses, beside the question's own."""
    synonyms: float = 0.5
    """Weight of the library's other words for what the question says, beside the question's own."""
    alternatives: float = 0.5
    """Weight of further translations of a question's words, beside the first of each."""
    prior: float = 1.0
    """Weight of the document's prior."""
    name: float = 0.6
    """Part of the prior: how well the question names the document."""
    evidence: float = 0.1
    """Part of the prior, twice: what the search by meaning and the search by words found in the document."""
    title: float = 0.25
    """Share of a heading above the chunk that the question says."""
    figures: float = 0.25
    """How full of figures the chunk is, where the question wants figures."""
    neighbours: float = 0.45
    """Share of the question's pairs of neighbouring words that are neighbours in the chunk."""
    sentence: float = 0.5
    """Share of the question that one sentence of the chunk says."""
    wants_figures: float = 0.5
    """Factor on the two before where the question wants figures: a table has no sentences."""
    lines: float = 0.7
    """Share of the lines behind a figure that the question names, as rows of the chunk."""
    statement: float = 0.3
    """How full of figures the chunk is, under the heading of a statement that the question is about."""
    row: float = 0.4
    """How telling the label of a row with figures is, where the question says all of it."""
    page: float = 0.2
    """Of a page's second best chunk, and its square of the third (0.04); more wrongs short pages."""


DEFAULT_WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class TextSignals:
    """The signals of a chunk's text and headings, each 0 to 1, before they are weighted."""

    title: float
    neighbours: float
    sentence: float
    figures: float
    """0 where the question wants no figures."""
    lines: float
    statement: float
    row: float
    """0 where the question names a figure whose lines are known."""
    wants_figures: bool

    def weighted(self, weights: Weights) -> float:
        """Return what they add to the score of the chunk."""
        in_words = weights.neighbours * self.neighbours + weights.sentence * self.sentence
        return (
            weights.title * self.title
            + in_words * (weights.wants_figures if self.wants_figures else 1.0)
            + weights.figures * self.figures
            + weights.lines * self.lines
            + weights.statement * self.statement
            + weights.row * self.row
        )


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A chunk of the shortlist with all that its score is made of, from which weights are learned."""

    document_id: str
    page: int
    is_lifted: bool
    """Its page gains by its further chunks: its document has several pages."""
    meaning: float
    words: float
    prior: float
    text: TextSignals

    def score(self, weights: Weights) -> float:
        """Return the score that ranks it, before its page is lifted."""
        fused = weights.meaning * self.meaning + (1 - weights.meaning) * self.words
        return fused + weights.prior * self.prior + self.text.weighted(weights)


def fuse(
    by_meaning: Mapping[str, float], by_words: Mapping[str, float], weights: Weights
) -> dict[str, float]:
    """Return one score, 0 to 1, for every chunk that either search scored."""
    share = weights.meaning
    stretched = stretch(by_meaning, by_words)
    return {
        chunk_id: share * meaning + (1 - share) * words for chunk_id, (meaning, words) in stretched.items()
    }


def stretch(by_meaning: Mapping[str, float], by_words: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Return both scores of every chunk that either search scored, each stretched over its own range.

    A chunk that has no vector yet is judged by its words.
    """
    meaning, words = _stretch(by_meaning), _stretch(by_words)
    return {
        chunk_id: (meaning.get(chunk_id, words.get(chunk_id, 0.0)), words.get(chunk_id, 0.0))
        for chunk_id in by_meaning.keys() | by_words.keys()
    }


def lift_pages(
    scores: Mapping[str, float], pages: Mapping[str, Hashable], weights: Weights
) -> dict[str, float]:
    """Return the scores, each chunk raised by the second and third best chunk of its page.

    Only chunks with a page in `pages` are raised: where every document is one page, a page of two chunks is
    no better than a page that is short.
    """
    chunks_by_page: dict[Hashable, list[str]] = defaultdict(list)
    for chunk_id in sorted(scores, key=lambda chunk_id: -scores[chunk_id]):
        chunks_by_page[pages.get(chunk_id, chunk_id)].append(chunk_id)
    lowest = min(scores.values(), default=0.0)
    lifted: dict[str, float] = {}
    for chunk_ids in chunks_by_page.values():
        bonus = sum(
            (scores[chunk_id] - lowest) * weights.page**rank
            for rank, chunk_id in enumerate(chunk_ids[1:3], 1)
        )
        lifted |= {chunk_id: scores[chunk_id] + bonus for chunk_id in chunk_ids}
    return lifted


def _stretch(scores: Mapping[str, float]) -> dict[str, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    width = (high - low) or 1.0
    return {key: (score - low) / width if high > low else 1.0 for key, score in scores.items()}


class Rescorer:
    """Scores chunks for one question; a text that is scored twice is read once."""

    def __init__(
        self,
        question: str,
        languages: Mapping[str, str],
        store: Reader,
        scope: Scope,
        translations: Sequence[Translation] = (),
    ) -> None:
        """Take the language of every chunk that will be scored, by its id."""
        self._question = question
        self._languages = languages
        self._store = store
        self._scope = scope
        self._translations = {translation.target: translation for translation in translations}
        self._terms = cache(self._read_terms)
        self._sentence_terms = cache(self._read_sentences)
        self._question_terms = {language: self._asked_terms(language) for language in set(languages.values())}

    def text_signals(
        self, chunks: Mapping[str, Chunk], by_words: Mapping[str, float], asked_lines: AskedLines
    ) -> dict[str, TextSignals]:
        """Return the signals of each chunk's headings, figures, lines, sentences and neighbouring words."""
        finders = {
            language: LineFinder(asked_lines, partial(self._terms, language=language))
            for language in self._question_terms
        }
        heading_terms = {
            term
            for chunk_id, chunk in chunks.items()
            for heading in headings(chunk.header)
            for term in self._terms(heading, self._languages[chunk_id])
        }
        rarity = self._rarity(heading_terms)
        for_figures = wants_figures(self._question)
        # A chunk without a score by words holds none of the question's words, so it need not be read for
        # them, if all words of the question in the chunk's language were searched for.
        searched = self._store.searched(self._question) if not self._translations else frozenset()
        all_searched = {
            language for language, terms in self._question_terms.items() if searched.issuperset(terms)
        }
        signals = {}
        for chunk_id, chunk in chunks.items():
            language = self._languages[chunk_id]
            asked, in_neighbours, in_sentence, in_row = self._question_terms[language], 0.0, 0.0, 0.0
            if by_words[chunk_id] or language not in all_searched:
                sentence_terms = self._sentence_terms(chunk.text, language)
                in_neighbours = neighbours(asked, list(chain(*sentence_terms)), rarity)
                in_sentence = sentence(asked, sentence_terms, rarity)
                if not asked_lines.lines:
                    name = chunk.header.partition(" | ")[0]
                    in_row = row(set(asked).difference(self._terms(name, language)), sentence_terms, rarity)
            is_statement = finders[language].is_statement(headings(chunk.header))
            signals[chunk_id] = TextSignals(
                title=title(asked, chunk.header, partial(self._terms, language=language), rarity),
                neighbours=in_neighbours,
                sentence=in_sentence,
                figures=figures(chunk.text) if for_figures else 0.0,
                lines=finders[language].share(chunk.text),
                statement=figures(chunk.text) if is_statement else 0.0,
                row=in_row,
                wants_figures=for_figures,
            )
        return signals

    def relevances(self, chunks: Sequence[Chunk], closeness: Mapping[str, float]) -> dict[str, float]:
        """Return how likely it is that each chunk helps, 0 to 1."""
        rarity = self._rarity(set())
        found = {}
        for chunk in chunks:
            language = self._languages[chunk.id]
            terms = chain(self._terms(chunk.header, language), *self._sentence_terms(chunk.text, language))
            shared = words_in_common(self._question_terms[language], list(terms), rarity)
            found[chunk.id] = relevance(closeness.get(chunk.id), shared)
            translation = self._translations.get(language)
            if translation and translation.is_main:
                # What was not understood is no reason to say that the documents do not answer.
                found[chunk.id] = max(found[chunk.id], NOT_UNDERSTOOD * (1 - translation.coverage))
            elif translation:
                found[chunk.id] *= IN_FEW_DOCUMENTS
        return found

    def _rarity(self, more_terms: set[str]) -> dict[str, float]:
        """Return how rare each term is; of a word with several translations as rare as the commonest."""
        same: dict[str, str] = {}
        for translation in self._translations.values():
            same |= translation.same
        terms = more_terms.union(*self._question_terms.values(), same)
        rarity = self._store.rarity(sorted(terms), self._scope)
        for term, head in same.items():
            rarity[head] = min(rarity.get(head, rarity[term]), rarity[term])
        return rarity

    def _asked_terms(self, language: str) -> list[str]:
        """Return the question's terms for chunks of a language, those of its translation if there is one."""
        if (translation := self._translations.get(language)) is None:
            return self._store.terms(self._question, language)
        terms = self._terms(translation.text, language)
        return [term for term in terms if term not in translation.unknown]

    def _read_terms(self, text: str, language: str) -> list[str]:
        terms = self._store.terms(text, language)
        if (translation := self._translations.get(language)) is None:
            return terms
        return [translation.same.get(term, term) for term in terms]

    def _read_sentences(self, text: str, language: str) -> list[Sequence[str]]:
        return [self._terms(part, language) for part in sentences(text)]


def headings(header: str) -> list[str]:
    """Return the headings in a header: the parts between the document's name and the place."""
    return [heading for part in header.split(" | ")[1:-1] for heading in part.split(" - ")]


def title(asked: Sequence[str], header: str, terms: Terms, rarity: Rarity) -> float:
    """Return the share of the best heading that the question says: a page is named after what it answers."""
    question, best = set(asked), 0.0
    for heading in headings(header):
        words = {word for word in terms(heading) if not word.isdigit()}
        shared = sum(rarity.get(word, 0.0) for word in words & question)
        best = max(best, shared / (sum(rarity.get(word, 0.0) for word in words) + HEADING_OFFSET))
    return best


def figures(text: str) -> float:
    """Return how full of figures a text is, 0 to 1."""
    if not text:
        return 0.0
    if text.isascii():  # most texts, in a tenth of the time
        digits = len(text) - len(text.encode().translate(None, DIGITS))
    else:
        digits = len(DIGIT.findall(text))
    return min(digits / (FIGURES_SHARE * len(text)), 1.0)


def neighbours(asked: Sequence[str], terms: Sequence[str], rarity: Rarity) -> float:
    """Return the share of the question's pairs of words that are neighbours here, rare ones counting more."""
    pairs = {pair: rarity.get(pair[0], 0.0) + rarity.get(pair[1], 0.0) for pair in pairwise(asked)}
    whole = sum(pairs.values())
    return sum(pairs[pair] for pair in pairs.keys() & pairwise(terms)) / whole if whole else 0.0


def sentences(text: str) -> list[str]:
    """Cut a text where its sentences end, or into its lines when they are no prose."""
    return [part for part in SENTENCE_ENDS.split(text) if part.strip()]


def sentence(asked: Sequence[str], sentence_terms: Sequence[Sequence[str]], rarity: Rarity) -> float:
    """Return the largest share of the question's words in one sentence, rare ones counting more."""
    return max((words_in_common(asked, terms, rarity) for terms in sentence_terms), default=0.0)


def row(asked: Set[str], sentence_terms: Sequence[Sequence[str]], rarity: Rarity) -> float:
    """Return how rare the words of a row's label are, 0 to 1, if the question says all of them.

    The document's name is to be left out of the question: it labels rows that answer nothing.
    """
    best = 0.0
    for terms in sentence_terms:
        if not terms or terms[0] not in asked:
            continue
        label = list(takewhile(lambda term: not term.isdigit(), terms))
        digits = sum(map(str.isdigit, terms))
        if digits > len(terms) - len(label) - digits and asked >= set(label):
            telling = sum(rarity.get(term, 0.0) for term in set(label))
            best = max(best, telling / (telling + LABEL_OFFSET))
    return best


def words_in_common(asked: Sequence[str], terms: Sequence[str], rarity: Rarity) -> float:
    """Return the share of the question's words among the terms, rare ones counting more."""
    question = set(asked)
    whole = sum(rarity.get(word, 0.0) for word in question)
    return sum(rarity.get(word, 0.0) for word in question.intersection(terms)) / whole if whole else 0.0


def relevance(closeness: float | None, shared: float) -> float:
    """Return 0 to 1, from the cosine of question and passage and the share of the question's words in it."""
    known = UNKNOWN_CLOSENESS if closeness is None else closeness
    return 1 / (1 + math.exp(-(CLOSENESS * known + COMMON * shared + OFFSET)))
