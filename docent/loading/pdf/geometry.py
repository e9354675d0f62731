"""Words and boxes: the positions of text on a page."""

from __future__ import annotations

from typing import NamedTuple

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points from the page's top left corner, as it is shown."""

HYPHEN = "\x02"
"""A hyphen that is only there because the line ends."""


class Word(NamedTuple):
    """Characters `first` to `last` of the engine's text, without a space between them."""

    text: str
    box: Box
    first: int
    last: int


class PageFrame(NamedTuple):
    """The bounds of a page in the file's coordinates, and its rotation in degrees when it is shown."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int

    def to_page(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Convert from the file's coordinates to those of the page as it is shown."""
        match self.rotation:
            case 90:
                return (bottom - self.bottom, left - self.left, top - self.bottom, right - self.left)
            case 180:
                return (self.right - right, bottom - self.bottom, self.right - left, top - self.bottom)
            case 270:
                return (self.top - top, self.right - right, self.top - bottom, self.right - left)
            case _:
                return (left - self.left, self.top - top, right - self.left, self.top - bottom)

    def to_file(self, box: Box) -> Box:
        """Convert from the page as it is shown to left, bottom, right, top in the file's coordinates."""
        left, top, right, bottom = box
        match self.rotation:
            case 90:
                return (top + self.left, left + self.bottom, bottom + self.left, right + self.bottom)
            case 180:
                return (self.right - right, top + self.bottom, self.right - left, bottom + self.bottom)
            case 270:
                return (self.right - bottom, self.top - right, self.right - top, self.top - left)
            case _:
                return (left + self.left, self.top - bottom, right + self.left, self.top - top)


def union(box: Box, other: Box) -> Box:
    """Return the smallest box around both."""
    return (
        box[0] if box[0] < other[0] else other[0],
        box[1] if box[1] < other[1] else other[1],
        box[2] if box[2] > other[2] else other[2],
        box[3] if box[3] > other[3] else other[3],
    )


def beside(box: Box, other_box: Box) -> bool:
    """Return whether two boxes are on one line: they share at least half of the lower one's height."""
    _, top, _, bottom = box
    _, other_top, _, other_bottom = other_box
    height, other = bottom - top, other_bottom - other_top
    lower = height if height < other else other
    if lower <= 0:
        return abs(top - other_top) < 2
    # min and max would take half of the layout's time: this is called for every two words.
    shared = (bottom if bottom < other_bottom else other_bottom) - (top if top > other_top else other_top)
    return shared >= 0.5 * lower
