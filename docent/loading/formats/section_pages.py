"""Formats without pages (Word, web pages, books): paragraphs into pages, one for each section.

The place of such a page is its heading in the reader's words ("Leave › Parental leave"), or where
there is none, the paragraphs it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from docent.glossary import Heading, Page, ReadBy
from docent.loading.text_cleaning import split_hidden

PAGE_CHARS = 8_000
LONGEST_NAME = 70
BOLD_HEADING_WORDS = 12
MOST_BOLD = 0.4  # a text that is bold for the greater part has no headings in bold


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, an item of a list or a row of a table."""

    text: str
    level: int = 0
    """Of a heading, from 1; 0 is body text."""
    tight: bool = False
    """Follows the block before without a blank line, if that one is tight too: rows, list items."""
    hidden: str = ""
    bold: bool = False


def tidy(blocks: Iterable[Block]) -> list[Block]:
    """The blocks that say something, invisible characters apart, and headings known by their bold type."""
    found: list[Block] = []
    for block in blocks:
        text, unseen = split_hidden(block.text.strip())
        hidden = " ".join(filter(None, (block.hidden.strip(), unseen)))
        if text or hidden:
            level = block.level if text else 0
            first, *others = _windows(" ".join(text.split()) if level else text)
            found.append(replace(block, text=first, level=level, hidden=hidden))
            found += [replace(block, text=other, level=0, hidden="", tight=True) for other in others]
    if any(block.level for block in found) or sum(block.bold for block in found) > MOST_BOLD * len(found):
        return found
    return [replace(block, level=1) if _heads(block) else block for block in found]


def _windows(text: str) -> Iterator[str]:
    """A paragraph that is longer than a page, in pieces cut at spaces where there are any."""
    while len(text) > PAGE_CHARS:
        cut = text.rfind(" ", PAGE_CHARS // 2, PAGE_CHARS) + 1 or PAGE_CHARS
        yield text[:cut].rstrip()
        text = text[cut:]
    yield text


def _heads(block: Block) -> bool:
    words = block.text.split()
    return (
        block.bold
        and not block.tight
        and 0 < len(words) <= BOLD_HEADING_WORDS
        and "\n" not in block.text
        and not block.text.endswith((".", ",", ";"))
    )


def title_of(blocks: Sequence[Block]) -> str:
    """The one heading that stands above all others, where there is one."""
    headings = [block for block in blocks if block.level]
    top = min((block.level for block in headings), default=0)
    if headings and headings[0].level == top and sum(block.level == top for block in headings) == 1:
        return headings[0].text
    return ""


def pages(blocks: Sequence[Block], *, first: int, prefix: str = "") -> Iterator[Page]:
    """Pages numbered from `first`; places begin with `prefix` ("chapter 2 · The Sea")."""
    number, counted = first, 0
    title = title_of(blocks)
    path: list[tuple[int, str]] = []
    for section in _sections(blocks):
        for block in section:
            if block.level:
                while path and path[-1][0] >= block.level:
                    path.pop()
                path.append((block.level, block.text))
        names = [name for _, name in path]
        if len(names) > 1 and names[0] == title:
            names = names[1:]
        place = _place(prefix, names)
        parts = list(_parts(section))
        for part, start in parts:
            paragraphs = sum(not block.level for block in part)
            begin = start if place else counted + start
            yield _page(number, part, _piece(place, begin, paragraphs, whole=len(parts) == 1))
            number += 1
        counted += sum(not block.level for block in section)
    if number == first:
        yield Page(first, "", place=prefix, read_by=ReadBy.EMPTY, note="There is no text in it.")


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """A new section begins at each heading that does not follow another heading directly."""
    section: list[Block] = []
    for block in blocks:
        if block.level and section and not section[-1].level:
            yield section
            section = []
        section.append(block)
    if section:
        yield section


def _parts(section: list[Block]) -> Iterator[tuple[list[Block], int]]:
    """A long section in parts of about a page, each with how many paragraphs come before it."""
    part: list[Block] = []
    chars = before = 0
    for block in section:
        if part and chars + len(block.text) > PAGE_CHARS and not all(one.level for one in part):
            yield part, before
            before += sum(not one.level for one in part)
            part, chars = [], 0
        part.append(block)
        chars += len(block.text) + 2
    yield part, before


def _place(prefix: str, names: list[str]) -> str:
    names = [name for name in names if name.casefold() not in prefix.casefold()]
    path = " › ".join(_short(name) for name in names[-3:])
    return ", ".join(filter(None, (prefix, path)))


def _piece(place: str, before: int, paragraphs: int, *, whole: bool) -> str:
    if place and (whole or not paragraphs):
        return place
    first, last = before + 1, before + paragraphs
    words = f"paragraphs {first:,}–{last:,}" if last > first else f"paragraph {first:,}"
    return f"{place}, {words}" if place else words


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rsplit(" ", 1)[0] + "…"


def _page(number: int, blocks: Sequence[Block], place: str) -> Page:
    text = ""
    headings: list[Heading] = []
    before: Block | None = None
    for block in blocks:
        if not block.text:
            continue
        if before is not None:
            text += "\n" if before.tight and block.tight else "\n\n"
        if block.level:
            headings.append(Heading(len(text), block.text, block.level))
        text += block.text
        before = block
    return Page(
        number=number,
        text=text,
        place=place,
        read_by=ReadBy.TEXT if text else ReadBy.EMPTY,
        note="" if text else "Everything here is hidden.",
        hidden="\n".join(block.hidden for block in blocks if block.hidden),
        headings=tuple(headings),
    )
