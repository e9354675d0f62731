"""Letters without meaning: the file draws glyphs and does not say which letters they are."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

MEANINGLESS = 0.3  # of a page's characters or words
BABEL = 6  # alphabets on one page, in words that mix them
EASTERN = frozenset({"HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "HALFWIDTH", "FULLWIDTH"})
# What glyphs fall on when their codes are read as Latin-1; prices and recipes use two or three of these.
SYMBOLS = frozenset("¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷ˆ˜˙˚˛˝ˇ˘‡†‰‹›ƒ")
KINDS = 5
ODD = re.compile("[^ -~\n]")
WORD = re.compile("[A-Za-z]{3,}")


def is_noise(text: str) -> bool:
    """Codes that stand for no letters, or fell on letters and signs by chance."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return False
    words = text.split()
    if len(ODD.findall(text)) <= MEANINGLESS * len(words):
        return False  # too few for any of what follows
    said = "".join(words)
    counts = Counter(said)
    enough = MEANINGLESS * len(said)
    meaningless = sum(count for char, count in counts.items() if _is_meaningless(char))
    return meaningless > enough or _is_symbols(said, counts, enough) or _is_babel(words)


def _is_meaningless(char: str) -> bool:
    return char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cn", "Co")


def _is_symbols(said: str, counts: Counter[str], enough: float) -> bool:
    """Signs where letters should be, of many kinds and with hardly a word among them."""
    found = [count for char, count in counts.items() if char in SYMBOLS]
    if sum(found) <= enough or len(found) < KINDS:
        return False
    return sum(map(len, WORD.findall(said))) < enough


def _is_babel(words: list[str]) -> bool:
    """Words that mix alphabets which nobody mixes."""
    foreign = [word for word in words if not word.isascii()]
    alphabets = [{_alphabet(char) for char in word if char.isalpha()} for word in foreign]
    mixed = sum(len(found) > 1 for found in alphabets)
    return mixed > MEANINGLESS * len(words) and len(set().union(*alphabets)) >= BABEL


def _alphabet(letter: str) -> str:
    name = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if name in EASTERN else name
