"""pypdf, and nothing else that knows it: the second opinion, and repairs."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # 0.1 s in every reader's start, and few files need it
    from pypdf import PdfReader


def _troubles() -> tuple[type[Exception], ...]:
    """What pypdf meets damage with; each only means "no second opinion here"."""
    from pypdf.errors import DependencyError, DeprecationError, PyPdfError

    return (
        PyPdfError, DependencyError, DeprecationError, ValueError, LookupError, TypeError, AttributeError,
        AssertionError, OSError, ArithmeticError, RuntimeError,
    )  # fmt: skip


class SecondOpinion:
    """The same bytes, read by pypdf when PDFium read nothing."""

    def __init__(self, whole: Callable[[], bytes], password: str | None) -> None:
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        self._whole = whole
        self._password = password

    @cached_property
    def _reader(self) -> PdfReader | None:
        from pypdf import PdfReader

        try:
            reader = PdfReader(io.BytesIO(self._whole()), strict=False)
            if reader.is_encrypted and not reader.decrypt(self._password or ""):
                return None
            return reader
        except _troubles():
            return None

    @cached_property
    def pages(self) -> int:
        try:
            return len(self._reader.pages) if self._reader else 0
        except _troubles():
            return 0

    def text(self, number: int) -> str:
        """Of one page; empty when pypdf cannot read it either."""
        if number > self.pages or self._reader is None:
            return ""
        try:
            return self._reader.pages[number - 1].extract_text() or ""
        except _troubles():
            return ""

    def rewritten(self) -> bytes | None:
        """A clean copy that PDFium may open when it could not open the original."""
        if not self.pages or self._reader is None:
            return None
        from pypdf import PdfWriter

        try:
            writer = PdfWriter()
            for page in self._reader.pages:
                writer.add_page(page)
            out = io.BytesIO()
            writer.write(out)
        except _troubles():
            return None
        return out.getvalue()
