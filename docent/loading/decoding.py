"""Bytes to text: what the file declares, else UTF-8, else UTF-16, else Windows' Western alphabet."""

from __future__ import annotations

import codecs
import io
from typing import IO

from docent.loading.source import BLOCK, Source

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


def open_text(source: Source) -> tuple[IO[str], str]:
    """The same for a file of any size: a stream with its line ends as they are, and the note."""
    encoding, note = _encoding_of(source)
    source.stream.seek(0)
    return io.TextIOWrapper(source.stream, encoding=encoding, errors="replace", newline=""), note


def _encoding_of(source: Source) -> tuple[str, str]:
    for mark, encoding in MARKS:
        if source.head.startswith(mark):
            return encoding, ""
    if b"\0" in source.head:
        return _wide_encoding(source.head), "Read as UTF-16 without its mark."
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    source.stream.seek(0)
    broken = length = 0
    while block := source.stream.read(BLOCK):
        text = decoder.decode(block)
        broken, length = broken + text.count("\ufffd"), length + len(text)
    if broken > length * DAMAGE:
        return "cp1252", "Not UTF-8; read as Windows-1252."
    return "utf-8", f"{broken} damaged bytes were replaced." if broken else ""


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
    return data.decode(_wide_encoding(data), "replace")


def _wide_encoding(data: bytes) -> str:
    little = data[1::2].count(0) >= data[0::2].count(0)
    return "utf-16-le" if little else "utf-16-be"
