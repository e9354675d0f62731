"""What a citation may point at: sentences, list items and rows of tables, by their positions in a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from docent.answering.citing import sentences

FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
CELLS = re.compile(r"\s*\|\s*|[^\S\n]{2,}|\s*\.{4,}\s*")
"""What stands between the cells of a row: a stroke, wide space, leaders."""
ROWS = 0.6
"""Share of neighbouring lines that must hold a figure to make them a table."""


@dataclass(frozen=True, slots=True)
class Unit:
    start: int
    end: int
    row: bool
    columns: str = ""
    """The names of a row's columns, as the line above its table has them."""


@lru_cache(maxsize=512)
def units(text: str) -> tuple[Unit, ...]:
    found: list[Unit] = []
    columns = ""
    for start, end in sentences.spans(text):
        lines = _lines(text, start, end)
        for at, until in lines:
            line = text[at:until]
            row = len(lines) > 1 or len(cells(line)) > 1
            if not row:
                columns = ""
            elif not columns and not FIGURE.search(line):
                columns = line
            found.append(Unit(at, until, row, columns if row and columns != line else ""))
    return tuple(found)


def cells(line: str) -> list[str]:
    return [cell for cell in CELLS.split(line.strip()) if cell]


def key(row: str) -> str:
    """What a row is about: its first cell, without what is put in brackets behind it."""
    return re.sub(r"\s*\([^)]*\)", "", next(iter(cells(row)), "")).rpartition(": ")[2]


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Neighbouring lines that each hold a figure are rows, and a row speaks for itself."""
    lines = [(start + line.start(), start + line.end()) for line in re.finditer(r"[^\n]+", text[start:end])]
    with_figure = sum(bool(FIGURE.search(text, *line)) for line in lines)
    if len(lines) < 2 or with_figure < ROWS * len(lines) or text[lines[1][0]].islower():
        return [(start, end)]
    return lines
