"""Plain text: one page, or pages of some 200 lines when the file is very large."""

from __future__ import annotations

from collections.abc import Iterator

from docent.glossary import Heading, Page, ReadBy
from docent.loading.input_file import Source, decode
from docent.loading.job import Contents, Job, Watch
from docent.loading.text_cleaning import split_hidden

ONE_PAGE_CHARS = 60_000  # an ordinary file stays one page; a reader can scroll that far
PAGE_LINES = 200
PAGE_CHARS = 12_000


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    text, note = decode(source)
    return Contents(pages=split_pages(text), note=note)


def split_pages(text: str, *, headings: tuple[Heading, ...] = (), hidden: str = "") -> Iterator[Page]:
    """The text as pages; no character is lost, and every page names its lines."""
    if len(text) <= ONE_PAGE_CHARS:
        yield _page(1, text, _lines(1, len(text.splitlines()) or 1), headings, hidden)
        return
    breaks = sorted(heading.start for heading in headings)
    lines = text.splitlines(keepends=True)
    number, start, begun = 1, 0, 0
    for first, last, within in _pieces(lines, breaks):
        length = sum(map(len, lines[first:last])) if within is None else within[1] - within[0]
        piece = text[start : start + length]
        own = tuple(
            Heading(heading.start - start, heading.text, heading.level)
            for heading in headings
            if start <= heading.start < start + length
        )
        place = _lines(first + 1, last)
        if within is not None:
            place += f", characters {within[0] + 1:,}–{within[1]:,}"
        yield _page(number, piece, place, own, hidden if begun == 0 else "")
        number, start, begun = number + 1, start + length, begun + 1


def _lines(first: int, last: int) -> str:
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


Piece = tuple[int, int, tuple[int, int] | None]


def _pieces(lines: list[str], breaks: list[int]) -> Iterator[Piece]:
    """Runs of lines (first, last) of about a page, or parts of a line that is longer than a page."""
    wanted = set(breaks)
    first, size, position = 0, 0, 0
    for index, line in enumerate(lines):
        full = size + len(line) > PAGE_CHARS or index - first >= PAGE_LINES
        # A heading in the second half of a page is a better end than the page's own.
        if index > first and (full or (position in wanted and size > PAGE_CHARS // 2)):
            yield first, index, None
            first, size = index, 0
        if len(line) > PAGE_CHARS:
            for start, end in _parts(line):
                yield index, index + 1, (start, end)
            first, size = index + 1, 0
        else:
            size += len(line)
        position += len(line)
    if first < len(lines):
        yield first, len(lines), None


def _parts(line: str) -> Iterator[tuple[int, int]]:
    """A long line cut at spaces where there are any."""
    start = 0
    while start < len(line):
        end = min(start + PAGE_CHARS, len(line))
        if end < len(line):
            space = line.rfind(" ", start + PAGE_CHARS // 2, end)
            end = space + 1 if space != -1 else end
        yield start, end
        start = end
