"""CSV and TSV: the columns' separator and the alphabet found out, rows streamed into pages."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import IO

from docent.glossary import Page, ReadBy
from docent.loading.formats.table_rows import Row, pages, row, rows_place
from docent.loading.input_file import Source, open_text
from docent.loading.job import Contents, Job, Watch

SEPARATORS = (",", ";", "\t", "|")
SAMPLE_CHARS = 65_536
SAMPLE_ROWS = 50
LONGEST_CELL = 10_000_000


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    text, note = open_text(source)
    return Contents(pages=_pages(text), note=note)


def _pages(text: IO[str]) -> Iterator[Page]:
    found = False
    for page in pages(rows(text), place=rows_place(), first=1):
        found = True
        yield page
    if not found:
        yield Page(1, "", read_by=ReadBy.EMPTY, note="There is no row with anything in it.")


def rows(text: IO[str]) -> Iterator[Row]:
    """The rows that say something, numbered as a spreadsheet numbers them."""
    separator, skip = separator_of(text.read(SAMPLE_CHARS))
    text.seek(0)
    csv.field_size_limit(LONGEST_CELL)
    for number, cells in enumerate(csv.reader(text, delimiter=separator), 1):
        if number > skip and any(cell.strip() for cell in cells):
            yield row(number, cells)


def separator_of(sample: str) -> tuple[str, int]:
    """What separates the columns, and how many first rows only say so ("sep=;")."""
    first = sample.split("\n", 1)[0].strip(" \r")
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], 1
    return max(SEPARATORS, key=lambda separator: _agreement(sample, separator)), 0


def _agreement(sample: str, separator: str) -> tuple[float, int]:
    """How many rows have the usual number of columns, and that number; a single column says nothing."""
    lines = sample.splitlines(keepends=True)
    cut = lines[:-1] if len(lines) > 1 and len(sample) == SAMPLE_CHARS else lines
    widths = [len(cells) for cells in islice(csv.reader(cut, delimiter=separator), SAMPLE_ROWS) if cells]
    if not widths:
        return 0.0, 0
    width, times = Counter(widths).most_common(1)[0]
    return (times / len(widths), width) if width > 1 else (0.0, 0)
