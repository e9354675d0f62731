"""A PDF as PDFium opens it: its pages, outline and labels, and the file with what was added to it."""

from __future__ import annotations

import ctypes
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from docent.loading.input_file import Source
from docent.loading.pdf.pdfium_page import PdfPage


class Unopened(Exception):
    """PDFium cannot open the file."""


class NeedsPassword(Unopened):
    """The password is missing or wrong."""


class Pdf:
    """An open PDF. Close it, and use it from one thread only."""

    def __init__(self, source: Source | bytes, password: str | None) -> None:
        data = source if isinstance(source, bytes) else source.stream
        if not isinstance(data, bytes):
            data.seek(0)
        self._password = password
        try:
            self._document = pdfium.PdfDocument(data, password=password)
        except pdfium.PdfiumError as error:
            if raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD or "assword" in str(error):
                raise NeedsPassword(str(error)) from error
            raise Unopened(_reason(error)) from error

    def __len__(self) -> int:
        return len(self._document)

    def close(self) -> None:
        self._document.close()

    def metadata(self, key: str) -> str:
        name = key.encode()
        return _said(lambda *room: raw.FPDF_GetMetaText(self._document.raw, name, *room)).strip()

    def label(self, number: int) -> str:
        return _said(lambda *room: raw.FPDF_GetPageLabel(self._document.raw, number - 1, *room))

    def outline(self) -> Iterator[tuple[int, str, int]]:
        """Page number, title, and level from 1."""
        for index, bookmark in enumerate(self._document.get_toc(max_depth=6)):
            if index > 20_000:
                return
            destination = bookmark.get_dest()
            page = destination.get_index() if destination else None
            if destination is None or page is None:
                continue
            yield page + 1, _title(bookmark), bookmark.level + 1

    def saved(self) -> bytes:
        """The file with what was added to its pages, appended to its own bytes where that can be read."""
        for how in (raw.FPDF_INCREMENTAL, raw.FPDF_NO_INCREMENTAL):
            out = io.BytesIO()
            self._document.save(out, flags=how)
            try:
                copy = Pdf(out.getvalue(), self._password)
            except Unopened:
                continue  # a damaged file: what is appended to it cannot be found
            complete = len(copy) == len(self)
            copy.close()
            if complete:
                return out.getvalue()
        raise Unopened("a copy of it cannot be read")

    def page(self, number: int) -> PdfPage:
        """Raises Unopened when the page itself is broken."""
        try:
            return PdfPage(self._document[number - 1])
        except pdfium.PdfiumError as error:
            raise Unopened(_reason(error)) from error


def _title(bookmark: pdfium.PdfBookmark) -> str:
    return _said(lambda *room: raw.FPDFBookmark_GetTitle(bookmark.raw, *room)).strip()


def _said(tell: Callable[[Any, int], int]) -> str:
    """What PDFium tells as UTF-16. A title that was cut within a character must not cost its file."""
    length = tell(None, 0)
    room = ctypes.create_string_buffer(length)
    tell(room, length)
    return room.raw[: max(length - 2, 0)].decode("utf-16-le", "replace")


def _reason(error: pdfium.PdfiumError) -> str:
    """PDFium's own word for it; it has none where it finds no page tree, and then says "Success"."""
    said = re.search(r"PDFium: ([^)]*)", str(error))
    word = said[1].strip(" .").lower() if said else ""
    return word if word not in ("", "success") else "no pages are found in it"
