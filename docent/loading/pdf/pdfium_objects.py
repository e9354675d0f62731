"""PDFium calls in bulk: characters, their boxes, and the painted objects of a page."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise, repeat
from struct import Struct
from typing import Any, NamedTuple, cast

import pypdfium2.raw as raw

from docent.loading.pdf.geometry import HYPHEN


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


LIGATURES = {
    "\x1b": "ff", "\x1c": "fi", "\x1d": "fl", "\x1e": "ffi", "\x1f": "ffl",  # old TeX fonts
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st",
    "\ufb06": "st",
    "\ufffe": HYPHEN, "\xad": HYPHEN, "\x00": "",
}  # fmt: skip
MENDED = str.maketrans(LIGATURES)
MENDABLE = re.compile(f"[{''.join(LIGATURES)}]")


def letters_of(text_page: ctypes._Pointer[raw.fpdf_textpage_t__]) -> str:
    """One for each position of the engine's text; the second half of a pair is a zero byte."""
    count = raw.FPDFText_CountChars(text_page)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(text_page, 0, count, buffer)
    text = bytes(buffer)[: 2 * count].decode("utf-16-le", "replace")
    if written == count + 1 and len(text) == count:
        return text
    # Some characters are longer or shorter in the text than in the page: ask one by one.
    return joined([raw.FPDFText_GetUnicode(text_page, index) for index in range(count)])


def joined(codes: list[int]) -> str:
    """Characters beyond the first 65,536 come as two halves: the first becomes whole, the second zero."""
    characters = [_character(code) for code in codes]
    for index, (one, two) in enumerate(pairwise(codes)):
        if 0xD800 <= one < 0xDC00 <= two < 0xE000:
            characters[index] = chr(0x10000 + ((one - 0xD800) << 10) + (two - 0xDC00))
            characters[index + 1] = "\x00"
    return "".join(characters)


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd" if code else "\x00"


def mended(said: str) -> str:
    """A word with its ligatures taken apart, and every hyphen at a line's end the same one."""
    return said if said.isascii() and said.isprintable() else said.translate(MENDED)


COLOR = Struct("4I")
LEAST_COVER = 5.0  # points; less hides no line of text
INVISIBLE = 3  # the render mode that paints nothing

Edges = tuple[float, float, float, float]
"""Left, bottom, right, top in the file's own coordinates."""


class Style(NamedTuple):
    """How a text object is painted."""

    mode: int
    darkest: int
    """The least of red, green and blue, to 255."""
    opaque: int
    """To 255."""


UNPAINTED = Style(0, 0, 255)  # a character that the engine adds has no object


class Painted:
    """A page's objects, by their addresses."""

    def __init__(self, page: ctypes.c_void_p) -> None:
        self._page = page
        self._edges = (ctypes.c_float * 4)()
        self._color = (ctypes.c_uint * 4)()
        self._modes = (ctypes.c_int * 2)()

    def __len__(self) -> int:
        count: int = PAGE_OBJECTS(self._page)
        return count

    @cached_property
    def objects(self) -> list[int]:
        """In the order in which they are painted."""
        return list(map(PAGE_OBJECT, repeat(self._page), range(len(self))))

    @cached_property
    def place(self) -> dict[int, int]:
        """Which in that order each is; what is painted within another object is none of them."""
        return dict(zip(self.objects, range(len(self.objects)), strict=True))

    def styles(self, painters: Sequence[int | None]) -> list[Style]:
        """How each of them paints; many words have the same one."""
        objects = [address for address in dict.fromkeys(painters) if address]
        colors = (ctypes.c_uint * (4 * len(objects)))()
        start, end = ctypes.addressof(colors), ctypes.addressof(colors) + ctypes.sizeof(colors)
        parts = [range(start + 4 * part, end, COLOR.size) for part in range(4)]
        painted = list(map(OBJECT_COLOR, objects, *parts))
        looks = list(zip(map(RENDER_MODE, objects), painted, COLOR.iter_unpack(colors), strict=True))
        known = {look: Style(look[0], min(look[2][:3]), look[2][3]) if look[1] else Style(look[0], 0, 255)
                 for look in set(looks)}  # fmt: skip
        styles = dict(zip(objects, map(known.__getitem__, looks), strict=True))
        return [UNPAINTED if address is None else styles[address] for address in painters]

    def covers(self) -> list[tuple[int, Edges]]:
        """Filled, opaque shapes that could hide a line of text: when each is painted, and where.

        Those before all text hide none of it: they are the colours of tables.
        """
        kinds = list(map(OBJECT_TYPE, self.objects))
        first = kinds.index(TEXT) if TEXT in kinds else len(kinds)
        return [
            (index, edges)
            for index in range(first, len(kinds))
            if kinds[index] == PATH and (edges := self._filled(self.objects[index])) is not None
        ]

    def _filled(self, address: int) -> Edges | None:
        edges = self._bounds(address)
        if edges is None:
            return None
        left, bottom, right, top = edges
        if right - left < LEAST_COVER or top - bottom < LEAST_COVER:
            return None
        modes, color = ctypes.addressof(self._modes), ctypes.addressof(self._color)
        PATH_MODE(address, modes, modes + 4)
        filled = self._modes[0] and OBJECT_COLOR(address, color, color + 4, color + 8, color + 12)
        return edges if filled and self._color[3] == 255 else None

    def is_blank(self, index: int) -> bool:
        """Whether the object of that index is a text without ink."""
        address = self.objects[index]
        if OBJECT_TYPE(address) != TEXT or (edges := self._bounds(address)) is None:
            return False
        left, bottom, right, top = edges
        return left == right and bottom == top

    def are_alike(self, one: int, other: int) -> bool:
        """Whether the objects of those indexes are texts whose ink is of one size: the same letter."""
        sizes = []
        for address in (self.objects[one], self.objects[other]):
            if OBJECT_TYPE(address) != TEXT:
                return False
            left, bottom, right, top = self._bounds(address) or (0.0, 0.0, 0.0, 0.0)
            sizes.append((right - left, top - bottom))
        (width, height), (other_width, other_height) = sizes
        return abs(width - other_width) < 0.1 * width and abs(height - other_height) < 0.1 * height

    def _bounds(self, address: int) -> Edges | None:
        start = ctypes.addressof(self._edges)
        if not OBJECT_BOUNDS(address, start, start + 4, start + 8, start + 12):
            return None
        left, bottom, right, top = self._edges
        return left, bottom, right, top
