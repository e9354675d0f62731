"""The layout of PDF pages: columns, table rows, headings, hyphens, running headers and rotated text."""

from __future__ import annotations

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from tests.loading import makers


def test_two_columns_are_read_one_after_the_other(loader, tmp_path):
    """The left column's last line comes before the right column's first."""
    canvas = Canvas(str(tmp_path / "columns.pdf"), pagesize=A4, invariant=True)
    for row in range(20):
        canvas.drawString(50, 780 - 16 * row, f"left row {row} of the first column goes here")
        canvas.drawString(320, 780 - 16 * row, f"right row {row} of the second column here")
    canvas.save()
    text = loader.load(tmp_path / "columns.pdf").pages[0].text
    assert text.index("left row 19") < text.index("right row 0 ")


def test_a_word_broken_at_a_line_end_is_no_heading(loader, tmp_path):
    """Both halves of the word are not measured as one tall word, which would look like a heading."""
    path = tmp_path / "broken.pdf"
    sheet = Canvas(str(path), pagesize=A4, invariant=1)
    sheet.setFont("Helvetica", 10)
    for at, line in enumerate(
        ["The rate of the loan is fixed for a long-", "term note until the end of the year."]
    ):
        sheet.drawString(72, 700 - 12 * at, line)
    sheet.save()
    page = loader.load(path).pages[0]
    assert page.headings == ()
    assert len(page.lines) == 2


def test_a_table_row_is_one_line(loader, tmp_path):
    """The cells of a row are on one line, in order."""
    canvas = Canvas(str(tmp_path / "table.pdf"), pagesize=A4, invariant=True)
    for row, cells in enumerate(
        [("Item", "Size", "Price"), ("Soup", "small", "4.50"), ("Bread", "large", "2.00")]
    ):
        for column, cell in enumerate(cells):
            canvas.drawString(60 + 90 * column, 700 - 14 * row, cell)
    canvas.save()
    lines = loader.load(tmp_path / "table.pdf").pages[0].text.splitlines()
    assert [line.split() for line in lines] == [
        ["Item", "Size", "Price"],
        ["Soup", "small", "4.50"],
        ["Bread", "large", "2.00"],
    ]


def test_page_columns_are_not_joined_as_table_rows(loader, tmp_path):
    """Short lines at the top of the right column are not joined to the lines beside them."""
    dishes = [f"dish {row} of this docent, with rice" for row in range(14)]
    short = ["Thali", "Southern", "Fasting", "$24.00"]
    below = [f"and {row} words on what is served with it" for row in range(10)]
    canvas = Canvas(str(tmp_path / "menu.pdf"), pagesize=A4, invariant=True)
    canvas.setFont("Helvetica", 9)
    for lines, x, y in ((dishes, 50, 760), (short, 320, 760), (below, 320, 693)):
        for row, line in enumerate(lines):
            canvas.drawString(x, y - 15 * row, line)
    canvas.save()
    assert loader.load(tmp_path / "menu.pdf").pages[0].text.splitlines() == dishes + short + below


PLAIN_SENTENCE = "The price is ten euro for everybody who comes in."
RUNNING_HEADER = "Harbour Kitchen, 3 Cold Quay, Whitby"


def with_headers(pages):
    """Return a document whose pages have a header and a page number."""

    def draw(sheet, number):
        makers.write(sheet, [RUNNING_HEADER], y=815, size=9)
        makers.write(sheet, [f"Chapter {number} tells of a year that was like no other."] * 3, y=600)
        makers.write(sheet, [f"Page {number} of {pages}"], x=280, y=30, size=9)

    return makers.pdf(draw, pages=pages)


def margins_of(page):
    return [page.text[line.start : line.end] for line in page.lines if line.role == "margin"]


@pytest.mark.parametrize("pages", [3, 4, 12])
def test_running_headers_are_margins_from_the_second_page_on(read, pages):
    """A line that repeats in the same place is a margin, except on its first page: it may be an address."""
    first, *others = read("report.pdf", with_headers(pages)).pages
    assert margins_of(first) == [f"Page 1 of {pages}"]
    for page in others:
        assert margins_of(page) == [RUNNING_HEADER, f"Page {page.number} of {pages}"]


def test_two_pages_have_no_running_header(read):
    """On two pages only the page numbers are margins; a repeated name stays text."""
    assert [margins_of(page) for page in read("menu.pdf", with_headers(2)).pages] == [
        ["Page 1 of 2"],
        ["Page 2 of 2"],
    ]


def test_a_single_page_has_no_running_header(read):
    """The title of a document of one page stays in its text."""
    page = read(
        "one.pdf", makers.pdf(lambda sheet, number: makers.write(sheet, [PLAIN_SENTENCE], y=815))
    ).pages[0]
    assert [line.role for line in page.lines] == ["body"]


def test_headings_are_found_by_size_and_outline(read):
    """Larger type is a heading; so is a line that the outline names, whatever its size."""

    def draw(sheet, number):
        makers.write(sheet, ["Opening hours"], y=780, size=18)
        makers.write(sheet, ["We open at noon and close at ten in the evening."] * 6, y=740)
        makers.write(sheet, ["Parking"], y=600)
        makers.write(sheet, ["There is room for forty cars behind the house."] * 6, y=580)
        sheet.bookmarkPage("here")
        sheet.addOutlineEntry("Parking", "here", level=0)

    page = read("headed.pdf", makers.pdf(draw)).pages[0]
    assert [heading.text for heading in page.headings] == ["Opening hours", "Parking"]


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        pytest.param("long-term", ["Our long-term debt and the long-", "term"], id="hyphenated elsewhere"),
        pytest.param("nontaxable", ["A nontaxable gain is non-", "taxable"], id="whole elsewhere"),
        pytest.param(
            "pre-tax", ["We pre and tax and pre-", "tax"], id="both halves are words of the document"
        ),
        pytest.param("reconciliation", ["See the reconcili-", "ation"], id="a word broken by the line"),
        pytest.param("non-GAAP", ["Measures that are non-", "GAAP"], id="before a capital"),
        pytest.param("year-on-year", ["It grew year-on-", "year"], id="after another hyphen"),
        pytest.param("bro-", ["The end is bro-"], id="the page ends"),
    ],
)
def test_hyphens_at_line_ends(read, said, lines):
    """A hyphen that is part of the word stays, and one that only breaks the line is removed."""
    page = read("hyphen.pdf", makers.pdf(lambda sheet, number: makers.write(sheet, lines))).pages[0]
    assert page.text.split()[-1] == said
    assert "".join(page.text[line.start : line.end] for line in page.lines) == page.text.replace("\n", "")


LEADERS = ["Directors, Executive Officers ........ 12", "Security Ownership . . . . . . . . . . . . 108"]


def test_bold_headings_are_found_by_font_name(read):
    """A bold line of its own is a heading; a list item, the top of a column and a sentence are not."""

    def draw(sheet, number):
        makers.write(sheet, ["Item 1A. Risk Factors", "Our Sellers"], y=760, font="Times-Bold")
        makers.write(
            sheet, ["We sell to many, and none of them is large.", "Each pays within a month."] * 8, y=700
        )
        makers.write(
            sheet,
            ["• Growth of sales", "It is said in bold, and it ends with a stop."],
            y=400,
            font="Times-Bold",
        )
        makers.write(sheet, ["Pages in"], x=480, y=340, font="Times-Bold")

    page = read("bold.pdf", makers.pdf(draw)).pages[0]
    assert [heading.text for heading in page.headings] == ["Item 1A. Risk Factors", "Our Sellers"]


def test_table_headers_are_no_headings(read):
    """Column headers, their periods and units are no headings; the table's title is one."""

    def draw(sheet, number):
        makers.write(sheet, ["What follows is said in figures, and then in words."] * 12, y=780)
        makers.write(sheet, ["Debts of the house", "In millions of euro"], y=580, font="Helvetica-Bold")
        makers.write(sheet, ["Three months ended June 30"], x=200, y=550, font="Helvetica-Bold")
        for x in (200, 300):
            makers.write(sheet, ["Carrying", "Amount"], x=x, y=530, font="Helvetica-Bold")
        for cell, x in (("Bank", 72), ("412", 200), ("398", 300)):
            makers.write(sheet, [cell], x=x, y=500)

    page = read("table.pdf", makers.pdf(draw)).pages[0]
    assert [heading.text for heading in page.headings] == ["Debts of the house"]


def test_a_page_in_large_type_is_not_all_headings(read):
    """Size is compared with the text of the same page, not with that of other pages."""

    def draw(sheet, number):
        size = 11 if number < 3 else 16
        makers.write(
            sheet, [f"Line {row} says what there is to say." for row in range(25)], size=size, leading=20
        )

    *_, large = read("annex.pdf", makers.pdf(draw, pages=3)).pages
    assert large.headings == ()


def test_a_table_of_contents_keeps_its_lines(read):
    """A title, its dot leaders and its page number are one line, and no heading."""
    page = read("contents.pdf", makers.pdf(lambda sheet, number: makers.write(sheet, LEADERS))).pages[0]
    assert page.text.split("\n") == LEADERS
    assert page.headings == ()


@pytest.mark.parametrize("turn", [90, 270], ids=["upwards", "downwards"])
def test_rotated_text_is_read_word_by_word(read, turn):
    """A rotated label is read as words, not as letters one below the other, and does not split the prose."""

    def draw(sheet, number):
        makers.write(sheet, [PLAIN_SENTENCE] * 5, x=120)
        sheet.translate(80, 600)
        sheet.rotate(turn)
        sheet.drawString(0, 0, "Millions of euros")

    text = read("sideways.pdf", makers.pdf(draw)).pages[0].text
    assert text.count(PLAIN_SENTENCE) == 5
    assert "Millions of euros" in " ".join(text.split())


def test_a_rotated_page_is_read_in_order(read):
    """A wide table that was rotated to fit the page keeps its rows."""

    def draw(sheet, number):
        sheet.translate(100, 100)
        sheet.rotate(90)
        for row in range(4):
            for column, cell in enumerate((f"Row {row}", f"{row}11", f"{row}22")):
                sheet.drawString(150 * column, -20 * row, cell)

    page = read("turned.pdf", makers.pdf(draw)).pages[0]
    assert page.text.split("\n") == [f"Row {row}  {row}11  {row}22" for row in range(4)]
