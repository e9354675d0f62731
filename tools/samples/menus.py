"""Layouts of menus: a framed card, columns under a band, or a small book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from samples import paper, pieces
from samples.markup import Block
from samples.paper import A4, A5, MM, Canvas, Draw, Laid, Look, Sheet


@dataclass(frozen=True, slots=True)
class Head:
    """Text at the head of a menu's first page, and at the foot of all pages."""

    name: str
    strap: str
    foot: str
    ornament: Literal["diamonds", "waves", "suns"] = "diamonds"
    columns: int = 2
    """For the layout in columns: more than two make the page landscape."""
    front: int = 0
    """For the book: pages before page 1, numbered i, ii, iii."""
    cover: str = ""
    """For the book: text at the bottom of its cover."""


@dataclass(frozen=True, slots=True)
class Shape:
    size: tuple[float, float]
    columns: int
    margin: float
    gutter: float = 9 * MM

    def frames(self, top: float, bottom: float) -> tuple[tuple[float, float, float, float], ...]:
        """Return a frame for each column, between the heights of head and foot."""
        width = (self.size[0] - 2 * self.margin - (self.columns - 1) * self.gutter) / self.columns
        return tuple(
            (self.margin + at * (width + self.gutter), bottom, width, self.size[1] - top - bottom)
            for at in range(self.columns)
        )


def card(head: Head, blocks: Sequence[Block], look: Look) -> Laid:
    """Lay out one column inside a double frame, with the name above in large type."""
    shape = Shape(A4, 1, 30 * MM)
    middle, top = A4[0] / 2, A4[1]

    def border(canvas: Canvas, page: int) -> None:
        paper.border(canvas, (11 * MM, 11 * MM, A4[0] - 22 * MM, A4[1] - 22 * MM), look.accent, 1.4)
        paper.border(canvas, (13 * MM, 13 * MM, A4[0] - 26 * MM, A4[1] - 26 * MM), look.accent, 0.4)

    def first(canvas: Canvas, page: int) -> None:
        border(canvas, page)
        paper.words(canvas, (middle, top - 33 * MM), head.name, look.bold, 30, look.accent, "c")
        paper.words(canvas, (middle, top - 41 * MM), head.strap, look.italic, 11.5, look.ink, "c")
        paper.ornament(canvas, (middle, top - 47 * MM), head.ornament, look.accent)

    def later(canvas: Canvas, page: int) -> None:
        border(canvas, page)
        paper.words(canvas, (middle, top - 23 * MM), head.name, look.bold, 13, look.accent, "c")
        paper.ornament(canvas, (middle, top - 27 * MM), head.ornament, look.accent)

    foot = _foot(head, look, A4, 17.5 * MM)
    sheets = (
        Sheet("first", shape.frames(53 * MM, 25 * MM), first, foot),
        Sheet("later", shape.frames(33 * MM, 25 * MM), later, foot),
    )
    return Laid((pieces.next_sheet("later"), *pieces.story_of(blocks, look)), sheets)


def columns(head: Head, blocks: Sequence[Block], look: Look) -> Laid:
    """Lay out columns under a band of colour; blocks that span all columns are not supported."""
    size = A4 if head.columns <= 2 else (A4[1], A4[0])
    shape = Shape(size, head.columns, 15 * MM)
    width, top = size

    def first(canvas: Canvas, page: int) -> None:
        paper.block(canvas, (0, top - 36 * MM, width, 36 * MM), look.accent)
        paper.words(canvas, (width / 2, top - 17 * MM), head.name, look.bold, 28, "#ffffff", "c")
        paper.words(canvas, (width / 2, top - 25 * MM), head.strap, look.italic, 11, "#ffffff", "c")
        paper.ornament(canvas, (width / 2, top - 31 * MM), head.ornament, "#ffffff")
        _between(canvas, shape, top - 44 * MM, look)

    def later(canvas: Canvas, page: int) -> None:
        paper.block(canvas, (0, top - 14 * MM, width, 14 * MM), look.accent)
        paper.words(canvas, (width / 2, top - 9.5 * MM), head.name, look.bold, 13, "#ffffff", "c")
        _between(canvas, shape, top - 22 * MM, look)

    foot = _foot(head, look, size, 9 * MM)
    sheets = (
        Sheet("first", shape.frames(43 * MM, 17 * MM), first, foot),
        Sheet("later", shape.frames(21 * MM, 17 * MM), later, foot),
    )
    return Laid((pieces.next_sheet("later"), *pieces.story_of(blocks, look)), sheets, size)


def book(head: Head, blocks: Sequence[Block], look: Look) -> Laid:
    """Lay out a small book: a cover, pages with roman numerals, then the menu from page 1."""
    shape = Shape(A5, 1, 17 * MM)
    width, top = A5

    def cover(canvas: Canvas, page: int) -> None:
        paper.block(canvas, (0, 0, width, top), look.accent)
        paper.border(canvas, (9 * MM, 9 * MM, width - 18 * MM, top - 18 * MM), look.tint, 0.8)
        paper.words(canvas, (width / 2, top * 0.62), head.name, look.bold, 25, look.tint, "c")
        paper.ornament(canvas, (width / 2, top * 0.58), head.ornament, look.tint)
        paper.words(canvas, (width / 2, top * 0.53), head.strap, look.italic, 11, look.tint, "c")

    def running(canvas: Canvas, page: int) -> None:
        paper.words(canvas, (width / 2, top - 11 * MM), head.name, look.italic, 9, look.accent, "c")
        paper.line(canvas, (17 * MM, top - 13.5 * MM), (width - 17 * MM, top - 13.5 * MM), look.accent, 0.5)

    def number(canvas: Canvas, page: int) -> None:
        printed = paper.roman(page) if page <= head.front else str(page - head.front)
        paper.words(canvas, (width / 2, 9 * MM), printed, look.body, 9, look.accent, "c")

    sheets = (
        Sheet("cover", ((30 * MM, 22 * MM, width - 60 * MM, 55 * MM),), cover, lambda canvas, page: None),
        Sheet("later", shape.frames(20 * MM, 17 * MM), running, number),
    )
    story = [
        pieces.next_sheet("later"),
        pieces.paragraph(
            head.cover, replace(look, centred=True), scale=0.9, font=look.italic, colour=look.tint
        ),
        *pieces.story_of(blocks, look),
    ]
    return Laid(story, sheets, A5, head.front)


def _between(canvas: Canvas, shape: Shape, top: float, look: Look) -> None:
    """Draw thin lines between the columns."""
    for left, bottom, _, _ in shape.frames(0, 18 * MM)[1:]:
        at = left - shape.gutter / 2
        paper.line(canvas, (at, bottom), (at, top), look.accent, 0.4)


def _foot(head: Head, look: Look, size: tuple[float, float], height: float) -> Draw:
    def over(canvas: Canvas, page: int) -> None:
        words = f"{head.foot} · {page}"
        paper.words(canvas, (size[0] / 2, height), words, look.body, 8, look.ink, "c")

    return over
