"""Headings among the lines of a page: by the outline first, then by size, then by weight."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from docent.loading.pdf.geometry import Box
from docent.loading.pdf.layout import CELLS_APART, TextLine, beside

LARGE = 1.2  # of the body's height
FIRST = 1.6  # of the body's height; then it is of the first level
MOST_WORDS = 20  # in a heading that is large
MOST_BOLD_WORDS = 12
BULLETS = "•·●○▪■◦‣⁃*–—-\uf0b7\uf0a7"
MOST_BOLD = 0.4  # of a page's lines; then bold is how it is set
ASIDE = 0.6  # of the page's width; a bold line that begins beyond it heads a column of figures

Titles = list[tuple[str, int]]
"""Of a document's outline, with their levels."""


def levels_of(
    lines: Sequence[TextLine],
    *,
    bold: Collection[int],
    body: float,
    width: float,
    outline: Titles,
    margins: Collection[int],
) -> dict[int, int]:
    """The level of each line that is a heading; `body` is the height of most letters of the document."""
    levels: dict[int, int] = {}
    named = {_plain(title): level for title, level in outline if _plain(title)}
    mostly_bold = len(bold) > len(lines) * MOST_BOLD
    body = max(body, _own_body(lines))
    for index, line in enumerate(lines):
        large = body and line.height / body >= LARGE  # where the line is not, no word of it is
        is_bold = index in bold and not mostly_bold
        if index in margins or not (named or large or is_bold) or not _is_worded(line.text):
            continue
        words = line.text.split()
        ratio = _height(line) / body if large else 1.0
        if named and (level := named.get(_plain(line.text))) is not None:
            levels[index] = level
        elif is_unit(line.text):
            continue
        elif ratio >= LARGE and len(words) <= MOST_WORDS:
            levels[index] = 1 if ratio >= FIRST else 2
        elif is_bold and _heads(line, words, width) and not is_cell(lines, index, bold):
            levels[index] = 3
    return levels


def _is_worded(text: str) -> bool:
    """More letters than figures and signs, and no item of a list."""
    letters = sum(map(str.isalpha, text))
    return letters >= 3 and letters >= len(text.replace(" ", "")) * 0.5 and text[0] not in BULLETS


def _own_body(lines: Sequence[TextLine]) -> float:
    """The height of most of this page's text: a page that is set large has no heading on each line."""
    heights: Counter[int] = Counter()
    for line in lines:
        heights[round(line.height * 2)] += len(line.text)
    height, letters = heights.most_common(1)[0]
    return height / 2 if letters > heights.total() / 2 else 0.0


def _height(line: TextLine) -> float:
    """Of its lowest word: a sign of another font, or a figure above the line, does not make it larger."""
    return min((word.box[3] - word.box[1] for word in line.words if len(word.text) > 1), default=line.height)


def _heads(line: TextLine, words: list[str], width: float) -> bool:
    """A short bold line that begins like a heading and does not end like a sentence or a table row."""
    return (
        len(words) <= MOST_BOLD_WORDS
        and (line.text[0].isupper() or line.text[0].isdigit())
        and not line.text.endswith((".", ",", ";"))
        and "  " not in line.text
        and line.box[0] < ASIDE * width
    )


def _plain(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


NEAR = 4  # lines; the cells of a row follow each other, the lines of two columns of the page do not
UNIT = re.compile(
    r"\W*(?:(?:\w+ months|(?:fiscal )?(?:years?|quarters?)) ended(?: [a-z]+ \d\d?)?"
    r"|(?:\w+ )?in (?:thousands|millions|billions)(?:,? (?:of|except|unless)\b.*)?)\W*",
    re.IGNORECASE,
)
"""A period without its year, which stands below it in the columns, or what the figures count."""


def is_unit(text: str) -> bool:
    return UNIT.fullmatch(text) is not None


def is_cell(lines: Sequence[TextLine], index: int, bold: Collection[int]) -> bool:
    """Other cells of its row stand beside it: in bold too, or several in one line, or figures."""
    near = range(max(index - NEAR, 0), min(index + NEAR + 1, len(lines)))
    return any(
        _in_one_row(lines[index].box, lines[other].box) and (other in bold or _is_cells(lines[other].text))
        for other in near
    )


def _in_one_row(one: Box, other: Box) -> bool:
    return beside(one, other) and (one[2] <= other[0] or other[2] <= one[0])


def _is_cells(text: str) -> bool:
    """Several cells, or figures."""
    return CELLS_APART in text or sum(map(str.isalpha, text)) < len(text) / 2
