"""Write a table with its citations to a file: XLSX, CSV or DOCX, row by row."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from docent.messages import Message
from docent.research.arranging import unit_name
from docent.research.table_text import DOCUMENT, NOT_STATED
from docent.types import ResearchTable, TableCell, TableColumn, TableRow

TableFormat = Literal["xlsx", "csv", "docx"]
Translate = Callable[[str], str]

FILE, SOURCE, VALUE, UNIT = Message("File"), Message("Source"), Message("Value"), Message("Unit")
NOTES, QUESTION, RESULT = Message("Notes"), Message("Question"), Message("Result")
TABLE, SOURCES = Message("Table"), Message("Sources")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a text for a formula."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
LONGEST_CELL = 32_000  # a spreadsheet's cell holds 32,767 characters
MOST_IN_DOCX = 500
"""Rows of a DOCX file, whose tables are slow to open; the others are in XLSX and CSV."""


def write_table(
    table: ResearchTable,
    rows: Iterable[TableRow],
    *,
    form: TableFormat,
    path: Path,
    translate: Translate = str,
) -> None:
    """Write every row of a table; `translate` returns a text in the reader's language."""
    match form:
        case "xlsx":
            _write_xlsx(table, rows, path, translate)
        case "csv":
            _write_csv(table, rows, path, translate)
        case "docx":
            _write_docx(table, rows, path, translate)


def _header(columns: Iterable[TableColumn], translate: Translate) -> Iterator[str]:
    """Yield the names of the columns: of each, what it states, its value, its unit and its source."""
    yield translate(DOCUMENT)
    yield translate(FILE)
    for column in columns:
        yield column.name
        if column.kind != "text":
            yield f"{column.name}: {translate(VALUE)}"
        if column.kind == "number":
            yield f"{column.name}: {translate(UNIT)}"
        yield f"{column.name}: {translate(SOURCE)}"


def _values(row: TableRow, columns: Iterable[TableColumn], translate: Translate) -> Iterator[Any]:
    """Yield the values of a row; numbers as numbers, so that a spreadsheet can sort and add them."""
    yield row.title
    yield row.file
    for cell, column in zip(row.cells, columns, strict=True):
        yield shown_cell(cell, translate)
        if column.kind != "text":
            yield _typed(cell)
        if column.kind == "number":
            yield unit_name(cell.value)
        yield "; ".join(f"{one.where}: “{' '.join(one.quote.split())}”" for one in cell.citations)


def shown_cell(cell: TableCell, translate: Translate) -> str:
    """Return a cell as a reader sees it, with its remark."""
    if cell.state == "not_stated":
        return translate(NOT_STATED)
    return f"{cell.text} ({translate(cell.note)})" if cell.note else cell.text


def _typed(cell: TableCell) -> Any:
    value = cell.value
    if value.number is not None:
        return value.number
    return value.date if value.date else value.yes if value.yes is not None else ""


def _remarks(table: ResearchTable, translate: Translate) -> Iterator[tuple[str, str]]:
    yield translate(QUESTION), table.question
    yield translate(RESULT), translate(table.conclusion)
    for note in table.notes:
        yield translate(NOTES), translate(note)


def _clean(text: str) -> str:
    return CONTROL.sub(" ", text)[:LONGEST_CELL]


def _write_csv(table: ResearchTable, rows: Iterable[TableRow], path: Path, translate: Translate) -> None:
    """Write UTF-8 with a mark of its encoding, which spreadsheets look for."""
    columns = table.plan.columns
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(_csv_value, _header(columns, translate)))
        for row in rows:
            writer.writerow(map(_csv_value, _values(row, columns, translate)))


def _csv_value(value: Any) -> Any:
    """Return a text that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = _clean(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _write_xlsx(table: ResearchTable, rows: Iterable[TableRow], path: Path, translate: Translate) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    columns = table.plan.columns
    book = Workbook(write_only=True)
    sheet = book.create_sheet(translate(TABLE))
    sheet.freeze_panes = "B2"

    def cells(values: Iterable[Any], *, bold: bool = False) -> list[Any]:
        written = []
        for value in values:
            cell = WriteOnlyCell(sheet, _clean(value) if isinstance(value, str) else value)
            if isinstance(value, str):
                cell.data_type = "s"  # a text that begins with "=" is no formula
            if bold:
                cell.font = Font(bold=True)
            written.append(cell)
        return written

    sheet.append(cells(_header(columns, translate), bold=True))
    for row in rows:
        sheet.append(cells(_values(row, columns, translate)))
    notes = book.create_sheet(translate(NOTES))
    for remark in _remarks(table, translate):
        notes.append(cells(remark))
    book.save(path)


def _write_docx(table: ResearchTable, rows: Iterable[TableRow], path: Path, translate: Translate) -> None:
    from docx import Document

    document = Document()
    document.add_heading(_clean(table.question), level=1)
    document.add_paragraph(_clean(translate(table.conclusion)))
    names = [translate(DOCUMENT), *(column.name for column in table.plan.columns)]
    grid = document.add_table(rows=1, cols=len(names), style="Table Grid")
    for cell, name in zip(grid.rows[0].cells, names, strict=True):
        cell.paragraphs[0].add_run(_clean(name)).bold = True
    sources: list[str] = []
    left_out = 0
    for at, row in enumerate(rows):
        if at >= MOST_IN_DOCX:
            left_out += 1
            continue
        texts = [row.title]
        for cell in row.cells:
            marks = ""
            for citation in cell.citations:
                sources.append(f"[{len(sources) + 1}] {citation.where}: “{' '.join(citation.quote.split())}”")
                marks += f" [{len(sources)}]"
            texts.append(shown_cell(cell, translate) + marks)
        for written, text in zip(grid.add_row().cells, texts, strict=True):
            written.text = _clean(text)
    for note in table.notes:
        document.add_paragraph(_clean(translate(note)))
    if left_out:
        more = Message("{n} more rows are in the XLSX and CSV files of this table.", n=left_out)
        document.add_paragraph(_clean(translate(more)))
    document.add_heading(translate(SOURCES), level=2)
    for source in sources:
        document.add_paragraph(_clean(source))
    document.save(str(path))
