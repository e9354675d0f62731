"""The relevance of a passage."""

from __future__ import annotations

import pytest

from docent.retrieving.rescoring import relevance, words_in_common


@pytest.mark.parametrize(
    ("closeness", "shared", "low", "high"),
    [
        pytest.param(0.7, 0.8, 0.95, 1.0, id="close, and in the same words"),
        pytest.param(0.1, 0.9, 0.8, 1.0, id="in the same words"),
        pytest.param(0.6, 0.1, 0.5, 0.8, id="close in other words"),
        pytest.param(0.1, 0.0, 0.0, 0.1, id="neither"),
        pytest.param(None, 0.8, 0.9, 1.0, id="no vector yet"),
    ],
)
def test_relevance(closeness, shared, low, high):
    """Closeness and shared words each make up for the other; with neither, hardly anything helps."""
    assert low <= relevance(closeness, shared) <= high


def test_rare_words_in_common_count_more():
    """To share the name asked about is more than to share a common word."""
    rarity = {"museum": 5.0, "open": 1.0}
    assert (
        words_in_common(["museum", "open"], ["museum"], rarity)
        > words_in_common(["museum", "open"], ["open"], rarity)
        > 0
    )
    assert words_in_common([], ["museum"], rarity) == 0
