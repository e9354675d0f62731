"""CSV and TSV: detects the separator and the encoding, and streams the rows into pages."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import IO

from docent.loading.formats.table_rows import Row, clean_row, row_range_label, table_pages
from docent.loading.input_file import InputFile, open_text
from docent.loading.job import Contents, Job, StepReporter
from docent.types import Page, ReadBy

SEPARATORS = (",", ";", "\t", "|")
SAMPLE_CHARS = 65_536
SAMPLE_ROWS = 50
MAX_CELL_CHARS = 10_000_000


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = open_text(source)
    return Contents(pages=_pages(text), note=note)


def _pages(text: IO[str]) -> Iterator[Page]:
    has_rows = False
    for page in table_pages(rows(text), place=row_range_label(), first=1):
        has_rows = True
        yield page
    if not has_rows:
        yield Page(1, "", read_by=ReadBy.EMPTY, note="There is no row with anything in it.")


def rows(text: IO[str]) -> Iterator[Row]:
    """Yield the rows that are not empty, numbered as a spreadsheet numbers them."""
    separator, skip = detect_separator(text.read(SAMPLE_CHARS))
    text.seek(0)
    csv.field_size_limit(MAX_CELL_CHARS)
    for number, cells in enumerate(csv.reader(text, delimiter=separator), 1):
        if number > skip and any(cell.strip() for cell in cells):
            yield clean_row(number, cells)


def detect_separator(sample: str) -> tuple[str, int]:
    """Return the separator of the columns, and the number of first rows that only declare it ("sep=;")."""
    first = sample.split("\n", 1)[0].strip(" \r")
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], 1
    return max(SEPARATORS, key=lambda separator: _column_agreement(sample, separator)), 0


def _column_agreement(sample: str, separator: str) -> tuple[float, int]:
    """Return the share of rows with the usual number of columns, and that number; zeros for one column."""
    lines = sample.splitlines(keepends=True)
    whole_lines = lines[:-1] if len(lines) > 1 and len(sample) == SAMPLE_CHARS else lines
    widths = [
        len(cells) for cells in islice(csv.reader(whole_lines, delimiter=separator), SAMPLE_ROWS) if cells
    ]
    if not widths:
        return 0.0, 0
    width, occurrences = Counter(widths).most_common(1)[0]
    return (occurrences / len(widths), width) if width > 1 else (0.0, 0)
