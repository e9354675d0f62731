"""Excel workbooks, read as a stream: each sheet's rows as Excel last showed them, and its comments."""

from __future__ import annotations

import datetime as dt
import posixpath
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from openpyxl import load_workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from docent.errors import UnreadableFile
from docent.loading.formats.table_rows import Row, clean_row, row_range_label, table_pages
from docent.loading.formats.zip_container import open_zip, parse_xml, refuse_entities
from docent.loading.job import Contents, InputFile, Job, StepReporter, pictures_not_read
from docent.messages import Message, joined
from docent.types import Page, ReadBy

MAX_COLUMNS = 16_384
CHART = re.compile(r"xl/charts/chart(?:Ex)?\d*\.xml")
THREAD_PREAMBLE = re.compile(r"\A\[.*?linkid=870924\.?\s*", re.DOTALL)
"""The text that Excel puts before a threaded comment, for its older versions."""


class SheetParser(WorkSheetParser):  # type: ignore[misc]
    """openpyxl's streaming parser, with the hidden rows and columns that its read-only sheets leave out."""

    def parse_cell(self, element: Element) -> dict[str, Any]:
        """Parse a cell; the value of a formula that was never calculated is the formula."""
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and (formula := element.find(FORMULA_TAG)) is not None:
            cell["value"] = f"={formula.text or '…'}"
        return cell

    def is_row_hidden(self, number: int) -> bool:
        """Return whether a row is hidden. Ask once for each: its attributes are dropped to save memory."""
        attributes = self.row_dimensions.pop(str(number), {})
        return attributes.get("hidden") in ("1", "true") or attributes.get("ht") == "0"

    def hidden_columns(self) -> frozenset[int]:
        return frozenset(
            column
            for attributes in self.column_dimensions.values()
            if attributes.get("hidden") in ("1", "true")
            for column in range(int(attributes["min"]), min(int(attributes["max"]), MAX_COLUMNS) + 1)
        )


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    with open_zip(source.stream, source.name, job.limits) as archive:
        refuse_entities(archive, source.name)
        if "xl/workbook.bin" in archive.namelist():
            raise UnreadableFile(
                "{name} is a binary Excel workbook (.xlsb), which is not read. Open it in Excel or "
                "LibreOffice and save it as XLSX.",
                name=source.name,
            )
    source.stream.seek(0)
    warnings.simplefilter("ignore")  # openpyxl warns of every extension that it does not write back
    book = load_workbook(source.stream, read_only=True, data_only=True, keep_links=False)
    created = book.properties.created
    return Contents(
        pages=_pages(book),
        title=book.properties.title or "",
        created=created.date().isoformat() if isinstance(created, dt.datetime) else "",
        note=_describe_unread(book._archive),
    )


def _describe_unread(archive: ZipFile) -> str:
    """Return a note on pictures, charts and text boxes, which are not read."""
    parts = archive.namelist()
    pictures = sum(part.startswith("xl/media/") for part in parts)
    drawings = [part for part in parts if part.startswith("xl/drawings/") and part.endswith(".xml")]
    notes = [pictures_not_read(pictures)] if pictures else []
    if any(map(CHART.fullmatch, parts)):
        notes.append(Message("Charts were not read."))
    texts = (text.text or "" for part in drawings for text in _parse_part(archive, part).iter("{*}t"))
    if any(map(str.isalpha, "".join(texts))):
        notes.append(Message("Text boxes were not read."))
    return joined(notes, " ")


def _parse_part(archive: ZipFile, part: str) -> Any:
    """Return the root of a part beside the sheets; an empty one where it is missing or damaged."""
    try:
        return parse_xml(archive.read(part), part, lenient=True)
    except (KeyError, UnreadableFile):
        return Element("nothing")


def _pages(book: Any) -> Iterator[Page]:
    number = 1
    for sheet in book.worksheets:
        name = f"sheet '{sheet.title}'"
        is_hidden = sheet.sheet_state != "visible"
        for page in table_pages(_rows(book, sheet, is_hidden), place=row_range_label(name), first=number):
            yield page
            number = page.number + 1
        for page in table_pages(_comments(book, sheet, is_hidden), place=row_range_label(name), first=number):
            yield replace(page, place=f"{name}, comments")
            number = page.number + 1
    if number == 1:
        yield Page(1, "", place="workbook", read_by=ReadBy.EMPTY, note=Message("Its sheets are empty."))


def _rows(book: Any, sheet: Any, is_hidden: bool) -> Iterator[Row]:
    """Yield the rows that are not empty, hidden cells apart from visible ones."""
    with book._archive.open(sheet._worksheet_path) as part:
        parser = SheetParser(
            part,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        formats = _NumberFormats(book)
        hidden_columns: frozenset[int] | None = None
        for number, cells in parser.parse():
            hidden_columns = parser.hidden_columns() if hidden_columns is None else hidden_columns
            visible: dict[int, str] = {}
            hidden: list[str] = []
            row_hidden = is_hidden | parser.is_row_hidden(number)
            for cell in cells:
                if text := format_cell(cell["value"], formats[cell["style_id"]]):
                    if row_hidden or cell["column"] in hidden_columns:
                        hidden.append(text)
                    else:
                        visible[cell["column"]] = text
            if visible or hidden:
                width = max(visible, default=0)
                yield clean_row(
                    number, [visible.get(column, "") for column in range(1, width + 1)], " | ".join(hidden)
                )


def _comments(book: Any, sheet: Any, is_hidden: bool) -> Iterator[Row]:
    """Yield the comments on cells under a heading; each names its cell."""
    folder, name = posixpath.split(sheet._worksheet_path)
    number = 1
    for related in _parse_part(book._archive, f"{folder}/_rels/{name}.rels"):
        if not related.get("Type", "").endswith("/comments"):
            continue
        target = posixpath.normpath(posixpath.join("/", folder, related.get("Target", ""))).lstrip("/")
        root = _parse_part(book._archive, target)
        authors = [author.text or "" for author in root.iter("{*}author")]
        for comment in root.iter("{*}comment"):
            if number == 1 and not is_hidden:
                yield clean_row(number, ["Comments"])
            number += 1
            text = _comment(comment, authors)
            yield clean_row(number, [], text) if is_hidden else clean_row(number, [text])


def _comment(comment: Any, authors: Sequence[str]) -> str:
    text = THREAD_PREAMBLE.sub("", "".join(run.text or "" for run in comment.iter("{*}t")))
    author_id = comment.get("authorId", "")
    author = authors[int(author_id)] if author_id.isdecimal() and int(author_id) < len(authors) else ""
    if author.startswith("tc=") or text.startswith(f"{author}:"):  # Excel writes the name once more
        author = ""
    return ": ".join(filter(None, (comment.get("ref"), author, text)))


class _NumberFormats(dict[int, str]):
    """The number format of each cell style, looked up once."""

    def __init__(self, book: Any) -> None:
        super().__init__()
        self._book = book

    def __missing__(self, style: int) -> str:
        number_format = "General"
        if style < len(self._book._cell_styles):
            code = self._book._cell_styles[style].numFmtId
            custom_formats = self._book._number_formats
            number_format = BUILTIN_FORMATS.get(code) or (
                custom_formats[code - 164] if 0 <= code - 164 < len(custom_formats) else "General"
            )
        self[style] = number_format
        return number_format


MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
LITERAL = re.compile(r"\\(.)|\"([^\"]*)\"|_.|\*.|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]")
DATE_PART = re.compile(r"\\(.)|\"([^\"]*)\"|\[[^\]]*\]|y+|m+|d+|h+|s+(?:\.0+)?|am/pm|a/p|.", re.IGNORECASE)
DIGITS = re.compile(r"[#0?][#0?,.]*(?:E[+-]0+)?", re.IGNORECASE)
LOCALE_FORMATS = ("mm-dd-yy", "m/d/yy", "m/d/yy h:mm", "m/d/yyyy", "mm/dd/yyyy")
"""Date formats that Excel shows in the order of each country; they are written as ISO dates."""


def format_cell(value: object, code: str) -> str:
    """Return a value as its spreadsheet shows it; `code` is the cell's number format."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case dt.datetime() | dt.date() | dt.time():
            return _format_date(value, code)
        case dt.timedelta():
            return _format_duration(value)
        case int() | float():
            return _format_number(value, code)
        case _:
            return str(value)


def _format_number(value: float, code: str) -> str:
    # Sections are separated by semicolons outside quotes: positive; negative; zero; text.
    sections = re.findall(r'(?:"[^"]*"|\\.|[^;"\\])+', code) or ["General"]
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section, value = sections[1], -value
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    bare = LITERAL.sub("", section)
    if "general" in bare.lower() or "@" in bare or "/" in bare:
        return _general(value)
    match = DIGITS.search(bare)
    if match is None:
        return LITERAL.sub(_unquoted, section).strip() or _general(value)
    figure = match[0]
    percent = bare.count("%")
    number = value * 100**percent
    if "e" in figure.lower():
        return f"{number:.{_decimals(figure.lower().split('e')[0])}E}"
    thousands = figure.rstrip(",")
    number /= 1000 ** (len(figure) - len(thousands))
    text = f"{number:{',' if ',' in thousands else ''}.{_decimals(thousands)}f}"
    if "." in thousands and thousands.endswith(("#", "?")) and "." in text:
        min_decimals = thousands.split(".")[1].count("0")
        whole, fraction = text.split(".")
        fraction = fraction[:min_decimals] + fraction[min_decimals:].rstrip("0")
        text = f"{whole}.{fraction}" if fraction else whole
    return _insert_figure(section, text)


def _decimals(figure: str) -> int:
    return len(re.sub(r"[^#0?]", "", figure.split(".", 1)[1])) if "." in figure else 0


def _general(value: float) -> str:
    """Format a number as General does: eleven digits at most, no trailing zeros."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.11g}"


def _insert_figure(section: str, figure: str) -> str:
    """Put the figure among the signs and words of its format: "€ ", " %"."""
    inserted = False

    def insert(match: re.Match[str]) -> str:
        nonlocal inserted
        if match[0][0] in "#0?":
            first, inserted = not inserted, True
            return figure if first else ""
        return _unquoted(match)

    pattern = re.compile(LITERAL.pattern + "|" + DIGITS.pattern, re.IGNORECASE)
    return " ".join(pattern.sub(insert, section).split())


def _unquoted(match: re.Match[str]) -> str:
    return next((part for part in match.groups() if part), "")


def _format_date(value: dt.datetime | dt.date | dt.time, code: str) -> str:
    bare = re.sub(r"\[[^\]]*\]|[_*].", "", code.split(";")[0]).strip()
    if (
        bare.lower() in LOCALE_FORMATS
        or not re.search(r"[dmyhs]", bare, re.IGNORECASE)
        or "general" in bare.lower()
    ):
        return _iso_format(value)
    match value:
        case dt.datetime():
            moment = value
        case dt.time():
            moment = dt.datetime.combine(dt.date(1900, 1, 1), value)
        case _:
            moment = dt.datetime.combine(value, dt.time())
    half_day = bool(re.search(r"am/pm|a/p", bare, re.IGNORECASE))
    parts: list[str] = []
    previous = ""
    matches = list(DATE_PART.finditer(bare))
    for index, match in enumerate(matches):
        token = match[0].lower()
        next_token = next((later[0].lower() for later in matches[index + 1 :] if later[0][0].isalpha()), "")
        is_minutes = token[0] == "m" and len(token) <= 2 and (previous == "h" or next_token[:1] == "s")
        parts.append(_unquoted(match) or _date_part(token, match[0], moment, is_minutes, half_day))
        if token[0].isalpha():
            previous = token[0]
    return "".join(parts).strip()


def _date_part(token: str, written: str, moment: dt.datetime, is_minutes: bool, half_day: bool) -> str:
    if is_minutes:
        return f"{moment.minute:0{len(token)}d}"
    match token[0], len(token):
        case "y", length:
            return f"{moment.year:04d}" if length > 2 else f"{moment.year % 100:02d}"
        case "m", 1 | 2 as length:
            return f"{moment.month:0{length}d}"
        case "m", length:
            return (
                MONTHS[moment.month - 1]
                if length == 4
                else MONTHS[moment.month - 1][: 1 if length > 4 else 3]
            )
        case "d", 1 | 2 as length:
            return f"{moment.day:0{length}d}"
        case "d", length:
            return DAYS[moment.weekday()] if length > 3 else DAYS[moment.weekday()][:3]
        case "h", length:
            return f"{(moment.hour % 12 or 12) if half_day else moment.hour:0{min(length, 2)}d}"
        case "s", length:
            return f"{moment.second:0{min(length, 2)}d}"
        case "a", _ if token in ("am/pm", "a/p"):
            return "AM" if moment.hour < 12 else "PM"
        case _:
            return "" if written.startswith("[") else written


def _iso_format(value: dt.datetime | dt.date | dt.time) -> str:
    if isinstance(value, dt.datetime):
        if (value.hour, value.minute, value.second) == (0, 0, 0):
            return value.date().isoformat()
        return value.replace(microsecond=0).isoformat(" ").removesuffix(":00")
    return value.isoformat()


def _format_duration(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    return f"{sign}{hours}:{rest // 60:02d}:{rest % 60:02d}"
