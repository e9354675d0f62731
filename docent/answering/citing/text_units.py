"""Text units that a citation may point at: sentences, list items and table rows, by their positions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from docent.answering.citing.vocabulary import STOP_WORDS

SENTENCE_BREAK = re.compile(
    r"\n\s*\n"  # a blank line
    r"|\n(?=\s*(?:[-*•·–]|\d+[.)])\s)"  # a list item
    r"|(?<!\s\d\.)(?<!\s\d\d\.)(?<!\A\d\.)(?<!\A\d\d\.)(?<!\.\.)"  # not after "12." or dot leaders …
    r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)"
    r"(?<=[.!?…])[\"”’)\]]*\s+(?=[^\sa-z])"  # … but after a full stop
    r"|\n(?=#|[^\n|]+ \| )"  # a heading or a table row
)
SHORT_LINE = 0.6
"""A line shorter than this share of the longest was ended on purpose: a heading, a row, a label."""
FIELD_LINE = re.compile(r"[ \t*•·-]*[A-ZÀ-Þ][^:|*.,;\n]{0,30}\*{0,2} ?:\*{0,2}[ \t]+\S")
"""A line that begins with a label, such as "Apply by: 28 February"."""
LONGEST_FIELD_LINE = 0.8
"""Share of the longest line up to which such a line was ended on purpose."""
FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
CELL_SEPARATOR = re.compile(r"\s*\|\s*|[^\S\n]{2,}|\s*\.{4,}\s*")
"""A stroke, wide space or dot leaders between the cells of a row."""
ROWS_WITH_FIGURE = 0.6
"""Share of neighbouring lines that must hold a figure to make them table rows."""


@dataclass(frozen=True, slots=True)
class TextUnit:
    start: int
    end: int
    is_row: bool
    columns: str = ""
    """The line with the column names above a table's row."""


@lru_cache(maxsize=512)
def text_units(text: str) -> tuple[TextUnit, ...]:
    """Return the sentences of a text, with each table cut into its rows."""
    units: list[TextUnit] = []
    columns = ""
    for start, end in sentence_spans(text):
        lines = _rows_or_whole(text, start, end)
        for line_start, line_end in lines:
            line = text[line_start:line_end]
            is_row = len(lines) > 1 or len(cells(line)) > 1
            if not is_row:
                columns = ""
            elif not columns and not FIGURE.search(line):
                columns = line
            units.append(
                TextUnit(line_start, line_end, is_row, columns if is_row and columns != line else "")
            )
    return tuple(units)


def _rows_or_whole(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cut neighbouring lines into rows if most of them hold a figure; a row is a statement of its own.

    A line in small letters belongs to the row above it, as the description of a dish does.
    """
    lines = [(start + line.start(), start + line.end()) for line in re.finditer(r"[^\n]+", text[start:end])]
    with_figure = sum(bool(FIGURE.search(text, *line)) for line in lines)
    if len(lines) < 2 or with_figure < ROWS_WITH_FIGURE * len(lines):
        return [(start, end)]
    if not text[lines[1][0]].islower():
        return lines
    rows: list[tuple[int, int]] = []
    for line_start, line_end in lines:
        is_row = len(cells(text[line_start:line_end])) > 1
        if rows and (not is_row or text[line_start].islower()):
            rows[-1] = (rows[-1][0], line_end)
        else:
            rows.append((line_start, line_end))
    return rows


def cells(line: str) -> list[str]:
    """Return the texts of a row's cells that are not empty."""
    return [cell for cell in CELL_SEPARATOR.split(line.strip()) if cell]


def row_name(row: str) -> str:
    """Return the first cell, which names what a row is about, without anything in brackets."""
    return re.sub(r"\s*\([^)]*\)", "", next(iter(cells(row)), "")).rpartition(": ")[2]


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each sentence, list item or short line, without surrounding white space."""
    breaks = set(_short_line_ends(text))
    for gap in SENTENCE_BREAK.finditer(text):
        closing_marks = len(gap[0]) - len(gap[0].lstrip('"”’)]'))
        breaks.add((gap.start() + closing_marks, gap.end()))
    position = 0
    for start, end in [*sorted(breaks), (len(text), len(text))]:
        if start < position:
            continue
        piece = text[position:start]
        if piece.strip():
            yield position + len(piece) - len(piece.lstrip()), position + len(piece.rstrip())
        position = end


def _short_line_ends(text: str) -> Iterator[tuple[int, int]]:
    lines = text.split("\n")
    longest = max(map(len, lines))
    position = 0
    for line, next_line, following in zip(lines, lines[1:], [*lines[2:], ""], strict=False):
        position += len(line) + 1
        is_field = FIELD_LINE.match(line) is not None
        short = len(line) < (LONGEST_FIELD_LINE if is_field else SHORT_LINE) * longest
        next_is_heading = len(next_line) < SHORT_LINE * longest and _is_heading(next_line, line)
        # A single line with a colon may belong to the prose around it, of two neighbours neither does.
        begins_list = is_field or short or FIELD_LINE.match(following)
        next_is_field = begins_list and FIELD_LINE.match(next_line)
        if (short and not next_line[:1].islower()) or next_is_heading or next_is_field:
            yield position - 1, position


def _is_heading(line: str, line_before: str) -> bool:
    """Tell whether a short line starts something new, rather than ending what the line before began."""
    words_before = line_before.split()
    unfinished = (
        line_before.rstrip().endswith((",", "-", "–"))
        or not words_before
        or words_before[-1].lower() in STOP_WORDS
    )
    return line[:1].isupper() and line.rstrip()[-1:] not in ".,;!?)" and not unfinished
