"""Tables: every row can be understood alone, under its columns' names, at its own place."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.chart import BarChart
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image as ImageOnSheet
from PIL import Image

from docent.loading.formats.table_rows import clean_row, row_range_label, table_pages
from docent.loading.formats.xlsx import format_cell
from tests.loading import offices


def long(rows=120):
    return [("Wine", "Year", "Price"), *((f"Wine {n}", str(2000 + n % 20), str(n)) for n in range(1, rows))]


def test_every_page_of_a_long_sheet_begins_with_its_header(read):
    """A sheet is split into pages of fifty rows; each repeats the header, and each row names its columns."""
    pages = read("prices.csv", offices.comma(long())).pages
    assert [page.where for page in pages] == ["rows 1–50", "rows 51–100", "rows 101–120"]
    for page in pages:
        assert page.text.startswith("Wine | Year | Price\n")
        assert page.headings[0].text == "Wine | Year | Price"
    assert "Wine: Wine 60 | Year: 2000 | Price: 60" in pages[1].text.splitlines()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_separators_and_encodings_are_detected(read, separator, encoding):
    """Commas, semicolons, tabs and bars are read in every encoding."""
    rows = [
        ("Straße", "Ort, Land", "Betrag"),
        ("Hauptstr. 1", "Köln; DE", "1,50"),
        ("Rue A", "Paris", "2,00"),
    ]
    (page,) = read("a.csv", offices.comma(rows, separator=separator, encoding=encoding)).pages
    assert page.text.splitlines()[1] == "Straße: Hauptstr. 1 | Ort, Land: Köln; DE | Betrag: 1,50"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_may_declare_its_separator(read, separator):
    """A first line "sep=;" declares the separator for Excel, and is no row."""
    table = "sep=;\nWine;Price\nBarolo;4,5\n".replace(";", separator)
    (page,) = read("a.csv", table).pages
    assert page.text == "Wine | Price\nWine: Barolo | Price: 4,5"
    assert page.where == "rows 2–3"


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        pytest.param(
            [("Price list",), (), ("Wine", "Price"), ("Barolo", "48")],
            ["Price list", "Wine | Price", "Wine: Barolo | Price: 48"],
            id="a title above",
        ),
        pytest.param([("1", "2"), ("3", "4")], ["1 | 2", "3 | 4"], id="no header"),
        pytest.param(
            [("Anna", "Paris"), ("Ben", "Paris")], ["Anna | Paris", "Ben | Paris"], id="a value that recurs"
        ),
        pytest.param(
            [("Item", "2024", "2025"), ("Rent", "10", "11")],
            ["Item | 2024 | 2025", "Item: Rent | 2024: 10 | 2025: 11"],
            id="years as columns",
        ),
        pytest.param(
            [("Wine", "Price"), ("Barolo", "48"), (), ("City", "People"), ("Alba", "31000")],
            ["Wine | Price", "Wine: Barolo | Price: 48", "City | People", "City: Alba | People: 31000"],
            id="a second table below",
        ),
        pytest.param(
            [("Wine", "Price"), ("Barolo", "48"), (), ("Rioja", "19")],
            ["Wine | Price", "Wine: Barolo | Price: 48", "Wine: Rioja | Price: 19"],
            id="a gap",
        ),
        pytest.param(
            [("Wine", "", "Price"), ("Barolo", "", "48")],
            ["Wine |  | Price", "Wine: Barolo | Price: 48"],
            id="an empty column",
        ),
    ],
)
def test_the_header_row_is_found(rows, lines):
    """The header is the row of words above rows unlike it; without one, rows have no labels."""
    numbered = [clean_row(number, cells) for number, cells in enumerate(rows, 1) if cells]
    text = "\n".join(page.text for page in table_pages(numbered, place=row_range_label(), first=1))
    assert text.splitlines() == lines


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        pytest.param(0.25, "0%", "25%", id="percent"),
        pytest.param(1234.5, "#,##0.00", "1,234.50", id="thousands"),
        pytest.param(1234.5, '#,##0.00 "€"', "1,234.50 €", id="currency"),
        pytest.param(-3, "0;(0)", "(3)", id="negative in brackets"),
        pytest.param(12.0, "General", "12", id="whole"),
        pytest.param(0.1 + 0.2, "General", "0.3", id="no noise"),
        pytest.param(2.5, "0.##", "2.5", id="optional decimals"),
        pytest.param(7, "000", "7", id="zeros in front are left out"),
        pytest.param(True, "General", "TRUE", id="truth"),
        pytest.param(None, "General", "", id="nothing"),
        pytest.param(dt.datetime(2026, 3, 1), "mm-dd-yy", "2026-03-01", id="date in the country's order"),
        pytest.param(dt.datetime(2026, 3, 1), "d mmmm yyyy", "1 March 2026", id="date in words"),
        pytest.param(dt.datetime(2026, 3, 1), "dd/mm/yyyy", "01/03/2026", id="date in figures"),
        pytest.param(dt.datetime(2026, 3, 1, 14, 5), "h:mm AM/PM", "2:05 PM", id="time"),
        pytest.param(dt.timedelta(hours=30, minutes=5), "[h]:mm", "30:05:00", id="duration"),
        pytest.param(1234567, '0.0,,"M"', "1.2M", id="millions"),
    ],
)
def test_values_are_formatted_as_excel_shows_them(value, code, text):
    """Percentages, amounts and dates read as Excel shows them."""
    assert format_cell(value, code) == text


def secret(book):
    sheet = book.active
    sheet.title = "Wine"
    for row in offices.WINES:
        sheet.append(row)
    sheet["D5"] = "=SUM(D2:D4)"
    sheet["B2"].number_format = "0%"
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    other = book.create_sheet("Margins")
    other.append(["Wine", "Margin"])
    other.append(["Barolo", "70"])
    other.sheet_state = "hidden"


def test_hidden_rows_columns_and_sheets_are_split_off(read):
    """Cells that Excel hides are reported and not read as text; a formula without a value is shown."""
    wine, margins = read("a.xlsx", offices.workbook(secret)).pages
    assert wine.text.splitlines() == [
        "Wine | Producer |  | Price",
        "Wine: Barolo | Producer: Cantina Nova | Price: 48",
        "Wine: Rioja | Producer: Bodega Alta | Price: 19",
        "Price: =SUM(D2:D4)",
    ]
    assert "Chablis" in wine.hidden
    assert "2016" in wine.hidden
    assert (margins.text, margins.where) == ("", "sheet 'Margins', rows 1–2")
    assert "Barolo | 70" in margins.hidden


def remarked(book):
    secret(book)
    sheet = book["Wine"]
    sheet["D2"].comment = Comment("Without tax.", "Ada")
    sheet["A4"].comment = Comment("[Threaded] Old Excel … ?linkid=870924.\n\nComment:\n  Sold out?", "tc={1}")
    book["Margins"]["B2"].comment = Comment("Say nothing.", "Bob")
    sheet.add_chart(BarChart())
    picture = io.BytesIO()
    Image.new("RGB", (4, 3)).save(picture, "PNG")
    sheet.add_image(ImageOnSheet(picture))


def test_comments_are_read_and_unread_parts_noted(read):
    """Comments come after their sheet's rows, hidden where the sheet is; pictures and charts are noted."""
    wine, said, margins, unsaid = read("a.xlsx", offices.workbook(remarked)).pages
    assert wine.note.startswith("1 picture was not read. Charts were not read.")
    assert said.text == "Comments\nD2: Ada: Without tax.\nA4: Comment: Sold out?"
    assert (said.where, said.headings[0].text) == ("sheet 'Wine', comments", "Comments")
    assert (unsaid.text, unsaid.hidden) == ("", "B2: Bob: Say nothing.")
    assert margins.where == "sheet 'Margins', rows 1–2"


def test_unread_text_boxes_are_noted(read):
    """Text boxes on a sheet are not read, and the note says so."""
    box = (
        b'<wsDr xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:t>Provisional</a:t></wsDr>'
    )
    book = offices.with_part(offices.workbook(), "xl/drawings/drawing1.xml", box)
    (page,) = read("a.xlsx", book).pages
    assert page.note == "Text boxes were not read."


UNSEEN = "".join(map(chr, range(0xE0000, 0xE01F0)))  # tags and variants of signs: hidden text
CELLS = st.text(
    alphabet=st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Co", "Zl", "Zp"], exclude_characters=UNSEEN
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), min_size=1, max_size=130))
def test_no_cell_is_lost(rows):
    """Every cell of a table is on a page, in order."""
    numbered = [clean_row(number, cells) for number, cells in enumerate(rows, 1)]
    pages = list(table_pages(numbered, place=row_range_label(), first=1))
    text = "\n".join(page.text for page in pages)
    at = 0
    for one in numbered:
        for cell in one.cells:
            assert cell in text[at:] or cell in text
    for row, line in ((one, line) for one in numbered for line in [one.cells]):
        assert all(cell in text for cell in line), row
    for page in pages:
        for heading in page.headings:
            assert page.text[heading.start :].startswith(heading.text)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(words=st.lists(CELLS.filter(lambda text: text.strip()), min_size=1, max_size=12))
def test_no_paragraph_is_lost(words, read):
    """Every paragraph of a Word document, a slide deck and a web page is on one of its pages."""
    import html

    def document(into):
        for text in words:
            into.add_paragraph(text)

    def deck(show):
        for text in words:
            offices.text_box(show.slides.add_slide(show.slide_layouts[6]), text)

    page = "<!DOCTYPE html><body>" + "".join(f"<p>{html.escape(text)}</p>" for text in words)
    for name, data in (
        ("a.docx", offices.word(document)), ("a.pptx", offices.slides(deck)), ("a.html", page)
    ):  # fmt: skip
        said = " ".join(" ".join(one.text.split()) for one in read(name, data).pages)
        for text in words:
            assert " ".join(text.split()) in said, (name, text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["large.csv", "large.xlsx"])
def test_large_tables_take_bounded_memory(name, tmp_path):
    """100,000 rows of CSV and 50,000 of Excel are read within 400 MB."""
    import openpyxl

    from docent.loading import Limits, Loader, Ocr

    if name.endswith("csv"):
        rows = 100_000
        (tmp_path / name).write_bytes(
            offices.comma([("Id", "Name", "Amount")] + [(n, f"Name {n}", n * 2) for n in range(rows)])
        )
    else:
        rows = 50_000
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("Sales")
        sheet.append(("Id", "Name", "Amount"))
        for n in range(rows):
            sheet.append((n, f"Name {n}", n * 2))
        book.save(tmp_path / name)
    limits = Limits(memory_bytes=400_000_000)
    with (
        Loader(limits=limits, ocr=Ocr(engine="off"), workers=1) as loader,
        loader.stream(tmp_path / name) as reading,
    ):
        lines = sum(page.text.count("\n") for page in reading.pages)
    assert lines == rows


def test_an_opendocument_sheet_is_read_as_it_is_shown(read):
    """Dates are ISO dates, empty cells keep their place, and hidden ones are kept apart."""

    def cell(text, **attributes):
        written = "".join(f' {name.replace("_", ":", 1)}="{value}"' for name, value in attributes.items())
        return f"<table:table-cell{written}><text:p>{text}</text:p></table:table-cell>"

    names = "".join(map(cell, ("Wine", "Bought", "Note", "Price")))
    empty = '<table:table-cell table:number-columns-repeated="{n}"/>'
    rows = (
        '<table:table-column/><table:table-column/><table:table-column table:visibility="collapse"/>'
        f"<table:table-row>{names}</table:table-row>"
        f"<table:table-row>{cell('Barolo')}{cell('03/04/21', **{'office_date-value': '2021-04-03'})}"
        f"{cell('secret')}{cell('42,50 €')}</table:table-row>"
        f'<table:table-row table:visibility="collapse">{cell("Rioja")}</table:table-row>'
        f"<table:table-row>{cell('Soave')}{empty.format(n=2)}{cell('9,90 €')}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1048570">{empty.format(n=1024)}</table:table-row>'
    )
    (page,) = read("a.ods", offices.sheets({"Wine": rows})).pages
    assert page.where == "sheet 'Wine', rows 1–4"
    assert page.text.splitlines() == [
        "Wine | Bought |  | Price",
        "Wine: Barolo | Bought: 2021-04-03 | Price: 42,50 €",
        "Wine: Soave | Price: 9,90 €",
    ]
    assert "secret" in page.hidden and "Rioja" in page.hidden


def test_an_opendocument_sheet_cannot_claim_to_be_endless(read):
    """Text that claims to be repeated to the last row and column is read a few hundred times."""
    rows = (
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell '
        'table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell></table:table-row>'
    )
    pages = read("a.ods", offices.sheets({"S": rows})).pages
    assert sum(page.text.count("x") for page in pages) <= 256 * 256
