"""Excel workbooks, read as a stream: each sheet's rows with the values that Excel last showed."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from openpyxl import load_workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from docent.errors import UnreadableFile
from docent.glossary import Page, ReadBy
from docent.loading.cells import shown
from docent.loading.package import check_entities, open_package
from docent.loading.reading import Contents, Job, Watch
from docent.loading.source import Source
from docent.loading.tables import Row, pages, row, rows_place

WIDEST = 16_384


class SheetParser(WorkSheetParser):  # type: ignore[misc]
    """openpyxl's own streaming parser, which also tells what its read-only sheets leave out."""

    def parse_cell(self, element: Element) -> dict[str, Any]:
        """A formula that no program has calculated yet is its own value."""
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and (formula := element.find(FORMULA_TAG)) is not None:
            cell["value"] = f"={formula.text or '…'}"
        return cell

    def hides_row(self, number: int) -> bool:
        """Asked once for each row, in order, so that nothing is kept of a row that is done."""
        attributes = self.row_dimensions.pop(str(number), {})
        return attributes.get("hidden") in ("1", "true") or attributes.get("ht") == "0"

    def hidden_columns(self) -> frozenset[int]:
        return frozenset(
            column
            for attributes in self.column_dimensions.values()
            if attributes.get("hidden") in ("1", "true")
            for column in range(int(attributes["min"]), min(int(attributes["max"]), WIDEST) + 1)
        )


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    with open_package(source.stream, source.name, job.limits) as archive:
        check_entities(archive, source.name)
        if "xl/workbook.bin" in archive.namelist():
            raise UnreadableFile(
                f"{source.name} is a binary Excel workbook (.xlsb), which is not read. "
                "Open it in Excel or LibreOffice and save it as XLSX."
            )
    source.stream.seek(0)
    warnings.simplefilter("ignore")  # openpyxl warns of every extension that it does not write back
    book = load_workbook(source.stream, read_only=True, data_only=True, keep_links=False)
    made = book.properties.created
    return Contents(
        pages=_pages(book),
        title=book.properties.title or "",
        created=made.date().isoformat() if isinstance(made, dt.datetime) else "",
    )


def _pages(book: Any) -> Iterator[Page]:
    number = 1
    for sheet in book.worksheets:
        name = f"sheet '{sheet.title}'"
        unseen = sheet.sheet_state != "visible"
        for page in pages(_rows(book, sheet, unseen), place=rows_place(name), first=number):
            yield page
            number = page.number + 1
    if number == 1:
        yield Page(1, "", place="workbook", read_by=ReadBy.EMPTY, note="There is nothing in its sheets.")


def _rows(book: Any, sheet: Any, unseen: bool) -> Iterator[Row]:
    """The rows that say something; what is hidden goes apart from what is seen."""
    with book._archive.open(sheet._worksheet_path) as part:
        parser = SheetParser(
            part,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        formats = _Formats(book)
        away: frozenset[int] | None = None
        for number, cells in parser.parse():
            away = parser.hidden_columns() if away is None else away
            seen: dict[int, str] = {}
            hidden: list[str] = []
            row_hidden = unseen | parser.hides_row(number)
            for cell in cells:
                if text := shown(cell["value"], formats[cell["style_id"]]):
                    if row_hidden or cell["column"] in away:
                        hidden.append(text)
                    else:
                        seen[cell["column"]] = text
            if seen or hidden:
                width = max(seen, default=0)
                yield row(
                    number, [seen.get(column, "") for column in range(1, width + 1)], " | ".join(hidden)
                )


class _Formats(dict[int, str]):
    """A cell style's number format, looked up once."""

    def __init__(self, book: Any) -> None:
        super().__init__()
        self._book = book

    def __missing__(self, style: int) -> str:
        found = "General"
        if style < len(self._book._cell_styles):
            code = self._book._cell_styles[style].numFmtId
            own = self._book._number_formats
            found = BUILTIN_FORMATS.get(code) or (
                own[code - 164] if 0 <= code - 164 < len(own) else "General"
            )
        self[style] = found
        return found
