"""Source code: its text in pages of lines, cut where a definition begins."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docent.loading.input_file import InputFile, decode_text
from docent.loading.job import Contents, Job, StepReporter
from docent.loading.text_cleaning import split_hidden
from docent.types import Heading, Page, ReadBy

PAGE_LINES = 80
PAGE_CHARS = 12_000
MIN_PAGE_LINES = 20  # a page ends early at a definition, but not for every small function
# What a definition begins with in the languages that people keep beside their documents; the name
# is the first word after it. Methods are indented and count as headings of the second level.
DEFINITION = re.compile(
    r"(?P<indent>[ \t]{0,8})(?:@?(?:export|default|public|private|protected|internal|static|final|abstract|"
    r"async|pub(?:\([^)]*\))?|unsafe|open|override|sealed|data)\s+)*"
    r"(?P<keyword>def|class|interface|enum|struct|trait|impl|fn|func|function|fun|module|namespace|type|record|object|"
    r"create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure))\s+(?P<name>(?:\([^)]*\)\s*)?[\w.:$<>]+)",
    re.IGNORECASE,
)
SECTION = re.compile(r"\[{1,2}([^\[\]\n]+)\]{1,2}\s*$")  # of .ini and .toml


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = decode_text(source)
    return Contents(pages=_pages(text, source.suffix), note=note)


def _pages(text: str, suffix: str) -> Iterator[Page]:
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    definitions = {index: heading for index, line in enumerate(lines) if (heading := _heading(line, suffix))}
    number, first = 1, 0
    while first < len(lines) or number == 1:
        last = _page_end(lines, first, definitions)
        yield _page(number, lines[first:last], first, definitions)
        number, first = number + 1, last


def _heading(line: str, suffix: str) -> tuple[str, int] | None:
    if suffix in (".toml", ".ini", ".cfg") and (match := SECTION.match(line)):
        return match[1].strip(), 1
    if match := DEFINITION.match(line):
        return f"{match['keyword']} {match['name'].rstrip(':')}", 1 if not match["indent"] else 2
    return None


def _page_end(lines: list[str], first: int, definitions: dict[int, tuple[str, int]]) -> int:
    """Return where the page that begins at line `first` ends: at a definition, else at a blank line."""
    last, chars = first, 0
    while last < len(lines) and last - first < PAGE_LINES and (last == first or chars < PAGE_CHARS):
        chars += len(lines[last]) + 1
        last += 1
    if last == len(lines):
        return last
    for max_level in (1, 2):
        for index in range(last, first + MIN_PAGE_LINES, -1):
            if index in definitions and definitions[index][1] <= max_level:
                return index
    return next(
        (index for index in range(last, first + MIN_PAGE_LINES, -1) if not lines[index].strip()), last
    )


def _page(number: int, lines: list[str], first: int, definitions: dict[int, tuple[str, int]]) -> Page:
    parts: list[str] = []
    headings: list[Heading] = []
    hidden: list[str] = []
    position = 0
    for index, line in enumerate(lines, first):
        visible, invisible = split_hidden(line)
        hidden += [invisible] if invisible else []
        if index in definitions:
            title, level = definitions[index]
            headings.append(Heading(position + len(visible) - len(visible.lstrip()), title, level))
        parts.append(visible)
        position += len(visible) + 1
    text = "\n".join(parts)
    last = first + len(lines)
    return Page(
        number=number,
        text=text,
        place=f"lines {first + 1:,}–{last:,}" if last > first + 1 else f"line {first + 1:,}",
        read_by=ReadBy.TEXT if text.strip() else ReadBy.EMPTY,
        note="" if text.strip() else "There is no text in it.",
        hidden=" ".join(hidden),
        headings=tuple(headings),
    )
