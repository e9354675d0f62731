"""Rows into pages: each row a line that can be understood alone, some fifty rows a page.

A row under a header names its columns ("Wine: Barolo | Year: 2019"), because a chunk is shown to
the model and to the reader without the top of its table (docs/decisions/0011-rows-name-their-columns.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from docent.glossary import Heading, Page, ReadBy
from docent.loading.text_cleaning import split_hidden

PAGE_ROWS = 50
PAGE_CHARS = 12_000
SAMPLE = 30  # rows looked at to tell whether a table has a header, and where it is
HEADER_WITHIN = 10
LONGEST_LABEL = 80
LABELS = 400  # characters; under a wider header rows would be mostly labels: it stands on top only
SHORT_TABLE = 6  # rows that share a chunk with their header need no labels
WIDE = 200
YEAR = re.compile(r"(?:FY|CY)?\s?(?:19|20)\d\d(?:[-/–]\d{2,4})?|Q[1-4](?:\s\d{2,4})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as its reader sees it; `number` as its program counts, from 1."""

    number: int
    cells: tuple[str, ...]
    """In their columns; an empty one keeps its place."""
    hidden: str = ""

    @property
    def filled(self) -> int:
        return sum(bool(cell) for cell in self.cells)


def row(number: int, cells: Sequence[str], hidden: str = "") -> Row:
    """A row with the white space and the invisible characters of its cells taken out."""
    clean = []
    for cell in cells:
        text, unseen = split_hidden(cell)
        clean.append(" ".join(text.split()))
        hidden = " ".join(filter(None, (hidden, unseen)))
    while clean and not clean[-1]:
        clean.pop()
    if len(clean) > WIDE and sum(map(bool, clean)) * 10 < len(clean):
        clean = [cell for cell in clean if cell]  # something stands far off to the right
    return Row(number, tuple(clean), hidden)


def header_of(sample: Sequence[Row]) -> int | None:
    """Which row names the columns: wide, in words, and unlike what stands below it."""
    widest = max((one.filled for one in sample), default=0)
    for index, one in enumerate(sample[:HEADER_WITHIN]):
        said = [cell for cell in one.cells if cell]
        if len(said) < 2 or len(said) < 0.6 * widest or index + 1 == len(sample):
            continue
        if len(set(said)) < len(said) or any(len(cell) > LONGEST_LABEL for cell in said):
            continue
        if any(_figure(cell) and not YEAR.fullmatch(cell) for cell in said):
            return None  # figures before any header: there is none
        if _recurs(one, sample[index + 1 :]):
            return None
        return index
    return None


def _figure(cell: str) -> bool:
    letters = cell.replace(" ", "")
    return sum(map(str.isdigit, letters)) >= 0.5 * len(letters)


def _recurs(header: Row, below: Sequence[Row]) -> bool:
    """A value that stands in its column again is not the column's name."""
    return any(
        cell and column < len(other.cells) and other.cells[column] == cell
        for other in below
        for column, cell in enumerate(header.cells)
    )


def _differs(header: Row, below: Sequence[Row]) -> bool:
    """Is there a column with words on top and figures below?"""
    return any(
        cell and not _figure(cell) and column < len(other.cells) and _figure(other.cells[column] or "x")
        for other in below
        for column, cell in enumerate(header.cells)
    )


def joined(cells: Sequence[str]) -> str:
    return " | ".join(cells)


def labelled(header: Row, one: Row) -> str:
    """The row with its columns' names; cells without anything are left out."""
    parts = []
    for column, cell in enumerate(one.cells):
        label = header.cells[column].rstrip(" :") if column < len(header.cells) else ""
        if cell:
            parts.append(f"{label}: {cell}" if label else cell)
    return joined(parts)


def as_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table within a text, a line each row; a long one names its columns in every row."""
    clean = [row(number, cells) for number, cells in enumerate(rows, 1)]
    clean = [one for one in clean if one.cells]
    at = header_of(clean[:SAMPLE])
    if at is None or len(clean) - at - 1 <= SHORT_TABLE or _too_wide(clean[at]):
        return [joined(one.cells) for one in clean]
    return [joined(one.cells) if index <= at else labelled(clean[at], one) for index, one in enumerate(clean)]


def _too_wide(header: Row) -> bool:
    return sum(map(len, header.cells)) > LABELS


@dataclass(slots=True)
class _Sheet:
    """The page that is being filled."""

    lines: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    chars: int = 0
    rows: int = 0
    first: int = 0
    last: int = 0

    def add(self, line: str, *, heading: bool = False) -> None:
        if heading:
            self.headings.append(Heading(self.chars, line))
        self.lines.append(line)
        self.chars += len(line) + 1

    def place(self, number: int) -> None:
        self.first = self.first or number
        self.last = number
        self.rows += 1

    @property
    def full(self) -> bool:
        return self.rows >= PAGE_ROWS or self.chars >= PAGE_CHARS


Place = Callable[[int, int], str]
"""The words for rows first to last: "rows 10–24"."""


def pages(rows: Iterable[Row], *, place: Place, first: int) -> Iterator[Page]:
    """Pages numbered from `first`; every page begins with its table's header."""
    number, sheet = first, _Sheet()
    header: Row | None = None
    for one, names in _with_headers(rows):
        if sheet.full:
            yield _page(number, sheet, place)
            number, sheet = number + 1, _Sheet()
        if one.hidden:
            sheet.hidden.append(one.hidden)
        if one is names:
            sheet.add(joined(one.cells), heading=True)
        elif one.cells:
            if names is not None and not sheet.rows:
                sheet.add(joined(names.cells), heading=True)
            plain = names is None or _too_wide(names)
            title = names is None and one.filled == 1 and header is None and not sheet.rows
            sheet.add(joined(one.cells) if plain or names is None else labelled(names, one), heading=title)
        if one.cells or one.hidden:
            sheet.place(one.number)
        header = names
    if sheet.rows:
        yield _page(number, sheet, place)


def _page(number: int, sheet: _Sheet, place: Place) -> Page:
    text = "\n".join(sheet.lines)
    unseen = len(sheet.hidden)
    note = f"{unseen} {'row has' if unseen == 1 else 'rows have'} something hidden." if unseen else ""
    return Page(
        number=number,
        text=text,
        place=place(sheet.first, sheet.last),
        read_by=ReadBy.TEXT if text else ReadBy.EMPTY,
        note=note,
        hidden="\n".join(sheet.hidden),
        headings=tuple(sheet.headings),
    )


def _with_headers(rows: Iterable[Row]) -> Iterator[tuple[Row, Row | None]]:
    """Each row with the row that names its columns; a header comes with itself."""
    header: Row | None = None
    for block in _blocks(rows):
        sample = [one for one in block.sample if one.cells]
        at = header_of(sample)
        names = sample[at] if at is not None else None
        if header is None or (names is not None and _differs(names, sample[(at or 0) + 1 :])):
            above, header = True, names
        else:
            above = False  # rows after a gap that name no columns go on under those of the rows before
        for one in block.rows():
            above = above and one is not header
            yield one, None if above else header


class _Block:
    """Rows without a gap between them; the first few known before the others are read."""

    def __init__(self, first: Row, rest: Iterator[Row]) -> None:
        self.sample = [first]
        self._rest = rest
        self.next: Row | None = None
        for one in rest:
            if one.number > self.sample[-1].number + 1:
                self.next = one
                break
            self.sample.append(one)
            if len(self.sample) == SAMPLE:
                break

    def rows(self) -> Iterator[Row]:
        last = self.sample[-1]
        yield from self.sample
        if self.next is not None or len(self.sample) < SAMPLE:
            return
        for one in self._rest:
            if one.number > last.number + 1:
                self.next = one
                return
            last = one
            yield one


def _blocks(rows: Iterable[Row]) -> Iterator[_Block]:
    rest = iter(rows)
    first = next(rest, None)
    while first is not None:
        block = _Block(first, rest)
        yield block
        first = block.next


def rows_place(prefix: str = "") -> Place:
    """The usual words: "sheet 'Wine', rows 10–24"."""

    def place(first: int, last: int) -> str:
        words = f"rows {first:,}–{last:,}" if last > first else f"row {first:,}"
        return f"{prefix}, {words}" if prefix else words

    return place
