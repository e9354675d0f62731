"""Checks on extracted text: invisible characters, text without meaning, and the language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# Zero-width space, word joiner and friends, direction overrides, soft hyphen, the invisible tag
# characters that spell ASCII, and variation-selector runs. Joiners (200C, 200D) stay: emoji,
# Persian and Indic words need them.
ZERO_WIDTH = re.compile(
    "[\u00ad\u180e\u200b\u2060-\u2064\u2066-\u206f\u202a-\u202e\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
TAGS = range(0xE0020, 0xE007F)


def split_hidden(text: str) -> tuple[str, str]:
    """The text without its invisible characters, and what those spelt (or how many there were)."""
    found = () if text.isascii() else ZERO_WIDTH.findall(text)
    if not found:
        return text, ""
    spelt = "".join(chr(ord(char) - 0xE0000) for char in found if ord(char) in TAGS)
    # Layout marks (soft hyphens, byte-order marks) are removed without alarm.
    telling = sum(char not in "\u00ad\ufeff" for char in found)
    report = spelt or (f"[{telling} zero-width characters]" if telling else "")
    return ZERO_WIDTH.sub("", text), report


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


WORDS = {
    "en": "the of and to in is that for it with as was on are be this by from at or an not",
    "fr": "le la les des et en une est que pour dans qui sur par plus au avec ce il sont pas aux vous ne du",
    "de": "der die und das den von zu mit sich des auf für ist im dem nicht ein eine als auch es an aus",
    "es": "el los las que y en una por con para del se no su al como más es este o pero le ha",
    "it": "il di che è per un una con non sono del la della dei nel alla si da al le gli anche più questo ha",
    "pt": "o os que e do da em um uma para com não por mais dos as se na no ao foi sua ou é são",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er om ook als bij door maar naar dan",
}
KNOWN = {language: frozenset(words.split()) for language, words in WORDS.items()}
ENOUGH = 20
SAMPLE = 40_000  # characters of a document; enough to tell a language
MARGIN = 1.25  # sister languages (es/pt, de/nl) share words; a real text wins by far more than this


def language_of(text: str) -> str:
    """ISO 639-1 of a text, or empty when there is too little or it is none of those known."""
    counts = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    total = sum(counts.values())
    if total < ENOUGH:
        return ""
    scores = sorted(
        ((sum(counts[word] for word in words), language) for language, words in KNOWN.items()), reverse=True
    )
    (best, language), (second, _) = scores[:2]
    return language if best > total * 0.12 and best >= second * MARGIN else ""
