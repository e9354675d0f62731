"""Excel workbooks, read as a stream: each sheet's rows as Excel last showed them, and its comments."""

from __future__ import annotations

import datetime as dt
import posixpath
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from openpyxl import load_workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from docent.errors import UnreadableFile
from docent.glossary import Page, ReadBy
from docent.loading.cells import shown
from docent.loading.package import check_entities, open_package
from docent.loading.reading import Contents, Job, Watch, unread_pictures
from docent.loading.source import Source
from docent.loading.tables import Place, Row, pages, row, rows_place
from docent.loading.xml import parse_xml

WIDEST = 16_384
CHART = re.compile(r"xl/charts/chart(?:Ex)?\d*\.xml")
THREAD = re.compile(r"\A\[.*?linkid=870924\.?\s*", re.DOTALL)
"""What stands before the first words of a conversation, for older versions of Excel."""


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
        note=_unread(book._archive),
    )


def _unread(archive: ZipFile) -> str:
    """What lies above the cells of a sheet."""
    parts = archive.namelist()
    pictures = sum(part.startswith("xl/media/") for part in parts)
    drawings = [part for part in parts if part.startswith("xl/drawings/") and part.endswith(".xml")]
    said = [unread_pictures(pictures)] if pictures else []
    if any(map(CHART.fullmatch, parts)):
        said.append("Charts were not read.")
    texts = (text.text or "" for part in drawings for text in _parsed(archive, part).iter("{*}t"))
    if any(map(str.isalpha, "".join(texts))):
        said.append("Text boxes were not read.")
    return " ".join(said)


def _parsed(archive: ZipFile, part: str) -> Any:
    """The root of a part beside the sheets; of one that is missing or cannot be read, nothing."""
    try:
        return parse_xml(archive.read(part), part, forgiving=True)
    except (KeyError, UnreadableFile):
        return Element("nothing")


def _pages(book: Any) -> Iterator[Page]:
    number = 1
    for sheet in book.worksheets:
        name = f"sheet '{sheet.title}'"
        unseen = sheet.sheet_state != "visible"
        parts = (
            (_rows(book, sheet, unseen), rows_place(name)),
            (_comments(book, sheet, unseen), _beside(name)),
        )
        for rows, place in parts:
            for page in pages(rows, place=place, first=number):
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


def _comments(book: Any, sheet: Any, unseen: bool) -> Iterator[Row]:
    """What people remarked about the cells, under a heading; each names its cell."""
    folder, name = posixpath.split(sheet._worksheet_path)
    number = 1
    for related in _parsed(book._archive, f"{folder}/_rels/{name}.rels"):
        if not related.get("Type", "").endswith("/comments"):
            continue
        target = posixpath.normpath(posixpath.join("/", folder, related.get("Target", ""))).lstrip("/")
        root = _parsed(book._archive, target)
        authors = [author.text or "" for author in root.iter("{*}author")]
        for one in root.iter("{*}comment"):
            if number == 1 and not unseen:
                yield row(number, ["Comments"])
            number += 1
            text = _comment(one, authors)
            yield row(number, [], text) if unseen else row(number, [text])


def _comment(one: Any, authors: Sequence[str]) -> str:
    said = THREAD.sub("", "".join(text.text or "" for text in one.iter("{*}t")))
    by = one.get("authorId", "")
    author = authors[int(by)] if by.isdecimal() and int(by) < len(authors) else ""
    if author.startswith("tc=") or said.startswith(f"{author}:"):  # Excel writes the name once more
        author = ""
    return ": ".join(filter(None, (one.get("ref"), author, said)))


def _beside(name: str) -> Place:
    return lambda first, last: f"{name}, comments"


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
