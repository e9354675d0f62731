"""Fuse the scores of both searches and lift pages with several good chunks; every weight of retrieval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass


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
    page: float = 0.2
    """Of a page's second best chunk, and its square of the third (0.04); more wrongs short pages."""


DEFAULT_WEIGHTS = Weights()


def fuse(
    by_meaning: Mapping[str, float], by_words: Mapping[str, float], weights: Weights
) -> dict[str, float]:
    """Return one score, 0 to 1, for every chunk that either search scored.

    Each signal is stretched over its own range; a chunk that has no vector yet is judged by its words.
    """
    meaning, words = _stretch(by_meaning), _stretch(by_words)
    share = weights.meaning
    return {
        chunk_id: share * meaning.get(chunk_id, words.get(chunk_id, 0.0))
        + (1 - share) * words.get(chunk_id, 0.0)
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
