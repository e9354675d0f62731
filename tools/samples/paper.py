"""Setting type and printing it. The only file that imports reportlab.

The fonts are the ones that every PDF reader has, and nothing is compressed: the files stay small, and
the same bytes come out on every machine, whatever its zlib.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib import colors, pagesizes
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm as MM
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    FrameBreak,
    HRFlowable,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from samples import markup

__all__ = [
    "A4",
    "A5",
    "MM",
    "Canvas",
    "Draw",
    "Laid",
    "Look",
    "Paper",
    "Sheet",
    "Story",
    "printed",
    "story_of",
]

A4, A5 = pagesizes.A4, pagesizes.A5
HAIRLINE = "#c9c9c9"
Story = list[Flowable]
Draw = Callable[[Canvas, int], None]
"""Draws what stands on every page; is given the physical page number."""


@dataclass(frozen=True, slots=True)
class Look:
    """The typeface and the colours of one document."""

    serif: bool = False
    size: float = 9.5
    ink: str = "#222222"
    accent: str = "#204a6b"
    tint: str = "#eef3f7"
    typed_dots: bool = False
    """Leaders made of full stops, as typists made them; otherwise drawn."""
    centred: bool = False
    """Titles, headings, paragraphs and notes stand in the middle."""

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
    """What a layout makes of a text. It begins on the first of its sheets."""

    story: Sequence[Flowable]
    sheets: tuple[Sheet, ...]
    size: tuple[float, float] = A4
    front: int = 0
    """So many pages at the front are labelled i, ii, iii; the ones after them start again at 1."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document before it is printed."""

    title: str
    author: str
    language: str
    laid: Laid


# --- pieces -------------------------------------------------------------------------------


def story_of(blocks: Sequence[markup.Block], look: Look) -> Story:
    """The blocks, set in type."""
    story: Story = []
    for block in blocks:
        story += _pieces(block, look)
    return story


def _pieces(block: markup.Block, look: Look) -> Story:
    match block:
        case markup.Heading(words, 1):
            return [
                paragraph(words, look, scale=2.2, font=look.bold, colour=look.accent, after=4, leading=1.15)
            ]
        case markup.Heading(words):
            return [_heading(words, look)]
        case markup.Text(words):
            return [paragraph(words, look, after=4)]
        case markup.Note(words):
            return [paragraph(words, look, scale=0.86, font=look.italic, after=3)]
        case markup.Bullets(items):
            return [_bullet(item, look, last=item is items[-1]) for item in items]
        case markup.Table():
            return [_table(block, look)]
        case markup.Dish():
            return _dish(block, look)
        case markup.Rule():
            return [HRFlowable("100%", 0.8, color=_colour(look.accent), spaceBefore=4, spaceAfter=5)]
        case markup.Break("column"):
            return [FrameBreak()]
        case markup.Break(_, sheet):
            return [NextPageTemplate(sheet), PageBreak()] if sheet else [PageBreak()]
        case markup.Box(inside):
            return [_box(story_of(inside, look), look)]


def next_sheet(name: str) -> Flowable:
    """The pages after this one are of that kind."""
    return NextPageTemplate(name)


def paragraph(
    words: str,
    look: Look,
    *,
    scale: float = 1.0,
    font: str = "",
    colour: str = "",
    after: float = 0,
    leading: float = 1.34,
) -> Flowable:
    return Paragraph(_markup(words, look), _style(look, scale, font, colour, after, leading))


def _style(
    look: Look, scale: float = 1.0, font: str = "", colour: str = "", after: float = 0, leading: float = 1.34
) -> ParagraphStyle:
    return ParagraphStyle(
        "style",
        fontName=font or look.body,
        fontSize=look.size * scale,
        leading=look.size * scale * leading,
        textColor=_colour(colour or look.ink),
        alignment=TA_CENTER if look.centred else TA_LEFT,
        spaceAfter=after,
    )


class _Heading(Paragraph):
    """A paragraph that is listed in the PDF's outline."""


def _heading(words: str, look: Look) -> Flowable:
    style = _style(look, 1.3, look.bold, look.accent, after=3)
    style.spaceBefore = look.size * 1.05
    style.keepWithNext = 1
    return _Heading(_markup(words, look), style)


def _bullet(words: str, look: Look, *, last: bool) -> Flowable:
    style = _style(look, after=5 if last else 2)
    style.alignment, style.leftIndent, style.bulletIndent = TA_LEFT, look.size * 1.45, 2
    # A large middle dot: readers disagree on which character a core font's own bullet is.
    style.bulletFontName = look.bold
    style.bulletFontSize, style.bulletOffsetY = look.size * 1.5, -look.size * 0.1
    return Paragraph(_markup(words, look), style, bulletText="\u00b7")


def _table(block: markup.Table, look: Look) -> Flowable:
    whole = sum(column.share for column in block.columns)
    cells = [
        [
            _cell(words, look, block.head and not at, column)
            for words, column in zip(row, block.columns, strict=True)
        ]
        for at, row in enumerate(block.rows)
    ]
    widths: Any = [f"{100 * column.share / whole:.3f}%" for column in block.columns]
    table = Table(cells, colWidths=widths, repeatRows=int(block.head))
    accent = _colour(look.accent)
    table.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LINEBELOW", (0, 0), (-1, -2), 0.35, _colour(HAIRLINE)),
            ("LINEBELOW", (0, -1), (-1, -1), 0.8, accent),
            ("LINEABOVE", (0, 0), (-1, 0), 0.8, accent),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ]
    )
    for at, column in enumerate(block.columns):
        if column.align == "c":
            table.setStyle([("LEFTPADDING", (at, 0), (at, -1), 1), ("RIGHTPADDING", (at, 0), (at, -1), 1)])
    if block.head:
        table.setStyle([("BACKGROUND", (0, 0), (-1, 0), _colour(look.tint))])
    table.spaceBefore, table.spaceAfter = 4, 7
    return table


def _cell(words: str, look: Look, head: bool, column: markup.Column) -> Flowable:
    style = _style(look, 0.92, look.bold if head else "")
    sides: dict[str, Any] = {"": TA_LEFT, "c": TA_CENTER, "r": TA_RIGHT}
    style.alignment = sides[column.align]
    return Paragraph(_markup(words, look), style)


def _dish(dish: markup.Dish, look: Look) -> Story:
    lines: Story = [_PriceLine(dish, look)]
    if dish.detail:
        style = _style(look, 0.9)
        style.alignment = TA_LEFT
        lines.append(Paragraph(_markup(dish.detail, look), style))
    return [KeepTogether([*lines, Spacer(1, look.size * 0.4)])]


class _PriceLine(Flowable):
    """A name at the left, a price at the right, and a row of dots that leads the eye between them."""

    def __init__(self, dish: markup.Dish, look: Look) -> None:
        super().__init__()
        self.dish, self.look = dish, look
        self.codes = f" ({dish.codes})" if dish.codes else ""

    def wrap(self, aW: float, aH: float) -> tuple[float, float]:
        look = self.look
        self.width, self.height = aW, look.size * 1.4
        self.left = stringWidth(self.dish.name, look.bold, look.size)
        self.left += stringWidth(self.codes, look.body, look.size * 0.8) + 4
        self.right = aW - stringWidth(self.dish.price, look.bold, look.size) - 4
        if self.left + 6 > self.right:
            raise ValueError(f"{self.dish.name!r} and its price do not fit on a line of {aW:.0f} points")
        return self.width, self.height

    def draw(self) -> None:
        canvas, look, base = self.canv, self.look, self.look.size * 0.38
        canvas.setFillColor(_colour(look.ink))
        line = canvas.beginText(0, base)
        line.setFont(look.bold, look.size)
        line.textOut(self.dish.name)
        line.setFont(look.body, look.size * 0.8)
        line.textOut(self.codes)
        canvas.drawText(line)
        self._leader(base)
        canvas.setFont(look.bold, look.size)
        canvas.drawRightString(self.width, base, self.dish.price)

    def _leader(self, base: float) -> None:
        canvas, look = self.canv, self.look
        if look.typed_dots:
            dots = "." * int((self.right - self.left) / stringWidth(".", look.body, look.size))
            canvas.setFont(look.body, look.size)
            canvas.drawRightString(self.right, base, dots)
            return
        canvas.setStrokeColor(_colour(look.accent))
        canvas.setLineWidth(0.8)
        canvas.setLineCap(1)
        canvas.setDash(0.01, 3)
        canvas.line(self.left, base + 0.6, self.right, base + 0.6)
        canvas.setDash()


def _box(inside: Story, look: Look) -> Flowable:
    width: Any = ["100%"]
    table = Table([[inside]], colWidths=width)
    table.setStyle(
        [
            ("BACKGROUND", (0, 0), (-1, -1), _colour(look.tint)),
            ("BOX", (0, 0), (-1, -1), 0.8, _colour(look.accent)),
            ("TOPPADDING", (0, 0), (-1, -1), 5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ("LEFTPADDING", (0, 0), (-1, -1), 9),
            ("RIGHTPADDING", (0, 0), (-1, -1), 9),
        ]
    )
    table.spaceBefore, table.spaceAfter = 6, 7
    return table


def _markup(words: str, look: Look) -> str:
    """<b> and <i> are understood; an ampersand is an ampersand."""
    words = words.replace("&", "&amp;")
    words = words.replace("<b>", f'<font name="{look.bold}">').replace("</b>", "</font>")
    return words.replace("<i>", f'<font name="{look.italic}">').replace("</i>", "</font>")


def _colour(code: str) -> colors.Color:
    return colors.HexColor(code)


# --- what stands on every page --------------------------------------------------------------


def block(canvas: Canvas, box: tuple[float, float, float, float], colour: str) -> None:
    """A rectangle of colour: left, bottom, width, height."""
    canvas.setFillColor(_colour(colour))
    canvas.rect(*box, stroke=0, fill=1)


def line(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], colour: str, weight: float = 0.6
) -> None:
    canvas.setStrokeColor(_colour(colour))
    canvas.setLineWidth(weight)
    canvas.line(*start, *end)


def words(
    canvas: Canvas, at: tuple[float, float], what: str, font: str, size: float, colour: str, align: str = ""
) -> None:
    canvas.setFillColor(_colour(colour))
    canvas.setFont(font, size)
    {"": canvas.drawString, "c": canvas.drawCentredString, "r": canvas.drawRightString}[align](*at, what)


def border(canvas: Canvas, box: tuple[float, float, float, float], colour: str, weight: float) -> None:
    canvas.setStrokeColor(_colour(colour))
    canvas.setLineWidth(weight)
    canvas.rect(*box, stroke=1, fill=0)


def ornament(canvas: Canvas, at: tuple[float, float], kind: str, colour: str) -> None:
    """Five small figures in a row, drawn and not typed, so that nobody reads them as text."""
    canvas.setFillColor(_colour(colour))
    canvas.setStrokeColor(_colour(colour))
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
    """Small roman numerals, as printed in the front matter of a book."""
    return {1: "i", 2: "ii", 3: "iii", 4: "iv", 5: "v", 6: "vi"}[number]


# --- printing -------------------------------------------------------------------------------


def printed(paper: Paper) -> bytes:
    """The PDF file's bytes; always the same for the same paper."""
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


class _Document(BaseDocTemplate):
    """Lists its headings in the outline."""

    listed = 0

    def afterFlowable(self, flowable: Flowable) -> None:
        if isinstance(flowable, _Heading):
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
