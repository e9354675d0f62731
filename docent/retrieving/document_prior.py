"""Which documents a question is probably about: by their names, and by what was found in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from docent.retrieving.weights import Weights
from docent.store.protocols import Hit


def prior(
    by_name: Mapping[str, float],
    by_meaning: Mapping[str, float],
    by_words: Mapping[str, float],
    weights: Weights,
) -> dict[str, float]:
    """Documents with how likely they are meant, 0 to 1; each kind of evidence over its own maximum."""
    found: dict[str, float] = defaultdict(float)
    for weight, scores in (
        (weights.name, by_name),
        (weights.evidence, by_meaning),
        (weights.evidence, by_words),
    ):
        most = max(scores.values(), default=0.0)
        for document, score in scores.items():
            found[document] += weight * score / most if most else 0.0
    return dict(found)


def evidence(hits: Sequence[Hit], document_of: Mapping[str, str]) -> dict[str, float]:
    """What a search says of whole documents: their best piece, above the last one found. Best hit first."""
    lowest = hits[-1].score if hits else 0.0
    found: dict[str, float] = {}
    for hit in hits:
        if (document := document_of.get(hit.id)) is not None:
            found.setdefault(document, hit.score - lowest)
    return found


def routed(priors: Mapping[str, float], most: int) -> tuple[str, ...]:
    """The documents most likely meant, best first."""
    return tuple(sorted(priors, key=lambda document: (-priors[document], document))[:most])
