"""Text as it comes out of files: its encoding, invisible characters, garbled text, and the language."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections import Counter
from typing import IO

from docent.loading.job import BLOCK, InputFile
from docent.messages import Message

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
GUESSED_UTF16 = Message("The file does not name its encoding; it was read as UTF-16.")
GUESSED_WINDOWS = Message("The text is not UTF-8; it was read as Windows-1252.")
MAX_DAMAGE = 0.001  # a UTF-8 text with a few broken bytes is still UTF-8; Western text has one in thirty


def decode_text(source: InputFile) -> tuple[str, str]:
    """Return the text with line feeds as line ends, and a note where the encoding had to be guessed."""
    text, note = decode_bytes(source.read_all())
    return text.replace("\r\n", "\n").replace("\r", "\n"), note


def open_text(source: InputFile) -> tuple[IO[str], str]:
    """Return a text stream for a file of any size, with its line ends as they are, and the same note."""
    encoding, note = _encoding_of(source)
    source.stream.seek(0)
    return io.TextIOWrapper(source.stream, encoding=encoding, errors="replace", newline=""), note


def _encoding_of(source: InputFile) -> tuple[str, str]:
    for mark, encoding in BYTE_ORDER_MARKS:
        if source.head.startswith(mark):
            return encoding, ""
    if b"\0" in source.head:
        return _utf16_encoding(source.head), GUESSED_UTF16
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    source.stream.seek(0)
    damaged_bytes = length = 0
    while block := source.stream.read(BLOCK):
        text = decoder.decode(block)
        damaged_bytes, length = damaged_bytes + text.count("\ufffd"), length + len(text)
    if damaged_bytes > length * MAX_DAMAGE:
        return "cp1252", GUESSED_WINDOWS
    return "utf-8", _damage_note(damaged_bytes) if damaged_bytes else ""


def _damage_note(count: int) -> Message:
    if count == 1:
        return Message("1 damaged byte was replaced.")
    return Message("{count} damaged bytes were replaced.", count=count)


def decode_bytes(data: bytes) -> tuple[str, str]:
    """Decode by a byte-order mark, else as UTF-8, UTF-16 or Windows-1252; return the text and a note."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return (
            (text, "") if "\0" not in text else (data.decode(_utf16_encoding(data), "replace"), GUESSED_UTF16)
        )
    lenient = data.decode("utf-8", "replace")
    damaged_bytes = lenient.count("\ufffd")
    if damaged_bytes <= len(lenient) * MAX_DAMAGE:
        return lenient, _damage_note(damaged_bytes)
    return data.decode("cp1252", "replace"), GUESSED_WINDOWS


def _utf16_encoding(data: bytes) -> str:
    little = data[1::2].count(0) >= data[0::2].count(0)
    return "utf-16-le" if little else "utf-16-be"


# Zero-width space, word joiner and friends, direction overrides, soft hyphen, the invisible tag
# characters that spell ASCII, and variation-selector runs. Joiners (200C, 200D) stay: emoji,
# Persian and Indic words need them.
ZERO_WIDTH = re.compile(
    "[\u00ad\u180e\u200b\u2060-\u2064\u2066-\u206f\u202a-\u202e\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
TAG_CHARACTERS = range(0xE0020, 0xE007F)


def split_hidden(text: str) -> tuple[str, str]:
    """Return the text without its invisible characters, and what those spelled (or how many there were)."""
    invisible = () if text.isascii() else ZERO_WIDTH.findall(text)
    if not invisible:
        return text, ""
    spelled = "".join(chr(ord(char) - 0xE0000) for char in invisible if ord(char) in TAG_CHARACTERS)
    # Layout marks (soft hyphens, byte-order marks) are removed without alarm.
    suspicious = sum(char not in "\u00ad\ufeff" for char in invisible)
    report = spelled or (f"[{suspicious} zero-width characters]" if suspicious else "")
    return ZERO_WIDTH.sub("", text), report


MEANINGLESS_SHARE = 0.3  # of a page's characters or words
MIN_ALPHABETS = 6  # alphabets on one page, in words that mix them
EAST_ASIAN = frozenset({"HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "HALFWIDTH", "FULLWIDTH"})
# What glyphs fall on when their codes are read as Latin-1; prices and recipes use two or three of these.
SYMBOLS = frozenset("¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷ˆ˜˙˚˛˝ˇ˘‡†‰‹›ƒ")
MIN_SYMBOL_KINDS = 5
NON_ASCII = re.compile("[^ -~\n]")
LATIN_WORD = re.compile("[A-Za-z]{3,}")


def is_garbled(text: str) -> bool:
    """Return whether the text is no language: the font maps its glyphs to arbitrary character codes."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return False
    words = text.split()
    if len(NON_ASCII.findall(text)) <= MEANINGLESS_SHARE * len(words):
        return False  # too few for any of the checks below
    letters = "".join(words)
    counts = Counter(letters)
    threshold = MEANINGLESS_SHARE * len(letters)
    meaningless = sum(
        count
        for char, count in counts.items()
        if char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cn", "Co")
    )
    return (
        meaningless > threshold or _is_mostly_symbols(letters, counts, threshold) or _mixes_alphabets(words)
    )


def _is_mostly_symbols(letters: str, counts: Counter[str], threshold: float) -> bool:
    """Return whether symbols of many kinds stand where letters should be, with hardly a word among them."""
    symbols = [count for char, count in counts.items() if char in SYMBOLS]
    if sum(symbols) <= threshold or len(symbols) < MIN_SYMBOL_KINDS:
        return False
    return sum(map(len, LATIN_WORD.findall(letters))) < threshold


def _mixes_alphabets(words: list[str]) -> bool:
    """Return whether words mix letters of many alphabets."""
    foreign = [word for word in words if not word.isascii()]
    alphabets = [{_alphabet(char) for char in word if char.isalpha()} for word in foreign]
    mixed = sum(len(in_word) > 1 for in_word in alphabets)
    return mixed > MEANINGLESS_SHARE * len(words) and len(set().union(*alphabets)) >= MIN_ALPHABETS


def _alphabet(letter: str) -> str:
    name = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if name in EAST_ASIAN else name
