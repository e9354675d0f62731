"""Signals made one score, and pages lifted by their second and third good piece."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping

from docent.retrieving.weights import Weights


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
