"""One page of a PDF: a draft of its visible lines, finished once the pages around it are known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from docent.loading.pdf.layout import CELL_SEPARATOR, TextLine, Word, beside, lines_in_reading_order
from docent.loading.pdf.page_context import (
    HeaderSignatures,
    PageContext,
    decide_hyphens,
    header_signatures,
    join_lines,
    running_header_lines,
    stored_hyphens,
)
from docent.loading.pdf.pdfium_file import MAX_PAGE_POINTS, PdfPage
from docent.loading.pdf.pdfium_objects import INVISIBLE, PaintStyle
from docent.loading.text_cleaning import split_hidden
from docent.messages import Message, joined
from docent.types import Heading, Line, Page, ReadBy

TINY = 2.0  # points; nobody reads smaller print
LIGHT = 230  # of 255; for text this light, the contrast on the drawn page decides
TRANSPARENT = 13  # of 255; less opaque text is not seen
MIN_CONTRAST = 12  # of 255; a smaller one is not seen
NOTHING = Message("There is nothing on this page.")
POINTS_PER_METRE = 2835
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
    notes = []
    if (longer_side := max(pdf_page.size)) > MAX_PAGE_POINTS:
        notes.append(
            Message(
                "The page measures {metres:.0f} m: too large to be drawn. Its text was read.",
                metres=longer_side / POINTS_PER_METRE,
            )
        )
    words, hidden, is_scan_layer = split_visible_words(pdf_page)
    lines = tuple(line for line in lines_in_reading_order(words, pdf_page.size) if line.text.strip())
    text, spans = join_lines(lines, stored_hyphens(stored, lines) if stored else {})
    if is_scan_layer:
        notes.append(Message("A scan with text that another program recognised."))
    empty = not text
    page = Page(
        number=number,
        text=text,
        label=label,
        read_by=ReadBy.EMPTY if empty else ReadBy.TEXT,
        note=joined(notes or [NOTHING] * empty, " "),
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


LARGE_RATIO = 1.2  # of the body's height
LEVEL_ONE_RATIO = 1.6  # of the body's height; then it is of the first level
MAX_WORDS = 20  # in a heading that is large
MAX_BOLD_WORDS = 12
BULLETS = "•·●○▪■◦‣⁃*–—-\uf0b7\uf0a7"
MAX_BOLD_SHARE = 0.4  # of a page's lines; with more, bold is the page's ordinary type
MAX_INDENT = 0.6  # of the page's width; a bold line that begins further right heads a column of figures

OutlineTitles = list[tuple[str, int]]
"""The titles of a page in the document's outline, with their levels."""


def heading_levels(
    lines: Sequence[TextLine],
    *,
    bold: Collection[int],
    body_height: float,
    width: float,
    outline: OutlineTitles,
    margins: Collection[int],
) -> dict[int, int]:
    """Return the level of each line that is a heading, by its index.

    `body_height` is the height of most letters of the document.
    """
    levels: dict[int, int] = {}
    outline_levels = {_normalise(title): level for title, level in outline if _normalise(title)}
    mostly_bold = len(bold) > len(lines) * MAX_BOLD_SHARE
    body_height = max(body_height, _page_body_height(lines))
    for index, line in enumerate(lines):
        large = (
            body_height and line.height / body_height >= LARGE_RATIO
        )  # if the line is not, none of its words is
        is_bold = index in bold and not mostly_bold
        if index in margins or not (outline_levels or large or is_bold) or not _is_mostly_letters(line.text):
            continue
        words = line.text.split()
        ratio = 1.0
        if large:  # by the lowest word: signs of other fonts and superscripts do not count
            heights = (word.box[3] - word.box[1] for word in line.words if len(word.text) > 1)
            ratio = min(heights, default=line.height) / body_height
        if outline_levels and (level := outline_levels.get(_normalise(line.text))) is not None:
            levels[index] = level
        elif UNIT.fullmatch(line.text):
            continue
        elif ratio >= LARGE_RATIO and len(words) <= MAX_WORDS:
            levels[index] = 1 if ratio >= LEVEL_ONE_RATIO else 2
        elif is_bold and _looks_like_heading(line, words, width) and not is_table_cell(lines, index, bold):
            levels[index] = 3
    return levels


def _is_mostly_letters(text: str) -> bool:
    """Return whether a text has more letters than figures and signs, and is no item of a list."""
    letters = sum(map(str.isalpha, text))
    return letters >= 3 and letters >= len(text.replace(" ", "")) * 0.5 and text[0] not in BULLETS


def _page_body_height(lines: Sequence[TextLine]) -> float:
    """Return the height of most text of this page: a page in large print is not all headings."""
    heights: Counter[int] = Counter()
    for line in lines:
        heights[round(line.height * 2)] += len(line.text)
    height, letters = heights.most_common(1)[0]
    return height / 2 if letters > heights.total() / 2 else 0.0


def _looks_like_heading(line: TextLine, words: list[str], width: float) -> bool:
    """Return whether a bold line is short, begins like a heading and ends like no sentence or row."""
    return (
        len(words) <= MAX_BOLD_WORDS
        and (line.text[0].isupper() or line.text[0].isdigit())
        and not line.text.endswith((".", ",", ";"))
        and "  " not in line.text
        and line.box[0] < MAX_INDENT * width
    )


def _normalise(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


NEAR_LINES = 4  # lines; the cells of a row follow each other, the lines of two columns of the page do not
UNIT = re.compile(
    r"\W*(?:(?:\w+ months|(?:fiscal )?(?:years?|quarters?)) ended(?: [a-z]+ \d\d?)?"
    r"|(?:\w+ )?in (?:thousands|millions|billions)(?:,? (?:of|except|unless)\b.*)?)\W*",
    re.IGNORECASE,
)
"""A period without its year, which stands below it in the columns, or what the figures count."""


def is_table_cell(lines: Sequence[TextLine], index: int, bold: Collection[int]) -> bool:
    """Return whether cells of a table are beside a line: bold ones, several in one line, or figures."""
    nearby = range(max(index - NEAR_LINES, 0), min(index + NEAR_LINES + 1, len(lines)))
    box = lines[index].box
    return any(
        beside(box, other.box)
        and (box[2] <= other.box[0] or other.box[2] <= box[0])
        and (other_index in bold or _is_cells(other.text))
        for other_index in nearby
        for other in (lines[other_index],)
    )


def _is_cells(text: str) -> bool:
    """Return whether a text holds several cells, or mostly figures."""
    return CELL_SEPARATOR in text or sum(map(str.isalpha, text)) < len(text) / 2
