"""Bytes to text: what the file declares, else UTF-8, else UTF-16, else Windows' Western alphabet."""

from __future__ import annotations

import codecs

from docent.loading.source import Source

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DAMAGE = 0.001  # a UTF-8 text with a few broken bytes is still UTF-8; Western text has one in thirty


def decode(source: Source) -> tuple[str, str]:
    """The text with its line ends as one character, and a note when bytes had to be guessed at."""
    text, note = decode_bytes(source.whole())
    return text.replace("\r\n", "\n").replace("\r", "\n"), note


def decode_bytes(data: bytes) -> tuple[str, str]:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return (text, "") if "\0" not in text else (_wide(data), "Read as UTF-16 without its mark.")
    guess = data.decode("utf-8", "replace")
    broken = guess.count("\ufffd")
    if broken <= len(guess) * DAMAGE:
        return guess, f"{broken} damaged bytes were replaced."
    return data.decode("cp1252", "replace"), "Not UTF-8; read as Windows-1252."


def _wide(data: bytes) -> str:
    little = data[1::2].count(0) >= data[0::2].count(0)
    return data.decode("utf-16-le" if little else "utf-16-be", "replace")
