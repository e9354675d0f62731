"""PDFium's coordinates, and its calls in bulk: characters, their boxes, and the painted objects of a page."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise, repeat
from struct import Struct
from typing import Any, NamedTuple, cast

import pypdfium2.raw as raw

from docent.loading.pdf.layout import HYPHEN
from docent.types import Box


class PageFrame(NamedTuple):
    """The bounds of a page in the file's coordinates, and its rotation in degrees when it is shown."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int

    def to_page(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Convert from the file's coordinates to those of the page as it is shown."""
        match self.rotation:
            case 90:
                return (bottom - self.bottom, left - self.left, top - self.bottom, right - self.left)
            case 180:
                return (self.right - right, bottom - self.bottom, self.right - left, top - self.bottom)
            case 270:
                return (self.top - top, self.right - right, self.top - bottom, self.right - left)
            case _:
                return (left - self.left, self.top - top, right - self.left, self.top - bottom)

    def to_file(self, box: Box) -> Box:
        """Convert from the page as it is shown to left, bottom, right, top in the file's coordinates."""
        left, top, right, bottom = box
        match self.rotation:
            case 90:
                return (top + self.left, left + self.bottom, bottom + self.left, right + self.bottom)
            case 180:
                return (self.right - right, top + self.bottom, self.right - left, bottom + self.bottom)
            case 270:
                return (self.right - bottom, self.top - right, self.right - top, self.top - left)
            case _:
                return (left + self.left, self.top - bottom, right + self.left, self.top - top)


class GreyBitmap(NamedTuple):
    """Grey pixels, row by row; 255 is white."""

    width: int
    height: int
    stride: int
    pixels: bytes
    scale: float

    def contrast(self, box: Box) -> int:
        """Return the difference between the lightest and the darkest pixel in a box: 0 when nothing shows."""
        left, top, right, bottom = (int(edge * self.scale) for edge in box)
        left, right = max(left, 0), min(right + 1, self.width)
        darkest, lightest = 255, 0
        for row in range(max(top, 0), min(bottom + 1, self.height)):
            pixels = self.pixels[row * self.stride + left : row * self.stride + right]
            if pixels:
                darkest, lightest = min(darkest, min(pixels)), max(lightest, max(pixels))
        return max(lightest - darkest, 0)


def _unwrapped(function: object, answer: type, *arguments: type) -> Callable[..., Any]:
    """Return a PDFium function without pypdfium2's pointer wrapping, which is slow when called for each word.

    Without `arguments` it is twice as fast, and takes only c_void_p pointers and 32-bit numbers.
    """
    address = ctypes.cast(cast(Any, function), ctypes.c_void_p).value or 0
    unwrapped: Callable[..., Any] = ctypes.PYFUNCTYPE(answer, *arguments)(address)
    return unwrapped


ADDRESS, NUMBER = ctypes.c_void_p, ctypes.c_int
OBJECT_AT = _unwrapped(raw.FPDFText_GetTextObject, ADDRESS)
RENDER_MODE = _unwrapped(raw.FPDFTextObj_GetTextRenderMode, NUMBER, ADDRESS)
FONT_NAME = _unwrapped(raw.FPDFText_GetFontInfo, NUMBER, ADDRESS, NUMBER, ADDRESS, ctypes.c_ulong, ADDRESS)
PATH_MODE = _unwrapped(raw.FPDFPath_GetDrawMode, NUMBER, ADDRESS, ADDRESS, ADDRESS)
OBJECT_COLOR = _unwrapped(raw.FPDFPageObj_GetFillColor, NUMBER, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
COUNT_OBJECTS = _unwrapped(raw.FPDFPage_CountObjects, NUMBER, ADDRESS)
PAGE_OBJECT = _unwrapped(raw.FPDFPage_GetObject, ADDRESS)
OBJECT_TYPE = _unwrapped(raw.FPDFPageObj_GetType, NUMBER, ADDRESS)
OBJECT_BOUNDS = _unwrapped(raw.FPDFPageObj_GetBounds, NUMBER, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
LOOSE_BOX = _unwrapped(raw.FPDFText_GetLooseCharBox, NUMBER)
PATH_TYPE, TEXT_TYPE = int(raw.FPDF_PAGEOBJ_PATH), int(raw.FPDF_PAGEOBJ_TEXT)


class CharacterBoxes:
    """A reused buffer for the boxes of characters, and pointers into it: a page has a thousand."""

    def __init__(self) -> None:
        self._grow(1_024)

    def _grow(self, count: int) -> None:
        self.buffer = (ctypes.c_float * (4 * count))()
        start, size = ctypes.addressof(self.buffer), 4 * ctypes.sizeof(ctypes.c_float)
        self.pointers = [ADDRESS(start + size * index) for index in range(count)]

    def boxes(self, text: ctypes.c_void_p, indexes: Sequence[int]) -> memoryview | None:
        """Return the boxes of characters, as high as their font's lines; None where one of them has none."""
        if len(indexes) > len(self.pointers):
            self._grow(2 * len(indexes))
        if not all(map(LOOSE_BOX, repeat(text), indexes, self.pointers)):
            return None
        return memoryview(self.buffer).cast("B")[: 16 * len(indexes)]


CHARACTER_BOXES = CharacterBoxes()  # shared by all pages: they are read one after the other in one thread


LIGATURES = {
    "\x1b": "ff", "\x1c": "fi", "\x1d": "fl", "\x1e": "ffi", "\x1f": "ffl",  # old TeX fonts
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st",
    "\ufb06": "st",
    "\ufffe": HYPHEN, "\xad": HYPHEN, "\x00": "",
}  # fmt: skip
LIGATURE_TABLE = str.maketrans(LIGATURES)
LIGATURE = re.compile(f"[{''.join(LIGATURES)}]")


def page_characters(text_page: ctypes._Pointer[raw.fpdf_textpage_t__]) -> str:
    """Return one character for each position of PDFium's text; the second of a surrogate pair is "\\0"."""
    count = raw.FPDFText_CountChars(text_page)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(text_page, 0, count, buffer)
    text = bytes(buffer)[: 2 * count].decode("utf-16-le", "replace")
    if written == count + 1 and len(text) == count:
        return text
    # The lengths of the text and of the page differ: get the characters one by one.
    return join_surrogates([raw.FPDFText_GetUnicode(text_page, index) for index in range(count)])


def join_surrogates(codes: list[int]) -> str:
    """Join surrogate pairs: the first becomes the character, the second "\\0", so that positions stay."""
    characters = [_character(code) for code in codes]
    for index, (first, second) in enumerate(pairwise(codes)):
        if 0xD800 <= first < 0xDC00 <= second < 0xE000:
            characters[index] = chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            characters[index + 1] = "\x00"
    return "".join(characters)


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd" if code else "\x00"


def expand_ligatures(word: str) -> str:
    """Return a word with its ligatures expanded, and one character for all hyphens at a line's end."""
    return word if word.isascii() and word.isprintable() else word.translate(LIGATURE_TABLE)


COLOR = Struct("4I")
MIN_COVER_SIZE = 5.0  # points; a smaller shape hides no line of text
INVISIBLE = 3  # the render mode that paints nothing

Edges = tuple[float, float, float, float]
"""Left, bottom, right, top in the file's own coordinates."""


class PaintStyle(NamedTuple):
    """The render mode and the colour of a text object."""

    mode: int
    darkest: int
    """The least of red, green and blue, of 255."""
    opacity: int
    """Of 255."""


UNPAINTED = PaintStyle(0, 0, 255)  # a character that PDFium adds has no object


class PageObjects:
    """The painted objects of a page, by their addresses.

    A page has thousands, so they are queried in bulk.
    """

    def __init__(self, page: ctypes.c_void_p) -> None:
        self._page = page
        self._bounds_buffer = (ctypes.c_float * 4)()
        self._color_buffer = (ctypes.c_uint * 4)()
        self._mode_buffer = (ctypes.c_int * 2)()

    def __len__(self) -> int:
        count: int = COUNT_OBJECTS(self._page)
        return count

    @cached_property
    def objects(self) -> list[int]:
        """The addresses in the order of painting."""
        return list(map(PAGE_OBJECT, repeat(self._page), range(len(self))))

    @cached_property
    def paint_order(self) -> dict[int, int]:
        """The position of each address in that order; objects nested in another object have none."""
        return dict(zip(self.objects, range(len(self.objects)), strict=True))

    def styles(self, addresses: Sequence[int | None]) -> list[PaintStyle]:
        """Return the style of each address; many words share one text object."""
        objects = [address for address in dict.fromkeys(addresses) if address]
        colors = (ctypes.c_uint * (4 * len(objects)))()
        start, end = ctypes.addressof(colors), ctypes.addressof(colors) + ctypes.sizeof(colors)
        parts = [range(start + 4 * part, end, COLOR.size) for part in range(4)]
        have_color = list(map(OBJECT_COLOR, objects, *parts))
        paintings = list(zip(map(RENDER_MODE, objects), have_color, COLOR.iter_unpack(colors), strict=True))
        style_of = {
            (mode, has_color, color): PaintStyle(mode, min(color[:3]), color[3])
            if has_color
            else PaintStyle(mode, 0, 255)
            for mode, has_color, color in set(paintings)
        }
        styles = dict(zip(objects, map(style_of.__getitem__, paintings), strict=True))
        return [UNPAINTED if address is None else styles[address] for address in addresses]

    def covers(self) -> list[tuple[int, Edges]]:
        """Return the filled, opaque shapes that could hide a line of text: paint order and bounds.

        Shapes before all text are backgrounds of tables and hide none of it.
        """
        types = list(map(OBJECT_TYPE, self.objects))
        first = types.index(TEXT_TYPE) if TEXT_TYPE in types else len(types)
        return [
            (index, edges)
            for index in range(first, len(types))
            if types[index] == PATH_TYPE and (edges := self._opaque_area(self.objects[index])) is not None
        ]

    def _opaque_area(self, address: int) -> Edges | None:
        edges = self._bounds(address)
        if edges is None:
            return None
        left, bottom, right, top = edges
        if right - left < MIN_COVER_SIZE or top - bottom < MIN_COVER_SIZE:
            return None
        modes, color = ctypes.addressof(self._mode_buffer), ctypes.addressof(self._color_buffer)
        PATH_MODE(address, modes, modes + 4)
        filled = self._mode_buffer[0] and OBJECT_COLOR(address, color, color + 4, color + 8, color + 12)
        return edges if filled and self._color_buffer[3] == 255 else None

    def is_blank_text(self, index: int) -> bool:
        """Return whether an object, by its paint order, is a text without ink."""
        address = self.objects[index]
        if OBJECT_TYPE(address) != TEXT_TYPE or (edges := self._bounds(address)) is None:
            return False
        left, bottom, right, top = edges
        return left == right and bottom == top

    def have_equal_size(self, first: int, second: int) -> bool:
        """Return whether two objects, by their paint order, are texts of one size: the same letter."""
        sizes = []
        for address in (self.objects[first], self.objects[second]):
            if OBJECT_TYPE(address) != TEXT_TYPE:
                return False
            left, bottom, right, top = self._bounds(address) or (0.0, 0.0, 0.0, 0.0)
            sizes.append((right - left, top - bottom))
        (width, height), (second_width, second_height) = sizes
        return abs(width - second_width) < 0.1 * width and abs(height - second_height) < 0.1 * height

    def _bounds(self, address: int) -> Edges | None:
        start = ctypes.addressof(self._bounds_buffer)
        if not OBJECT_BOUNDS(address, start, start + 4, start + 8, start + 12):
            return None
        left, bottom, right, top = self._bounds_buffer
        return left, bottom, right, top
