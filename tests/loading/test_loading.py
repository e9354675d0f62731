"""Promises for every format: no text is lost, positions are right, and reading is repeatable."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from PIL import Image

from docent.loading.text_cleaning import split_hidden
from docent.types import ReadBy
from tests.loading import makers, offices

ROOT = Path(__file__).resolve().parents[2]


SAMPLES = sorted((ROOT / "data").rglob("*.*"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_positions_point_at_their_text(path, loader):
    """The lines and headings of a page are in order and lie within its text."""
    document = loader.load(path)
    assert document.pages
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    for page in document.pages:
        at = 0
        for line in page.lines:
            assert at <= line.start < line.end <= len(page.text)
            assert "\n" not in page.text[line.start : line.end]
            left, top, right, bottom = line.box
            assert left <= right
            assert top <= bottom
            at = line.end
        for heading in page.headings:
            assert page.text[heading.start :].lstrip("# ").startswith(heading.text.split()[0])


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    text=st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf"]), min_size=1, max_size=400
    )
)
def test_no_character_of_a_text_is_lost(text, loader, tmp_path):
    """Every visible character of a text file is on one of its pages, in order."""
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    text, _ = split_hidden(text)
    if not text.strip():
        return
    pages = loader.load(tmp_path / "t.txt").pages
    read = "".join(page.text for page in pages)
    assert "".join(read.split()) == "".join(text.split())
    assert all(page.read_by is ReadBy.TEXT for page in pages)


WORD = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=12)


PARAGRAPHS = st.lists(st.lists(WORD, min_size=1, max_size=7).map(" ".join), min_size=1, max_size=12)


def printed(paragraphs):
    return makers.pdf(lambda sheet, number: makers.write(sheet, paragraphs))


def in_word(paragraphs):
    return offices.word(lambda file: [file.add_paragraph(text) for text in paragraphs])


def on_slides(paragraphs):
    def build(show):
        for text in paragraphs:
            offices.text_box(show.slides.add_slide(show.slide_layouts[6]), text)

    return offices.slides(build)


def in_cells(paragraphs):
    book = Workbook()
    for text in paragraphs:
        book.active.append([text, "1"])
    return offices.saved(book)


def within(start, each, end=""):
    return lambda paragraphs: (start + "".join(each.format(text) for text in paragraphs) + end).encode()


FILE_MAKERS = {
    "a.pdf": printed,
    "a.docx": in_word,
    "a.pptx": on_slides,
    "a.xlsx": in_cells,
    "a.csv": lambda paragraphs: offices.comma([["Text", "Count"], *([text, "1"] for text in paragraphs)]),
    "a.epub": lambda paragraphs: offices.book([("Part", text) for text in paragraphs]),
    "a.rtf": lambda paragraphs: offices.rich("".join(rf"\pard {text}\par" for text in paragraphs)),
    "a.odt": lambda paragraphs: offices.writer("".join(f"<text:p>{text}</text:p>" for text in paragraphs)),
    "a.eml": lambda paragraphs: offices.mail("\n\n".join(paragraphs)),
    "a.json": lambda paragraphs: json.dumps([{"text": text} for text in paragraphs]).encode(),
    "a.jsonl": lambda paragraphs: "".join(json.dumps({"text": text}) + "\n" for text in paragraphs).encode(),
    "a.html": within("<!DOCTYPE html><body>", "<p>{}</p>"),
    "a.md": within("# Title\n\n", "{}\n\n"),
    "a.txt": within("", "{}\n"),
    "a.py": within("", "# {}\n"),
}


@pytest.mark.parametrize("name", FILE_MAKERS)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(paragraphs=PARAGRAPHS)
def test_no_word_is_lost(name, paragraphs, read):
    """Every paragraph is on a page, in order, and every position lies within its page's text."""
    pages = read(name, FILE_MAKERS[name](paragraphs)).pages
    said = " ".join(" ".join(page.text.split()) for page in pages)
    at = 0
    for text in paragraphs:
        at = said.find(text, at)
        assert at >= 0, (text, said)
        at += len(text)
    for page in pages:
        ends = [edge for line in page.lines for edge in (line.start, line.end)]
        assert ends == sorted(ends)
        assert not ends or ends[-1] <= len(page.text)
        for heading in page.headings:
            assert page.text[heading.start :].lstrip("# ").startswith(heading.text)


def picture():
    out = io.BytesIO()
    Image.new("L", (60, 40), 255).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("name", [*FILE_MAKERS, "a.png"])
def test_the_same_bytes_give_the_same_document(name, read):
    """Two files with the same content differ in their names only."""
    data = FILE_MAKERS[name](["One two three.", "Four five."]) if name in FILE_MAKERS else picture()
    one, other = read(name, data), read(f"other-{name}", data)
    assert (one.sha256, one.kind, one.pages) == (other.sha256, other.kind, other.pages)
