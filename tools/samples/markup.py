"""Parse the source text of a sample PDF: TOML between two lines of +++, then marked-up lines.

    # Title                        ## Heading                     ~ a note in small italics
    - a bullet                     ---  a rule                    >>> page, or >>> page SHEET, or >>> column
    |: 40 20r 40c                  a table's columns: shares of the width, right-aligned or centred
    |= 40 20r 40c                  the same for a table without a head
    | cell | cell |
    Sardines {F, G} ... 9.50       a dish: name, allergen codes, price; indented lines below describe it
    ::: box  …  :::                the lines between are set in a tinted box

Anything else is a paragraph, up to the next empty line. <b> and <i> are allowed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

DISH = re.compile(r"^(?P<name>\S.*?)(?: \{(?P<codes>[^}]*)\})? \.\.\. (?P<price>.+)$")
COLUMN = re.compile(r"^(\d+)([rc]?)$")
MARKS = ("#", "- ", "~ ", "|", ">>>", ":::", "---")


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    share: int
    align: Literal["", "r", "c"] = ""


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    head: bool


@dataclass(frozen=True, slots=True)
class Dish:
    """A line of a menu. `codes` are the letters of the allergens, explained in the menu's legend."""

    name: str
    price: str
    codes: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    pass


@dataclass(frozen=True, slots=True)
class Break:
    to: Literal["page", "column"]
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    blocks: tuple[Block, ...]


Block = Heading | Text | Note | Bullets | Table | Dish | Rule | Break | Box


def parse(source: str) -> tuple[dict[str, Any], tuple[Block, ...]]:
    """Return the settings at the top and the blocks below them."""
    _, front, body = source.split("+++\n", 2)
    return tomllib.loads(front), tuple(_blocks(body.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    """Yield the blocks; each step takes the lines of one block off the front."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith("::: box"):
            end = lines.index(":::", at)
            yield Box(tuple(_blocks(lines[at + 1 : end])))
            at = end + 1
        elif line.startswith(("|:", "|=")):
            end = _run(lines, at + 1, lambda row: row.startswith("| "))
            yield _table(line, lines[at + 1 : end])
            at = end
        elif line.startswith("- "):
            end = _run(lines, at + 1, lambda row: row.startswith(("- ", "  ")))
            yield Bullets(tuple(_joined(lines[at:end])))
            at = end
        elif dish := DISH.match(line):
            end = _run(lines, at + 1, lambda row: row.startswith("  "))
            detail = " ".join(row.strip() for row in lines[at + 1 : end])
            yield Dish(dish["name"], dish["price"], dish["codes"] or "", detail)
            at = end
        elif line.startswith(("#", "---", ">>>")):
            yield _single(line)
            at += 1
        elif line.startswith("~ "):
            end = _run(lines, at + 1, lambda row: row.startswith("~ "))
            yield Note(" ".join(row[2:] for row in lines[at:end]))
            at = end
        else:
            end = _run(lines, at + 1, _continues_paragraph)
            yield Text(" ".join(lines[at:end]))
            at = end


def _continues_paragraph(line: str) -> bool:
    """Return true if a paragraph continues with this line."""
    return bool(line.strip()) and not line.startswith(MARKS) and not DISH.match(line)


def _run(lines: list[str], at: int, belongs: Callable[[str], bool]) -> int:
    """Return the end of the lines that belong to a block."""
    while at < len(lines) and belongs(lines[at]):
        at += 1
    return at


def _joined(lines: list[str]) -> Iterator[str]:
    """Yield bullets, each with its indented continuation lines."""
    items: list[str] = []
    for line in lines:
        if line.startswith("- "):
            items.append(line[2:])
        else:
            items[-1] += f" {line.strip()}"
    yield from items


def _table(columns: str, rows: list[str]) -> Table:
    specs = []
    for word in columns[2:].split():
        match = COLUMN.match(word)
        if match is None:
            raise ValueError(f"{columns!r} describes no table: {word!r} is not a share like 30, 30r or 30c")
        align: Any = match[2]
        specs.append(Column(int(match[1]), align))
    cells = tuple(tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows)
    for row in cells:
        if len(row) != len(specs):
            raise ValueError(f"{row} has {len(row)} cells; its table has {len(specs)} columns")
    return Table(tuple(specs), cells, head=columns.startswith("|:"))


def _single(line: str) -> Block:
    if line.startswith("#"):
        marks, _, words = line.partition(" ")
        return Heading(words, len(marks))
    if line.startswith("---"):
        return Rule()
    match line.split()[1:]:
        case ["column"]:
            return Break("column")
        case ["page", *sheet]:
            return Break("page", " ".join(sheet))
        case other:
            raise ValueError(f">>> is followed by page or column, not by {other}")
