"""Every weight of retrieval; docs/decisions/0009-weighted-fusion.md says how they were chosen."""

from __future__ import annotations

from dataclasses import dataclass


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


OURS = Weights()
