"""Headings among the lines of a page: by the outline first, then by size, then by weight."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from docent.loading.pdf.geometry import beside
from docent.loading.pdf.layout import CELL_SEPARATOR, TextLine

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
        ratio = _min_word_height(line) / body_height if large else 1.0
        if outline_levels and (level := outline_levels.get(_normalise(line.text))) is not None:
            levels[index] = level
        elif is_unit_label(line.text):
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


def _min_word_height(line: TextLine) -> float:
    """Return the height of a line's lowest word: signs of other fonts and superscripts do not count."""
    return min((word.box[3] - word.box[1] for word in line.words if len(word.text) > 1), default=line.height)


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


def is_unit_label(text: str) -> bool:
    return UNIT.fullmatch(text) is not None


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
