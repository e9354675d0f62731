"""Pages for formats that have none (Word, web pages, books): one for each section of paragraphs.

The place of such a page is its path of headings ("Leave › Parental leave"), or where there is none, the
numbers of its paragraphs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from docent.loading.text_cleaning import split_hidden
from docent.messages import Message
from docent.types import Heading, Page, ReadBy

PAGE_CHARS = 8_000
MAX_NAME_CHARS = 70
BOLD_HEADING_WORDS = 12
MAX_BOLD_SHARE = 0.4  # a text that is bold for the greater part has no headings in bold


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


def clean_blocks(blocks: Iterable[Block]) -> list[Block]:
    """Return the blocks that are not empty, with invisible characters apart and bold headings recognised."""
    cleaned: list[Block] = []
    for block in blocks:
        text, invisible = split_hidden(block.text.strip())
        hidden = " ".join(filter(None, (block.hidden.strip(), invisible)))
        if text or hidden:
            level = block.level if text else 0
            first, *others = _split_long_paragraph(" ".join(text.split()) if level else text)
            cleaned.append(replace(block, text=first, level=level, hidden=hidden))
            cleaned += [replace(block, text=other, level=0, hidden="", tight=True) for other in others]
    if any(block.level for block in cleaned) or sum(block.bold for block in cleaned) > MAX_BOLD_SHARE * len(
        cleaned
    ):
        return cleaned
    return [replace(block, level=1) if _is_bold_heading(block) else block for block in cleaned]


def _split_long_paragraph(text: str) -> Iterator[str]:
    """Yield the parts of a paragraph that is longer than a page, cut at spaces where there are any."""
    while len(text) > PAGE_CHARS:
        cut = text.rfind(" ", PAGE_CHARS // 2, PAGE_CHARS) + 1 or PAGE_CHARS
        yield text[:cut].rstrip()
        text = text[cut:]
    yield text


def _is_bold_heading(block: Block) -> bool:
    words = block.text.split()
    return (
        block.bold
        and not block.tight
        and 0 < len(words) <= BOLD_HEADING_WORDS
        and "\n" not in block.text
        and not block.text.endswith((".", ",", ";"))
    )


def main_heading(blocks: Sequence[Block]) -> str:
    """Return the one heading above all others, or "" where there is none."""
    headings = [block for block in blocks if block.level]
    top = min((block.level for block in headings), default=0)
    if headings and headings[0].level == top and sum(block.level == top for block in headings) == 1:
        return headings[0].text
    return ""


def split_into_pages(blocks: Sequence[Block], *, first: int, prefix: str = "") -> Iterator[Page]:
    """Yield pages numbered from `first`; their places begin with `prefix` ("chapter 2 · The Sea")."""
    number, paragraphs_before = first, 0
    title = main_heading(blocks)
    path: list[tuple[int, str]] = []
    for section in _sections(blocks):
        for block in section:
            if block.level:
                while path and path[-1][0] >= block.level:
                    path.pop()
                path.append((block.level, block.text))
        heading_names = [name for _, name in path]
        if len(heading_names) > 1 and heading_names[0] == title:
            heading_names = heading_names[1:]
        place = _place(prefix, heading_names)
        parts = list(_parts(section))
        for part, start in parts:
            paragraphs = sum(not block.level for block in part)
            offset = start if place else paragraphs_before + start
            yield _page(number, part, _with_paragraphs(place, offset, paragraphs, whole=len(parts) == 1))
            number += 1
        paragraphs_before += sum(not block.level for block in section)
    if number == first:
        yield Page(first, "", place=prefix, read_by=ReadBy.EMPTY, note=Message("There is no text in it."))


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield the sections: each begins at a heading that does not follow another heading directly."""
    section: list[Block] = []
    for block in blocks:
        if block.level and section and not section[-1].level:
            yield section
            section = []
        section.append(block)
    if section:
        yield section


def _parts(section: list[Block]) -> Iterator[tuple[list[Block], int]]:
    """Yield a section in parts of about a page, each with the number of paragraphs before it."""
    part: list[Block] = []
    chars = before = 0
    for block in section:
        if part and chars + len(block.text) > PAGE_CHARS and not all(other.level for other in part):
            yield part, before
            before += sum(not other.level for other in part)
            part, chars = [], 0
        part.append(block)
        chars += len(block.text) + 2
    yield part, before


def _place(prefix: str, heading_names: list[str]) -> str:
    heading_names = [name for name in heading_names if name.casefold() not in prefix.casefold()]
    path = " › ".join(
        name if len(name) <= MAX_NAME_CHARS else name[: MAX_NAME_CHARS - 1].rsplit(" ", 1)[0] + "…"
        for name in heading_names[-3:]
    )
    return ", ".join(filter(None, (prefix, path)))


def _with_paragraphs(place: str, before: int, paragraphs: int, *, whole: bool) -> str:
    if place and (whole or not paragraphs):
        return place
    first, last = before + 1, before + paragraphs
    words = f"paragraphs {first:,}–{last:,}" if last > first else f"paragraph {first:,}"
    return f"{place}, {words}" if place else words


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
        note="" if text else Message("All text on this page is hidden."),
        hidden="\n".join(block.hidden for block in blocks if block.hidden),
        headings=tuple(headings),
    )
