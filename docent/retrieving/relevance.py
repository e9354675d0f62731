"""How likely it is that a passage helps: a logistic curve over closeness in meaning and words in common.

Fitted on 149 answerable questions of the sample libraries against 28 that only sound answerable and 72 that
belong to other documents; docs/decisions/0010-refuse-below-a-relevance.md has precision and recall.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

CLOSENESS = 6.3
COMMON = 6.8
OFFSET = -4.0
UNKNOWN_CLOSENESS = 0.4
"""Of a passage that has no vector yet; it is judged by its words."""


def relevance(closeness: float | None, common: float) -> float:
    """0 to 1, from the cosine of question and passage, and the share of the question's rare words in it."""
    known = UNKNOWN_CLOSENESS if closeness is None else closeness
    return 1 / (1 + math.exp(-(CLOSENESS * known + COMMON * common + OFFSET)))


def common(asked: Sequence[str], terms: Sequence[str], rarity: Mapping[str, float]) -> float:
    """The share of the question's words that stand in the passage, rare ones counting more."""
    question = set(asked)
    whole = sum(rarity.get(word, 0.0) for word in question)
    return sum(rarity.get(word, 0.0) for word in question & set(terms)) / whole if whole else 0.0
