"""Scanned pages: read by OCR, or reported as unread with what to do."""

from __future__ import annotations

import io
import shutil

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader

from docent.loading import Limits, Loader, Ocr
from docent.loading.formats.image import open_image
from docent.loading.job import InputFile
from docent.loading.ocr import contrast
from docent.loading.pdf.highlight import draw_boxes
from docent.types import ReadBy
from tests.loading import makers

SENTENCE = "The kitchen closes at ten on Sundays"
installed = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def picture(text, kind="PNG"):
    image = Image.new("RGB", (1400, 500), "white")
    ImageDraw.Draw(image).text((80, 200), text, fill="black", font=ImageFont.load_default(56))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def mixed():
    """Return a page of text, a scan, and a blank page."""

    def draw(sheet, number):
        if number == 1:
            makers.write(sheet, ["This page is ordinary text that nobody needs to recognise."] * 4)
        elif number == 2:
            sheet.drawImage(ImageReader(io.BytesIO(picture(SENTENCE))), 0, 300, 595, 420)

    return makers.pdf(draw, pages=3)


@pytest.fixture(scope="module")
def reader():
    with Loader(limits=Limits(), ocr=Ocr(), workers=1) as loader:
        yield loader


@installed
def test_each_page_of_a_mixed_pdf_is_read_its_own_way(reader, tmp_path):
    """Text is extracted, a scan is recognised with confidence and boxes, a blank page is empty."""
    path = tmp_path / "mixed.pdf"
    path.write_bytes(mixed())
    text, scan, blank = reader.load(path).pages
    assert (text.read_by, scan.read_by, blank.read_by) == (ReadBy.TEXT, ReadBy.OCR, ReadBy.EMPTY)
    assert scan.text.strip() == SENTENCE
    assert 0.5 < scan.confidence <= 1
    assert scan.text[scan.lines[0].start : scan.lines[0].end] == SENTENCE
    left, top, right, bottom = scan.lines[0].box
    assert 0 < left < right < 595
    assert 122 < top < bottom < 542


@installed
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_is_one_page(reader, tmp_path, kind):
    """A photograph of a page is read like a scan."""
    path = tmp_path / f"photo.{kind.lower()}"
    path.write_bytes(picture(SENTENCE, kind))
    document = reader.load(path)
    assert document.kind == kind.lower()
    assert document.pages[0].text.strip() == SENTENCE
    assert document.pages[0].where == "picture"


def test_a_16_bit_scan_is_not_blank():
    """It has the contrast of an 8-bit scan; it was once taken for a blank page."""
    out = io.BytesIO()
    fine = bytes(half for grey in [70] * 900 + [180] * 900 for half in (0, grey))
    Image.frombytes("I;16", (60, 30), fine).save(out, "PNG")
    picture = open_image(InputFile("fine.png", "", len(out.getvalue()), ".png", b"", out))
    grey, _ = picture.draw_image(300)
    assert 100 < contrast(grey) < 140
    assert draw_boxes(picture.image, [], scale=1.0).startswith(b"\x89PNG")


def test_without_ocr_a_scan_is_unread(read):
    """The note says that OCR is switched off; the other pages are read."""
    document = read("mixed.pdf", mixed())
    assert [page.number for page in document.unread] == [2]
    assert "switched off" in document.unread[0].note
    assert "ordinary text" in document.pages[0].text


def test_a_missing_ocr_program_is_noted_with_the_command(tmp_path, monkeypatch):
    """The note has the command that installs it, and says how to read the file again."""
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "mixed.pdf"
    path.write_bytes(mixed())
    with Loader(limits=Limits(), ocr=Ocr(), workers=1) as loader:
        (unread,) = loader.load(path).unread
    assert "apt-get install tesseract-ocr" in unread.note
    assert "documents page, or with python -m docent ingest --rebuild=full" in unread.note


def test_an_ocr_program_that_does_not_start_costs_the_scan_only(tmp_path, monkeypatch):
    """The scan is unread with the reason; the other pages are read."""
    (tmp_path / "tesseract").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "mixed.pdf"
    path.write_bytes(mixed())
    with Loader(limits=Limits(), ocr=Ocr(), workers=1) as loader:
        document = loader.load(path)
    assert [page.number for page in document.unread] == [2]
    assert "tesseract could not be started (Exec format error)" in document.unread[0].note
    assert "ordinary text" in document.pages[0].text


def test_a_damaged_picture_is_refused(read):
    """Half a PNG is refused by name."""
    with pytest.raises(Exception, match=r"cut\.png is a damaged picture"):
        read("cut.png", picture(SENTENCE)[:900])
