"""Words with their places: what a PDF engine hands over and the layout puts in order."""

from __future__ import annotations

from typing import NamedTuple

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points from the page's top left corner, as it is shown."""

HYPHEN = "\x02"
"""A hyphen that is only there because the line ends."""


class Word(NamedTuple):
    """Characters `first` to `last` of the engine's own text, without a space between them."""

    text: str
    box: Box
    first: int
    last: int
