"""OpenDocument spreadsheets (LibreOffice): the rows of each sheet as they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from docent.loading.formats.odt import DC, META, OASIS, OFFICE, STYLE, TABLE, TEXT
from docent.loading.formats.table_rows import Row, clean_row, row_range_label, table_pages
from docent.loading.formats.zip_container import (
    malformed_xml,
    open_zip,
    parse_xml,
    read_zip_entry,
    refuse_entities,
)
from docent.loading.job import Contents, InputFile, Job, StepReporter, pictures_not_read
from docent.messages import Message
from docent.types import Page, ReadBy

DRAW = f"{OASIS}drawing:1.0}}"
MAX_COLUMNS = 16_384
MAX_REPEATS = 256
"""Rows and cells with text may claim to be repeated up to the last; empty ones are only counted."""
HIDDEN = frozenset({"collapse", "filter"})


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    with open_zip(source.stream, source.name, job.limits) as archive:
        refuse_entities(archive, source.name)
        content = parse_xml(read_zip_entry(archive, "content.xml", source.name), source.name)
        has_meta = "meta.xml" in archive.namelist()
        meta = parse_xml(read_zip_entry(archive, "meta.xml", source.name), source.name) if has_meta else None
        pictures = sum(name.startswith("Pictures/") for name in archive.namelist())
    body = content.find(f"{OFFICE}body/{OFFICE}spreadsheet")
    if body is None:
        raise malformed_xml(source.name, Message("it holds no sheets"))
    created = "" if meta is None else meta.findtext(f".//{META}creation-date") or ""
    date = re.match(r"\d{4}-\d{2}-\d{2}", created)
    return Contents(
        pages=_pages(body, _hidden_sheets(content)),
        title="" if meta is None else meta.findtext(f".//{DC}title") or "",
        created=date[0] if date else "",
        note=pictures_not_read(pictures) if pictures else "",
    )


def _pages(body: Any, hidden_sheets: frozenset[str]) -> Iterator[Page]:
    number = 1
    for sheet in body.iterfind(f"{TABLE}table"):
        place = row_range_label(f"sheet '{sheet.get(f'{TABLE}name', '')}'")
        is_hidden = sheet.get(f"{TABLE}style-name", "") in hidden_sheets
        for page in table_pages(_rows(sheet, is_hidden), place=place, first=number):
            yield page
            number = page.number + 1
    if number == 1:
        yield Page(1, "", place="workbook", read_by=ReadBy.EMPTY, note=Message("Its sheets are empty."))


def _hidden_sheets(content: Any) -> frozenset[str]:
    """Return the styles of sheets that are not shown."""
    return frozenset(
        style.get(f"{STYLE}name", "")
        for style in content.iter(f"{STYLE}style")
        for properties in style.iterfind(f"{STYLE}table-properties")
        if properties.get(f"{TABLE}display") == "false"
    )


def _rows(sheet: Any, is_hidden: bool) -> Iterator[Row]:
    """Yield the rows that are not empty, hidden cells apart from visible ones."""
    hidden_columns = _hidden_columns(sheet)
    number = 1
    for element in sheet.iter(f"{TABLE}table-row"):
        repeated = _count(element, "number-rows-repeated")
        cells = _cells(element)
        if cells:
            not_shown = is_hidden or element.get(f"{TABLE}visibility") in HIDDEN
            visible = (
                {} if not_shown else {at: text for at, text in cells.items() if at not in hidden_columns}
            )
            hidden = [text for at, text in cells.items() if at not in visible]
            row = clean_row(
                number,
                [visible.get(column, "") for column in range(max(visible, default=-1) + 1)],
                " | ".join(hidden),
            )
            for again in range(min(repeated, MAX_REPEATS)):
                yield replace(row, number=number + again)
        number += repeated


def _hidden_columns(sheet: Any) -> frozenset[int]:
    hidden: set[int] = set()
    at = 0
    for column in sheet.iter(f"{TABLE}table-column"):
        repeated = _count(column, "number-columns-repeated")
        if column.get(f"{TABLE}visibility") in HIDDEN:
            hidden |= set(range(at, min(at + repeated, MAX_COLUMNS)))
        at += repeated
    return frozenset(hidden)


def _cells(row: Any) -> dict[int, str]:
    """Return the texts of a row by their columns; a merged cell stands in its first one."""
    cells: dict[int, str] = {}
    at = 0
    for cell in row:
        repeated = _count(cell, "number-columns-repeated")
        if cell.tag == f"{TABLE}table-cell" and (text := _text(cell)):
            cells |= {column: text for column in range(at, min(at + min(repeated, MAX_REPEATS), MAX_COLUMNS))}
        at += repeated
        if at >= MAX_COLUMNS:
            break
    return cells


def _text(cell: Any) -> str:
    """Return a cell as it is shown; a date as an ISO date, whatever its order on the screen."""
    if date := cell.get(f"{OFFICE}date-value"):
        return str(date).removesuffix("T00:00:00").replace("T", " ")
    paragraphs = ("".join(_pieces(paragraph)) for paragraph in cell.iterfind(f"{TEXT}p"))
    return " ".join(filter(None, paragraphs))


def _pieces(element: Any) -> Iterator[str]:
    """Yield the text of an element; spaces and line breaks are elements of their own."""
    if element.text:
        yield element.text
    for child in element:
        if child.tag == f"{TEXT}s":
            yield " " * min(_number(child.get(f"{TEXT}c")), 100)
        elif child.tag in (f"{TEXT}line-break", f"{TEXT}tab"):
            yield " "
        elif isinstance(child.tag, str) and not child.tag.startswith((f"{OFFICE}annotation", DRAW)):
            yield from _pieces(child)
        if child.tail:
            yield child.tail


def _count(element: Any, name: str) -> int:
    return _number(element.get(f"{TABLE}{name}"))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else 1
