"""Table rows as text: each row a line that can be understood alone, some fifty rows a page.

A row under a header names its columns ("Wine: Barolo | Year: 2019"), because a chunk is shown to
the model and to the reader without the top of its table (docs/decisions/0006-chunks-and-headers.md).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.loading.text_cleaning import open_text, split_hidden
from docent.messages import Message
from docent.types import Heading, Page, ReadBy

PAGE_ROWS = 50
PAGE_CHARS = 12_000
SAMPLE_ROWS = 30  # rows looked at to tell whether a table has a header, and where it is
MAX_HEADER_INDEX = 10
MAX_LABEL_CHARS = 80
MAX_HEADER_CHARS = 400  # under a longer header rows would be mostly labels: it stands on top only
SHORT_TABLE_ROWS = 6  # rows that share a chunk with their header need no labels
WIDE_ROW_CELLS = 200
YEAR = re.compile(r"(?:FY|CY)?\s?(?:19|20)\d\d(?:[-/–]\d{2,4})?|Q[1-4](?:\s\d{2,4})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is shown; `number` counts from 1, as its program does."""

    number: int
    cells: tuple[str, ...]
    """In their columns; an empty one keeps its place."""
    hidden: str = ""

    @property
    def filled(self) -> int:
        return sum(bool(cell) for cell in self.cells)


def clean_row(number: int, cells: Sequence[str], hidden: str = "") -> Row:
    """Return a row without the needless white space and the invisible characters of its cells."""
    clean = []
    for cell in cells:
        text, invisible = split_hidden(cell)
        clean.append(" ".join(text.split()))
        hidden = " ".join(filter(None, (hidden, invisible)))
    while clean and not clean[-1]:
        clean.pop()
    if len(clean) > WIDE_ROW_CELLS and sum(map(bool, clean)) * 10 < len(clean):
        clean = [cell for cell in clean if cell]  # a cell stands far off to the right
    return Row(number, tuple(clean), hidden)


def find_header(sample: Sequence[Row]) -> int | None:
    """Return the index of the row that names the columns: wide, in words, and unlike the rows below it."""
    widest = max((row.filled for row in sample), default=0)
    for index, row in enumerate(sample[:MAX_HEADER_INDEX]):
        labels = [cell for cell in row.cells if cell]
        if len(labels) < 2 or len(labels) < 0.6 * widest or index + 1 == len(sample):
            continue
        if len(set(labels)) < len(labels) or any(len(cell) > MAX_LABEL_CHARS for cell in labels):
            continue
        if any(_is_figure(cell) and not YEAR.fullmatch(cell) for cell in labels):
            return None  # figures before any header: there is none
        if _repeats_below(row, sample[index + 1 :]):
            return None
        return index
    return None


def _is_figure(cell: str) -> bool:
    letters = cell.replace(" ", "")
    return sum(map(str.isdigit, letters)) >= 0.5 * len(letters)


def _repeats_below(header: Row, below: Sequence[Row]) -> bool:
    """Return whether a value stands in its column again, so that it is not the column's name."""
    return any(
        cell and column < len(other.cells) and other.cells[column] == cell
        for other in below
        for column, cell in enumerate(header.cells)
    )


def _has_figures_below(header: Row, below: Sequence[Row]) -> bool:
    """Return whether there is a column with words on top and figures below."""
    return any(
        cell and not _is_figure(cell) and column < len(other.cells) and _is_figure(other.cells[column] or "x")
        for other in below
        for column, cell in enumerate(header.cells)
    )


def join_cells(cells: Sequence[str]) -> str:
    return " | ".join(cells)


def label_cells(header: Row, row: Row) -> str:
    """Return the row with the names of its columns; empty cells are left out."""
    parts = []
    for column, cell in enumerate(row.cells):
        label = header.cells[column].rstrip(" :") if column < len(header.cells) else ""
        if cell:
            parts.append(f"{label}: {cell}" if label else cell)
    return join_cells(parts)


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table within a text, one line for each row; a long one names its columns in every row."""
    clean = [clean_row(number, cells) for number, cells in enumerate(rows, 1)]
    clean = [row for row in clean if row.cells]
    header_index = find_header(clean[:SAMPLE_ROWS])
    if (
        header_index is None
        or len(clean) - header_index - 1 <= SHORT_TABLE_ROWS
        or _too_wide(clean[header_index])
    ):
        return [join_cells(row.cells) for row in clean]
    return [
        join_cells(row.cells) if index <= header_index else label_cells(clean[header_index], row)
        for index, row in enumerate(clean)
    ]


def _too_wide(header: Row) -> bool:
    return sum(map(len, header.cells)) > MAX_HEADER_CHARS


@dataclass(slots=True)
class _PageBuilder:
    """The page that is being filled."""

    lines: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    chars: int = 0
    row_count: int = 0
    first: int = 0
    last: int = 0

    def add(self, line: str, *, heading: bool = False) -> None:
        if heading:
            self.headings.append(Heading(self.chars, line))
        self.lines.append(line)
        self.chars += len(line) + 1

    def count_row(self, number: int) -> None:
        self.first = self.first or number
        self.last = number
        self.row_count += 1

    @property
    def full(self) -> bool:
        return self.row_count >= PAGE_ROWS or self.chars >= PAGE_CHARS


PlaceLabel = Callable[[int, int], str]
"""Names the place of rows first to last: "rows 10–24"."""


def table_pages(rows: Iterable[Row], *, place: PlaceLabel, first: int) -> Iterator[Page]:
    """Yield pages numbered from `first`; every page begins with its table's header."""
    number, builder = first, _PageBuilder()
    previous_header: Row | None = None
    for row, header in _with_headers(rows):
        if builder.full:
            yield _page(number, builder, place)
            number, builder = number + 1, _PageBuilder()
        if row.hidden:
            builder.hidden.append(row.hidden)
        if row is header:
            builder.add(join_cells(row.cells), heading=True)
        elif row.cells and header is not None:
            if not builder.row_count:
                builder.add(join_cells(header.cells), heading=True)
            builder.add(join_cells(row.cells) if _too_wide(header) else label_cells(header, row))
        elif row.cells:
            is_title = row.filled == 1 and previous_header is None and not builder.row_count
            builder.add(join_cells(row.cells), heading=is_title)
        if row.cells or row.hidden:
            builder.count_row(row.number)
        previous_header = header
    if builder.row_count:
        yield _page(number, builder, place)


def _page(number: int, builder: _PageBuilder, place: PlaceLabel) -> Page:
    text = "\n".join(builder.lines)
    hidden_count = len(builder.hidden)
    note = Message("1 row has hidden text.") if hidden_count == 1 else ""
    if hidden_count > 1:
        note = Message("{count} rows have hidden text.", count=hidden_count)
    return Page(
        number=number,
        text=text,
        place=place(builder.first, builder.last),
        read_by=ReadBy.TEXT if text else ReadBy.EMPTY,
        note=note,
        hidden="\n".join(builder.hidden),
        headings=tuple(builder.headings),
    )


def _with_headers(rows: Iterable[Row]) -> Iterator[tuple[Row, Row | None]]:
    """Yield each row with the row that names its columns; a header comes with itself."""
    header: Row | None = None
    for run in _row_runs(rows):
        sample = [row for row in run.sample if row.cells]
        index = find_header(sample)
        own_header = sample[index] if index is not None else None
        if header is None or (
            own_header is not None and _has_figures_below(own_header, sample[(index or 0) + 1 :])
        ):
            above, header = True, own_header
        else:
            above = False  # rows after a gap that name no columns belong to the header before
        for row in run.rows():
            above = above and row is not header
            yield row, None if above else header


class _RowRun:
    """Rows without a gap between them; the first few are read ahead."""

    def __init__(self, first: Row, rest: Iterator[Row]) -> None:
        self.sample = [first]
        self._rest = rest
        self.next: Row | None = None
        for row in rest:
            if row.number > self.sample[-1].number + 1:
                self.next = row
                break
            self.sample.append(row)
            if len(self.sample) == SAMPLE_ROWS:
                break

    def rows(self) -> Iterator[Row]:
        last = self.sample[-1]
        yield from self.sample
        if self.next is not None or len(self.sample) < SAMPLE_ROWS:
            return
        for row in self._rest:
            if row.number > last.number + 1:
                self.next = row
                return
            last = row
            yield row


def _row_runs(rows: Iterable[Row]) -> Iterator[_RowRun]:
    rest = iter(rows)
    first = next(rest, None)
    while first is not None:
        run = _RowRun(first, rest)
        yield run
        first = run.next


def row_range_label(prefix: str = "") -> PlaceLabel:
    """Return a function that names rows: "sheet 'Wine', rows 10–24"."""

    def place(first: int, last: int) -> str:
        words = f"rows {first:,}–{last:,}" if last > first else f"row {first:,}"
        return f"{prefix}, {words}" if prefix else words

    return place


SEPARATORS = (",", ";", "\t", "|")
SAMPLE_CHARS = 65_536
SAMPLE_CSV_ROWS = 50
MAX_CELL_CHARS = 10_000_000


def read_csv(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = open_text(source)
    return Contents(pages=_csv_pages(text), note=note)


def _csv_pages(text: IO[str]) -> Iterator[Page]:
    has_rows = False
    for page in table_pages(csv_rows(text), place=row_range_label(), first=1):
        has_rows = True
        yield page
    if not has_rows:
        yield Page(1, "", read_by=ReadBy.EMPTY, note=Message("The table is empty."))


def csv_rows(text: IO[str]) -> Iterator[Row]:
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
        len(cells) for cells in islice(csv.reader(whole_lines, delimiter=separator), SAMPLE_CSV_ROWS) if cells
    ]
    if not widths:
        return 0.0, 0
    width, occurrences = Counter(widths).most_common(1)[0]
    return (occurrences / len(widths), width) if width > 1 else (0.0, 0)
