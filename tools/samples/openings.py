"""Layouts of internship openings: under a banner, beside a bar of facts, or as a letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from samples import paper, pieces
from samples.markup import Block, Break, Column, Table
from samples.paper import A4, MM, Canvas, Draw, Laid, Look, Sheet, Story

MARGIN = 20 * MM
WIDTH = A4[0] - 2 * MARGIN
FOOT = 22 * MM
BANNER = 44 * MM
BAR = 52 * MM
GUTTER = 9 * MM


@dataclass(frozen=True, slots=True)
class Head:
    """Text of an opening before its first heading, and at the foot of every page."""

    employer: str
    role: str
    place: str
    lead: str
    foot: str
    facts: Sequence[tuple[str, str]]


def banner(head: Head, blocks: Sequence[Block], look: Look) -> Laid:
    top = A4[1]

    def under(canvas: Canvas, page: int) -> None:
        paper.block(canvas, (0, top - BANNER, A4[0], BANNER), look.accent)
        paper.words(canvas, (MARGIN, top - 14 * MM), head.employer, look.body, 11, "#ffffff")
        paper.words(canvas, (MARGIN, top - 25 * MM), head.role, look.bold, 21, "#ffffff")
        paper.words(canvas, (MARGIN, top - 34 * MM), head.place, look.body, 12, "#ffffff")

    pairs = [f"<b>{name}</b>: {value}" for name, value in head.facts]
    rows = tuple((pairs[at], pairs[at + 1]) for at in range(0, len(pairs), 2))
    story = [
        pieces.next_sheet("later"),
        pieces.paragraph(head.lead, look, scale=1.15, after=6),
        *pieces.story_of((Table((Column(1), Column(1)), rows, head=False), *blocks), look),
    ]
    first = Sheet("first", (_frame(MARGIN, WIDTH, BANNER + 8 * MM),), under, _foot(head, look))
    return Laid(story, (first, _later(head, look)))


def sidebar(head: Head, blocks: Sequence[Block], look: Look) -> Laid:
    """Lay out the bar of facts, which is read first, and the text beside it."""
    left = MARGIN + BAR + GUTTER - 6 * MM
    width = A4[0] - MARGIN - left

    def under(canvas: Canvas, page: int) -> None:
        paper.block(canvas, (0, 0, MARGIN + BAR - 2 * MM, A4[1]), look.tint)
        paper.block(canvas, (0, 0, 5 * MM, A4[1]), look.accent)

    story: Story = [
        pieces.next_sheet("later"),
        pieces.paragraph(f"<b>{head.employer}</b>", look, scale=1.2, after=2),
        pieces.paragraph(head.place, look, after=14),
    ]
    for name, value in head.facts:
        story.append(pieces.paragraph(name, look, scale=0.9, font=look.bold, colour=look.accent))
        story.append(pieces.paragraph(value, look, after=8))
    story += pieces.story_of((Break("column"),), look)
    story.append(
        pieces.paragraph(head.role, look, scale=2.3, font=look.bold, colour=look.accent, leading=1.2, after=6)
    )
    story.append(pieces.paragraph(head.lead, look, scale=1.12, after=4))
    story += pieces.story_of(blocks, look)
    frames = (_frame(12 * MM, BAR, 23 * MM), _frame(left, width, 22 * MM))
    return Laid(story, (Sheet("first", frames, under, _foot(head, look, left=left)), _later(head, look)))


def letter(head: Head, blocks: Sequence[Block], look: Look) -> Laid:
    top = A4[1] - 18 * MM

    def under(canvas: Canvas, page: int) -> None:
        paper.words(canvas, (A4[0] / 2, top), head.employer, look.bold, 15, look.accent, "c")
        paper.words(canvas, (A4[0] / 2, top - 14), head.place, look.italic, 10.5, look.ink, "c")
        for down, weight in ((22, 1.2), (24.5, 0.4)):
            paper.line(canvas, (MARGIN, top - down), (A4[0] - MARGIN, top - down), look.accent, weight)

    rows = tuple((f"<b>{name}</b>", value) for name, value in head.facts)
    story = [
        pieces.next_sheet("later"),
        pieces.paragraph(
            head.role, look, scale=1.9, font=look.bold, colour=look.accent, leading=1.2, after=8
        ),
        pieces.paragraph(head.lead, look, scale=1.06, after=6),
        *pieces.story_of((Table((Column(22), Column(78)), rows, head=False), *blocks), look),
    ]
    first = Sheet("first", (_frame(MARGIN, WIDTH, 36 * MM),), under, _foot(head, look))
    return Laid(story, (first, _later(head, look)))


def _frame(left: float, width: float, top: float) -> tuple[float, float, float, float]:
    return (left, FOOT, width, A4[1] - top - FOOT)


def _later(head: Head, look: Look) -> Sheet:
    """Return the layout of later pages: a thin running head, and the whole width for text."""
    height = A4[1] - 15 * MM

    def under(canvas: Canvas, page: int) -> None:
        running = f"{head.employer}: {head.role}"
        paper.words(canvas, (MARGIN, height), running, look.bold, 8.5, look.accent)
        paper.line(canvas, (MARGIN, height - 5), (A4[0] - MARGIN, height - 5), look.accent)

    return Sheet("later", (_frame(MARGIN, WIDTH, 24 * MM),), under, _foot(head, look))


def _foot(head: Head, look: Look, *, left: float = MARGIN) -> Draw:
    def over(canvas: Canvas, page: int) -> None:
        paper.line(canvas, (left, 16 * MM), (A4[0] - MARGIN, 16 * MM), look.accent, 0.4)
        paper.words(canvas, (left, 11.5 * MM), head.foot, look.body, 8, "#555555")
        paper.words(canvas, (A4[0] - MARGIN, 11.5 * MM), f"Page {page}", look.body, 8, "#555555", "r")

    return over
