"""pypdf: reads pages where PDFium finds no text, and repairs files that it cannot open."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # takes 0.1 s of a worker's start, and few files need it
    from pypdf import PdfReader


def _pypdf_errors() -> tuple[type[Exception], ...]:
    """Return the errors that pypdf raises on damaged files."""
    from pypdf.errors import DependencyError, DeprecationError, PyPdfError

    return (
        PyPdfError, DependencyError, DeprecationError, ValueError, LookupError, TypeError, AttributeError,
        AssertionError, OSError, ArithmeticError, RuntimeError,
    )  # fmt: skip


class PypdfFallback:
    """A file read by pypdf; opened when it is first needed."""

    def __init__(self, read_all: Callable[[], bytes], password: str | None) -> None:
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        self._read_all = read_all
        self._password = password

    @cached_property
    def _reader(self) -> PdfReader | None:
        from pypdf import PdfReader

        try:
            reader = PdfReader(io.BytesIO(self._read_all()), strict=False)
            if reader.is_encrypted and not reader.decrypt(self._password or ""):
                return None
            return reader
        except _pypdf_errors():
            return None

    @cached_property
    def pages(self) -> int:
        try:
            return len(self._reader.pages) if self._reader else 0
        except _pypdf_errors():
            return 0

    def text(self, number: int) -> str:
        """Return the text of one page; "" where pypdf cannot read it either."""
        if number > self.pages or self._reader is None:
            return ""
        try:
            return self._reader.pages[number - 1].extract_text() or ""
        except _pypdf_errors():
            return ""

    def repaired_copy(self) -> bytes | None:
        """Return a copy that PDFium may open when it could not open the original, or None."""
        if not self.pages or self._reader is None:
            return None
        from pypdf import PdfWriter

        try:
            writer = PdfWriter()
            for page in self._reader.pages:
                writer.add_page(page)
            out = io.BytesIO()
            writer.write(out)
        except _pypdf_errors():
            return None
        return out.getvalue()
