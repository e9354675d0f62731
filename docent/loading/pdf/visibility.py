"""Which words of a page its reader sees; the others are kept apart."""

from __future__ import annotations

from collections.abc import Sequence

from docent.loading.pdf.geometry import Word
from docent.loading.pdf.pdfium_objects import INVISIBLE, Style
from docent.loading.pdf.pdfium_page import WIDEST, PdfPage
from docent.loading.text_cleaning import split_hidden

TINY = 2.0  # points; nobody reads smaller print
LIGHT = 230  # of 255; text this light is looked at on the drawn page
FAINT = 13  # of 255; as good as transparent
SHOWS = 12  # of 255; a smaller contrast is not seen
SCAN_COVER = 0.35  # of the page, by images


def visible_words(sheet: PdfPage) -> tuple[list[Word], str, bool]:
    """Words a reader sees; the text of the others; whether the text is a scan's invisible layer."""
    seen: list[Word] = []
    hidden: list[Word] = []
    unpainted: list[Word] = []
    doubtful: list[Word] = []
    marks: list[str] = []
    width, height = sheet.size
    words = sheet.words()
    styles = sheet.styles(words)
    done = 0
    for index in _odd(words, styles, sheet.size):
        seen += words[done:index]
        done = index + 1
        word, (mode, darkest, opaque) = words[index], styles[index]
        text, zero_width = split_hidden(word.text)
        if zero_width:
            marks.append(zero_width)
        if not text:
            continue
        word = word._replace(text=text) if text != word.text else word
        left, top, right, bottom = word.box
        off_page = right <= 0 or bottom <= 0 or left >= width or top >= height
        if off_page or 0 < bottom - top < TINY or 0 < right - left < TINY and len(text) > 2:
            hidden.append(word)
        elif mode == INVISIBLE:
            unpainted.append(word)
        elif opaque < FAINT:
            hidden.append(word)
        else:
            if darkest >= LIGHT:
                doubtful.append(word)
            seen.append(word)
    seen += words[done:]
    layer = False
    if unpainted:
        # Over a picture of the page, invisible text is what makes a scan searchable.
        layer = sheet.objects()[2] >= SCAN_COVER
        if layer:
            seen += unpainted
            seen.sort(key=lambda word: word.first)
        else:
            hidden += unpainted
    doubtful += sheet.covered(seen)
    if doubtful and max(width, height) <= WIDEST:
        picture = sheet.draw(72)
        unseen = {word.first for word in doubtful if picture.spread(word.box) < SHOWS}
        hidden += [word for word in seen if word.first in unseen]
        seen = [word for word in seen if word.first not in unseen]
    hidden.sort(key=lambda word: word.first)
    said = " ".join([*(word.text for word in hidden), *marks])
    return seen, said.replace("\x02", ""), layer


def _odd(words: Sequence[Word], styles: Sequence[Style], size: tuple[float, float]) -> list[int]:
    """Which words are looked at one by one; of most there is no doubt, and a page has hundreds."""
    width, height = size
    odd = {
        style
        for style in set(styles)
        if style.mode == INVISIBLE or style.opaque < FAINT or style.darkest >= LIGHT
    }
    return [
        index
        for index, (text, (left, top, right, bottom), _, _) in enumerate(words)
        if right <= 0
        or bottom <= 0
        or left >= width
        or top >= height
        or bottom - top < TINY
        or right - left < TINY
        or not text.isascii()
        or odd
        and styles[index] in odd
    ]
