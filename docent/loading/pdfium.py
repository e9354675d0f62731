"""PDFium, and nothing else that knows it: words with their places, outline, labels, pictures of pages."""

from __future__ import annotations

import ctypes
import io
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise, repeat
from typing import Any, NamedTuple, cast

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from docent.loading.drawing import MARKER, Dots, boxed_png
from docent.loading.hidden import split_hidden
from docent.loading.source import Source
from docent.loading.words import HYPHEN, Box, Word

LIGATURES = {
    "\x1b": "ff", "\x1c": "fi", "\x1d": "fl", "\x1e": "ffi", "\x1f": "ffl",  # old TeX fonts
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st",
    "\ufb06": "st",
    "\ufffe": HYPHEN, "\xad": HYPHEN, "\x00": "",
}  # fmt: skip
MENDED = str.maketrans(LIGATURES)
MENDABLE = re.compile(f"[{''.join(LIGATURES)}]")
APART = "\r\n \t\u00a0\u2002\u2003\u2009\u202f\u3000"
ENDING_HYPHEN = "\ufffe"
"""What PDFium writes for a hyphen at a line's end; it then goes on with the next line without a break."""
# What stands before a word, and the word. After a hyphen at a line's end the rest stands on the next line:
# one box around both would be too high, so it is a word of its own.
WORDS = re.compile(f"([{APART}]*)([^{APART}{ENDING_HYPHEN}]*{ENDING_HYPHEN}|[^{APART}{ENDING_HYPHEN}]+)")


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
LOOSE_BOX = _fast(raw.FPDFText_GetLooseCharBox, NUMBER, ADDRESS, NUMBER, ADDRESS)
GAP_AFTER_F = re.compile("f (?<=[A-Za-z]f )(?=[a-z-])")  # looked for by the "f ", which is fast
TWO_BOXES, COLOR = struct.Struct("8f"), struct.Struct("4I")
BOLD = re.compile(rb"bold|black|heavy|demi\b|[-,]bd", re.IGNORECASE)
BY_LETTERS = 2  # objects for each word; a page with more is painted letter by letter
BAND = 8  # points; shapes are looked up by how high they stand
LEAST_COVER = 5.0  # points; less hides no line of text
SLANT = 0.5  # points by which an italic f reaches under the letter before it
PATH, TEXT = int(raw.FPDF_PAGEOBJ_PATH), int(raw.FPDF_PAGEOBJ_TEXT)
INVISIBLE = 3  # the render mode that paints nothing
WIDEST = 28_000.0  # points; ten metres. A page cannot honestly be larger, and drawing it takes gigabytes


class Style(NamedTuple):
    """How a text object is painted."""

    mode: int
    darkest: int
    """The least of red, green and blue, to 255."""
    opaque: int
    """To 255."""


UNPAINTED = Style(0, 0, 255)  # a character that the engine adds has no object
WORD: Callable[[tuple[str, Box, int, int]], Word] = partial(tuple.__new__, Word)


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

    def metadata(self) -> dict[str, str]:
        return {key: value.strip() for key, value in self._document.get_metadata_dict().items()}

    def label(self, number: int) -> str:
        return str(self._document.get_page_label(number - 1) or "")

    def outline(self) -> Iterator[tuple[int, str, int]]:
        """Page number, title, and level from 1."""
        for index, bookmark in enumerate(self._document.get_toc(max_depth=6)):
            if index > 20_000:
                return
            destination = bookmark.get_dest()
            page = destination.get_index() if destination else None
            if destination is None or page is None:
                continue
            yield page + 1, bookmark.get_title().strip(), bookmark.level + 1

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


def _reason(error: pdfium.PdfiumError) -> str:
    """PDFium's own word for it; it has none where it finds no page tree, and then says "Success"."""
    said = re.search(r"PDFium: ([^)]*)", str(error))
    word = said[1].strip(" .").lower() if said else ""
    return word if word not in ("", "success") else "no pages are found in it"


class PdfPage:
    """One page, to be closed soon."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        self._page = page
        self._text: pdfium.PdfTextPage | None = None
        self.width, self.height = page.get_size()
        self._left, self._bottom, self._right, self._top = page.get_bbox()
        self._turn = page.get_rotation()
        self._characters: str | None = None
        self._address = ADDRESS()
        self._page_address = ctypes.cast(page.raw, ADDRESS)
        self._rectangle = raw.FS_RECTF()
        self._rectangle_address = ctypes.addressof(self._rectangle)
        self._font_name = ctypes.create_string_buffer(120)
        self._painted: list[int] | None = None
        self._edges = (ctypes.c_float * 4)()
        self._edges_address = ctypes.addressof(self._edges)
        self._color = (ctypes.c_uint * 4)()
        self._color_addresses = [ctypes.addressof(self._color) + 4 * part for part in range(4)]

    def close(self) -> None:
        if self._text is not None:
            self._text.close()
        self._page.close()

    @property
    def size(self) -> tuple[float, float]:
        return self.width, self.height

    def words(self) -> list[Word]:
        """The page's words in the order in which they are painted."""
        characters = self.characters()
        ends = list(accumulate(map(len, chain.from_iterable(WORDS.findall(characters)))))
        firsts, lasts = ends[0::2], [end - 1 for end in ends[1::2]]
        if PAGE_OBJECTS(self._page_address) > BY_LETTERS * len(firsts):
            firsts, lasts = self._cut_at_blanks(firsts, lasts)
        texts = [characters[first : last + 1] for first, last in zip(firsts, lasts, strict=True)]
        mend = MENDABLE.search(characters) is not None
        if mend:
            texts = [
                said if said.isascii() and said.isprintable() else said.translate(MENDED) for said in texts
            ]
        words = list(map(WORD, zip(texts, self._boxes(firsts, lasts), firsts, lasts, strict=True)))
        return [word for word in words if word.text] if mend else words

    def _cut_at_blanks(self, firsts: Sequence[int], lasts: Sequence[int]) -> tuple[list[int], list[int]]:
        """Words apart between which PDFium leaves a blank out, as it does with narrow ones painted alone.

        So it does in pages that are painted letter by letter: "of3.05%", "INTERNATIONALAND".
        """
        text, objects = self._address, self._objects()
        place = dict(zip(objects, range(len(objects)), strict=True))
        begun = [place.get(address, 0) for address in map(OBJECT_AT, repeat(text), firsts)]
        ended = [place.get(address, 0) for address in map(OBJECT_AT, repeat(text), lasts)]
        starts, ends = [], []
        for first, last, begins, ends_at in zip(firsts, lasts, begun, ended, strict=True):
            starts.append(first)
            if ends_at - begins > last - first > 0:  # more objects than letters
                painters = [place.get(OBJECT_AT(text, index), 0) for index in range(first, last + 1)]
                for index, (one, two) in enumerate(pairwise(painters), start=first):
                    if any(map(self._is_blank, objects[one + 1 : two])):
                        ends.append(index)
                        starts.append(index + 1)
            ends.append(last)
        return starts, ends

    def _is_blank(self, address: int) -> bool:
        """A text without ink."""
        edges, start = self._edges, self._edges_address
        if OBJECT_TYPE(address) != TEXT or not OBJECT_BOUNDS(
            address, start, start + 4, start + 8, start + 12
        ):
            return False
        left, bottom, right, top = edges
        return left == right and bottom == top

    def _boxes(self, firsts: Sequence[int], lasts: Sequence[int]) -> list[Box]:
        """Around the characters from one to another; asked for all at once, as a page has a thousand."""
        both = list(chain.from_iterable(zip(firsts, lasts, strict=True)))
        found = (ctypes.c_float * (4 * len(both)))()
        start = ctypes.addressof(found)
        places = range(start, start + ctypes.sizeof(found), ctypes.sizeof(raw.FS_RECTF))
        known = all(map(LOOSE_BOX, repeat(self._address or self._open()), both, places))
        if self._turn or not known:
            return [
                _union(self.box(first), self.box(last)) for first, last in zip(firsts, lasts, strict=True)
            ]
        x, y = self._left, self._top
        return [
            (
                (left if left < other_left else other_left) - x,
                y - (top if top > other_top else other_top),
                (right if right > other_right else other_right) - x,
                y - (bottom if bottom < other_bottom else other_bottom),
            )
            for left, top, right, bottom, other_left, other_top, other_right, other_bottom
            in TWO_BOXES.iter_unpack(found)
        ]  # fmt: skip

    def characters(self) -> str:
        """One for each position of the engine's text; the second half of a pair is a zero byte."""
        if self._characters is None:
            self._characters = self._read_characters()
        return self._characters

    def _read_characters(self) -> str:
        handle = self._handle()
        count = raw.FPDFText_CountChars(handle)
        if count <= 0:
            return ""
        buffer = (ctypes.c_ushort * (count + 1))()
        written = raw.FPDFText_GetText(handle, 0, count, buffer)
        text = bytes(buffer)[: 2 * count].decode("utf-16-le", "replace")
        if written == count + 1 and len(text) == count:
            return self._with_second_f(text)
        # Some characters are longer or shorter in the text than in the page: ask one by one.
        return _joined([raw.FPDFText_GetUnicode(handle, index) for index in range(count)])

    def _with_second_f(self, text: str) -> str:
        """Where PDFium left out an f it took for the one before, painted twice, and put a space: the f again.

        So it does with "ff" in italics that are painted letter by letter: "ef ective" for "effective".
        """
        found = [match.end() - 1 for match in GAP_AFTER_F.finditer(text)]
        found = [at for at in found if self.box(at - 1)[0] < self.box(at - 2)[2] - SLANT]
        if not found:
            return text
        objects, characters = self._objects(), list(text)
        place = {address: index for index, address in enumerate(objects)}
        for at in found:
            before, after = (place.get(OBJECT_AT(self._address, index), -1) for index in (at - 1, at + 1))
            if 0 <= before == after - 2 and _alike(objects[before], objects[before + 1]):
                characters[at] = "f"
        return "".join(characters)

    def part(self, word: Word, start: int, end: int) -> Box | None:
        """Where characters `start:end` of a word's text stand."""
        box, at = None, 0
        for index in range(word.first, word.last + 1):
            character = self.characters()[index]
            length = len(split_hidden(LIGATURES.get(character, character))[0])
            if at < end and at + length > start:
                box = self.box(index) if box is None else _union(box, self.box(index))
            at += length
        return box

    def highlight(self, boxes: list[Box]) -> None:
        """Add a yellow marker over each box, as a reader's own PDF program would."""
        for box in boxes:
            left, bottom, right, top = self.stored(box)
            marker = raw.FPDFPage_CreateAnnot(self._page.raw, raw.FPDF_ANNOT_HIGHLIGHT)
            corners = raw.FS_QUADPOINTSF(left, top, right, top, left, bottom, right, bottom)
            edges = raw.FS_RECTF(left, top, right, bottom)
            raw.FPDFAnnot_AppendAttachmentPoints(marker, ctypes.byref(corners))
            raw.FPDFAnnot_SetRect(marker, ctypes.byref(edges))
            raw.FPDFAnnot_SetColor(marker, raw.FPDFANNOT_COLORTYPE_Color, *MARKER, 255)
            raw.FPDFAnnot_SetFlags(marker, raw.FPDF_ANNOT_FLAG_PRINT)
            raw.FPDFPage_CloseAnnot(marker)

    def _handle(self) -> ctypes._Pointer[raw.fpdf_textpage_t__]:
        if self._text is None:
            self._text = self._page.get_textpage()
            self._address = ctypes.cast(self._text.raw, ADDRESS)
        handle: ctypes._Pointer[raw.fpdf_textpage_t__] = self._text.raw
        return handle

    def _open(self) -> ctypes.c_void_p:
        """Where the text page is in memory."""
        self._handle()
        return self._address

    def box(self, index: int) -> Box:
        """Of one character, as high as its font's lines."""
        if not LOOSE_BOX(self._address or self._open(), index, self._rectangle_address):
            return (0.0, 0.0, 0.0, 0.0)
        found = self._rectangle
        return self.shown(found.left, found.bottom, found.right, found.top)

    def shown(self, left: float, bottom: float, right: float, top: float) -> Box:
        """From the file's own coordinates to the page as a reader sees it."""
        match self._turn:
            case 90:
                return (bottom - self._bottom, left - self._left, top - self._bottom, right - self._left)
            case 180:
                return (self._right - right, bottom - self._bottom, self._right - left, top - self._bottom)
            case 270:
                return (self._top - top, self._right - right, self._top - bottom, self._right - left)
            case _:
                return (left - self._left, self._top - top, right - self._left, self._top - bottom)

    def stored(self, box: Box) -> Box:
        """Back again: left, bottom, right, top in the file's coordinates."""
        left, top, right, bottom = box
        match self._turn:
            case 90:
                return (top + self._left, left + self._bottom, bottom + self._left, right + self._bottom)
            case 180:
                return (self._right - right, top + self._bottom, self._right - left, bottom + self._bottom)
            case 270:
                return (self._right - bottom, self._top - right, self._right - top, self._top - left)
            case _:
                return (left + self._left, self._top - bottom, right + self._left, self._top - top)

    def styles(self, words: Sequence[Word]) -> list[Style]:
        """How each word is painted; one text object paints all that is of it in the same way."""
        text = self._address or self._open()
        painters = list(map(OBJECT_AT, repeat(text), [word.first for word in words]))
        objects = [address for address in dict.fromkeys(painters) if address]
        colors = (ctypes.c_uint * (4 * len(objects)))()
        start, end = ctypes.addressof(colors), ctypes.addressof(colors) + ctypes.sizeof(colors)
        parts = [range(start + 4 * part, end, COLOR.size) for part in range(4)]
        painted = list(map(OBJECT_COLOR, objects, *parts))
        looks = list(zip(map(RENDER_MODE, objects), painted, COLOR.iter_unpack(colors), strict=True))
        known = {look: Style(look[0], min(look[2][:3]), look[2][3]) if look[1] else Style(look[0], 0, 255)
                 for look in set(looks)}  # fmt: skip
        styles = dict(zip(objects, map(known.__getitem__, looks), strict=True))
        return [styles.get(address, UNPAINTED) for address in painters]

    def covered(self, words: list[Word]) -> list[Word]:
        """Words over which a filled, opaque shape was painted afterwards."""
        objects = self._objects()
        covers = [
            (index, box)
            for index, kind in enumerate(map(OBJECT_TYPE, objects))
            if kind == PATH and (box := self._filled(objects[index])) is not None
        ]
        if not covers:
            return []
        bands: dict[int, list[tuple[int, Box]]] = {}
        for cover in covers:
            for band in range(max(int(cover[1][1]), 0) // BAND, int(min(cover[1][3], WIDEST)) // BAND + 1):
                bands.setdefault(band, []).append(cover)
        found = []
        place: dict[int, int] = {}
        for word in words:
            left, top, right, bottom = word.box
            y = (top + bottom) / 2
            near = bands.get(int(y) // BAND)
            if near is None:
                continue
            x = (left + right) / 2
            over = [at for at, box in near if box[0] < x < box[2] and box[1] < y < box[3]]
            if over:
                place = place or {address: index for index, address in enumerate(objects)}
                if place.get(OBJECT_AT(self._address, word.first), len(objects)) < over[-1]:
                    found.append(word)
        return found

    def _objects(self) -> list[int]:
        """Addresses of what the page is painted of, in that order."""
        if self._painted is None:
            page = self._page_address
            self._painted = list(map(PAGE_OBJECT, repeat(page), range(PAGE_OBJECTS(page))))
        return self._painted

    def _filled(self, address: int) -> Box | None:
        """Where a shape is that could hide a line of text."""
        edges, start = self._edges, self._edges_address
        if not OBJECT_BOUNDS(address, start, start + 4, start + 8, start + 12):
            return None
        left, bottom, right, top = edges
        if right - left < LEAST_COVER or top - bottom < LEAST_COVER:
            return None
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        PATH_MODE(address, ctypes.addressof(fill), ctypes.addressof(stroke))
        filled = fill.value and OBJECT_COLOR(address, *self._color_addresses)
        return self.shown(left, bottom, right, top) if filled and self._color[3] == 255 else None

    def is_bold(self, index: int) -> bool:
        """By the name of a character's font; its weight is wrong or missing in most annual reports."""
        name, handle = self._font_name, self._address or self._open()
        length = FONT_NAME(handle, index, ctypes.addressof(name), len(name), None)
        return BOLD.search(name.raw[: min(length, len(name))]) is not None

    def objects(self) -> tuple[int, int, float]:
        """How many text objects and other objects, and the share of the page that images cover."""
        texts = others = 0
        covered = 0.0
        for item in self._page.get_objects(max_depth=3):
            if item.type == raw.FPDF_PAGEOBJ_TEXT:
                texts += 1
            else:
                others += 1
            if item.type == raw.FPDF_PAGEOBJ_IMAGE:
                left, bottom, right, top = item.get_bounds()
                across = min(right, self._right) - max(left, self._left)
                up = min(top, self._top) - max(bottom, self._bottom)
                covered += max(across, 0.0) * max(up, 0.0)
        area = self.width * self.height
        return texts, others, min(covered / area, 1.0) if area else 0.0

    def draw(self, dots_per_inch: float, *, largest: int = 5_000) -> Dots:
        """The page in grey, at most `largest` dots on a side."""
        scale = min(dots_per_inch / 72, largest / max(self.width, self.height, 1.0))
        bitmap = self._page.render(scale=scale, grayscale=True)
        return Dots(bitmap.width, bitmap.height, bitmap.stride, bytes(bitmap.buffer), scale)

    def draw_grey_png(self, dots_per_inch: float) -> tuple[bytes, float, int]:
        """A PNG in grey, its dots per point, and the contrast between its lightest and darkest dot."""
        scale = min(dots_per_inch / 72, 5_000 / max(self.width, self.height, 1.0))
        image = self._page.render(scale=scale, grayscale=True).to_pil()
        darkest, lightest = image.getextrema()
        out = io.BytesIO()
        image.save(out, "PNG", compress_level=1)
        return out.getvalue(), scale, int(lightest) - int(darkest)

    def draw_png(self, dots_per_inch: float, boxes: list[Box]) -> bytes:
        """The page in colour with boxes drawn around what is cited."""
        scale = min(dots_per_inch / 72, 2_400 / max(self.width, self.height, 1.0))
        return boxed_png(self._page.render(scale=scale).to_pil(), boxes, scale=scale)


def _alike(one: int, other: int) -> bool:
    """Two texts whose ink is of one size: the same letter."""
    sizes = []
    for address in (one, other):
        if OBJECT_TYPE(address) != raw.FPDF_PAGEOBJ_TEXT:
            return False
        edges = (ctypes.c_float * 4)()
        start = ctypes.addressof(edges)
        OBJECT_BOUNDS(address, start, start + 4, start + 8, start + 12)
        left, bottom, right, top = edges
        sizes.append((right - left, top - bottom))
    (width, height), (other_width, other_height) = sizes
    return abs(width - other_width) < 0.1 * width and abs(height - other_height) < 0.1 * height


def _joined(codes: list[int]) -> str:
    """Characters beyond the first 65,536 come as two halves: the first becomes whole, the second zero."""
    characters = [_character(code) for code in codes]
    for index, (one, two) in enumerate(pairwise(codes)):
        if 0xD800 <= one < 0xDC00 <= two < 0xE000:
            characters[index] = chr(0x10000 + ((one - 0xD800) << 10) + (two - 0xDC00))
            characters[index + 1] = "\x00"
    return "".join(characters)


def _character(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd" if code else "\x00"


def _union(one: Box, two: Box) -> Box:
    return (
        one[0] if one[0] < two[0] else two[0],
        one[1] if one[1] < two[1] else two[1],
        one[2] if one[2] > two[2] else two[2],
        one[3] if one[3] > two[3] else two[3],
    )
