"""What is asked of PDFium for each word or object of a page, bound so that asking costs little."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, cast

import pypdfium2.raw as raw


def _fast(function: object, answer: type, *arguments: type) -> Callable[..., Any]:
    """The same function without wrapped pointers: it is called for each word, where the wrapping is felt.

    Without `arguments` it is twice as fast, and takes pointers only as c_void_p, and numbers only of 32 bits.
    """
    address = ctypes.cast(cast(Any, function), ctypes.c_void_p).value or 0
    fast: Callable[..., Any] = ctypes.PYFUNCTYPE(answer, *arguments)(address)
    return fast


ADDRESS, NUMBER = ctypes.c_void_p, ctypes.c_int
OBJECT_AT = _fast(raw.FPDFText_GetTextObject, ADDRESS)
RENDER_MODE = _fast(raw.FPDFTextObj_GetTextRenderMode, NUMBER, ADDRESS)
FONT_NAME = _fast(raw.FPDFText_GetFontInfo, NUMBER, ADDRESS, NUMBER, ADDRESS, ctypes.c_ulong, ADDRESS)
PATH_MODE = _fast(raw.FPDFPath_GetDrawMode, NUMBER, ADDRESS, ADDRESS, ADDRESS)
OBJECT_COLOR = _fast(raw.FPDFPageObj_GetFillColor, NUMBER, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
PAGE_OBJECTS = _fast(raw.FPDFPage_CountObjects, NUMBER, ADDRESS)
PAGE_OBJECT = _fast(raw.FPDFPage_GetObject, ADDRESS)
OBJECT_TYPE = _fast(raw.FPDFPageObj_GetType, NUMBER, ADDRESS)
OBJECT_BOUNDS = _fast(raw.FPDFPageObj_GetBounds, NUMBER, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
LOOSE_BOX = _fast(raw.FPDFText_GetLooseCharBox, NUMBER)
PATH, TEXT = int(raw.FPDF_PAGEOBJ_PATH), int(raw.FPDF_PAGEOBJ_TEXT)


class Boxes:
    """Room for boxes, four numbers each, and pointers to it, made once: a page asks for a thousand."""

    def __init__(self) -> None:
        self._grow(1_024)

    def _grow(self, count: int) -> None:
        self.room = (ctypes.c_float * (4 * count))()
        start, size = ctypes.addressof(self.room), 4 * ctypes.sizeof(ctypes.c_float)
        self.pointers = [ADDRESS(start + size * index) for index in range(count)]

    def of(self, text: ctypes.c_void_p, places: Sequence[int]) -> memoryview | None:
        """Of these characters, as high as their font's lines; None where one of them has none."""
        if len(places) > len(self.pointers):
            self._grow(2 * len(places))
        if not all(map(LOOSE_BOX, repeat(text), places, self.pointers)):
            return None
        return memoryview(self.room).cast("B")[: 16 * len(places)]


BOXES = Boxes()  # for all pages: there is one thread, and one page is read after the other
