"""Sample documents before printing, the drawing on their pages, and the printing.

The fonts are those that every PDF reader has, and nothing is compressed: the files stay small, and
the bytes are the same on every machine, with any zlib.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib import colors, pagesizes
from reportlab.lib.units import mm as MM
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    PageTemplate,
    Paragraph,
)

__all__ = [
    "A4",
    "A5",
    "MM",
    "Canvas",
    "Draw",
    "Laid",
    "Listed",
    "Look",
    "Paper",
    "Sheet",
    "Story",
    "printed",
]

A4, A5 = pagesizes.A4, pagesizes.A5
Story = list[Flowable]
Draw = Callable[[Canvas, int], None]
"""A function that draws on every page, called with the physical page number."""


@dataclass(frozen=True, slots=True)
class Look:
    """The typeface and the colours of one document."""

    serif: bool = False
    size: float = 9.5
    ink: str = "#222222"
    accent: str = "#204a6b"
    tint: str = "#eef3f7"
    typed_dots: bool = False
    """Leaders are full stops, as on a typewriter; otherwise they are drawn."""
    centred: bool = False
    """Titles, headings, paragraphs and notes are centred."""

    @property
    def body(self) -> str:
        return "Times-Roman" if self.serif else "Helvetica"

    @property
    def bold(self) -> str:
        return "Times-Bold" if self.serif else "Helvetica-Bold"

    @property
    def italic(self) -> str:
        return "Times-Italic" if self.serif else "Helvetica-Oblique"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A kind of page: its frames (left, bottom, width, height), what is drawn under and over the text."""

    name: str
    frames: tuple[tuple[float, float, float, float], ...]
    under: Draw
    over: Draw


@dataclass(frozen=True, slots=True)
class Laid:
    """A text after layout; it begins on the first of its sheets."""

    story: Sequence[Flowable]
    sheets: tuple[Sheet, ...]
    size: tuple[float, float] = A4
    front: int = 0
    """Number of front pages labelled i, ii, iii; later pages start again at 1."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document before it is printed."""

    title: str
    author: str
    language: str
    laid: Laid


# --- drawing on every page ------------------------------------------------------------------


def block(canvas: Canvas, box: tuple[float, float, float, float], colour: str) -> None:
    """Draw a rectangle of colour: left, bottom, width, height."""
    canvas.setFillColor(colors.HexColor(colour))
    canvas.rect(*box, stroke=0, fill=1)


def line(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], colour: str, weight: float = 0.6
) -> None:
    canvas.setStrokeColor(colors.HexColor(colour))
    canvas.setLineWidth(weight)
    canvas.line(*start, *end)


def words(
    canvas: Canvas, at: tuple[float, float], what: str, font: str, size: float, colour: str, align: str = ""
) -> None:
    canvas.setFillColor(colors.HexColor(colour))
    canvas.setFont(font, size)
    {"": canvas.drawString, "c": canvas.drawCentredString, "r": canvas.drawRightString}[align](*at, what)


def border(canvas: Canvas, box: tuple[float, float, float, float], colour: str, weight: float) -> None:
    canvas.setStrokeColor(colors.HexColor(colour))
    canvas.setLineWidth(weight)
    canvas.rect(*box, stroke=1, fill=0)


def ornament(canvas: Canvas, at: tuple[float, float], kind: str, colour: str) -> None:
    """Draw five small figures in a row; as drawings they are not read as text."""
    canvas.setFillColor(colors.HexColor(colour))
    canvas.setStrokeColor(colors.HexColor(colour))
    canvas.setLineWidth(1)
    for step in range(-2, 3):
        x, y = at[0] + step * 5 * MM, at[1]
        figure = canvas.beginPath()
        if kind == "waves":
            figure.moveTo(x - 7, y)
            figure.curveTo(x - 3, y + 6, x + 3, y - 6, x + 7, y)
            canvas.drawPath(figure, stroke=1, fill=0)
        elif kind == "suns":
            canvas.circle(x, y, 2.6 - abs(step) * 0.6, stroke=0, fill=1)
        else:
            reach = 3.2 - abs(step) * 0.7
            figure.moveTo(x - reach, y)
            for side in ((x, y + reach), (x + reach, y), (x, y - reach)):
                figure.lineTo(*side)
            figure.close()
            canvas.drawPath(figure, stroke=0, fill=1)


def roman(number: int) -> str:
    """Return lower-case roman numerals, as printed in the front matter of a book."""
    return {1: "i", 2: "ii", 3: "iii", 4: "iv", 5: "v", 6: "vi"}[number]


# --- printing -------------------------------------------------------------------------------


def printed(paper: Paper) -> bytes:
    """Return the PDF file's bytes; always the same for the same paper."""
    target, laid = io.BytesIO(), paper.laid
    document = _Document(
        target,
        pagesize=laid.size,
        title=paper.title,
        author=paper.author,
        lang=paper.language,
        invariant=1,
        pageCompression=0,
    )
    document.addPageTemplates([_template(sheet, laid.size) for sheet in laid.sheets])
    document.build(list(laid.story), canvasmaker=_labelled(laid.front))
    return target.getvalue()


class Listed(Paragraph):
    """A paragraph that is listed in the PDF's outline."""


class _Document(BaseDocTemplate):
    """Lists its headings in the outline."""

    listed = 0

    def afterFlowable(self, flowable: Flowable) -> None:
        if isinstance(flowable, Listed):
            self.listed += 1
            self.canv.bookmarkPage(f"heading-{self.listed}")
            self.canv.addOutlineEntry(flowable.getPlainText(), f"heading-{self.listed}")


def _template(sheet: Sheet, size: tuple[float, float]) -> PageTemplate:
    frames = [
        Frame(*box, id=f"{sheet.name}{at}", leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
        for at, box in enumerate(sheet.frames)
    ]

    def on_page(draw: Draw) -> Callable[[Canvas, BaseDocTemplate], None]:
        def drawn(canvas: Canvas, document: BaseDocTemplate) -> None:
            canvas.saveState()
            draw(canvas, document.page)
            canvas.restoreState()

        return drawn

    return PageTemplate(
        sheet.name, frames, onPage=on_page(sheet.under), onPageEnd=on_page(sheet.over), pagesize=size
    )


def _labelled(front: int) -> Callable[..., Canvas]:
    def make(*args: Any, **kwargs: Any) -> Canvas:
        canvas = Canvas(*args, **kwargs)
        if front:
            canvas.addPageLabel(0, style="ROMAN_LOWER", start=1)
            canvas.addPageLabel(front, style="ARABIC", start=1)
        return canvas

    return make
