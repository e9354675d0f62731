"""Letters without meaning: the file draws glyphs and does not say which letters they are."""

from __future__ import annotations

import re
import unicodedata

MEANINGLESS = 0.3  # of a page's characters or words
BABEL = 6  # alphabets on one page, in words that mix them
EASTERN = frozenset({"HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "HALFWIDTH", "FULLWIDTH"})
# What glyphs fall on when their codes are read as Latin-1; prices and recipes use two or three of these.
SYMBOLS = frozenset("¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿×÷ˆ˜˙˚˛˝ˇ˘‡†‰‹›ƒ")
KINDS = 5
WORD = re.compile("[A-Za-z]{3,}")


def is_noise(text: str) -> bool:
    """Codes that stand for no letters, or fell on letters and signs by chance."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return False
    said = "".join(text.split())
    meaningless = sum(unicodedata.category(char) in ("Cc", "Cn", "Co") or char == "\ufffd" for char in said)
    return meaningless > MEANINGLESS * len(said) or _is_symbols(said) or _is_babel(text.split())


def _is_symbols(said: str) -> bool:
    """Signs where letters should be, of many kinds and with hardly a word among them."""
    found = [char for char in said if char in SYMBOLS]
    if len(found) <= MEANINGLESS * len(said) or len(set(found)) < KINDS:
        return False
    return sum(map(len, WORD.findall(said))) < MEANINGLESS * len(said)


def _is_babel(words: list[str]) -> bool:
    """Words that mix alphabets which nobody mixes."""
    foreign = [word for word in words if not word.isascii()]
    alphabets = [{_alphabet(char) for char in word if char.isalpha()} for word in foreign]
    mixed = sum(len(found) > 1 for found in alphabets)
    return mixed > MEANINGLESS * len(words) and len(set().union(*alphabets)) >= BABEL


def _alphabet(letter: str) -> str:
    name = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if name in EASTERN else name
