"""An answer without a model: the sentences of the passages that say most of what was asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from docent.generating import sentences
from docent.generating.citations import Cited, citation
from docent.glossary import Citation, Passage

MOST = 4
FALLOFF = 0.85  # a sentence of the next passage must say this much more to come first
LONGEST = 400


def best_sentences(question: str, passages: Sequence[Passage]) -> Cited:
    """The best few sentences, in order, each with the number of its passage."""
    asked = sentences.words(question)
    candidates = [
        (n, start, end, sentences.words(passage.text[start:end]) | sentences.words(passage.header))
        for n, passage in enumerate(passages, 1)
        for start, end in sentences.spans(passage.text)
    ]
    common = Counter(word for *_, said in candidates for word in said)
    weight = {word: math.log(1 + len(candidates) / (1 + common[word])) for word in asked}
    ranked = sorted(
        candidates,
        key=lambda one: -sum(weight[word] for word in asked & one[3]) * FALLOFF ** (one[0] - 1),
    )
    chosen = _without_repeats(ranked, passages)
    cited = tuple(citation(n, passages[n - 1], start, end) for n, start, end in chosen)
    lines = [f"- {_shown(one)} [{one.n}]" for one in cited]
    return Cited("\n".join(lines), cited, (), (), ())


def _without_repeats(
    ranked: Sequence[tuple[int, int, int, frozenset[str]]], passages: Sequence[Passage]
) -> list[tuple[int, int, int]]:
    """The first few that say something of their own; overlapping passages share sentences."""
    chosen: list[tuple[int, int, int]] = []
    seen: set[str] = set()
    for n, start, end, _ in ranked:
        text = " ".join(passages[n - 1].text[start:end].split())
        if len(chosen) < MOST and text not in seen:
            chosen.append((n, start, end))
            seen.add(text)
    return chosen


def _shown(cited: Citation) -> str:
    text = " ".join(cited.quote.split()).lstrip("#-*• ")
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rsplit(" ", 1)[0] + "…"
