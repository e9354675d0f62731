"""Arrange words as lines in reading order. Pure: no PDF engine is involved.

The order in which a page is painted is kept, because most programs paint in reading order, columns
included. It is corrected where it is known to fail: the cells of a table row become one line even if they
are painted column by column, and two columns of prose painted row by row are separated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from docent.types import Box

HYPHEN = "\x02"
"""A hyphen that is only there because the line ends."""

CELL_GAP = 1.6  # of the line's height; wider than any space between justified words
CELL_SEPARATOR = "  "


class Word(NamedTuple):
    """Characters `first` to `last` of the engine's text, without a space between them."""

    text: str
    box: Box
    first: int
    last: int


def union(box: Box, other: Box) -> Box:
    """Return the smallest box around both."""
    return (
        box[0] if box[0] < other[0] else other[0],
        box[1] if box[1] < other[1] else other[1],
        box[2] if box[2] > other[2] else other[2],
        box[3] if box[3] > other[3] else other[3],
    )


def beside(box: Box, other_box: Box) -> bool:
    """Return whether two boxes are on one line: they share at least half of the lower one's height."""
    _, top, _, bottom = box
    _, other_top, _, other_bottom = other_box
    height, other = bottom - top, other_bottom - other_top
    lower = height if height < other else other
    if lower <= 0:
        return abs(top - other_top) < 2
    # min and max would take half of the layout's time: this is called for every two words.
    shared = (bottom if bottom < other_bottom else other_bottom) - (top if top > other_top else other_top)
    return shared >= 0.5 * lower


class Cell(NamedTuple):
    """Words beside each other, from left to right, separated by one space."""

    words: list[Word]
    left: float
    top: float
    right: float
    bottom: float

    @property
    def box(self) -> Box:
        return (self.left, self.top, self.right, self.bottom)

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def letters(self) -> int:
        return sum(len(word.text) for word in self.words)


class TextLine(NamedTuple):
    """A line of the page's text."""

    text: str
    box: Box
    words: tuple[Word, ...]
    height: float
    """The height of its letters, also where the line is rotated."""
    hyphenated: bool = False
    """Ends in the middle of a word: the next line continues without a space."""

    def with_offsets(self) -> Iterator[tuple[int, Word]]:
        """Yield each word with its offset in `text`."""
        offset = 0
        for word in self.words:
            yield offset, word
            offset += len(word.text)
            offset += len(CELL_SEPARATOR) if self.text.startswith(CELL_SEPARATOR, offset) else 1


def arrange_lines(words: Sequence[Word]) -> list[TextLine]:
    """Arrange the words of an upright page as lines, in reading order."""
    return list(map(_line, _rows(_separate_columns(list(map(_cell, _word_runs(words)))))))


def _word_runs(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Yield words painted one after the other on one line, cut at wide gaps.

    Without calls, here and in `_cell`: one call for each word takes as long as all the rest.
    """
    run: list[Word] = []
    last: Box = (0.0, 0.0, 0.0, 0.0)
    for word in words:
        box = word[1]
        left, top, _, bottom = box
        _, last_top, last_right, last_bottom = last
        height, last_height = bottom - top, last_bottom - last_top
        lower = height if height < last_height else last_height
        near = (
            -(lower if lower > 1.0 else 1.0) < left - last_right < CELL_GAP * (lower if lower > 4.0 else 4.0)
        )
        if near and run and (top == last_top and bottom == last_bottom or beside(last, box)):
            run.append(word)
        else:
            if run:
                yield run
            run = [word]
        last = box
    if run:
        yield run


def _cell(words: list[Word]) -> Cell:
    left, top, right, bottom = words[0][1]
    for _, (other_left, other_top, other_right, other_bottom), _, _ in words:
        if other_left < left:
            left = other_left
        if other_top < top:
            top = other_top
        if other_right > right:
            right = other_right
        if other_bottom > bottom:
            bottom = other_bottom
    return Cell(words, left, top, right, bottom)


def _rows(cells: list[Cell]) -> list[list[Cell]]:
    """Join cells painted one after the other on one line as rows, and the columns of tables."""
    rows: list[list[Cell]] = []
    for cell in cells:
        if rows and beside(rows[-1][-1].box, cell.box) and cell.left >= rows[-1][-1].right - 1:
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return [row for part in _page_columns(rows) for row in _join_table_columns(part)]


MIN_COLUMN_LINES = 3  # lines side by side that make a table or columns; fewer are chance
SHORT_CELL_LETTERS = 14  # in a column of figures, prices or dates
MIN_PAGE_COLUMN_LINES = 12  # fewer lines are an aside, or the top of a table with many columns


def _page_columns(rows: list[list[Cell]]) -> Iterator[list[list[Cell]]]:
    """Yield the rows, cut where a column of the page begins or ends: no table crosses it.

    Such a column begins higher than the row before, to the right of all rows beside it. So does a column
    of a table that is painted column by column, but its cells are short.
    """
    cuts = {0, len(rows)}
    for index in range(1, len(rows)):
        if rows[index][0].top < rows[index - 1][0].top - rows[index][0].height:
            left, top = rows[index][0].left, rows[index][0].top
            further = (end for end in range(index, len(rows)) if rows[end][0].left < left - 1)
            end = next(further, len(rows))
            others = [row for row in rows[:index] if row[0].bottom > top]
            is_separate = all(cell.right <= left for row in others for cell in row)
            if is_separate and _is_page_column(rows[index:end]) and _is_page_column(others):
                cuts |= {index, end}
    for start, end in pairwise(sorted(cuts)):
        yield rows[start:end]


def _is_page_column(rows: list[list[Cell]]) -> bool:
    letters = sorted(sum(cell.letters for cell in row) for row in rows)
    return len(rows) >= MIN_PAGE_COLUMN_LINES and letters[len(rows) // 2] > SHORT_CELL_LETTERS


def _join_table_columns(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Move columns of short cells, painted after the text to their left, back to their rows.

    A run of consecutive one-cell rows is such a column when each stands beside an earlier row,
    to its right, and most are short. Prose columns are long, so they stay separate.
    """
    result: list[list[Cell]] = []
    index = 0
    while index < len(rows):
        end = index
        while end < len(rows) and _row_to_the_left(result, rows[end]) is not None:
            end += 1
        run = rows[index:end]
        letters = sorted(sum(cell.letters for cell in row) for row in run)
        if len(run) >= MIN_COLUMN_LINES and letters[len(run) // 2] <= SHORT_CELL_LETTERS:
            for row in run:
                partner = _row_to_the_left(result, row)
                if partner is not None:
                    result[partner].extend(row)
        else:
            end = max(end, index + 1)
            result.extend(rows[index:end])
        index = end
    return result


def _row_to_the_left(rows: list[list[Cell]], right: list[Cell]) -> int | None:
    """Return the index of the nearest earlier row that is beside this one and wholly to its left."""
    box = right[0].box
    _, top, _, bottom = box
    for index in range(len(rows) - 1, max(-1, len(rows) - 80), -1):
        row = rows[index]
        first = row[0]
        if (first.bottom < top - 2 or first.top > bottom + 2) or not beside(first.box, box):
            continue
        return index if all(cell.right <= right[0].left + 1 for cell in row) else None
    return None


def _separate_columns(cells: list[Cell]) -> list[Cell]:
    """Separate two columns of prose that were painted line by line across; the left one comes first.

    A gutter is a vertical gap that no row crosses in a run of rows with prose on both sides.
    """
    result: list[Cell] = []
    index = 0
    while index < len(cells):
        if index + 1 == len(cells) or cells[index + 1].left <= cells[index].right:
            result.append(cells[index])  # nothing to its right: most lines
            index += 1
            continue
        left, right, end = _interleaved(cells, index)
        if (
            len(left) >= MIN_COLUMN_LINES
            and len(right) >= MIN_COLUMN_LINES
            and _is_prose(left)
            and _is_prose(right)
        ):
            result += left + right
            index = end
        else:
            result.append(cells[index])
            index += 1
    return result


def _interleaved(cells: list[Cell], start: int) -> tuple[list[Cell], list[Cell], int]:
    """Return the cells from `start` on the left and on the right of one gutter, and where they end."""
    left: list[Cell] = []
    right: list[Cell] = []
    index = start
    most_left, least_right = 0.0, float("inf")
    while index < len(cells):
        cell = cells[index]
        follows = index + 1 < len(cells) and beside(cell.box, cells[index + 1].box)
        if follows and cells[index + 1].left > cell.right:
            other = cells[index + 1]
            gutter = max(most_left, cell.right), min(least_right, other.left)
            third = index + 2 < len(cells) and beside(other.box, cells[index + 2].box)
            if gutter[0] >= gutter[1] or third:
                break
            most_left, least_right = gutter
            left.append(cell)
            right.append(other)
            index += 2
        elif left and cell.right < least_right and cell.top > left[-1].top:
            most_left = max(most_left, cell.right)
            left.append(cell)
            index += 1
        elif right and cell.left > most_left and cell.top > right[-1].top:
            least_right = min(least_right, cell.left)
            right.append(cell)
            index += 1
        else:
            break
    return left, right, index


def _is_prose(cells: list[Cell]) -> bool:
    """Return whether most cells have several words, and mostly letters."""
    long = sum(len(cell.words) >= 4 for cell in cells)
    text = "".join(word.text for cell in cells for word in cell.words)
    return long >= 0.6 * len(cells) and sum(map(str.isalpha, text)) >= 0.7 * len(text)


def _line(cells: list[Cell]) -> TextLine:
    if len(cells) == 1:
        (cell,) = cells
        words, box = cell.words, cell.box
        text = " ".join([word[0] for word in words])
    else:
        cells = sorted(cells, key=lambda cell: cell.left)
        words = [word for cell in cells for word in cell.words]
        box = (
            min(cell.left for cell in cells),
            min(cell.top for cell in cells),
            max(cell.right for cell in cells),
            max(cell.bottom for cell in cells),
        )
        text = "".join(_cell_texts(cells))
    hyphenated = text.endswith(HYPHEN)
    if hyphenated:
        text = text[:-1]
    return TextLine(text.replace(HYPHEN, "-"), box, tuple(words), box[3] - box[1], hyphenated)


def _cell_texts(cells: Iterable[Cell]) -> Iterator[str]:
    """Yield the text of each cell, and before it the separator from the one before."""
    last: Word | None = None
    for cell in cells:
        first = cell.words[0]
        if last is not None:
            left, top, _, bottom = first.box
            yield CELL_SEPARATOR if left - last.box[2] > CELL_GAP * max(bottom - top, 4.0) else " "
        yield " ".join([word.text for word in cell.words])
        last = cell.words[-1]


MIN_LETTERS = 3  # a shorter word may be taller than it is wide
MIN_SIDEWAYS_RATIO = 1.2  # height by width; a word that is higher is painted sideways


def lines_in_reading_order(words: Sequence[Word], size: tuple[float, float]) -> list[TextLine]:
    """Arrange the words of a page as lines, in reading order; also of a page rotated to fit a wide table.

    The boxes of the lines are where they are painted.
    """
    sideways = [
        word
        for word in words
        for left, top, right, bottom in (word.box,)
        if bottom - top > MIN_SIDEWAYS_RATIO * (right - left) and len(word.text) >= MIN_LETTERS
    ]
    if not sideways or len(sideways) * 2 <= sum(len(word.text) >= MIN_LETTERS for word in words):
        return arrange_lines(words)
    rotate, rotate_back = _rotations(sideways, size)
    lines = arrange_lines([word._replace(box=rotate(word.box)) for word in words])
    return [line._replace(box=rotate_back(line.box)) for line in lines]


def _rotations(
    sideways: Sequence[Word], size: tuple[float, float]
) -> tuple[Callable[[Box], Box], Callable[[Box], Box]]:
    """Return the functions that rotate boxes upright, and back."""
    width, height = size
    if _reads_upwards(sideways):
        return (
            lambda box: (height - box[3], box[0], height - box[1], box[2]),
            lambda box: (box[1], height - box[2], box[3], height - box[0]),
        )
    return (
        lambda box: (box[1], width - box[2], box[3], width - box[0]),
        lambda box: (width - box[3], box[0], width - box[1], box[2]),
    )


def _reads_upwards(sideways: Sequence[Word]) -> bool:
    """Return whether sideways text is read upwards: most words are above the one painted before."""
    up = down = 0
    for word, following in pairwise(sideways):
        if abs(word.box[0] - following.box[0]) < 2:
            up += following.box[3] <= word.box[1] + 1
            down += following.box[1] >= word.box[3] - 1
    return up >= down
