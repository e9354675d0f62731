"""The formats: their place names, headings, titles and dates."""

from __future__ import annotations

import io
import zipfile
from copy import deepcopy

import pytest
from lxml import etree
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
    "prices.ods": offices.sheets(),
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
        pytest.param("prices.ods", "ods", ["sheet 'Wine', rows 1–4"], id="LibreOffice spreadsheet"),
        pytest.param("delivery.eml", "eml", ["Your delivery"], id="mail"),
        pytest.param("prices.json", "json", ["items 1–3"], id="JSON"),
        pytest.param("prices.jsonl", "jsonl", ["lines 1–2"], id="JSON lines"),
        pytest.param("cellar.py", "code", ["lines 1–10"], id="code"),
        pytest.param("handbook.html", "html", ["Leave"], id="web page"),
    ],
)
def test_each_format_names_its_places(read, name, kind, places):
    """The kind is detected by content, and each page has the place name of its format."""
    document = read(name, FILES[name])
    assert document.kind == kind
    assert [page.where for page in document.pages] == places
    assert all(page.read_by is ReadBy.TEXT for page in document.pages)


@pytest.mark.parametrize("name", FILES)
def test_heading_positions_point_at_their_text(read, name):
    """The text at a heading's position is the heading."""
    for page in read(name, FILES[name]).pages:
        for heading in page.headings:
            assert page.text[heading.start :].startswith(heading.text)


@pytest.mark.parametrize("name", [name for name in FILES if zipfile.is_zipfile(io.BytesIO(FILES[name]))])
def test_a_wrong_suffix_is_noted(read, name):
    """The content decides on the format; the note says that the suffix names another one."""
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
def test_title_and_date_come_from_the_metadata(read, name, title, created):
    """A document's title and date are those of the file's own metadata."""
    document = read(name, FILES[name])
    assert (document.title, document.created) == (title, created)


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


def test_slides_are_read_in_order(read):
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
def test_html_visible_text_is_read(read, body, seen, hidden):
    """Scripts and menus are left out; hidden text is split off."""
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
def test_html_encodings_are_detected(read, data):
    """A page is decoded by its byte-order mark, its declared encoding, or its bytes."""
    assert read("a.html", data).pages[0].text.replace("–", "-") == "Café - 5 €"


def test_chapters_are_numbered_without_front_matter(read):
    """Front matter is no chapter, and a title that has a number keeps it."""
    chapters = [("Preface", "p"), ("The Shore", "a"), ("Chapter 2: The Sea", "b"), ("Index", "i")]
    pages = read("a.epub", offices.book(chapters)).pages
    assert [page.where for page in pages] == [
        "Preface",
        "chapter 1 · The Shore",
        "Chapter 2: The Sea",
        "Index",
    ]


def test_an_epub_2_book_has_its_chapters(read):
    """EPUB 2 lists its chapters in a file of its own, and a chapter may span several files."""
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
def test_rtf_visible_text_is_read(read, body, seen, hidden):
    """Paragraphs, notes and tables are text; hidden characters are split off."""
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
def test_odt_visible_text_is_read(read, body, seen, hidden):
    """Paragraphs, notes, lists and tables are text; hidden characters are split off."""
    styles = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
    (page,) = read("a.odt", offices.writer(body, styles)).pages
    assert (page.text, page.hidden) == (seen, hidden)


def test_a_missing_chapter_is_noted(read):
    """The other chapters are read, and the note counts the missing ones."""
    with zipfile.ZipFile(io.BytesIO(offices.book())) as archive:
        parts = {one: archive.read(one) for one in archive.namelist() if one != "OEBPS/text/c2.xhtml"}
    (page,) = read("a.epub", offices.zipped(parts)).pages
    assert "Gulls wheel." in page.text
    assert page.note == "Parts of the book that are not in the file: 1."


def test_code_pages_begin_at_definitions(read):
    """Long code becomes pages that begin with a definition, and no line is lost."""
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
def test_json_values_have_their_paths(read, text, places, line):
    """Each value has the names that lead to it; invalid JSON is read as text."""
    pages = read("a.json", text).pages
    assert places is None or [page.where for page in pages] == places
    assert any(line in page.text for page in pages)
