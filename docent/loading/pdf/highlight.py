"""The place of a citation on paper: a copy of a PDF with the cited words marked, or a picture of the page.

Runs in the worker, like everything that opens a file. Each page is read again by the reader that
read it at first; where that gives the same text, the boxes are those of the very characters.
Where it does not (a scan, another version of the reader), they are the stored boxes of the lines,
cut in proportion.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from docent.errors import UnreadableFile, UnsupportedFile
from docent.glossary import Page
from docent.loading.file_types import detect
from docent.loading.formats.image import open_picture
from docent.loading.formats.pdf import open_pdf, read_page
from docent.loading.input_file import Source
from docent.loading.job import Job
from docent.loading.pdf.geometry import Box
from docent.loading.pdf.layout import TextLine
from docent.loading.pdf.pdfium_document import Pdf, Unopened
from docent.loading.pdf.pdfium_page import PdfPage

DOTS_PER_INCH = 130  # an A4 page 1,100 dots wide: sharp on a screen, and half a megabyte

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Places:
    """Characters of one page that are to be shown."""

    page: Page
    """As it was stored."""
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """What is shown instead of the original."""

    data: bytes
    follows: bool = False
    """True: the data stands behind the original's own bytes."""


def mark(source: Source, places: Sequence[Places], *, job: Job, wanted: Literal["copy", "picture"]) -> Marked:
    """Raises LoadError with a sentence when the file cannot be shown so."""
    kind = detect(source, job.limits)
    if wanted == "picture" and kind in ("png", "jpeg"):
        spans = [box for place in places for span in place.spans for box in stored_boxes(place.page, span)]
        return Marked(open_picture(source).draw_png(spans))
    if kind != "pdf":
        raise UnsupportedFile(
            f"{source.name} is not a PDF, so no words can be marked in it. Open the file itself."
        )
    pdf, _ = open_pdf(source, job)
    try:
        return _picture(pdf, places[0]) if wanted == "picture" else _copy(pdf, source, places)
    except Unopened as error:
        raise UnreadableFile(
            f"{source.name} is damaged ({error}), so the cited words cannot be marked. "
            "Open the file itself at the page named."
        ) from error
    finally:
        pdf.close()


def _picture(pdf: Pdf, place: Places) -> Marked:
    sheet = pdf.page(place.page.number)
    try:
        return Marked(sheet.draw_png(DOTS_PER_INCH, _boxes(sheet, place)))
    finally:
        sheet.close()


def _copy(pdf: Pdf, source: Source, places: Sequence[Places]) -> Marked:
    marked = 0
    for place in places:
        sheet = pdf.page(place.page.number)
        try:
            boxes = _boxes(sheet, place)
            sheet.highlight(boxes)
            marked += len(boxes)
        finally:
            sheet.close()
    if not marked:
        raise UnreadableFile(
            f"Where the cited words stand on their page of {source.name} is not known, so they cannot be "
            "marked. Open the file itself at the page named."
        )
    return _shortened(pdf.saved(), source)


def _shortened(data: bytes, source: Source) -> Marked:
    """Only what was appended, where the copy begins with the original: that may be 200 MB long."""
    source.stream.seek(0)
    copy = io.BytesIO(data)
    while block := source.stream.read(1 << 20):
        if copy.read(len(block)) != block:
            return Marked(data)
    return Marked(copy.read(), follows=True)


def _boxes(sheet: PdfPage, place: Places) -> list[Box]:
    draft = read_page(sheet, place.page.number, "", place.page)
    if any(draft.page.text[start:end] != place.page.text[start:end] for start, end in place.spans):
        return [box for span in place.spans for box in stored_boxes(place.page, span)]
    lines = list(zip(draft.page.lines, draft.lines, strict=True))
    return [
        box
        for start, end in place.spans
        for line, text in lines
        if line.start < end and start < line.end
        for box in _parts(sheet, text, start - line.start, end - line.start)
    ]


def _parts(sheet: PdfPage, line: TextLine, start: int, end: int) -> list[Box]:
    """One box around what is cited of a line; several where cells of a table stand far apart."""
    boxes: list[Box] = []
    for at, word in line.placed():
        box = sheet.part(word, start - at, end - at)
        if box is None:
            continue
        if boxes and 0 <= box[0] - boxes[-1][2] < line.height:
            last = boxes[-1]
            box = (last[0], min(last[1], box[1]), box[2], max(last[3], box[3]))
            boxes.pop()
        boxes.append(box)
    return boxes


def stored_boxes(page: Page, span: Span) -> list[Box]:
    """By the boxes of lines alone: the share of a line's characters is the share of its width."""
    boxes: list[Box] = []
    for line in page.lines:
        start, end = max(span[0], line.start), min(span[1], line.end)
        if start < end:
            left, top, right, bottom = line.box
            letter = (right - left) / (line.end - line.start)
            boxes.append(
                (left + (start - line.start) * letter, top, left + (end - line.start) * letter, bottom)
            )
    return boxes
