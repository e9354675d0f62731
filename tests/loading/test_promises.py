"""What holds of every format: nothing is lost, positions are right, and reading is repeatable."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from PIL import Image

from tests.loading import makers, offices

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


WRITERS = {
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


@pytest.mark.parametrize("name", WRITERS)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(paragraphs=PARAGRAPHS)
def test_no_word_is_lost(name, paragraphs, read):
    """Every paragraph stands on a page, in its order, and every position points into its page's text."""
    pages = read(name, WRITERS[name](paragraphs)).pages
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


@pytest.mark.parametrize("name", [*WRITERS, "a.png"])
def test_the_same_bytes_give_the_same_document(name, read):
    """Two files with one content differ in their names only."""
    data = WRITERS[name](["One two three.", "Four five."]) if name in WRITERS else picture()
    one, other = read(name, data), read(f"other-{name}", data)
    assert (one.sha256, one.kind, one.pages) == (other.sha256, other.kind, other.pages)
