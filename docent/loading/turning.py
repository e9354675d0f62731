"""A page whose text runs up or down (a wide table, turned to fit): put in order as its reader holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docent.loading.layout import TextLine, lines_of
from docent.loading.words import Box, Word

LETTERS = 3  # a shorter word may be taller than it is wide
TALL = 1.2  # times its width; then a word of three letters or more is painted sideways


def upright_lines(words: Sequence[Word], size: tuple[float, float]) -> list[TextLine]:
    """The lines of a page, in reading order; their boxes are where they are painted."""
    sideways = [
        word
        for word in words
        for left, top, right, bottom in (word.box,)
        if bottom - top > TALL * (right - left) and len(word.text) >= LETTERS
    ]
    if not sideways or len(sideways) * 2 <= sum(len(word.text) >= LETTERS for word in words):
        return lines_of(words)
    turn, back = _turns(sideways, size)
    lines = lines_of([word._replace(box=turn(word.box)) for word in words])
    return [line._replace(box=back(line.box)) for line in lines]


def _turns(
    sideways: Sequence[Word], size: tuple[float, float]
) -> tuple[Callable[[Box], Box], Callable[[Box], Box]]:
    """How boxes are turned to be read, and back."""
    width, height = size
    if _runs_up(sideways):
        return (
            lambda box: (height - box[3], box[0], height - box[1], box[2]),
            lambda box: (box[1], height - box[2], box[3], height - box[0]),
        )
    return (
        lambda box: (box[1], width - box[2], box[3], width - box[0]),
        lambda box: (width - box[3], box[0], width - box[1], box[2]),
    )


def _runs_up(sideways: Sequence[Word]) -> bool:
    """Words painted one after the other in one column lie above each other more often than below."""
    up = down = 0
    for one, other in zip(sideways, sideways[1:], strict=False):
        if abs(one.box[0] - other.box[0]) < 2:
            up += other.box[3] <= one.box[1] + 1
            down += other.box[1] >= one.box[3] - 1
    return up >= down
