"""Plain text: one page, or pages of some 200 lines when the file is very large."""

from __future__ import annotations

from collections.abc import Iterator

from docent.loading.input_file import InputFile, decode_text
from docent.loading.job import Contents, Job, StepReporter
from docent.loading.text_cleaning import split_hidden
from docent.types import Heading, Page, ReadBy

ONE_PAGE_CHARS = 60_000  # an ordinary file stays one page; a reader can scroll that far
PAGE_LINES = 200
PAGE_CHARS = 12_000


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = decode_text(source)
    return Contents(pages=split_pages(text), note=note)


def split_pages(text: str, *, headings: tuple[Heading, ...] = (), hidden: str = "") -> Iterator[Page]:
    """Split a text into pages; no character is lost, and every page names its lines."""
    if len(text) <= ONE_PAGE_CHARS:
        yield _page(1, text, _line_range(1, len(text.splitlines()) or 1), headings, hidden)
        return
    breaks = sorted(heading.start for heading in headings)
    lines = text.splitlines(keepends=True)
    number, start, count = 1, 0, 0
    for first, last, chars in _page_slices(lines, breaks):
        length = sum(map(len, lines[first:last])) if chars is None else chars[1] - chars[0]
        page_text = text[start : start + length]
        own_headings = tuple(
            Heading(heading.start - start, heading.text, heading.level)
            for heading in headings
            if start <= heading.start < start + length
        )
        place = _line_range(first + 1, last)
        if chars is not None:
            place += f", characters {chars[0] + 1:,}–{chars[1]:,}"
        yield _page(number, page_text, place, own_headings, hidden if count == 0 else "")
        number, start, count = number + 1, start + length, count + 1


def _line_range(first: int, last: int) -> str:
    return f"lines {first:,}–{last:,}" if last > first else f"line {first:,}"


def _page(number: int, text: str, place: str, headings: tuple[Heading, ...], hidden: str) -> Page:
    visible, zero_width = split_hidden(text)
    if zero_width:
        # Positions move left by what was taken out before them.
        headings = tuple(
            Heading(len(split_hidden(text[: heading.start])[0]), heading.text, heading.level)
            for heading in headings
        )
    empty = not visible.strip()
    return Page(
        number=number,
        text=visible,
        place=place,
        read_by=ReadBy.EMPTY if empty else ReadBy.TEXT,
        note="There is no text in it." if empty else "",
        hidden=" ".join(filter(None, (hidden, zero_width))),
        headings=headings,
    )


PageSlice = tuple[int, int, tuple[int, int] | None]


def _page_slices(lines: list[str], breaks: list[int]) -> Iterator[PageSlice]:
    """Yield runs of lines (first, last) of about a page, or parts of a line that is longer than a page."""
    heading_positions = set(breaks)
    first, size, position = 0, 0, 0
    for index, line in enumerate(lines):
        full = size + len(line) > PAGE_CHARS or index - first >= PAGE_LINES
        # A heading in the second half of a page is a better end than the page's own.
        if index > first and (full or (position in heading_positions and size > PAGE_CHARS // 2)):
            yield first, index, None
            first, size = index, 0
        if len(line) > PAGE_CHARS:
            for start, end in _split_long_line(line):
                yield index, index + 1, (start, end)
            first, size = index + 1, 0
        else:
            size += len(line)
        position += len(line)
    if first < len(lines):
        yield first, len(lines), None


def _split_long_line(line: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a long line, cut at spaces where there are any."""
    start = 0
    while start < len(line):
        end = min(start + PAGE_CHARS, len(line))
        if end < len(line):
            space = line.rfind(" ", start + PAGE_CHARS // 2, end)
            end = space + 1 if space != -1 else end
        yield start, end
        start = end
