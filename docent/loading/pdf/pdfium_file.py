"""A PDF in PDFium: its pages, outline and labels, and the words, shapes, highlights and images of a page."""

from __future__ import annotations

import ctypes
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise, repeat
from struct import Struct
from typing import TYPE_CHECKING, Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from docent.loading.job import InputFile
from docent.loading.pdf.layout import Word, union
from docent.loading.pdf.pdfium_objects import (
    ADDRESS,
    CHARACTER_BOXES,
    FONT_NAME,
    LIGATURE,
    LIGATURES,
    LOOSE_BOX,
    OBJECT_AT,
    GreyBitmap,
    PageFrame,
    PageObjects,
    PaintStyle,
    expand_ligatures,
    page_characters,
)
from docent.loading.text_cleaning import split_hidden
from docent.messages import Message
from docent.types import Box

if TYPE_CHECKING:  # takes a tenth of a worker's start, and few files are drawn
    from PIL import Image

WHITE_SPACE = "\r\n \t\u00a0\u2002\u2003\u2009\u202f\u3000"
LINE_END_HYPHEN = "\ufffe"
"""Written by PDFium for a hyphen at a line's end, without a line break after it."""
# The space before a word, and the word. A word ends at a line-end hyphen: one box around both lines would
# be too high.
WORDS = re.compile(
    f"([{WHITE_SPACE}]*)([^{WHITE_SPACE}{LINE_END_HYPHEN}]*{LINE_END_HYPHEN}|[^{WHITE_SPACE}{LINE_END_HYPHEN}]+)"
)
GAP_AFTER_F = re.compile("f (?<=[A-Za-z]f )(?=[a-z-])")  # the fixed "f " in front makes the search fast
TWO_BOXES = Struct("8f")
BOLD = re.compile(rb"bold|black|heavy|demi\b|[-,]bd", re.IGNORECASE)
PER_LETTER_RATIO = 2  # objects for each word; a page with more is painted letter by letter
BAND_HEIGHT = 8  # points; shapes are looked up by their vertical position
SLANT = 0.5  # points by which an italic f overlaps the letter before it
MAX_PAGE_POINTS = 28_000.0  # ten metres; larger pages occur in attacks only, and drawing one takes gigabytes
MARKER_COLOUR = (255, 214, 10)  # yellow
WORD: Callable[[tuple[str, Box, int, int]], Word] = partial(tuple.__new__, Word)


class PdfPage:
    """One open page. Close it after use."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        self._page = page
        self._text: pdfium.PdfTextPage | None = None
        self.width, self.height = page.get_size()
        left, bottom, right, top = page.get_bbox()
        self._frame = PageFrame(left, bottom, right, top, page.get_rotation())
        self._characters: str | None = None
        self._address = ADDRESS()
        self._objects = PageObjects(ctypes.cast(page.raw, ADDRESS))
        self._rectangle = raw.FS_RECTF()
        self._rectangle_address = ADDRESS(ctypes.addressof(self._rectangle))
        self._font_name = ctypes.create_string_buffer(120)

    def close(self) -> None:
        if self._text is not None:
            self._text.close()
        self._page.close()

    @property
    def size(self) -> tuple[float, float]:
        return self.width, self.height

    def words(self) -> list[Word]:
        """Return the page's words in the order in which they are painted."""
        characters = self.characters()
        gaps_and_texts = WORDS.findall(characters)
        ends = list(accumulate(map(len, chain.from_iterable(gaps_and_texts))))
        firsts, lasts = ends[0::2], [end - 1 for end in ends[1::2]]
        texts = [text for _, text in gaps_and_texts]
        if len(self._objects) > PER_LETTER_RATIO * len(firsts) and (
            cuts := self._missing_spaces(firsts, lasts)
        ):
            firsts, lasts = sorted([*firsts, *(cut + 1 for cut in cuts)]), sorted([*lasts, *cuts])
            texts = [characters[first : last + 1] for first, last in zip(firsts, lasts, strict=True)]
        has_ligatures = LIGATURE.search(characters) is not None
        if has_ligatures:
            texts = list(map(expand_ligatures, texts))
        words = list(map(WORD, zip(texts, self._boxes(firsts, lasts), firsts, lasts, strict=True)))
        return [word for word in words if word.text] if has_ligatures else words

    def _missing_spaces(self, firsts: Sequence[int], lasts: Sequence[int]) -> list[int]:
        """Return the indexes of characters after which PDFium leaves out a space.

        It does so in pages that are painted letter by letter, where a narrow space is an object of its own:
        "of3.05%", "INTERNATIONALAND".
        """
        objects = self._objects
        first_orders, last_orders = self._paint_orders(firsts), self._paint_orders(lasts)
        missing = []
        for first, last, first_order, last_order in zip(
            firsts, lasts, first_orders, last_orders, strict=True
        ):
            if last_order - first_order > last - first > 0:  # more objects than letters
                orders = self._paint_orders(range(first, last + 1))
                for index, (order, next_order) in enumerate(pairwise(orders), start=first):
                    if any(map(objects.is_blank_text, range(order + 1, next_order))):
                        missing.append(index)
        return missing

    def _paint_orders(self, indexes: Sequence[int]) -> list[int]:
        """Return the paint order of characters; 0 where it is not known."""
        addresses = map(OBJECT_AT, repeat(self._address), indexes)
        return list(map(self._objects.paint_order.get, addresses, repeat(0)))

    def _boxes(self, firsts: Sequence[int], lasts: Sequence[int]) -> list[Box]:
        """Return the box around each pair of characters; in one call, as a page has a thousand."""
        both = list(chain.from_iterable(zip(firsts, lasts, strict=True)))
        edges = CHARACTER_BOXES.boxes(self._address or self._text_address(), both)
        if self._frame.rotation or edges is None:
            return [union(self.box(first), self.box(last)) for first, last in zip(firsts, lasts, strict=True)]
        x, y = self._frame.left, self._frame.top
        return [
            (
                (left if left < other_left else other_left) - x,
                y - (top if top > other_top else other_top),
                (right if right > other_right else other_right) - x,
                y - (bottom if bottom < other_bottom else other_bottom),
            )
            for left, top, right, bottom, other_left, other_top, other_right, other_bottom
            in TWO_BOXES.iter_unpack(edges)
        ]  # fmt: skip

    def characters(self) -> str:
        """Return one character for each position of PDFium's text."""
        if self._characters is None:
            self._characters = self._restore_double_f(page_characters(self._text_handle()))
        return self._characters

    def _restore_double_f(self, text: str) -> str:
        """Restore the second f of "ff" where PDFium has a space instead: "ef ective" for "effective".

        In italics that are painted letter by letter, it takes the second f for the first one painted twice.
        """
        gaps = [match.end() - 1 for match in GAP_AFTER_F.finditer(text)]
        object_at = partial(OBJECT_AT, self._address)
        gaps = [gap for gap in gaps if object_at(gap - 1) != object_at(gap + 1)]
        gaps = [gap for gap in gaps if self.box(gap - 1)[0] < self.box(gap - 2)[2] - SLANT]
        if not gaps:
            return text
        paint_order, characters = self._objects.paint_order, list(text)
        for gap in gaps:
            before, after = (paint_order.get(object_at(index), -1) for index in (gap - 1, gap + 1))
            if 0 <= before == after - 2 and self._objects.have_equal_size(before, before + 1):
                characters[gap] = "f"
        return "".join(characters)

    def part_box(self, word: Word, start: int, end: int) -> Box | None:
        """Return the box around characters `start:end` of a word's text."""
        box, offset = None, 0
        for index in range(word.first, word.last + 1):
            character = self.characters()[index]
            length = len(split_hidden(LIGATURES.get(character, character))[0])
            if offset < end and offset + length > start:
                box = self.box(index) if box is None else union(box, self.box(index))
            offset += length
        return box

    def highlight(self, boxes: list[Box]) -> None:
        """Add a highlight annotation over each box."""
        for box in boxes:
            left, bottom, right, top = self._frame.to_file(box)
            marker = raw.FPDFPage_CreateAnnot(self._page.raw, raw.FPDF_ANNOT_HIGHLIGHT)
            corners = raw.FS_QUADPOINTSF(left, top, right, top, left, bottom, right, bottom)
            edges = raw.FS_RECTF(left, top, right, bottom)
            raw.FPDFAnnot_AppendAttachmentPoints(marker, ctypes.byref(corners))
            raw.FPDFAnnot_SetRect(marker, ctypes.byref(edges))
            raw.FPDFAnnot_SetColor(marker, raw.FPDFANNOT_COLORTYPE_Color, *MARKER_COLOUR, 255)
            raw.FPDFAnnot_SetFlags(marker, raw.FPDF_ANNOT_FLAG_PRINT)
            raw.FPDFPage_CloseAnnot(marker)

    def _text_handle(self) -> ctypes._Pointer[raw.fpdf_textpage_t__]:
        if self._text is None:
            self._text = self._page.get_textpage()
            self._address = ctypes.cast(self._text.raw, ADDRESS)
        handle: ctypes._Pointer[raw.fpdf_textpage_t__] = self._text.raw
        return handle

    def _text_address(self) -> ctypes.c_void_p:
        """Return the address of the text page, opened if necessary."""
        self._text_handle()
        return self._address

    def box(self, index: int) -> Box:
        """Return the box of one character, as high as its font's lines."""
        if not LOOSE_BOX(self._address or self._text_address(), index, self._rectangle_address):
            return (0.0, 0.0, 0.0, 0.0)
        edges = self._rectangle
        return self._frame.to_page(edges.left, edges.bottom, edges.right, edges.top)

    def styles(self, words: Sequence[Word]) -> list[PaintStyle]:
        """Return the paint style of each word."""
        text = self._address or self._text_address()
        return self._objects.styles(list(map(OBJECT_AT, repeat(text), [word.first for word in words])))

    def covered(self, words: list[Word]) -> list[Word]:
        """Return the words over which a filled, opaque shape was painted afterwards."""
        covers = [(index, self._frame.to_page(*edges)) for index, edges in self._objects.covers()]
        if not covers:
            return []
        bands: dict[int, list[tuple[int, Box]]] = {}
        for cover in covers:
            for band in range(
                max(int(cover[1][1]), 0) // BAND_HEIGHT,
                int(min(cover[1][3], MAX_PAGE_POINTS)) // BAND_HEIGHT + 1,
            ):
                bands.setdefault(band, []).append(cover)
        covered = []
        for word in words:
            left, top, right, bottom = word.box
            y = (top + bottom) / 2
            near = bands.get(int(y) // BAND_HEIGHT)
            if near is None:
                continue
            x = (left + right) / 2
            over = [order for order, box in near if box[0] < x < box[2] and box[1] < y < box[3]]
            if over:
                paint_order = self._objects.paint_order
                if paint_order.get(OBJECT_AT(self._address, word.first), len(paint_order)) < over[-1]:
                    covered.append(word)
        return covered

    def is_bold(self, index: int) -> bool:
        """Return whether a character is bold, by the name of its font.

        The font's weight is wrong or missing in most annual reports.
        """
        name, handle = self._font_name, self._address or self._text_address()
        length = FONT_NAME(handle, index, ctypes.addressof(name), len(name), None)
        return BOLD.search(name.raw[: min(length, len(name))]) is not None

    def count_objects(self) -> tuple[int, int, float]:
        """Return the number of text objects and of others, and the share of the page that images cover."""
        texts = others = 0
        covered = 0.0
        for item in self._page.get_objects(max_depth=3):
            if item.type == raw.FPDF_PAGEOBJ_TEXT:
                texts += 1
            else:
                others += 1
            if item.type == raw.FPDF_PAGEOBJ_IMAGE:
                left, bottom, right, top = item.get_bounds()
                across = min(right, self._frame.right) - max(left, self._frame.left)
                up = min(top, self._frame.top) - max(bottom, self._frame.bottom)
                covered += max(across, 0.0) * max(up, 0.0)
        area = self.width * self.height
        return texts, others, min(covered / area, 1.0) if area else 0.0

    def count_annotations(self) -> tuple[int, int]:
        """Count the fields of a form, and the other annotations; none of them is read as text."""
        count = raw.FPDFPage_GetAnnotCount(self._page.raw)
        fields = 0
        for index in range(count):
            annotation = raw.FPDFPage_GetAnnot(self._page.raw, index)
            fields += raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_WIDGET
            raw.FPDFPage_CloseAnnot(annotation)
        return fields, count - fields

    def draw(self, dots_per_inch: float, *, largest: int = 5_000) -> GreyBitmap:
        """Draw the page in grey, at most `largest` pixels on a side."""
        scale = min(dots_per_inch / 72, largest / max(self.width, self.height, 1.0))
        bitmap = self._page.render(scale=scale, grayscale=True)
        return GreyBitmap(bitmap.width, bitmap.height, bitmap.stride, bytes(bitmap.buffer), scale)

    def draw_image(
        self, dots_per_inch: float, *, grey: bool = True, largest: int = 5_000
    ) -> tuple[Image.Image, float]:
        """Draw the page as an image, at most `largest` pixels on a side; return also its pixels per point."""
        scale = min(dots_per_inch / 72, largest / max(self.width, self.height, 1.0))
        return self._page.render(scale=scale, grayscale=grey).to_pil(), scale


class PdfOpenError(Exception):
    """PDFium cannot open the file, or a page of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
            title = _read_utf16(partial(raw.FPDFBookmark_GetTitle, bookmark.raw)).strip()
            yield page + 1, title, bookmark.level + 1

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
        raise PdfOpenError(Message("a copy of it cannot be read"))

    def page(self, number: int) -> PdfPage:
        """Open a page, counted from 1. Raises PdfOpenError when it is damaged."""
        try:
            return PdfPage(self._document[number - 1])
        except pdfium.PdfiumError as error:
            raise PdfOpenError(_reason(error)) from error


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
    return word if word not in ("", "success") else Message("no pages are found in it")
