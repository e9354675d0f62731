"""Fuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass


def fuse(
    by_meaning: Mapping[str, float], by_words: Mapping[str, float], weights: Weights
) -> dict[str, float]:
    """One score, 0 to 1, for every piece that either search knows.

    Each signal is stretched over its own range; a piece that has no vector yet is judged by its words.
    """
    meaning, words = _stretched(by_meaning), _stretched(by_words)
    share = weights.meaning
    return {
        piece: share * meaning.get(piece, words.get(piece, 0.0)) + (1 - share) * words.get(piece, 0.0)
        for piece in by_meaning.keys() | by_words.keys()
    }


def lift_pages(
    scores: Mapping[str, float], places: Mapping[str, Hashable], weights: Weights
) -> dict[str, float]:
    """Every piece of a page gains from the page's second and third best.

    Only pages named in `places` do: where every document is one page, a page of two pieces is no better
    than a page that is short.
    """
    pages: dict[Hashable, list[str]] = defaultdict(list)
    for piece in sorted(scores, key=lambda piece: -scores[piece]):
        pages[places.get(piece, piece)].append(piece)
    lowest = min(scores.values(), default=0.0)
    lifted: dict[str, float] = {}
    for pieces in pages.values():
        bonus = sum(
            (scores[piece] - lowest) * weights.page**rank for rank, piece in enumerate(pieces[1:3], 1)
        )
        lifted |= {piece: scores[piece] + bonus for piece in pieces}
    return lifted


def _stretched(scores: Mapping[str, float]) -> dict[str, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    width = (high - low) or 1.0
    return {piece: (score - low) / width if high > low else 1.0 for piece, score in scores.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A weight of 0 switches its step off, as `python -m bench.retrieval` does one after the other."""

    meaning: float = 0.7
    """Of a piece's closeness in meaning; its words have the rest. Rank fusion was worse."""
    parts: float = 1.0
    """Of the direction in which a compound question's parts point, beside its own."""
    synonyms: float = 0.5
    """Of the library's other words for what the question says, beside the question's own."""
    prior: float = 1.0
    """Of the document's prior."""
    name: float = 0.6
    """Of the prior: how well the question names the document."""
    evidence: float = 0.1
    """Of the prior, twice: what the search by meaning and the search by words found in the document."""
    title: float = 0.25
    """How much of a heading above the piece the question says."""
    figures: float = 0.25
    """How full of figures the piece is, where the question wants figures."""
    neighbours: float = 0.45
    """How many of the question's pairs of neighbouring words stand as neighbours in the piece."""
    sentence: float = 0.5
    """How much of the question one sentence of the piece says."""
    figured: float = 0.5
    """What is left of the two before where the question wants figures: a table has no sentences."""
    page: float = 0.2
    """A page's best piece, plus 0.2 of its second and 0.04 of its third; more wrongs short pages."""


DEFAULT_WEIGHTS = Weights()
