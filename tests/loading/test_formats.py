"""What each format promises: its places in the reader's words, its headings, its title and date."""

from __future__ import annotations

import io
import zipfile
from copy import deepcopy

import pytest
from docx.shared import RGBColor
from lxml import etree
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml.ns import qn

from docent.types import ReadBy
from tests.loading import offices

FILES = {
    "handbook.docx": offices.word(),
    "roadmap.pptx": offices.slides(),
    "prices.xlsx": offices.workbook(),
    "prices.csv": offices.comma(),
    "salt.epub": offices.book(),
    "handbook.rtf": offices.rich(),
    "handbook.odt": offices.writer(),
    "delivery.eml": offices.mail(),
    "prices.json": offices.records(),
    "prices.jsonl": b'{"wine": "Barolo"}\n{"wine": "Rioja"}\n',
    "cellar.py": offices.CODE,
    "handbook.html": offices.WEB,
}


@pytest.mark.parametrize(
    ("name", "kind", "places"),
    [
        pytest.param("handbook.docx", "docx", ["Leave", "Leave › Parental leave"], id="Word"),
        pytest.param("roadmap.pptx", "pptx", ["slide 1", "slide 2"], id="PowerPoint"),
        pytest.param("prices.xlsx", "xlsx", ["sheet 'Wine', rows 1–4"], id="Excel"),
        pytest.param("prices.csv", "csv", ["rows 1–4"], id="CSV"),
        pytest.param("salt.epub", "epub", ["chapter 1 · The Shore", "chapter 2 · The Sea"], id="book"),
        pytest.param("handbook.rtf", "rtf", ["Leave"], id="rich text"),
        pytest.param("handbook.odt", "odt", ["Leave"], id="LibreOffice"),
        pytest.param("delivery.eml", "eml", ["Your delivery"], id="mail"),
        pytest.param("prices.json", "json", ["items 1–3"], id="JSON"),
        pytest.param("prices.jsonl", "jsonl", ["lines 1–2"], id="JSON lines"),
        pytest.param("cellar.py", "code", ["lines 1–10"], id="code"),
        pytest.param("handbook.html", "html", ["Leave"], id="web page"),
    ],
)
def test_places_are_in_the_readers_words(read, name, kind, places):
    """Each format keeps its own places, and is known by its content."""
    document = read(name, FILES[name])
    assert document.kind == kind
    assert [page.where for page in document.pages] == places
    assert all(page.read_by is ReadBy.TEXT for page in document.pages)


def test_what_of_a_word_document_is_not_read_is_told(read):
    """Pictures, and what stands above and below each page; a document of nothing else is unread."""
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


@pytest.mark.parametrize("name", FILES)
def test_headings_stand_where_they_say(read, name):
    """A heading's position is the position of its text."""
    for page in read(name, FILES[name]).pages:
        for heading in page.headings:
            assert page.text[heading.start :].startswith(heading.text)


@pytest.mark.parametrize("name", [name for name in FILES if zipfile.is_zipfile(io.BytesIO(FILES[name]))])
def test_a_wrong_suffix_does_not_matter(read, name):
    """What is inside decides; the page says that the name promised something else."""
    document = read("thing.pdf", FILES[name])
    assert document.kind == name.rsplit(".")[-1]
    assert "thing.pdf is named .pdf" in document.pages[0].note


@pytest.mark.parametrize(
    ("name", "title", "created"),
    [
        pytest.param("handbook.rtf", "Staff handbook", "2025-03-04", id="rich text"),
        pytest.param("handbook.odt", "Staff handbook", "2025-03-04", id="LibreOffice"),
        pytest.param("salt.epub", "Salt", "2024-05-06", id="book"),
        pytest.param("delivery.eml", "Your delivery", "2026-03-03", id="mail"),
        pytest.param("handbook.docx", "Staff handbook", "2013-12-23", id="Word"),
    ],
)
def test_title_and_date_come_from_the_file(read, name, title, created):
    """A document's title and date are what the file says of itself."""
    document = read(name, FILES[name])
    assert (document.title, document.created) == (title, created)


# --- Word ----------------------------------------------------------------------------------


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


def test_word_keeps_what_a_reader_sees(read):
    """Running headers are left out, hidden and white text kept apart, lists numbered, rows on lines."""
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
def test_word_text_in_every_wrapping(read, body, text):
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


def test_word_bold_lines_are_headings_where_there_are_no_others(read):
    """A short bold line of its own heads what follows."""

    def build(document):
        for title in ("Opening hours", "Prices"):
            document.add_paragraph().add_run(title).bold = True
            document.add_paragraph("We tell you more about it here.")
            document.add_paragraph("And here.")

    assert [page.where for page in read("a.docx", offices.word(build)).pages] == ["Opening hours", "Prices"]


def test_headings_carry_the_numbers_that_word_shows(read):
    """Automatic numbers of headings and lists are text, as the reader cites them: "2.1 Notice"."""
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


def test_notes_of_a_word_document_follow_their_paragraph(read):
    """A footnote stands below the paragraph that it belongs to, and the remarks at the end."""
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
    """Text in a drawing is read once, though Word keeps it twice for older versions of itself."""
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


def test_a_chart_in_a_word_document_is_named(read):
    """Its figures are in a part of their own, which is not read."""
    space = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    body = f"<w:p><w:r><w:t>Sales rose.</w:t><w:drawing><c:chart {space}/></w:drawing></w:r></w:p>"
    (page,) = read("a.docx", word_xml(body)).pages
    assert (page.text, page.note) == ("Sales rose.", "Charts and diagrams were not read.")


# --- PowerPoint ----------------------------------------------------------------------------


def deck(show):
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    offices.text_box(slide, "right", left=6, top=2)
    offices.text_box(slide, "left", left=1, top=2)
    offices.text_box(slide, "beside the slide", left=40)
    rows = offices.WINES
    table = slide.shapes.add_table(len(rows), 4, 0, 4_000_000, 9_000_000, 1_000_000).table
    for at, row in enumerate(rows):
        for column, text in enumerate(row):
            table.cell(at, column).text = text
    data = CategoryChartData()
    data.categories = ["North", "South"]
    data.add_series("Bottles", (120, 80))
    slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 5_500_000, 3_000_000, 900_000, data)
    slide.notes_slide.notes_text_frame.text = "Mention the strike."
    hidden = show.slides.add_slide(show.slide_layouts[5])
    hidden.shapes.title.text = "Layoffs"
    hidden.element.set("show", "0")


def test_a_shape_with_a_formula_is_read(read):
    """PowerPoint writes such a shape twice, and its words are read once; ink beside it does no harm."""

    def deck(show):
        shape = offices.text_box(show.slides.add_slide(show.slide_layouts[6]), "The pressure falls.")._element
        space = "http://schemas.openxmlformats.org/markup-compatibility/2006"
        both = etree.Element(f"{{{space}}}AlternateContent", nsmap={"mc": space})
        shape.addprevious(both)
        for name in ("Choice", "Fallback"):
            etree.SubElement(both, f"{{{space}}}{name}", Requires="a14").append(deepcopy(shape))
        etree.SubElement(shape.getparent(), qn("p:contentPart"))
        shape.getparent().remove(shape)

    assert read("physics.pptx", offices.slides(deck)).pages[0].text == "The pressure falls."


def test_slides_say_everything_in_order(read):
    """Title first, then top to bottom and left to right; tables, charts and notes are text."""
    page, hidden = read("deck.pptx", offices.slides(deck)).pages
    assert page.text.splitlines() == [
        "Sales",
        "",
        "left",
        "",
        "right",
        "",
        "Wine | Producer | Year | Price",
        "Barolo | Cantina Nova | 2016 | 48",
        "Chablis | Domaine Vert | 2021 | 29",
        "Rioja | Bodega Alta | 2018 | 19",
        "",
        " | Bottles",
        "North | 120",
        "South | 80",
        "",
        "Speaker notes",
        "Mention the strike.",
    ]
    assert page.hidden == "beside the slide"
    assert (hidden.text, hidden.hidden, hidden.note) == ("", "Layoffs", "The slide is hidden.")


# --- web pages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "seen", "hidden"),
    [
        pytest.param("<p>a<script>b</script><style>p{}</style></p>", "a", "", id="scripts"),
        pytest.param("<nav>Home</nav><p>a</p><footer>b</footer>", "a", "", id="menus"),
        pytest.param("<div>side</div><main><p>a</p></main>", "a", "", id="main part"),
        pytest.param("<nav>only this</nav>", "only this", "", id="nothing but a menu"),
        pytest.param('<p>a</p><p style="display:none">b</p>', "a", "b", id="not displayed"),
        pytest.param("<p>a</p><p hidden>b</p>", "a", "b", id="hidden attribute"),
        pytest.param('<p>a</p><p style="color:#FFF">b</p>', "a", "b", id="white on white"),
        pytest.param(
            '<div style="background:#000"><p style="color:#fff">b</p></div>', "b", "", id="white on black"
        ),
        pytest.param('<p>a</p><p style="font-size:0">b</p>', "a", "b", id="no size"),
        pytest.param(
            '<style>.x{display:none}</style><p>a</p><i class="x">b</i>', "a", "b", id="by a style sheet"
        ),
        pytest.param('<p style="font-size:0.9em;top:-2px">a</p>', "a", "", id="somewhat smaller"),
        pytest.param(
            "<style>p{font-size:1.5em}</style><p>a</p>", "a", "", id="a style sheet that hides nothing"
        ),
        pytest.param("<ul><li>a<li>b</ul>", "• a\n• b", "", id="a list"),
        pytest.param("<pre>a\n  b</pre>", "a\n  b", "", id="preformatted"),
        pytest.param("<table><tr><th>k<th>v<tr><td>a<td>b</table>", "k | v\na | b", "", id="a table"),
        pytest.param(
            "<table><tr><td><table><tr><td>a</table><p>b</table>", "a\n\nb", "", id="a layout table"
        ),
        pytest.param("<p>a<br>b &amp; c</p>", "a\nb & c", "", id="line break"),
    ],
)
def test_a_web_page_as_its_reader_sees_it(read, body, seen, hidden):
    """Text without scripts and menus; what is not shown is kept apart."""
    (page,) = read("a.html", f"<!DOCTYPE html><title>t</title>{body}").pages
    assert (page.text, page.hidden) == (seen, hidden)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("<html><body><p>Café – 5 €</p>".encode("cp1252"), id="Windows-1252"),
        pytest.param("<html><body><p>Café – 5 €</p>".encode("utf-16"), id="UTF-16"),
        pytest.param("<html><body><p>Café – 5 €</p>".encode("utf-8-sig"), id="UTF-8 with mark"),
        pytest.param(
            '<html><meta charset="iso-8859-15"><p>Café – 5 €</p>'.replace("–", "-").encode("iso-8859-15"),
            id="declared",
        ),
    ],
)
def test_web_pages_in_any_alphabet(read, data):
    """Bytes are read in the alphabet that they are in."""
    assert read("a.html", data).pages[0].text.replace("–", "-") == "Café - 5 €"


# --- books, rich text, LibreOffice -----------------------------------------------------------


def test_chapters_are_numbered_as_readers_count_them(read):
    """Front matter is no chapter, and a title that has a number keeps it."""
    chapters = [("Preface", "p"), ("The Shore", "a"), ("Chapter 2: The Sea", "b"), ("Index", "i")]
    pages = read("a.epub", offices.book(chapters)).pages
    assert [page.where for page in pages] == [
        "Preface",
        "chapter 1 · The Shore",
        "Chapter 2: The Sea",
        "Index",
    ]


def test_an_older_book_has_its_chapters(read):
    """EPUB 2 names its chapters in a file of its own, and one chapter may lie in several parts."""
    chapters = [("", "Gulls wheel."), ("", "They land."), ("", "Waves roll.")]
    points = "".join(
        f"<navPoint><navLabel><text>{title}</text></navLabel><content src='text/c{n}.xhtml#top'/></navPoint>"
        for n, title in ((1, "The Shore"), (3, "The Sea"))
    )
    space = "http://www.daisy.org/z3986/2005/ncx/"
    package = offices.book(
        chapters,
        **{
            "OEBPS/toc.ncx": '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "ncx.dtd">'
            f"<ncx xmlns='{space}'><navMap>{points}</navMap></ncx>"
        },
    )
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        opf = archive.read("OEBPS/book.opf").decode()
    ncx = '<item id="nav" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    opf = opf.replace(opf[opf.index('<item id="nav"') : opf.index('<item id="c1"')], ncx)
    pages = read("a.epub", offices.with_part(package, "OEBPS/book.opf", opf)).pages
    places = ["chapter 1 · The Shore", "chapter 1 · The Shore", "chapter 2 · The Sea"]
    assert [page.where for page in pages] == places


@pytest.mark.parametrize(
    ("body", "seen", "hidden"),
    [
        pytest.param(r"\pard a {\v b} c\par", "a  c", "b", id="hidden in a group"),
        pytest.param(r"\pard a \v b\v0  c\par", "a  c", "b", id="hidden by a switch"),
        pytest.param(r"\pard a {\cf1 b}\par", "a", "b", id="white"),
        pytest.param(r"\pard a{\footnote note}\par", "a — note", "", id="footnote"),
        pytest.param(r"{\header head}\pard caf\'e9 \u8364?\par", "café €", "", id="header and alphabet"),
        pytest.param(r"\trowd a\cell b\cell\row\trowd c\cell d\cell\row", "a | b\nc | d", "", id="a table"),
    ],
)
def test_rich_text_as_its_reader_sees_it(read, body, seen, hidden):
    """Paragraphs, notes and tables are text; hidden characters are kept apart."""
    (page,) = read("a.rtf", offices.rich(body)).pages
    assert (page.text, page.hidden.strip()) == (seen, hidden)


@pytest.mark.parametrize(
    ("body", "seen", "hidden"),
    [
        pytest.param('<text:p>a<text:s text:c="2"/>b<text:tab/>c</text:p>', "a  b\tc", "", id="spaces"),
        pytest.param(
            '<text:p>a <text:span text:style-name="H">b</text:span></text:p>', "a", "b", id="hidden"
        ),
        pytest.param(
            "<text:p>a<text:note><text:note-body><text:p>n</text:p></text:note-body></text:note></text:p>",
            "a[note 1]\n\n[note 1] n",
            "",
            id="a note",
        ),
        pytest.param(
            "<text:list><text:list-item><text:p>a</text:p></text:list-item></text:list>", "• a", "", id="list"
        ),
        pytest.param(
            "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
            "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>",
            "a | b",
            "",
            id="a table",
        ),
        pytest.param(
            "<text:tracked-changes><text:p>old</text:p></text:tracked-changes><text:p>new</text:p>",
            "new",
            "",
            id="deleted text",
        ),
    ],
)
def test_libreoffice_as_its_reader_sees_it(read, body, seen, hidden):
    """Paragraphs, notes, lists and tables are text; hidden characters are kept apart."""
    styles = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
    (page,) = read("a.odt", offices.writer(body, styles)).pages
    assert (page.text, page.hidden) == (seen, hidden)


def test_a_chapter_that_is_not_in_the_book_is_told(read):
    """The other chapters are read, and the coverage report says that parts are missing."""
    with zipfile.ZipFile(io.BytesIO(offices.book())) as archive:
        parts = {one: archive.read(one) for one in archive.namelist() if one != "OEBPS/text/c2.xhtml"}
    (page,) = read("a.epub", offices.zipped(parts)).pages
    assert "Gulls wheel." in page.text
    assert page.note == "Parts of the book that are not in the file: 1."


# --- mail ------------------------------------------------------------------------------------


def test_attachments_are_read_or_named(read):
    """An attachment of a known kind is read under its name; any other is named as unread, with the reason."""
    inner = offices.mail("Ask Carla.", subject="Older")
    data = offices.mail(
        attachments=[("prices.xlsx", offices.workbook()), ("older.eml", inner), ("tool.exe", b"MZ" * 99)]
    )
    message, sheet, older, tool = read("a.eml", data).pages
    assert "The delivery comes on Friday." in message.text
    assert "Date: Tue, 03 Mar 2026" in message.text
    assert sheet.where == "attachment 'prices.xlsx', sheet 'Wine', rows 1–4"
    assert older.where == "attachment 'older.eml', Older"
    assert "Ask Carla." in older.text
    assert (tool.where, tool.read_by) == ("attachment 'tool.exe', not read", ReadBy.FAILED)
    assert "tool.exe is a Windows program" in tool.note


def test_a_mail_in_html_is_read_as_its_reader_sees_it(read):
    """Where the plain text is only a stub, the HTML is the message, hidden parts apart."""
    html = "<p>" + "The long message. " * 20 + '</p><p style="display:none">Wire the money.</p>'
    (page,) = read("a.eml", offices.mail("See the HTML.", html=html)).pages
    assert "The long message." in page.text
    assert "Wire the money." not in page.text
    assert "Wire the money." in page.hidden


# --- code and records ------------------------------------------------------------------------


def test_code_is_cut_where_a_definition_begins(read):
    """Long code becomes pages of lines that begin with a definition, and no line is lost."""
    text = "".join(f"def step_{n}(x):\n" + "    x += 1\n" * 30 + "\n" for n in range(12))
    pages = read("steps.py", text).pages
    assert all(page.text.startswith("def step_") for page in pages)
    assert pages[1].where.startswith("lines ")
    assert "\n".join(page.text for page in pages) == text.rstrip("\n") + "\n"


@pytest.mark.parametrize(
    ("text", "places", "line"),
    [
        pytest.param(
            '{"name": "Nova", "wines": [{"a": 1}, {"a": 2}]}', ["name to wines"], "a: 2", id="sections"
        ),
        pytest.param('[{"a": {"b": [1, 2]}}]', ["item 1"], "a.b: 1, 2", id="nested"),
        pytest.param(
            "[" + ",".join(f'{{"n": {n}}}' for n in range(120)) + "]",
            ["items 1–50", "items 51–100", "items 101–120"],
            "n: 7",
            id="many",
        ),
        pytest.param('{"a": 1', ["line 1"], '{"a": 1', id="not JSON after all"),
        pytest.param("[" * 100_000, None, "[[[", id="nested without end"),
    ],
)
def test_json_names_its_values(read, text, places, line):
    """Each value stands with the names that lead to it; what is no JSON is read as text."""
    pages = read("a.json", text).pages
    assert places is None or [page.where for page in pages] == places
    assert any(line in page.text for page in pages)
