"""The letters of a page: asked for at once, those made of two halves whole, and ligatures taken apart."""

from __future__ import annotations

import ctypes
import re
from itertools import pairwise

import pypdfium2.raw as raw

from docent.loading.words import HYPHEN

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
