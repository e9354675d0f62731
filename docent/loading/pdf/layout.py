"""Words with places → lines in reading order. Pure: knows nothing of PDF engines.

The order in which a page is painted is trusted, because most programs paint in reading order,
columns included. It is mended where it is known to fail: the cells of a table row become one line
even if they are painted column by column, and two columns of prose painted row by row are taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from docent.loading.pdf.geometry import HYPHEN, Box, Word

CELL_GAP = 1.6  # of the line's height; wider than any space between justified words
CELLS_APART = "  "


class Cell(NamedTuple):
    """Words beside each other, from left to right, one blank between them."""

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
    """A line as it will stand in the page's text."""

    text: str
    box: Box
    words: tuple[Word, ...]
    height: float
    """Of its letters, also where the line runs up or down the page."""
    hyphenated: bool = False
    """Ends in the middle of a word: the next line goes on without a space."""

    def placed(self) -> Iterator[tuple[int, Word]]:
        """Each word with its position in `text`."""
        at = 0
        for word in self.words:
            yield at, word
            at += len(word.text)
            at += len(CELLS_APART) if self.text.startswith(CELLS_APART, at) else 1


def lines_of(words: Sequence[Word]) -> list[TextLine]:
    """The words as lines, in reading order."""
    return list(map(_line, _rows(_columns_apart(list(map(_cell, _runs(words)))))))


def _runs(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Words painted one after the other on one line, cut at wide gaps.

    Written out, here and in `_cell`: a call for each word of a page takes as long as all the rest.
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


def beside(one: Box, two: Box) -> bool:
    """On one line: they share at least half of the lower one's height."""
    _, top, _, bottom = one
    _, other_top, _, other_bottom = two
    height, other = bottom - top, other_bottom - other_top
    lower = height if height < other else other
    if lower <= 0:
        return abs(top - other_top) < 2
    # min and max would take half of the layout's time: this is asked for every two words.
    shared = (bottom if bottom < other_bottom else other_bottom) - (top if top > other_top else other_top)
    return shared >= 0.5 * lower


def _rows(cells: list[Cell]) -> list[list[Cell]]:
    """Cells painted one after the other on one line become one row; so do a table's columns."""
    rows: list[list[Cell]] = []
    for cell in cells:
        if rows and beside(rows[-1][-1].box, cell.box) and cell.left >= rows[-1][-1].right - 1:
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return [row for part in _page_columns(rows) for row in _tables_joined(part)]


FEW = 3  # lines that must stand side by side before they are a table or columns, not chance
SHORT = 14  # letters; the cells of a column of figures, prices or dates
COLUMN = 12  # lines; what is lower is an aside, or the top of a table with many columns


def _page_columns(rows: list[list[Cell]]) -> Iterator[list[list[Cell]]]:
    """The rows, cut where a column of the page begins or ends: a table in it has no cells outside.

    Such a column begins further up than the row before, to the right of all that stands beside it. So does
    a column of a table that is painted column by column, but its cells are short.
    """
    cuts = {0, len(rows)}
    for index in range(1, len(rows)):
        if rows[index][0].top < rows[index - 1][0].top - rows[index][0].height:
            left, top = rows[index][0].left, rows[index][0].top
            further = (end for end in range(index, len(rows)) if rows[end][0].left < left - 1)
            end = next(further, len(rows))
            others = [row for row in rows[:index] if row[0].bottom > top]
            apart = all(cell.right <= left for row in others for cell in row)
            if apart and _is_page_column(rows[index:end]) and _is_page_column(others):
                cuts |= {index, end}
    for start, end in pairwise(sorted(cuts)):
        yield rows[start:end]


def _is_page_column(rows: list[list[Cell]]) -> bool:
    letters = sorted(sum(cell.letters for cell in row) for row in rows)
    return len(rows) >= COLUMN and letters[len(rows) // 2] > SHORT


def _tables_joined(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Columns of short cells painted after the text to their left go back to their rows.

    A run of consecutive one-cell rows is such a column when each stands beside an earlier row,
    to its right, and most are short. Prose columns are long, so they stay apart.
    """
    out: list[list[Cell]] = []
    index = 0
    while index < len(rows):
        end = index
        while end < len(rows) and _partner(out, rows[end]) is not None:
            end += 1
        run = rows[index:end]
        letters = sorted(sum(cell.letters for cell in row) for row in run)
        if len(run) >= FEW and letters[len(run) // 2] <= SHORT:
            for row in run:
                partner = _partner(out, row)
                if partner is not None:
                    out[partner].extend(row)
        else:
            end = max(end, index + 1)
            out.extend(rows[index:end])
        index = end
    return out


def _partner(rows: list[list[Cell]], right: list[Cell]) -> int | None:
    """The nearest earlier row that this one stands beside, wholly to its right."""
    box = right[0].box
    _, top, _, bottom = box
    for index in range(len(rows) - 1, max(-1, len(rows) - 80), -1):
        row = rows[index]
        first = row[0]
        if (first.bottom < top - 2 or first.top > bottom + 2) or not beside(first.box, box):
            continue
        return index if all(cell.right <= right[0].left + 1 for cell in row) else None
    return None


def _columns_apart(cells: list[Cell]) -> list[Cell]:
    """Two columns of prose that were painted line by line across: first the left one, then the right.

    A gutter is a place that is crossed by none of a run of rows which have prose on both sides.
    """
    out: list[Cell] = []
    index = 0
    while index < len(cells):
        if index + 1 == len(cells) or cells[index + 1].left <= cells[index].right:
            out.append(cells[index])  # nothing to its right: most lines
            index += 1
            continue
        left, right, end = _interleaved(cells, index)
        if len(left) >= FEW and len(right) >= FEW and _is_prose(left) and _is_prose(right):
            out += left + right
            index = end
        else:
            out.append(cells[index])
            index += 1
    return out


def _interleaved(cells: list[Cell], start: int) -> tuple[list[Cell], list[Cell], int]:
    """From `start`: cells that alternate between two sides of one gutter, and where that ends."""
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
    """Most cells are several words long, and mostly letters."""
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
        text = "".join(_said(cells))
    hyphenated = text.endswith(HYPHEN)
    if hyphenated:
        text = text[:-1]
    return TextLine(text.replace(HYPHEN, "-"), box, tuple(words), box[3] - box[1], hyphenated)


def _said(cells: Iterable[Cell]) -> Iterator[str]:
    """What each cell says, after what keeps it apart from the one before."""
    last: Word | None = None
    for cell in cells:
        first = cell.words[0]
        if last is not None:
            left, top, _, bottom = first.box
            yield CELLS_APART if left - last.box[2] > CELL_GAP * max(bottom - top, 4.0) else " "
        yield " ".join([word.text for word in cell.words])
        last = cell.words[-1]


LETTERS = 3  # a shorter word may be taller than it is wide
TALL = 1.2  # times its width; then a word of three letters or more is painted sideways


def upright_lines(words: Sequence[Word], size: tuple[float, float]) -> list[TextLine]:
    """The lines of a page, in reading order; their boxes are where they are painted."""
    sideways = [
        word
        for word in words
        for left, top, right, bottom in (word.box,)
        if bottom - top > TALL * (right - left) and len(word.text) >= LETTERS
    ]
    if not sideways or len(sideways) * 2 <= sum(len(word.text) >= LETTERS for word in words):
        return lines_of(words)
    turn, back = _turns(sideways, size)
    lines = lines_of([word._replace(box=turn(word.box)) for word in words])
    return [line._replace(box=back(line.box)) for line in lines]


def _turns(
    sideways: Sequence[Word], size: tuple[float, float]
) -> tuple[Callable[[Box], Box], Callable[[Box], Box]]:
    """How boxes are turned to be read, and back."""
    width, height = size
    if _runs_up(sideways):
        return (
            lambda box: (height - box[3], box[0], height - box[1], box[2]),
            lambda box: (box[1], height - box[2], box[3], height - box[0]),
        )
    return (
        lambda box: (box[1], width - box[2], box[3], width - box[0]),
        lambda box: (width - box[3], box[0], width - box[1], box[2]),
    )


def _runs_up(sideways: Sequence[Word]) -> bool:
    """Words painted one after the other in one column lie above each other more often than below."""
    up = down = 0
    for one, other in zip(sideways, sideways[1:], strict=False):
        if abs(one.box[0] - other.box[0]) < 2:
            up += other.box[3] <= one.box[1] + 1
            down += other.box[1] >= one.box[3] - 1
    return up >= down
