"""One page of a PDF: a draft with its visible words as lines, finished once the pages around it are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from docent.loading.pdf.geometry import Word
from docent.loading.pdf.headings import OutlineTitles, heading_levels
from docent.loading.pdf.hyphenation import decide_hyphens, join_lines, stored_hyphens
from docent.loading.pdf.layout import TextLine, lines_in_reading_order
from docent.loading.pdf.page_context import (
    HeaderSignatures,
    PageContext,
    header_signatures,
    running_header_lines,
)
from docent.loading.pdf.pdfium_objects import INVISIBLE, PaintStyle
from docent.loading.pdf.pdfium_page import MAX_PAGE_POINTS, PdfPage
from docent.loading.text_cleaning import split_hidden
from docent.types import Heading, Line, Page, ReadBy

TINY = 2.0  # points; nobody reads smaller print
LIGHT = 230  # of 255; for text this light, the contrast on the drawn page decides
TRANSPARENT = 13  # of 255; less opaque text is not seen
MIN_CONTRAST = 12  # of 255; a smaller one is not seen
NOTHING = "There is nothing on this page."
SCAN_COVER = 0.35  # of the page, by images


@dataclass(frozen=True, slots=True)
class PageDraft:
    """A page whose running headers, headings and hyphens are still to be decided by its neighbours."""

    page: Page
    lines: tuple[TextLine, ...] = ()
    bold: frozenset[int] = frozenset()
    """Indexes of the lines in bold."""
    signatures: HeaderSignatures = frozenset()


def read_page(pdf_page: PdfPage, number: int, label: str, stored: Page | None = None) -> PageDraft:
    """Read a page; with the page as it was `stored`, its hyphens are as they were decided then."""
    if max(pdf_page.size) > MAX_PAGE_POINTS:
        note = f"The page is {max(pdf_page.size) / 2835:.0f} m wide; it was read but is never drawn."
    else:
        note = ""
    words, hidden, is_scan_layer = split_visible_words(pdf_page)
    lines = tuple(line for line in lines_in_reading_order(words, pdf_page.size) if line.text.strip())
    text, spans = join_lines(lines, stored_hyphens(stored, lines) if stored else {})
    if is_scan_layer:
        note = f"{note} Text layer of a scan, as another program recognised it.".strip()
    empty = not text
    page = Page(
        number=number,
        text=text,
        label=label,
        read_by=ReadBy.EMPTY if empty else ReadBy.TEXT,
        note=note or (NOTHING if empty else ""),
        hidden=hidden,
        size=pdf_page.size,
        lines=tuple(Line(start, end, line.box) for (start, end), line in zip(spans, lines, strict=True)),
    )
    bold = frozenset(
        index
        for index, line in enumerate(lines)
        if pdf_page.is_bold(line.words[0].first) and pdf_page.is_bold(line.words[-1].last)
    )
    return PageDraft(page, lines, bold, header_signatures(lines, pdf_page.height))


def finish_page(
    draft: PageDraft,
    before: Sequence[HeaderSignatures],
    after: Sequence[HeaderSignatures],
    context: PageContext,
    outline: OutlineTitles,
) -> Page:
    """Return the page with its words joined at hyphens, its running headers and its headings."""
    page = draft.page
    if not draft.lines:
        return page
    margins = running_header_lines(draft.lines, page.size[1], before, after, page.label or str(page.number))
    if hyphens := decide_hyphens(draft.lines, context.vocabulary, margins):
        text, spans = join_lines(draft.lines, hyphens)
        lines = tuple(Line(*span, line.box) for span, line in zip(spans, page.lines, strict=True))
        page = replace(page, text=text, lines=lines)
    levels = heading_levels(
        draft.lines,
        bold=draft.bold,
        body_height=context.body_height,
        width=page.size[0],
        outline=outline,
        margins=margins,
    )
    lines = tuple(
        replace(line, role="margin" if index in margins else "heading")
        if index in margins or index in levels
        else line
        for index, line in enumerate(page.lines)
    )
    headings = tuple(
        Heading(page.lines[index].start, " ".join(draft.lines[index].text.split()), level)
        for index, level in sorted(levels.items())
    )
    return replace(page, lines=lines, headings=headings)


def split_visible_words(pdf_page: PdfPage) -> tuple[list[Word], str, bool]:
    """Return the visible words, the text of the hidden ones, and whether it is a scan's text layer."""
    visible: list[Word] = []
    hidden: list[Word] = []
    unpainted: list[Word] = []
    doubtful: list[Word] = []
    zero_width: list[str] = []
    width, height = pdf_page.size
    words = pdf_page.words()
    styles = pdf_page.styles(words)
    done = 0
    for index in _suspicious_words(words, styles, pdf_page.size):
        visible += words[done:index]
        done = index + 1
        word, (mode, darkest, opacity) = words[index], styles[index]
        text, invisible = split_hidden(word.text)
        if invisible:
            zero_width.append(invisible)
        if not text:
            continue
        word = word._replace(text=text) if text != word.text else word
        left, top, right, bottom = word.box
        off_page = right <= 0 or bottom <= 0 or left >= width or top >= height
        if off_page or 0 < bottom - top < TINY or 0 < right - left < TINY and len(text) > 2:
            hidden.append(word)
        elif mode == INVISIBLE:
            unpainted.append(word)
        elif opacity < TRANSPARENT:
            hidden.append(word)
        else:
            if darkest >= LIGHT:
                doubtful.append(word)
            visible.append(word)
    visible += words[done:]
    is_scan_layer = False
    if unpainted:
        # Over a picture of the page, invisible text is what makes a scan searchable.
        is_scan_layer = pdf_page.count_objects()[2] >= SCAN_COVER
        if is_scan_layer:
            visible += unpainted
            visible.sort(key=lambda word: word.first)
        else:
            hidden += unpainted
    doubtful += pdf_page.covered(visible)
    if doubtful and max(width, height) <= MAX_PAGE_POINTS:
        image = pdf_page.draw(72)
        unseen = {word.first for word in doubtful if image.contrast(word.box) < MIN_CONTRAST}
        hidden += [word for word in visible if word.first in unseen]
        visible = [word for word in visible if word.first not in unseen]
    hidden.sort(key=lambda word: word.first)
    hidden_text = " ".join([*(word.text for word in hidden), *zero_width])
    return visible, hidden_text.replace("\x02", ""), is_scan_layer


def _suspicious_words(
    words: Sequence[Word], styles: Sequence[PaintStyle], size: tuple[float, float]
) -> list[int]:
    """Return the indexes of words that may be hidden: few, so that most of a page's hundreds cost nothing."""
    width, height = size
    suspicious = {
        style
        for style in set(styles)
        if style.mode == INVISIBLE or style.opacity < TRANSPARENT or style.darkest >= LIGHT
    }
    return [
        index
        for index, (text, (left, top, right, bottom), _, _) in enumerate(words)
        if right <= 0
        or bottom <= 0
        or left >= width
        or top >= height
        or bottom - top < TINY
        or right - left < TINY
        or not text.isascii()
        or suspicious
        and styles[index] in suspicious
    ]
