"""Highlights: they cover the cited characters, and no others."""

from __future__ import annotations

import ctypes
import io
import re
from pathlib import Path

import pypdfium2
import pypdfium2.raw as raw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import RectangleObject

from docent.errors import LoadError, UnreadableFile, UnsupportedFile
from docent.types import Line, Page
from tests.loading import makers

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "data").rglob("*.pdf"))
SENTENCE = [
    "The kitchen closes at ten on Sundays,",
    "and the bar one hour later, at eleven.",
    "Cash is welcome.",
]


def plain(text):
    """Return the characters to compare: engines differ in spaces, hyphens at line ends and ligatures."""
    return re.sub(r"[\W_]+", "", text.replace("\ufb01", "fi").replace("\ufb02", "fl"))


def highlighted_text(data, number, *, password=None):
    """Return the characters whose middle is under a highlight, and the number of highlights."""
    pdf = pypdfium2.PdfDocument(data, password=password)
    page = pdf[number - 1]
    text = page.get_textpage()
    marks = []
    for index in range(raw.FPDFPage_GetAnnotCount(page.raw)):
        note = raw.FPDFPage_GetAnnot(page.raw, index)
        if raw.FPDFAnnot_GetSubtype(note) == raw.FPDF_ANNOT_HIGHLIGHT:
            box = raw.FS_RECTF()
            raw.FPDFAnnot_GetRect(note, ctypes.byref(box))
            marks.append((box.left, box.bottom, box.right, box.top))
        raw.FPDFPage_CloseAnnot(note)
    found = []
    for index in range(text.count_chars()):
        left, bottom, right, top = text.get_charbox(index)
        across, up = (left + right) / 2, (bottom + top) / 2
        if any(box[0] <= across <= box[2] and box[1] <= up <= box[3] for box in marks):
            found.append(chr(raw.FPDFText_GetUnicode(text.raw, index)))
    return plain("".join(found)), len(marks)


def marked(loader, path, spans, *, password=None):
    pages = [page for page in loader.load(path, password=password).pages if page.number in spans]
    return pages, loader.highlight_pdf(path, spans, pages=pages, name=path.name, password=password)


UPRIGHT = {
    0: (1, 0, 0, 1, 0, 0),
    90: (0, 1, -1, 0, 842, 0),
    180: (-1, 0, 0, -1, 595, 842),
    270: (0, -1, 1, 0, 0, 595),
}
"""By how much a page is turned when it is shown → what turns its contents the other way."""


def says(*, turn=0, crop=None, password=None):
    """Return three pages of SENTENCE that are upright when shown: stored rotated, cropped or locked."""

    def draw(sheet, number):
        sheet.setPageRotation(turn)
        sheet.transform(*UPRIGHT[turn])
        makers.write(sheet, SENTENCE, y=500)

    writer = PdfWriter()
    writer.append(io.BytesIO(makers.pdf(draw, pages=3)))
    for page in writer.pages:
        if crop:
            page.cropbox = page.mediabox = RectangleObject(crop)
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_highlights_cover_the_quote_and_nothing_else(path, data, loader):
    """For any span of any page of the samples, the text under the highlights is that span's."""
    document = loader.load(path)
    page = data.draw(st.sampled_from([page for page in document.pages if len(page.text) > 60]))
    start = data.draw(st.integers(0, len(page.text) - 50))
    end = data.draw(st.integers(start + 20, min(len(page.text), start + 400)))
    copy = loader.highlight_pdf(path, {page.number: [(start, end)]}, pages=[page], name=path.name)
    seen, _ = highlighted_text(copy, page.number)
    assert sorted(seen) == sorted(plain(page.text[start:end]))


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"turn": 90}, id="turned to the right"),
        pytest.param({"turn": 180}, id="upside down"),
        pytest.param({"turn": 270}, id="turned to the left"),
        pytest.param({"crop": (30, 40, 500, 800)}, id="cropped"),
        pytest.param({"crop": (30, 40, 500, 800), "turn": 90}, id="cropped and turned"),
        pytest.param({"password": ""}, id="locked for changes only"),
    ],
)
def test_unusual_pages_are_highlighted(how, loader, tmp_path):
    """Rotated, cropped and locked pages have one highlight for each cited line, on their own page only."""
    path = tmp_path / "odd.pdf"
    path.write_bytes(says(**how))
    text = loader.load(path).pages[1].text
    start, end = text.index("ten on"), text.index(" later")
    pages, copy = marked(loader, path, {2: [(start, end)]})
    assert highlighted_text(copy, 2) == (plain(pages[0].text[start:end]), 2)
    assert highlighted_text(copy, 1) == highlighted_text(copy, 3) == ("", 0)
    assert len(PdfReader(io.BytesIO(copy)).pages) == 3


def test_the_copy_begins_with_the_original(loader, tmp_path):
    """The highlights are appended, and the original bytes stay as they are."""
    path = tmp_path / "plain.pdf"
    path.write_bytes(says())
    _, copy = marked(loader, path, {1: [(0, 11)]})
    assert copy.startswith(path.read_bytes())


def test_a_locked_file_needs_its_password_to_be_highlighted(loader, tmp_path):
    """Without the password there is an error; with it the highlights are there."""
    path = tmp_path / "locked.pdf"
    path.write_bytes(says(password="letmein"))
    pages, copy = marked(loader, path, {1: [(0, 11)]}, password="letmein")
    assert highlighted_text(copy, 1, password="letmein") == ("Thekitchen", 1)
    with pytest.raises(LoadError, match=r"locked\.pdf is locked"):
        loader.highlight_pdf(path, {1: [(0, 11)]}, pages=pages, name=path.name)


def test_a_damaged_file_is_repaired_and_highlighted(loader, tmp_path):
    """Without its cross-reference table the copy still opens and has the highlight."""
    path = tmp_path / "cut.pdf"
    whole = says()
    path.write_bytes(whole[: whole.rindex(b"xref")].replace(b"xref", b"zzzz"))
    _, copy = marked(loader, path, {3: [(0, 11)]})
    assert highlighted_text(copy, 3) == ("Thekitchen", 1)


def test_a_page_without_geometry_is_refused(loader, tmp_path):
    """If the position of the words is unknown, the error says to open the file itself."""
    path = tmp_path / "plain.pdf"
    path.write_bytes(says())
    with pytest.raises(UnreadableFile, match="Open the file itself at the page named"):
        loader.highlight_pdf(path, {1: [(0, 5)]}, pages=[Page(1, "Other words")], name=path.name)


def test_only_a_pdf_can_be_highlighted(loader, tmp_path):
    """A text file has neither a highlighted copy nor a picture."""
    path = tmp_path / "a.txt"
    path.write_text("Hello there, reader.")
    for made in (
        lambda page: loader.highlight_pdf(path, {1: [(0, 5)]}, pages=[page], name=path.name),
        lambda page: loader.draw_page(path, page, [(0, 5)], name=path.name),
    ):
        with pytest.raises(UnsupportedFile, match=r"a\.txt is not a PDF"):
            made(Page(1, "Hello there, reader."))


def marked_area(png):
    """Return the marked area of a picture: left, top, right, bottom as shares of its width and height."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    blue = image.getchannel("B").point([255 if value < 215 else 0 for value in range(256)])
    red = image.getchannel("R").point([255 if value > 215 else 0 for value in range(256)])
    box = Image.composite(blue, Image.new("L", image.size), red).getbbox()
    return tuple(round(edge / side, 2) for edge, side in zip(box, image.size * 2, strict=True))


def test_a_page_is_drawn_with_its_quote_boxed(loader, tmp_path):
    """The picture of a page has its box where the words are."""
    path = tmp_path / "plain.pdf"
    path.write_bytes(says())
    page = loader.load(path).pages[0]
    left, top, right, bottom = marked_area(loader.draw_page(path, page, [(0, 36)], name=path.name))
    assert left == pytest.approx(72 / 595, abs=0.02)
    assert top == pytest.approx((842 - 510) / 842, abs=0.02)
    assert right < 0.5
    assert bottom < 0.42


def test_an_image_is_drawn_with_its_recognised_lines(loader, tmp_path):
    """A scan has boxes for lines only: a share of the line's characters is that share of its width."""
    path = tmp_path / "photo.png"
    Image.new("RGB", (1000, 500), "white").save(path)
    page = Page(1, "ten characters", lines=(Line(0, 14, (100.0, 100.0, 800.0, 150.0)),), size=(1000, 500))
    assert marked_area(loader.draw_page(path, page, [(0, 7)], name=path.name)) == (0.1, 0.2, 0.45, 0.3)
