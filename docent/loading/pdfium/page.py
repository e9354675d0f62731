"""A page as PDFium has it: its words and where they stand, what covers them, and pictures of it."""

from __future__ import annotations

import ctypes
import io
import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise, repeat
from struct import Struct

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from docent.loading.drawing import MARKER, Dots, boxed_png
from docent.loading.hidden import split_hidden
from docent.loading.pdfium.calls import ADDRESS, BOXES, FONT_NAME, LOOSE_BOX, OBJECT_AT
from docent.loading.pdfium.letters import LIGATURES, MENDABLE, letters_of, mended
from docent.loading.pdfium.painted import Painted, Style
from docent.loading.words import Box, Word

APART = "\r\n \t\u00a0\u2002\u2003\u2009\u202f\u3000"
ENDING_HYPHEN = "\ufffe"
"""What PDFium writes for a hyphen at a line's end; it then goes on with the next line without a break."""
# What stands before a word, and the word. After a hyphen at a line's end the rest stands on the next line:
# one box around both would be too high, so it is a word of its own.
WORDS = re.compile(f"([{APART}]*)([^{APART}{ENDING_HYPHEN}]*{ENDING_HYPHEN}|[^{APART}{ENDING_HYPHEN}]+)")
GAP_AFTER_F = re.compile("f (?<=[A-Za-z]f )(?=[a-z-])")  # looked for by the "f ", which is fast
TWO_BOXES = Struct("8f")
BOLD = re.compile(rb"bold|black|heavy|demi\b|[-,]bd", re.IGNORECASE)
BY_LETTERS = 2  # objects for each word; a page with more is painted letter by letter
BAND = 8  # points; shapes are looked up by how high they stand
SLANT = 0.5  # points by which an italic f reaches under the letter before it
WIDEST = 28_000.0  # points; ten metres. A page cannot honestly be larger, and drawing it takes gigabytes
WORD: Callable[[tuple[str, Box, int, int]], Word] = partial(tuple.__new__, Word)


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
        self._painted = Painted(ctypes.cast(page.raw, ADDRESS))
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
        """The page's words in the order in which they are painted."""
        characters = self.characters()
        gaps_and_texts = WORDS.findall(characters)
        ends = list(accumulate(map(len, chain.from_iterable(gaps_and_texts))))
        firsts, lasts = ends[0::2], [end - 1 for end in ends[1::2]]
        texts = [text for _, text in gaps_and_texts]
        if len(self._painted) > BY_LETTERS * len(firsts) and (cuts := self._blanks_within(firsts, lasts)):
            firsts, lasts = sorted([*firsts, *(cut + 1 for cut in cuts)]), sorted([*lasts, *cuts])
            texts = [characters[first : last + 1] for first, last in zip(firsts, lasts, strict=True)]
        mend = MENDABLE.search(characters) is not None
        if mend:
            texts = list(map(mended, texts))
        words = list(map(WORD, zip(texts, self._boxes(firsts, lasts), firsts, lasts, strict=True)))
        return [word for word in words if word.text] if mend else words

    def _blanks_within(self, firsts: Sequence[int], lasts: Sequence[int]) -> list[int]:
        """After which characters PDFium leaves out a blank, as it does with narrow ones painted alone.

        So it does in pages that are painted letter by letter: "of3.05%", "INTERNATIONALAND".
        """
        painted = self._painted
        begun, ended = self._painters(firsts), self._painters(lasts)
        found = []
        for first, last, begins, ends in zip(firsts, lasts, begun, ended, strict=True):
            if ends - begins > last - first > 0:  # more objects than letters
                painters = self._painters(range(first, last + 1))
                for index, (one, two) in enumerate(pairwise(painters), start=first):
                    if any(map(painted.is_blank, range(one + 1, two))):
                        found.append(index)
        return found

    def _painters(self, places: Sequence[int]) -> list[int]:
        """When each of these characters is painted; 0 where that is not known."""
        addresses = map(OBJECT_AT, repeat(self._address), places)
        return list(map(self._painted.place.get, addresses, repeat(0)))

    def _boxes(self, firsts: Sequence[int], lasts: Sequence[int]) -> list[Box]:
        """Around the characters from one to another; asked for all at once, as a page has a thousand."""
        both = list(chain.from_iterable(zip(firsts, lasts, strict=True)))
        found = BOXES.of(self._address or self._open(), both)
        if self._turn or found is None:
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
            self._characters = self._with_second_f(letters_of(self._handle()))
        return self._characters

    def _with_second_f(self, text: str) -> str:
        """Where PDFium left out an f it took for the one before, painted twice, and put a space: the f again.

        So it does with "ff" in italics that are painted letter by letter: "ef ective" for "effective".
        """
        found = [match.end() - 1 for match in GAP_AFTER_F.finditer(text)]
        painter = partial(OBJECT_AT, self._address)
        found = [at for at in found if painter(at - 1) != painter(at + 1)]
        found = [at for at in found if self.box(at - 1)[0] < self.box(at - 2)[2] - SLANT]
        if not found:
            return text
        place, are_alike, characters = self._painted.place, self._painted.are_alike, list(text)
        for at in found:
            before, after = (place.get(painter(index), -1) for index in (at - 1, at + 1))
            if 0 <= before == after - 2 and are_alike(before, before + 1):
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
        return self._painted.styles(list(map(OBJECT_AT, repeat(text), [word.first for word in words])))

    def covered(self, words: list[Word]) -> list[Word]:
        """Words over which a filled, opaque shape was painted afterwards."""
        covers = [(index, self.shown(*edges)) for index, edges in self._painted.covers()]
        if not covers:
            return []
        bands: dict[int, list[tuple[int, Box]]] = {}
        for cover in covers:
            for band in range(max(int(cover[1][1]), 0) // BAND, int(min(cover[1][3], WIDEST)) // BAND + 1):
                bands.setdefault(band, []).append(cover)
        found = []
        for word in words:
            left, top, right, bottom = word.box
            y = (top + bottom) / 2
            near = bands.get(int(y) // BAND)
            if near is None:
                continue
            x = (left + right) / 2
            over = [at for at, box in near if box[0] < x < box[2] and box[1] < y < box[3]]
            if over:
                place = self._painted.place
                if place.get(OBJECT_AT(self._address, word.first), len(place)) < over[-1]:
                    found.append(word)
        return found

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

    def annotations(self) -> tuple[int, int]:
        """How many fields of a form, and how many other annotations; none of them is read as text."""
        count = raw.FPDFPage_GetAnnotCount(self._page.raw)
        fields = 0
        for index in range(count):
            annotation = raw.FPDFPage_GetAnnot(self._page.raw, index)
            fields += raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_WIDGET
            raw.FPDFPage_CloseAnnot(annotation)
        return fields, count - fields

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


def _union(one: Box, two: Box) -> Box:
    return (
        one[0] if one[0] < two[0] else two[0],
        one[1] if one[1] < two[1] else two[1],
        one[2] if one[2] > two[2] else two[2],
        one[3] if one[3] > two[3] else two[3],
    )
