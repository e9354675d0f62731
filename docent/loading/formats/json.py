"""JSON and JSON lines: each record on a line that names its fields, in pages of some fifty."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from docent.errors import HarmfulFile
from docent.loading.formats.text import split_pages
from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.loading.text_cleaning import decode_text, open_text, split_hidden
from docent.messages import Message, joined
from docent.types import Heading, Page, ReadBy

PAGE_ITEMS = 50
PAGE_CHARS = 8_000
LONG_RECORD = 600  # characters; a longer record has a line for each of its fields
SECTION_CHARS = 1_500  # a page this full ends where the next section begins


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """An item of a list, a line of a JSON lines file, or a named value."""

    section: str
    number: int | None
    """Of an item in its list, or of a line in its file."""
    lines: tuple[str, ...]


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    if source.suffix in (".jsonl", ".ndjson"):
        stream, note = open_text(source)
        return Contents(pages=_pages(_line_records(stream), "line"), note=note)
    text, note = decode_text(source)
    try:
        value = json.loads(text)
    except ValueError as error:
        invalid = Message("It is not valid JSON ({why}); read as text.", why=error)
        return Contents(pages=split_pages(text), note=joined((invalid, note), " "))
    except RecursionError:
        too_deep = Message("It is nested too deeply to be read as JSON; read as text.")
        return Contents(pages=split_pages(text), note=joined((too_deep, note), " "))
    except MemoryError as error:
        raise HarmfulFile(
            "{name} is too large to be read at once as JSON. Save it as JSON lines (.jsonl, one "
            "record a line) or as CSV.",
            name=source.name,
        ) from error
    title = value.get("title") if isinstance(value, dict) else ""
    return Contents(
        pages=_pages(_records(value), "item"), title=title if isinstance(title, str) else "", note=note
    )


def _line_records(text: Iterable[str]) -> Iterator[JsonRecord]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield JsonRecord("", number, _lines(json.loads(line)))
            except (ValueError, RecursionError):
                yield JsonRecord("", number, (line.strip(),))


def _records(value: Any) -> Iterator[JsonRecord]:
    """Yield the items of lists, and the fields of the outermost object."""
    if isinstance(value, list):
        yield from (JsonRecord("", number, _lines(item)) for number, item in enumerate(value, 1))
    elif isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, list) and any(isinstance(item, dict | list) for item in inner):
                yield from (
                    JsonRecord(str(name), number, _lines(item)) for number, item in enumerate(inner, 1)
                )
            else:
                yield JsonRecord(str(name), None, _lines(inner, str(name)))
    else:
        yield JsonRecord("", None, (_value_text(value),))


def _lines(value: Any, name: str = "") -> tuple[str, ...]:
    leaves = tuple(
        f"{path}: {value_text}" if path else value_text for path, value_text in _leaves(value, name)
    )
    together = " | ".join(leaves)
    return (together,) if len(together) <= LONG_RECORD else leaves


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every value with the path that leads to it; a list of plain values stays together."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value, 1):
            yield from _leaves(item, f"{path} {number}".strip())
    elif isinstance(value, list) and value:
        yield path, ", ".join(map(_value_text, value))
    else:
        yield path, _value_text(value)


def _value_text(value: Any) -> str:
    value_text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(value_text.split())


def _pages(records: Iterable[JsonRecord], noun: str) -> Iterator[Page]:
    number, chars, on_page = 1, 0, list[JsonRecord]()
    for record in records:
        new_section = bool(on_page) and record.section != on_page[-1].section
        if len(on_page) >= PAGE_ITEMS or chars >= PAGE_CHARS or (new_section and chars >= SECTION_CHARS):
            yield _page(number, on_page, noun)
            number, chars, on_page = number + 1, 0, []
        on_page.append(record)
        chars += sum(map(len, record.lines))
    if on_page or number == 1:
        yield _page(number, on_page, noun)


def _page(number: int, records: list[JsonRecord], noun: str) -> Page:
    parts: list[str] = []
    headings: list[Heading] = []
    position, section, hidden = 0, "", list[str]()
    for record in records:
        lines = list(record.lines)
        if record.section != section and record.number is not None:
            headings.append(Heading(position, record.section))
            lines.insert(0, record.section)
        section = record.section
        for line in lines:
            visible, invisible = split_hidden(line)
            hidden += [invisible] if invisible else []
            parts.append(visible)
            position += len(visible) + 1
    text = "\n".join(parts)
    return Page(
        number=number,
        text=text,
        place=_place(records, noun),
        read_by=ReadBy.TEXT if text.strip() else ReadBy.EMPTY,
        note="" if text.strip() else Message("It is empty."),
        hidden=" ".join(hidden),
        headings=tuple(headings),
    )


def _place(records: list[JsonRecord], noun: str) -> str:
    """Name the place of the records: "items 3–24", "wines, items 3–24", "name to wines"."""
    if not records:
        return ""
    first, last = records[0], records[-1]
    if first.section != last.section:
        return f"{first.section} to {last.section}"
    if first.number is None or last.number is None:
        return first.section
    words = f"{noun} {first.number:,}"
    if last.number > first.number:
        words = f"{noun}s {first.number:,}–{last.number:,}"
    return f"{first.section}, {words}" if first.section else words
