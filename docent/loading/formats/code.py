"""Source code: its own text in pages of lines, cut where a definition begins."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docent.glossary import Heading, Page, ReadBy
from docent.loading.input_file import Source, decode
from docent.loading.job import Contents, Job, Watch
from docent.loading.text_cleaning import split_hidden

PAGE_LINES = 80
PAGE_CHARS = 12_000
LEAST_LINES = 20  # a page ends early at a definition, but not for every small function
# What a definition begins with in the languages that people keep beside their documents; the name
# is the first word after it. Methods are indented and count as headings of the second level.
DEFINITION = re.compile(
    r"(?P<indent>[ \t]{0,8})(?:@?(?:export|default|public|private|protected|internal|static|final|abstract|"
    r"async|pub(?:\([^)]*\))?|unsafe|open|override|sealed|data)\s+)*"
    r"(?P<what>def|class|interface|enum|struct|trait|impl|fn|func|function|fun|module|namespace|type|record|object|"
    r"create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure))\s+(?P<name>(?:\([^)]*\)\s*)?[\w.:$<>]+)",
    re.IGNORECASE,
)
SECTION = re.compile(r"\[{1,2}([^\[\]\n]+)\]{1,2}\s*$")  # of .ini and .toml


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    text, note = decode(source)
    return Contents(pages=_pages(text, source.suffix), note=note)


def _pages(text: str, suffix: str) -> Iterator[Page]:
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    named = {index: heading for index, line in enumerate(lines) if (heading := _heading(line, suffix))}
    number, first = 1, 0
    while first < len(lines) or number == 1:
        last = _end(lines, first, named)
        yield _page(number, lines[first:last], first, named)
        number, first = number + 1, last


def _heading(line: str, suffix: str) -> tuple[str, int] | None:
    if suffix in (".toml", ".ini", ".cfg") and (match := SECTION.match(line)):
        return match[1].strip(), 1
    if match := DEFINITION.match(line):
        return f"{match['what']} {match['name'].rstrip(':')}", 1 if not match["indent"] else 2
    return None


def _end(lines: list[str], first: int, named: dict[int, tuple[str, int]]) -> int:
    """Where the page that begins at line `first` ends: before a definition, else before a blank line."""
    last, chars = first, 0
    while last < len(lines) and last - first < PAGE_LINES and (last == first or chars < PAGE_CHARS):
        chars += len(lines[last]) + 1
        last += 1
    if last == len(lines):
        return last
    for wanted in (1, 2):
        for index in range(last, first + LEAST_LINES, -1):
            if index in named and named[index][1] <= wanted:
                return index
    return next((index for index in range(last, first + LEAST_LINES, -1) if not lines[index].strip()), last)


def _page(number: int, lines: list[str], first: int, named: dict[int, tuple[str, int]]) -> Page:
    parts: list[str] = []
    headings: list[Heading] = []
    hidden: list[str] = []
    at = 0
    for index, line in enumerate(lines, first):
        visible, unseen = split_hidden(line)
        hidden += [unseen] if unseen else []
        if index in named:
            said, level = named[index]
            headings.append(Heading(at + len(visible) - len(visible.lstrip()), said, level))
        parts.append(visible)
        at += len(visible) + 1
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
