"""Typeset the blocks of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import (
    Flowable,
    FrameBreak,
    HRFlowable,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    Paragraph,
    Spacer,
    Table,
)

from samples import markup
from samples.paper import Listed, Look, Story

HAIRLINE = "#c9c9c9"


def story_of(blocks: Sequence[markup.Block], look: Look) -> Story:
    """Return the blocks as a story of reportlab."""
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
            return [HRFlowable("100%", 0.8, color=colors.HexColor(look.accent), spaceBefore=4, spaceAfter=5)]
        case markup.Break("column"):
            return [FrameBreak()]
        case markup.Break(_, sheet):
            return [NextPageTemplate(sheet), PageBreak()] if sheet else [PageBreak()]
        case markup.Box(inside):
            return [_box(story_of(inside, look), look)]


def next_sheet(name: str) -> Flowable:
    """Use this kind of sheet for later pages."""
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
        textColor=colors.HexColor(colour or look.ink),
        alignment=TA_CENTER if look.centred else TA_LEFT,
        spaceAfter=after,
    )


def _heading(words: str, look: Look) -> Flowable:
    style = _style(look, 1.3, look.bold, look.accent, after=3)
    style.spaceBefore = look.size * 1.05
    style.keepWithNext = 1
    return Listed(_markup(words, look), style)


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
    accent = colors.HexColor(look.accent)
    table.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LINEBELOW", (0, 0), (-1, -2), 0.35, colors.HexColor(HAIRLINE)),
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
        table.setStyle([("BACKGROUND", (0, 0), (-1, 0), colors.HexColor(look.tint))])
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
    """A name at the left, a price at the right, and a row of dots between them."""

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
        canvas.setFillColor(colors.HexColor(look.ink))
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
        canvas.setStrokeColor(colors.HexColor(look.accent))
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
            ("BACKGROUND", (0, 0), (-1, -1), colors.HexColor(look.tint)),
            ("BOX", (0, 0), (-1, -1), 0.8, colors.HexColor(look.accent)),
            ("TOPPADDING", (0, 0), (-1, -1), 5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ("LEFTPADDING", (0, 0), (-1, -1), 9),
            ("RIGHTPADDING", (0, 0), (-1, -1), 9),
        ]
    )
    table.spaceBefore, table.spaceAfter = 6, 7
    return table


def _markup(words: str, look: Look) -> str:
    """Escape ampersands; keep <b> and <i>."""
    words = words.replace("&", "&amp;")
    words = words.replace("<b>", f'<font name="{look.bold}">').replace("</b>", "</font>")
    return words.replace("<i>", f'<font name="{look.italic}">').replace("</i>", "</font>")
