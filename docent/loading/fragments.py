"""Lines that are set like headings and are parts of a table: the top of a column, a unit, a period."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from docent.loading.layout import CELLS_APART, TextLine, beside
from docent.loading.words import Box

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
