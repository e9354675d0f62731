"""Citations marked in the original: a copy of a PDF with the cited words in yellow, or a picture of the page.

Runs in the worker, like everything that opens a file. Each page is read again by the reader that
read it at first; where that gives the same text, the boxes are those of the exact characters.
Where it does not (a scan, another version of the reader), they are the stored boxes of the lines,
cut in proportion.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from docent.errors import UnreadableFile, UnsupportedFile
from docent.loading.file_types import detect_kind
from docent.loading.formats.image import open_image
from docent.loading.formats.pdf import open_pdf
from docent.loading.job import InputFile, Job
from docent.loading.pdf.layout import TextLine
from docent.loading.pdf.page_draft import read_page
from docent.loading.pdf.pdfium_file import MARKER_COLOUR, PdfFile, PdfOpenError, PdfPage
from docent.types import Box, Page

if TYPE_CHECKING:
    from PIL import Image

DOTS_PER_INCH = 160  # an A4 page 1,320 dots wide: sharp where it fills half a screen
MAX_SIDE = 2_400  # pixels; more is not seen in a browser and takes long to load
BORDER_COLOUR = (220, 140, 0, 255)

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CitedSpans:
    """The cited characters of one page."""

    page: Page
    """As it was stored."""
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class MarkedCopy:
    """The file that is shown instead of the original."""

    data: bytes
    is_appendix: bool = False
    """True: the data is to be appended to the original's bytes."""


def mark_citations(
    source: InputFile, citations: Sequence[CitedSpans], *, job: Job, wanted: Literal["copy", "picture"]
) -> MarkedCopy:
    """Return the file with its citations marked. Raises LoadError when that is not possible."""
    kind = detect_kind(source, job.limits)
    if wanted == "picture" and kind in ("png", "jpeg"):
        boxes = [
            box for citation in citations for span in citation.spans for box in citation.page.boxes(*span)
        ]
        return MarkedCopy(draw_boxes(open_image(source).image, boxes, scale=1.0))
    if kind != "pdf":
        raise UnsupportedFile(
            "{name} is not a PDF, so nothing can be highlighted in it. Open the file itself.",
            name=source.name,
        )
    pdf, _ = open_pdf(source, job)
    try:
        return (
            _draw_page(pdf, citations[0])
            if wanted == "picture"
            else _highlighted_copy(pdf, source, citations)
        )
    except PdfOpenError as error:
        raise UnreadableFile(
            "{name} is damaged ({why}), so the cited words cannot be highlighted. Open "
            "the file itself at the page named.",
            name=source.name,
            why=error.reason,
        ) from error
    finally:
        pdf.close()


def _draw_page(pdf: PdfFile, citation: CitedSpans) -> MarkedCopy:
    pdf_page = pdf.page(citation.page.number)
    try:
        image, scale = pdf_page.draw_image(DOTS_PER_INCH, grey=False, largest=MAX_SIDE)
        return MarkedCopy(draw_boxes(image, _citation_boxes(pdf_page, citation), scale=scale))
    finally:
        pdf_page.close()


def draw_boxes(image: Image.Image, boxes: Sequence[Box], *, scale: float) -> bytes:
    """Return the image as a PNG with boxes drawn on it; `scale` is pixels per unit of the boxes."""
    from PIL import ImageDraw

    reduction = min(1.0, MAX_SIDE / max(image.size))
    if reduction < 1.0:
        width, height = (max(1, round(edge * reduction)) for edge in image.size)
        image = image.resize((width, height))
    image = image.convert("RGB")
    canvas = ImageDraw.Draw(image, "RGBA")
    for box in boxes:
        canvas.rectangle(
            [edge * scale * reduction for edge in box], fill=(*MARKER_COLOUR, 80), outline=BORDER_COLOUR
        )
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _highlighted_copy(pdf: PdfFile, source: InputFile, citations: Sequence[CitedSpans]) -> MarkedCopy:
    box_count = 0
    for citation in citations:
        pdf_page = pdf.page(citation.page.number)
        try:
            boxes = _citation_boxes(pdf_page, citation)
            pdf_page.highlight(boxes)
            box_count += len(boxes)
        finally:
            pdf_page.close()
    if not box_count:
        raise UnreadableFile(
            "The position of the cited words in {name} is not known, so they cannot be highlighted. Open "
            "the file itself at the page named.",
            name=source.name,
        )
    return _without_original(pdf.save(), source)


def _without_original(data: bytes, source: InputFile) -> MarkedCopy:
    """Return only the appended bytes where the copy begins with the original, which may have 200 MB."""
    source.stream.seek(0)
    copy = io.BytesIO(data)
    while block := source.stream.read(1 << 20):
        if copy.read(len(block)) != block:
            return MarkedCopy(data)
    return MarkedCopy(copy.read(), is_appendix=True)


def _citation_boxes(pdf_page: PdfPage, citation: CitedSpans) -> list[Box]:
    if not citation.spans:
        return []  # without reading the page
    draft = read_page(pdf_page, citation.page.number, "", citation.page)
    if any(draft.page.text[start:end] != citation.page.text[start:end] for start, end in citation.spans):
        return [box for span in citation.spans for box in citation.page.boxes(*span)]
    lines = list(zip(draft.page.lines, draft.lines, strict=True))
    return [
        box
        for start, end in citation.spans
        for line, text in lines
        if line.start < end and start < line.end
        for box in _line_boxes(pdf_page, text, start - line.start, end - line.start)
    ]


def _line_boxes(pdf_page: PdfPage, line: TextLine, start: int, end: int) -> list[Box]:
    """Return one box around the cited part of a line; several where cells of a table are far apart."""
    boxes: list[Box] = []
    for offset, word in line.with_offsets():
        box = pdf_page.part_box(word, start - offset, end - offset)
        if box is None:
            continue
        if boxes and 0 <= box[0] - boxes[-1][2] < line.height:
            last = boxes[-1]
            box = (last[0], min(last[1], box[1]), box[2], max(last[3], box[3]))
            boxes.pop()
        boxes.append(box)
    return boxes
