"""A document's own words as they are shown: whole sentences, and the rows of a table under their columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from docent.answering.citing.text_units import TextUnit, cells, text_units
from docent.answering.output_filter import display_quote

DOT_LEADERS = re.compile(r"\s*\.{4,}\s*")
HEADING = re.compile(r"#{1,6} [^\n]+")
FENCE = re.compile(r"```\w*")  # shown, it would turn the rest of the answer into code
BULLET = re.compile(r"\A\s*(?:#+|[-*•·–]|\d{1,2}[.)])\s+")
MARKERS = ("```", "**", "__", "`")
ENDS = re.compile(r"[.!?…:;][\"”’)\]*_`]*$")
EXAMPLE = re.compile(r"[\"“«][^\"”»]{3,90}\?\s?[\"”»]")
LONGEST_SENTENCE = 400
LONGEST_CODE = 300
"""Characters of a sentence and the lines of code that it announces, quoted as one."""
LEAST_PROSE = 5
"""Words of a line that is a part of a sentence rather than a row."""
CURRENCY = re.compile(r"[$€£¥]")
COLUMN = re.compile(r"(?:[A-Za-z]{3,9}\.? ?\d{0,2},? ?)?(?:19|20)\d\d|[^\d$€£¥%]*[^\W\d][^\d$€£¥%]*")
"""A cell that may name a column: a year, a date, words without figures."""
FOOTNOTE = re.compile(r"\(\d{1,2}\)")


@dataclass(frozen=True, slots=True)
class QuotedUnit:
    """Characters `start:end` of a text that are quoted as one: a sentence or a row."""

    start: int
    end: int
    row: tuple[str, ...] = ()
    """The cells, if it is a row of a table."""
    columns: tuple[str, ...] = ()
    """The names of the columns, as far as the table has a line for them."""
    whole: bool = True
    """False for a sentence that begins or ends outside of the text."""
    says: bool = True
    """False for what answers nothing: a heading, the names of columns, an example of a question."""
    heading: str = ""
    """The heading above it, if the text has one."""


@lru_cache(maxsize=512)
def quoted_units(text: str) -> tuple[QuotedUnit, ...]:
    """Return the sentences and rows of a text; lines of one sentence that look like rows are joined."""
    found: list[QuotedUnit] = []
    columns: tuple[str, ...] = ()
    heading = ""
    for start, end in _joined(text, text_units(text)):
        unit = text[start:end]
        row = row_cells(unit) if "\n" not in unit else ()
        if len(row) < 2:
            columns = columns if len(unit) < LONGEST_LABEL and unit[-1] not in ".!?" else ()
            is_heading = bool(HEADING.fullmatch(unit))
            heading = unit if is_heading else heading
            says = not (is_heading or EXAMPLE.search(unit))
            whole = _is_whole(text, start, end)
            found.append(QuotedUnit(start, end, whole=whole, says=says, heading=heading))
            continue
        is_head = all(COLUMN.fullmatch(FOOTNOTE.sub("", cell)) for cell in row)
        columns = row if is_head else columns
        known = () if is_head else columns
        found.append(QuotedUnit(start, end, row, known, says=not is_head, heading=heading))
    return tuple(found)


LONGEST_LABEL = 80
"""A line between two rows that is no longer than this is a heading inside the table."""


def _joined(text: str, units: Sequence[TextUnit]) -> Iterator[tuple[int, int]]:
    """Yield the spans of units, with the lines of one sentence as one."""
    start = end = -1
    for unit in units:
        if start >= 0 and _goes_on(text[start:end], text[end : unit.start], text[unit.start : unit.end]):
            end = unit.end
            continue
        if start >= 0:
            yield start, end
        start, end = unit.start, unit.end
    if start >= 0:
        yield start, end


def _goes_on(before: str, gap: str, after: str) -> bool:
    """Tell whether a sentence that a line begins goes on in the next one."""
    in_code = before.count("```") % 2 == 1
    if in_code or (before.endswith(":") and after.startswith("```")):
        return len(before) + len(after) < LONGEST_CODE
    last = before.rpartition("\n")[2]
    if "\n" not in gap and len(cells(after)) > 1:
        return True  # "U.S.  16 %  9 %" is one row, whatever its full stop
    unended = len(last.split()) >= LEAST_PROSE and not ENDS.search(before) and len(row_cells(last)) < 2
    return unended and gap.strip(" ") == "\n" and len(row_cells(after)) < 2 and not BULLET.match(after)


def _is_whole(text: str, start: int, end: int) -> bool:
    begun = not text[start].islower()
    unended = len(text[start:end].split()) >= LEAST_PROSE and not ENDS.search(text[start:end])
    cut = unended and end == len(text.rstrip())
    return begun and not cut


def row_cells(line: str) -> tuple[str, ...]:
    """Return the cells of a row, each sign of a currency with the figure after it."""
    joined: list[str] = []
    sign = ""
    for cell in cells(line):
        if CURRENCY.fullmatch(cell.strip()):
            sign = cell.strip()
            continue
        text = sign + cell.strip()
        sign = ""
        if CURRENCY.fullmatch(text[-1:]) and len(text) > 1:
            sign, text = text[-1], text[:-1].strip()
        joined.append(text)
    return tuple(joined)


def shown_sentence(quote: str) -> str:
    """Return a sentence on one line, without the marks of a list and without half a pair of bold marks."""
    text = DOT_LEADERS.sub(" … ", display_quote(FENCE.sub(" ", BULLET.sub("", quote, count=1)))).strip()
    for marker in MARKERS:
        if text.count(marker) % 2:
            text = text.replace(marker, "")
    return text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 1].rsplit(" ", 1)[0] + "…"


def shown_row(row: Sequence[str]) -> str:
    """Return a row whose columns have no names on one line."""
    return " · ".join(map(_cell, row))


def shown_rows(rows: Sequence[tuple[Sequence[str], str]], columns: Sequence[str]) -> str:
    """Return rows, each with its mark, as a Markdown table below the names of their columns."""
    width = max(len(row) for row, _ in rows)
    head = [""] * (width - len(columns)) + [_cell(name) for name in columns]
    body = [
        [f"{_cell(row[0])} {mark}", *map(_cell, row[1:]), *[""] * (width - len(row))] for row, mark in rows
    ]
    lines = [head[:width], ["---"] * width, *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return shown_sentence(text).replace("|", "\\|")
