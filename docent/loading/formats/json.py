"""JSON and JSON lines: each record on a line that names its fields, in pages of some fifty."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from docent.errors import HarmfulFile
from docent.glossary import Heading, Page, ReadBy
from docent.loading.formats.text import split_pages
from docent.loading.input_file import Source, decode, open_text
from docent.loading.job import Contents, Job, Watch
from docent.loading.text_cleaning import split_hidden

PAGE_ITEMS = 50
PAGE_CHARS = 8_000
LONG_RECORD = 600  # characters; a longer record has a line for each of its fields
SECTION_CHARS = 1_500  # a page this full ends where the next section begins


@dataclass(frozen=True, slots=True)
class Unit:
    """A record, or a value with a name."""

    section: str
    number: int | None
    """Of an item in its list, or of a line in its file."""
    lines: tuple[str, ...]


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    if source.suffix in (".jsonl", ".ndjson"):
        text, note = open_text(source)
        return Contents(pages=_pages(_line_units(text), "line"), note=note)
    whole, note = decode(source)
    try:
        value = json.loads(whole)
    except ValueError as error:
        return Contents(
            pages=split_pages(whole), note=f"It is not valid JSON ({error}); read as text. {note}"
        )
    except RecursionError:
        return Contents(pages=split_pages(whole), note=f"It is nested too deep; read as text. {note}")
    except MemoryError as error:
        raise HarmfulFile(
            f"{source.name} is too large to be read at once as JSON. "
            "Save it as JSON lines (.jsonl, one record a line) or as CSV."
        ) from error
    title = value.get("title") if isinstance(value, dict) else ""
    return Contents(
        pages=_pages(_units(value), "item"), title=title if isinstance(title, str) else "", note=note
    )


def _line_units(text: Iterable[str]) -> Iterator[Unit]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield Unit("", number, _lines(json.loads(line)))
            except (ValueError, RecursionError):
                yield Unit("", number, (line.strip(),))


def _units(value: Any) -> Iterator[Unit]:
    """Items of lists, and the fields of the outermost object."""
    if isinstance(value, list):
        yield from (Unit("", number, _lines(item)) for number, item in enumerate(value, 1))
    elif isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, list) and any(isinstance(item, dict | list) for item in inner):
                yield from (Unit(str(name), number, _lines(item)) for number, item in enumerate(inner, 1))
            else:
                yield Unit(str(name), None, _lines(inner, str(name)))
    else:
        yield Unit("", None, (_said(value),))


def _lines(value: Any, name: str = "") -> tuple[str, ...]:
    leaves = tuple(f"{path}: {said}" if path else said for path, said in _leaves(value, name))
    together = " | ".join(leaves)
    return (together,) if len(together) <= LONG_RECORD else leaves


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every value with the names that lead to it; a list of plain values stays together."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value, 1):
            yield from _leaves(item, f"{path} {number}".strip())
    elif isinstance(value, list) and value:
        yield path, ", ".join(map(_said, value))
    else:
        yield path, _said(value)


def _said(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(said.split())


def _pages(units: Iterable[Unit], what: str) -> Iterator[Page]:
    number, chars, kept = 1, 0, list[Unit]()
    for unit in units:
        turns = bool(kept) and unit.section != kept[-1].section
        if len(kept) >= PAGE_ITEMS or chars >= PAGE_CHARS or (turns and chars >= SECTION_CHARS):
            yield _page(number, kept, what)
            number, chars, kept = number + 1, 0, []
        kept.append(unit)
        chars += sum(map(len, unit.lines))
    if kept or number == 1:
        yield _page(number, kept, what)


def _page(number: int, units: list[Unit], what: str) -> Page:
    parts: list[str] = []
    headings: list[Heading] = []
    at, section, hidden = 0, "", list[str]()
    for unit in units:
        lines = list(unit.lines)
        if unit.section != section and unit.number is not None:
            headings.append(Heading(at, unit.section))
            lines.insert(0, unit.section)
        section = unit.section
        for line in lines:
            visible, unseen = split_hidden(line)
            hidden += [unseen] if unseen else []
            parts.append(visible)
            at += len(visible) + 1
    text = "\n".join(parts)
    return Page(
        number=number,
        text=text,
        place=_place(units, what),
        read_by=ReadBy.TEXT if text.strip() else ReadBy.EMPTY,
        note="" if text.strip() else "There is nothing in it.",
        hidden=" ".join(hidden),
        headings=tuple(headings),
    )


def _place(units: list[Unit], what: str) -> str:
    """Where the units are: "items 3–24", "wines, items 3–24", "name to wines, item 3"."""
    if not units:
        return ""
    first, last = units[0], units[-1]
    if first.section != last.section:
        return f"{first.section} to {last.section}"
    if first.number is None or last.number is None:
        return first.section
    words = f"{what} {first.number:,}"
    if last.number > first.number:
        words = f"{what}s {first.number:,}–{last.number:,}"
    return f"{first.section}, {words}" if first.section else words
