"""Answer without a model: the sentences of the passages that have most of the question's words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from docent.answering.citing.citations import CitedAnswer, citation_at, renumber
from docent.answering.citing.text_units import FIGURE, text_units
from docent.answering.citing.vocabulary import WORD, content_words
from docent.answering.output_filter import display_quote
from docent.types import Citation, Passage

DOT_LEADERS = re.compile(r"\s*\.{4,}\s*")
MOST_SHOWN = 4
FENCE = re.compile(r"```\w*")  # shown, it would turn the rest of the answer into code
FALLOFF = 0.85  # a sentence of the next passage must score this much more to come first
LONGEST_SHOWN = 400
LEAST_WORDS = 4  # a heading or a page number alone answers nothing
HEADER_WEIGHT = 0.3
"""Weight of a question's word in the passage's header, against one in the sentence itself."""
WANTS_FIGURE = re.compile(
    r"\b(how (much|many|long|often|old|far|late|early)|when|what time|prices?|costs?|pays?|paid|salary|wage"
    r"|fee|deadline|dates?|hours|length|combien|quand|prix|co[uû]te|heures?|wie ?viel|wann|preis|kostet)\b",
    re.IGNORECASE,
)
FIGURE_FACTOR = 1.5
"""Factor for a sentence with a figure where the question asks for one. Of 149 golden questions, a line shown
holds the evidence for 101 with this and without the document's name, for 91 without, and the first line for
65 instead of 50."""


def best_sentences(question: str, passages: Sequence[Passage]) -> CitedAnswer:
    """Return the sentences that match the question best, numbered from 1 in order of appearance."""
    return renumber(find_best_sentences(question, passages), passages)[0]


def find_best_sentences(question: str, passages: Sequence[Passage], *, most: int = MOST_SHOWN) -> CitedAnswer:
    """Return a list of the sentences that match the question best, each with the mark of its passage.

    A word weighs more the fewer sentences have it. Words of a document's name do not count in its
    sentences: a line that only repeats the name answers nothing.
    """
    asked = content_words(question)
    words = {
        (n, unit.start, unit.end): content_words(text)
        for n, passage in enumerate(passages, 1)
        for unit in text_units(passage.text)
        if len(WORD.findall(text := passage.text[unit.start : unit.end])) >= LEAST_WORDS
    }
    count = Counter(word for words_of_sentence in words.values() for word in words_of_sentence)
    weight = {word: math.log(1 + len(words) / (1 + count[word])) for word in asked}
    headers = [content_words(passage.header) for passage in passages]
    names = [content_words(f"{passage.file} {passage.header.partition(' | ')[0]}") for passage in passages]
    wants_figure = bool(WANTS_FIGURE.search(question))

    def score(candidate: tuple[int, int, int]) -> float:
        n, start, end = candidate
        own = sum(weight[word] for word in asked & words[candidate] - names[n - 1])
        in_header = sum(weight[word] for word in asked & headers[n - 1])
        has_figure = wants_figure and bool(FIGURE.search(passages[n - 1].text, start, end))
        return (own + HEADER_WEIGHT * in_header) * (FIGURE_FACTOR if has_figure else 1) * FALLOFF ** (n - 1)

    chosen: dict[str, Citation] = {}  # by their words: overlapping passages share sentences
    for n, start, end in sorted(words, key=score, reverse=True):
        if len(chosen) == most:
            break
        citation = citation_at(n, passages[n - 1], start, end)
        chosen.setdefault(" ".join(citation.quote.split()), citation)
    citations = tuple(chosen.values())
    lines = [f"- {_shown(citation.quote)} [{citation.n}]" for citation in citations]
    return CitedAnswer("\n".join(lines), citations)


def _shown(quote: str) -> str:
    text = DOT_LEADERS.sub(" … ", display_quote(FENCE.sub(" ", quote))).strip().lstrip("#-*•· ")
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1].rsplit(" ", 1)[0] + "…"
