"""A document in its own words: the sentences that say most of what it says again and again."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from docent.answering.citing.citations import CitedAnswer
from docent.answering.citing.sources import citation_at
from docent.answering.citing.vocabulary import WORD, content_words
from docent.answering.output_filter import display_name
from docent.answering.quoted_units import quoted_units, shown_sentence
from docent.types import Citation, Passage

SENTENCES = 6
"""Of a summary without a model."""
SENTENCES_OF_EACH = 3
"""Of each of several documents."""
LEAST_WORDS, MOST_WORDS = 8, 45
LEAST_WORDS_OF_A_SHORT_TEXT = 3
MOST_FIGURES = 0.35
"""Share of a sentence's words that may be figures; more is a row of a table that lost its columns."""
BEGINNING = 0.5
"""A sentence at the end of a document weighs so much less than one at its beginning."""
NEW_WORDS = 2
"""A sentence with fewer words that another has not is that sentence again."""
SEEN = 0.35
"""Factor for a word that a chosen sentence has said already."""
FORMAL = re.compile(
    r"forward.looking|pursuant|hereby|herein|incorporated by reference|copyright|all rights reserved"
    r"|registrant|exchange act|securities act|check mark|table of contents|page \d+ of \d+|sarbanes|certif"
    r"|exhibit|undersigned|in accordance with|see note|refer to|risk factors|\bitem \d|https?://|www\."
    r"|tous droits réservés|mentions légales|ci-après",
    re.IGNORECASE,
)
"""What such a sentence says stands in every document of its kind."""
ABBREVIATED = re.compile(r"\b(Inc|Corp|Co|Ltd|Mrs?|Ms|Dr|St|No|vs|[ap]\.m|U\.S|e\.g|i\.e|z\.B|M|Mme)\.$")
"""An end that is none: the sentence was cut after an abbreviation."""


@dataclass(frozen=True, slots=True)
class KeySentence:
    """A sentence, by its passage's position in the document."""

    at: int
    start: int
    end: int
    words: frozenset[str]
    score: float


def key_sentences(passages: Sequence[Passage], *, most: int = SENTENCES, first: int = 1) -> CitedAnswer:
    """Return the sentences that stand for a document as a list, in its order, cited from `first` on."""
    citations = [
        citation_at(n, passages[sentence.at], sentence.start, sentence.end)
        for n, sentence in enumerate(_chosen(passages, most), first)
    ]
    return CitedAnswer("\n".join(map(_line, citations)), tuple(citations))


def key_sentences_of_each(passages: Sequence[Passage]) -> CitedAnswer:
    """Return the key sentences of documents that were read whole, each below its name if they are several."""
    documents = [list(group) for _, group in groupby(passages, key=lambda passage: passage.document_id)]
    texts: list[str] = []
    citations: list[Citation] = []
    for own in documents:
        most = SENTENCES if len(documents) == 1 else SENTENCES_OF_EACH
        found = key_sentences(own, most=most, first=len(citations) + 1)
        texts += [f"**{display_name(own[0].file)}**"] if len(documents) > 1 else []
        texts.append(found.text)
        citations += found.citations
    return CitedAnswer("\n\n".join(texts), tuple(citations))


def _line(citation: Citation) -> str:
    return f"- {shown_sentence(citation.quote)} [{citation.n}]"


def _chosen(passages: Sequence[Passage], most: int) -> list[KeySentence]:
    """Choose sentences of a good length; of a text that has too few of them, short ones too."""
    chosen = _choose(_candidates(passages, LEAST_WORDS), passages, most)
    if len(chosen) == most:
        return chosen
    return _choose(_candidates(passages, LEAST_WORDS_OF_A_SHORT_TEXT), passages, most)


def _choose(candidates: list[KeySentence], passages: Sequence[Passage], most: int) -> list[KeySentence]:
    """Choose one sentence after the other: each time the one that says most that none before it said."""
    told = Counter(word for sentence in candidates for word in sentence.words)
    weight = {word: math.log(1 + count) for word, count in told.items() if count > 1}
    names = frozenset().union(*(content_words(passage.file) for passage in passages[:1]))
    chosen: list[KeySentence] = []
    pages: set[int] = set()
    while candidates and len(chosen) < most:
        best = max(candidates, key=lambda sentence: _value(sentence, weight, names))
        candidates.remove(best)
        if passages[best.at].page in pages and len({passages[one.at].page for one in candidates} - pages) > 0:
            continue  # as many pages as possible have a say
        if any(len(best.words - other.words) < NEW_WORDS for other in chosen):
            continue
        chosen.append(best)
        pages.add(passages[best.at].page)
        weight.update({word: weight[word] * SEEN for word in best.words & weight.keys()})
    return sorted(chosen, key=lambda sentence: (sentence.at, sentence.start))


def _value(sentence: KeySentence, weight: dict[str, float], names: frozenset[str]) -> float:
    said = sum(weight.get(word, 0.0) for word in sentence.words)
    return (said + len(sentence.words & names)) / math.sqrt(len(sentence.words) + 4) * sentence.score


def _candidates(passages: Sequence[Passage], least: int) -> list[KeySentence]:
    """Return the whole sentences of ordinary length, each once, with a factor for where and what it is."""
    found: list[KeySentence] = []
    seen: set[str] = set()
    for at, passage in enumerate(passages):
        place = 1 - (1 - BEGINNING) * at / max(len(passages) - 1, 1)
        for unit in quoted_units(passage.text):
            text = passage.text[unit.start : unit.end]
            said = WORD.findall(text)
            if unit.row or not unit.whole or not least <= len(said) <= MOST_WORDS:
                continue
            figures = sum(word[0].isdigit() for word in said)
            ended = text.rstrip('"”’)]*_')[-1:] in ".!?…" and not ABBREVIATED.search(text)
            key = " ".join(said).casefold()
            if not ended or not text[0].isalnum() or key in seen or figures > MOST_FIGURES * len(said):
                continue
            seen.add(key)
            score = place * (0.3 if FORMAL.search(text) else 1.0)
            found.append(KeySentence(at, unit.start, unit.end, content_words(text), score))
    return found
