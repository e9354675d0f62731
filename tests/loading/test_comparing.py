"""What counts as read, when Docent is compared with one engine alone."""

from __future__ import annotations

import pytest

from bench.reading import letters, readable


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("Wines of 2019: 14 bottles", 20, id="prose counts whole"),
        pytest.param("TTTTeeeesssstttt test", 8, id="each letter painted four times"),
        pytest.param("One-StopOne-StopOne-Stop", 7, id="each word painted three times"),
        pytest.param("a donation!/g3 /G065", 9, id="names of glyphs"),
        pytest.param("´¿¢Ã°£¢ ¿ðº˜ ´’«¢¬", 0, id="codes that stand for no letters"),
        pytest.param("1000000 books, 222 committees, bookkeeper", 35, id="doubled letters are no overprint"),
    ],
)
def test_only_what_can_be_read_counts(text, count):
    """An engine gets no credit for letters painted over each other, glyph names and noise."""
    assert readable(text) == count <= letters(text)
