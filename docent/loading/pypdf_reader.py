"""pypdf, and nothing else that knows it: the second opinion, repairs, and highlighted copies."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from functools import cached_property

from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Highlight
from pypdf.errors import DeprecationError, PyPdfError
from pypdf.generic import ArrayObject, FloatObject

# pypdf meets damage with these; each only means "no second opinion here".
TROUBLES = (
    PyPdfError, DeprecationError, ValueError, KeyError, TypeError, IndexError, AttributeError,
    AssertionError, OSError, RecursionError, NotImplementedError, ArithmeticError, UnicodeError, RuntimeError,
)  # fmt: skip

Corners = tuple[float, float, float, float]
"""Left, bottom, right, top in the file's own coordinates."""


class SecondOpinion:
    """The same bytes, read by pypdf when PDFium read nothing."""

    def __init__(self, whole: Callable[[], bytes], password: str | None) -> None:
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        self._whole = whole
        self._password = password

    @cached_property
    def _reader(self) -> PdfReader | None:
        try:
            reader = PdfReader(io.BytesIO(self._whole()), strict=False)
            if reader.is_encrypted and not reader.decrypt(self._password or ""):
                return None
            return reader
        except TROUBLES:
            return None

    @cached_property
    def pages(self) -> int:
        try:
            return len(self._reader.pages) if self._reader else 0
        except TROUBLES:
            return 0

    def text(self, number: int) -> str:
        """Of one page; empty when pypdf cannot read it either."""
        if number > self.pages or self._reader is None:
            return ""
        try:
            return self._reader.pages[number - 1].extract_text() or ""
        except TROUBLES:
            return ""

    def rewritten(self) -> bytes | None:
        """A clean copy that PDFium may open when it could not open the original."""
        if not self.pages or self._reader is None:
            return None
        try:
            writer = PdfWriter()
            for page in self._reader.pages:
                writer.add_page(page)
            out = io.BytesIO()
            writer.write(out)
        except TROUBLES:
            return None
        return out.getvalue()


def highlighted(data: bytes, *, page: int, boxes: Sequence[Corners], password: str | None) -> bytes:
    """A copy of the PDF with boxes on one page marked in yellow, and nothing else changed."""
    encrypted = PdfReader(io.BytesIO(data), strict=False).is_encrypted
    if encrypted:
        reader = PdfReader(io.BytesIO(data), strict=False, password=password or "")
        writer = PdfWriter(clone_from=reader)
    else:
        # Only what changes is appended, so a long report is marked as fast as a short one.
        writer = PdfWriter(io.BytesIO(data), incremental=True)
    for box in boxes:
        writer.add_annotation(page_number=page - 1, annotation=_highlight(box))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _highlight(box: Corners) -> Highlight:
    left, bottom, right, top = box
    corners = [left, top, right, top, left, bottom, right, bottom]
    return Highlight(
        rect=box,
        quad_points=ArrayObject([FloatObject(value) for value in corners]),
        highlight_color="ffd60a",
        printing=True,
    )
