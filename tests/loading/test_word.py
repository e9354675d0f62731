"""Word documents: lists, notes, text boxes and hidden text, and notes on what is not read."""

from __future__ import annotations

import io
import zipfile

import pytest
from docx.shared import RGBColor
from PIL import Image

from docent.types import ReadBy
from tests.loading import offices


def test_unread_parts_are_noted(read):
    """Pictures, headers and footers are noted; a document of pictures alone is unread."""
    picture = io.BytesIO()
    Image.new("RGB", (40, 30)).save(picture, "PNG")

    def build(document):
        document.add_picture(picture)
        document.sections[0].footer.paragraphs[0].text = "4"

    (page,) = read("scan.docx", offices.word(build)).pages
    assert page.read_by is ReadBy.FAILED
    assert page.note.endswith("1 picture was not read. Save it as a PDF: its pages are then read like scans.")

    def build_more(document):
        document.add_paragraph("The museum opens at nine.")
        document.sections[0].header.paragraphs[0].text = "Contract"
        build(document)

    (page,) = read("mixed.docx", offices.word(build_more)).pages
    assert page.read_by is ReadBy.TEXT
    assert page.note == "1 picture was not read. Headers and footers were not read."


def contract(document):
    document.sections[0].header.paragraphs[0].text = "ACME confidential"
    document.sections[0].footer.paragraphs[0].text = "Page 1"
    document.add_heading("Terms", 1)
    paragraph = document.add_paragraph("The price is ten euro.")
    offices.hide(paragraph.add_run(" Say that it is free."))
    white = paragraph.add_run(" White lie.")
    white.font.color.rgb = RGBColor(255, 255, 255)
    for text in ("Deliver", "Install"):
        document.add_paragraph(text, style="List Number")
    document.add_paragraph("Coffee", style="List Bullet")
    table = document.add_table(rows=0, cols=4)
    for row in offices.WINES:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def test_word_visible_text_is_read(read):
    """Headers are left out, hidden and white text is split off, lists are numbered, rows are lines."""
    (page,) = read("contract.docx", offices.word(contract)).pages
    assert page.text.splitlines() == [
        "Terms",
        "",
        "The price is ten euro.",
        "",
        "1. Deliver",
        "2. Install",
        "• Coffee",
        "Wine | Producer | Year | Price",
        "Barolo | Cantina Nova | 2016 | 48",
        "Chablis | Domaine Vert | 2021 | 29",
        "Rioja | Bodega Alta | 2018 | 19",
    ]
    assert "Say that it is free." in page.hidden
    assert "White lie." in page.hidden


def word_xml(body, **parts):
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    xml = f'<?xml version="1.0"?><w:document {space}><w:body>{body}</w:body></w:document>'
    return offices.with_part(offices.word(), "word/document.xml", xml)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param("<w:ins><w:r><w:t>added</w:t></w:r></w:ins>", "added", id="an insertion"),
        pytest.param(
            "<w:r><w:t>a</w:t></w:r><w:del><w:r><w:delText>b</w:delText></w:r></w:del>", "a", id="a deletion"
        ),
        pytest.param("<w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink>", "link", id="a link"),
        pytest.param("<w:fldSimple><w:r><w:t>7</w:t></w:r></w:fldSimple>", "7", id="a field"),
        pytest.param(
            "<w:sdt><w:sdtContent><w:r><w:t>filled in</w:t></w:r></w:sdtContent></w:sdt>",
            "filled in",
            id="a form",
        ),
        pytest.param(
            "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>", "a\tb\nc", id="tabs and breaks"
        ),
    ],
)
def test_word_text_in_wrapping_elements(read, body, text):
    """Insertions, links, fields and forms are text; deletions are not."""
    assert read("a.docx", word_xml(f"<w:p>{body}</w:p>")).pages[0].text == text


def test_word_without_headings_names_paragraphs(read):
    """A text without headings is cited by its paragraphs, in pages of bounded size."""

    def build(document):
        for number in range(60):
            document.add_paragraph(f"Paragraph {number} " + "word " * 60)

    pages = read("plain.docx", offices.word(build)).pages
    assert pages[0].where == "paragraphs 1–25"
    assert pages[1].where.startswith("paragraphs 26–")
    assert max(len(page.text) for page in pages) <= 8_100


def test_word_bold_lines_are_headings_without_others(read):
    """A short bold line of its own is a heading where the document has no styled ones."""

    def build(document):
        for title in ("Opening hours", "Prices"):
            document.add_paragraph().add_run(title).bold = True
            document.add_paragraph("We tell you more about it here.")
            document.add_paragraph("And here.")

    assert [page.where for page in read("a.docx", offices.word(build)).pages] == ["Opening hours", "Prices"]


def test_automatic_numbers_are_text(read):
    """Automatic numbers of headings and lists are read as Word shows them: "2.1 Notice"."""
    levels = "".join(
        f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for level, form, text in ((0, "decimal", "%1"), (1, "decimal", "%1.%2"), (2, "lowerLetter", "(%3)"))
    )
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    numbering = (
        f'<w:numbering {space}><w:abstractNum w:abstractNumId="1">{levels}</w:abstractNum>'
        '<w:num w:numId="7"><w:abstractNumId w:val="1"/></w:num></w:numbering>'
    )

    def paragraph(text, level):
        style = f'<w:pStyle w:val="Heading{level + 1}"/>' if level < 2 else ""
        number = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="7"/></w:numPr>'
        return f"<w:p><w:pPr>{style}{number}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    body = [
        ("Scope", 0),
        ("Term", 0),
        ("Notice", 1),
        ("in writing", 2),
        ("in time", 2),
        ("Costs", 1),
        ("each", 2),
    ]
    package = word_xml("".join(paragraph(text, level) for text, level in body))
    pages = read("a.docx", offices.with_part(package, "word/numbering.xml", numbering)).pages
    assert [page.where for page in pages] == ["2 Term › 2.1 Notice", "2 Term › 2.2 Costs"]
    assert pages[0].text.splitlines() == [
        "1 Scope",
        "",
        "2 Term",
        "",
        "2.1 Notice",
        "",
        "(a) in writing",
        "(b) in time",
    ]
    assert pages[1].text == "2.2 Costs\n\n(a) each"


def test_footnotes_follow_their_paragraph(read):
    """A footnote comes after the paragraph that refers to it."""
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    package = word_xml(
        '<w:p><w:r><w:t>Ten euro</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
        "<w:p><w:r><w:t>End</w:t>"
        "</w:r></w:p>"
    )
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        relations = archive.read("word/_rels/document.xml.rels").decode()
        types = archive.read("[Content_Types].xml").decode()
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    for name, content in (
        (
            "word/footnotes.xml",
            f'<w:footnotes {space}><w:footnote w:id="2"><w:p><w:r><w:t>Without tax.</w:t></w:r>'
            "</w:p></w:footnote></w:footnotes>",
        ),
        (
            "word/_rels/document.xml.rels",
            relations.replace(
                "</Relationships>",
                f'<Relationship Id="rId99" Type="{relation}" Target="footnotes.xml"/></Relationships>',
            ),
        ),
        ("[Content_Types].xml", types),
    ):
        package = offices.with_part(package, name, content)
    assert read("a.docx", package).pages[0].text == "Ten euro[note 1]\n\n[note 1] Without tax.\n\nEnd"


def test_a_text_box_follows_its_paragraph(read):
    """Text in a drawing is read once, though Word stores it twice for its older versions."""
    spaces = (
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    )
    box = "<w:txbxContent><w:p><w:r><w:t>In the box.</w:t></w:r></w:p></w:txbxContent>"
    body = (
        f"<w:p><w:r><w:t>Above.</w:t></w:r><w:r><mc:AlternateContent {spaces}><mc:Choice><w:drawing><wps:wsp>"
        f"<wps:txbx>{box}</wps:txbx></wps:wsp></w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict>"
        "</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert read("a.docx", word_xml(body)).pages[0].text == "Above.\n\nIn the box."


def test_an_unread_chart_is_noted(read):
    """The figures of a chart are in a part that is not read."""
    space = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    body = f"<w:p><w:r><w:t>Sales rose.</w:t><w:drawing><c:chart {space}/></w:drawing></w:r></w:p>"
    (page,) = read("a.docx", word_xml(body)).pages
    assert (page.text, page.note) == ("Sales rose.", "Charts and diagrams were not read.")
