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
from docent.loading.formats.table_rows import Place, Row, pages, row, rows_place
from docent.loading.formats.zip_container import check_entities, open_package, parse_xml
from docent.loading.input_file import Source
from docent.loading.job import Contents, Job, Watch, unread_pictures

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


MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NOT_SHOWN = re.compile(r"\\(.)|\"([^\"]*)\"|_.|\*.|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]")
DATE_PART = re.compile(r"\\(.)|\"([^\"]*)\"|\[[^\]]*\]|y+|m+|d+|h+|s+(?:\.0+)?|am/pm|a/p|.", re.IGNORECASE)
FIGURE = re.compile(r"[#0?][#0?,.]*(?:E[+-]0+)?", re.IGNORECASE)
ISO = ("mm-dd-yy", "m/d/yy", "m/d/yy h:mm", "m/d/yyyy", "mm/dd/yyyy")
"""Formats that every country's Excel shows in its own order; ISO is the one that all can read."""


def shown(value: object, code: str) -> str:
    """The value in words and figures; `code` is the cell's number format."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case dt.datetime() | dt.date() | dt.time():
            return _moment(value, code)
        case dt.timedelta():
            return _duration(value)
        case int() | float():
            return _number(value, code)
        case _:
            return str(value)


def _number(value: float, code: str) -> str:
    sections = _sections(code)
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section, value = sections[1], -value
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    bare = NOT_SHOWN.sub("", section)
    if "general" in bare.lower() or "@" in bare or "/" in bare:
        return _plain(value)
    match = FIGURE.search(bare)
    if match is None:
        return _literal(section) or _plain(value)
    figure = match[0]
    percent = bare.count("%")
    number = value * 100**percent
    if "e" in figure.lower():
        return f"{number:.{_decimals(figure.lower().split('e')[0])}E}"
    thousands = figure.rstrip(",")
    number /= 1000 ** (len(figure) - len(thousands))
    text = f"{number:{',' if ',' in thousands else ''}.{_decimals(thousands)}f}"
    if "." in thousands and thousands.endswith(("#", "?")) and "." in text:
        least = thousands.split(".")[1].count("0")
        whole, fraction = text.split(".")
        fraction = fraction[:least] + fraction[least:].rstrip("0")
        text = f"{whole}.{fraction}" if fraction else whole
    return _around(section, text)


def _sections(code: str) -> list[str]:
    """Positive; negative; zero; text: cut at semicolons outside quotes."""
    return re.findall(r'(?:"[^"]*"|\\.|[^;"\\])+', code) or ["General"]


def _decimals(figure: str) -> int:
    return len(re.sub(r"[^#0?]", "", figure.split(".", 1)[1])) if "." in figure else 0


def _plain(value: float) -> str:
    """As the General format does: eleven figures at most, no trailing zeros."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.11g}"


def _around(section: str, figure: str) -> str:
    """The figure among the signs and words that the format puts around it: "€ ", " %"."""
    placed = False

    def put(match: re.Match[str]) -> str:
        nonlocal placed
        if match[0][0] in "#0?":
            first, placed = not placed, True
            return figure if first else ""
        return _unquoted(match)

    pattern = re.compile(NOT_SHOWN.pattern + "|" + FIGURE.pattern, re.IGNORECASE)
    return " ".join(pattern.sub(put, section).split())


def _unquoted(match: re.Match[str]) -> str:
    return next((part for part in match.groups() if part), "")


def _literal(section: str) -> str:
    return NOT_SHOWN.sub(_unquoted, section).strip()


def _moment(value: dt.datetime | dt.date | dt.time, code: str) -> str:
    bare = re.sub(r"\[[^\]]*\]|[_*].", "", code.split(";")[0]).strip()
    if bare.lower() in ISO or not re.search(r"[dmyhs]", bare, re.IGNORECASE) or "general" in bare.lower():
        return _iso(value)
    moment = value if isinstance(value, dt.datetime) else _whole(value)
    half_day = bool(re.search(r"am/pm|a/p", bare, re.IGNORECASE))
    parts: list[str] = []
    last = ""
    found = list(DATE_PART.finditer(bare))
    for index, match in enumerate(found):
        token = match[0].lower()
        after = next((one[0].lower() for one in found[index + 1 :] if one[0][0].isalpha()), "")
        minutes = token[0] == "m" and len(token) <= 2 and (last == "h" or after[:1] == "s")
        parts.append(_unquoted(match) or _date_part(token, match[0], moment, minutes, half_day))
        if token[0].isalpha():
            last = token[0]
    return "".join(parts).strip()


def _date_part(token: str, written: str, at: dt.datetime, minutes: bool, half_day: bool) -> str:
    if minutes:
        return f"{at.minute:0{len(token)}d}"
    match token[0], len(token):
        case "y", length:
            return f"{at.year:04d}" if length > 2 else f"{at.year % 100:02d}"
        case "m", 1 | 2 as length:
            return f"{at.month:0{length}d}"
        case "m", length:
            return MONTHS[at.month - 1] if length == 4 else MONTHS[at.month - 1][: 1 if length > 4 else 3]
        case "d", 1 | 2 as length:
            return f"{at.day:0{length}d}"
        case "d", length:
            return DAYS[at.weekday()] if length > 3 else DAYS[at.weekday()][:3]
        case "h", length:
            return f"{(at.hour % 12 or 12) if half_day else at.hour:0{min(length, 2)}d}"
        case "s", length:
            return f"{at.second:0{min(length, 2)}d}"
        case "a", _ if token in ("am/pm", "a/p"):
            return "AM" if at.hour < 12 else "PM"
        case _:
            return "" if written.startswith("[") else written


def _whole(value: dt.date | dt.time) -> dt.datetime:
    if isinstance(value, dt.time):
        return dt.datetime.combine(dt.date(1900, 1, 1), value)
    return dt.datetime.combine(value, dt.time())


def _iso(value: dt.datetime | dt.date | dt.time) -> str:
    if isinstance(value, dt.datetime):
        if (value.hour, value.minute, value.second) == (0, 0, 0):
            return value.date().isoformat()
        return value.replace(microsecond=0).isoformat(" ").removesuffix(":00")
    return value.isoformat()


def _duration(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    return f"{sign}{hours}:{rest // 60:02d}:{rest % 60:02d}"
