"""A PDF opened by PDFium: its pages, outline and labels, and a copy with added highlights."""

from __future__ import annotations

import ctypes
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from docent.loading.input_file import InputFile
from docent.loading.pdf.pdfium_page import PdfPage


class PdfOpenError(Exception):
    """PDFium cannot open the file."""


class PdfPasswordError(PdfOpenError):
    """The password is missing or wrong."""


class PdfFile:
    """An open PDF. Close it after use, and use it from one thread only."""

    def __init__(self, source: InputFile | bytes, password: str | None) -> None:
        data = source if isinstance(source, bytes) else source.stream
        if not isinstance(data, bytes):
            data.seek(0)
        self._password = password
        try:
            self._document = pdfium.PdfDocument(data, password=password)
        except pdfium.PdfiumError as error:
            if raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD or "assword" in str(error):
                raise PdfPasswordError(str(error)) from error
            raise PdfOpenError(_reason(error)) from error

    def __len__(self) -> int:
        return len(self._document)

    def close(self) -> None:
        self._document.close()

    def metadata(self, key: str) -> str:
        name = key.encode()
        return _read_utf16(lambda *buffer: raw.FPDF_GetMetaText(self._document.raw, name, *buffer)).strip()

    def label(self, number: int) -> str:
        return _read_utf16(lambda *buffer: raw.FPDF_GetPageLabel(self._document.raw, number - 1, *buffer))

    def outline(self) -> Iterator[tuple[int, str, int]]:
        """Yield page number, title, and level from 1 of each entry."""
        for index, bookmark in enumerate(self._document.get_toc(max_depth=6)):
            if index > 20_000:
                return
            destination = bookmark.get_dest()
            page = destination.get_index() if destination else None
            if destination is None or page is None:
                continue
            yield page + 1, _title(bookmark), bookmark.level + 1

    def save(self) -> bytes:
        """Return the file with its highlights, appended to the original bytes where PDFium can read that."""
        for flags in (raw.FPDF_INCREMENTAL, raw.FPDF_NO_INCREMENTAL):
            out = io.BytesIO()
            self._document.save(out, flags=flags)
            try:
                copy = PdfFile(out.getvalue(), self._password)
            except PdfOpenError:
                continue  # what is appended to a damaged file cannot be found
            complete = len(copy) == len(self)
            copy.close()
            if complete:
                return out.getvalue()
        raise PdfOpenError("a copy of it cannot be read")

    def page(self, number: int) -> PdfPage:
        """Open a page, counted from 1. Raises PdfOpenError when it is damaged."""
        try:
            return PdfPage(self._document[number - 1])
        except pdfium.PdfiumError as error:
            raise PdfOpenError(_reason(error)) from error


def _title(bookmark: pdfium.PdfBookmark) -> str:
    return _read_utf16(lambda *buffer: raw.FPDFBookmark_GetTitle(bookmark.raw, *buffer)).strip()


def _read_utf16(call: Callable[[Any, int], int]) -> str:
    """Return the UTF-16 text that a PDFium function writes; a title cut within a character is no error."""
    length = call(None, 0)
    buffer = ctypes.create_string_buffer(length)
    call(buffer, length)
    return buffer.raw[: max(length - 2, 0)].decode("utf-16-le", "replace")


def _reason(error: pdfium.PdfiumError) -> str:
    """Return PDFium's own reason. Where it finds no page tree, it reports "Success"."""
    message = re.search(r"PDFium: ([^)]*)", str(error))
    word = message[1].strip(" .").lower() if message else ""
    return word if word not in ("", "success") else "no pages are found in it"
