"""Whether some characters of a passage say what a sentence says. By words alone; no model is asked.

Most of a sentence's words must be there, but that is not enough: every figure, day and name must
be, neither side may deny what the other says, and no part of the sentence may stand on nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from docent.answering.citing import sentences
from docent.answering.citing.vocabulary import DATES, DENIALS, LANGUAGES, NUMBERS, OPPOSITES, SOFT_DENIALS

SUPPORT = 0.5
"""Share of a sentence's words that its source must have: paraphrase keeps about two thirds."""
LEAST_SHARED = 2
LONGEST_GAP = 2
"""More words than these in a row that are in no source are a statement of their own."""
PREFIX = 5
"""Letters in which two forms of one word agree at least: "terminate", "termination"."""

REMEMBERED = 2048
"""Texts whose words are kept: the units of a few answers. About 3 kB each, 30 kB for a whole passage."""
LONGEST_REMEMBERED = 4_000

DECIMAL = re.compile(r"\d+(?:\.\d+)?")
TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|\w+(?:['’-]\w+)*")
SUBJECT = re.compile(r"(?:(?:the|an?|der|die|das|eine?|les?|la|une?)\s+|l['’])(?P<noun>[^\W\d_]{3,})", re.I)
GENERAL = frozenset(
    "company document documents text passage passages author total amount price answer report person people "
    "first second last new main same full other remaining unternehmen dokument entreprise".split()
)
LIMIT = re.compile(r"\b(?:no|not) (?:more|less|fewer|later|longer|earlier|sooner) than\b|\bnot only\b")
"""A denial in form alone: a limit."""
STATEMENT = re.compile(r";\s|,\s(?=(?:and|but|und|aber|et|mais)\s)")
CLAUSE = re.compile(r"[,;:]\s+|\s(?=(?:and|but|or|und|oder|aber|et|ou|mais|y|e)\s)")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a text says, as far as words tell."""

    words: tuple[str, ...]
    """Words that carry meaning, shortened, in order."""
    exact: frozenset[str]
    """Figures, days and months: these must agree to the letter."""
    names: frozenset[str]
    denied: bool
    softly_denied: bool
    plain: frozenset[str]
    """Every word, as it is written, in lower case."""


def claim(text: str) -> Claim:
    """Remembered, except for what is long: an answer's passages together are never asked for again."""
    return _remembered(text) if len(text) <= LONGEST_REMEMBERED else _read(text)


def _read(text: str) -> Claim:
    tokens = TOKEN.findall(text)
    lower = [token.lower().replace("’", "'") for token in tokens]
    plain = frozenset(part for token in lower for part in (token, token.removesuffix("'s")))
    words = tuple(
        word for token in tokens for word in ([figure(token)] if token[0].isdigit() else _stems(token))
    )
    exact = {figure(token) for token in tokens if token[0].isdigit()}
    exact |= {NUMBERS[token] for token in lower if token in NUMBERS} | (plain & DATES)
    denying = LIMIT.sub("", text.lower())
    denied = any(token in DENIALS or token.endswith(("n't", "n’t")) for token in TOKEN.findall(denying))
    return Claim(words, frozenset(exact), frozenset(_names(text)), denied, bool(plain & SOFT_DENIALS), plain)


_remembered = lru_cache(maxsize=REMEMBERED)(_read)


def _stems(token: str) -> list[str]:
    lower = token.lower()
    return [NUMBERS[lower]] if lower in NUMBERS else sorted(sentences.words(token))


def figure(text: str) -> str:
    """A figure however its thousands and its cents are written: 1,284.60 is 1284.6."""
    parts = re.split(r"[.,]", text)
    if len(parts) > 1 and all(len(part) == 3 for part in parts[1:]) and 0 < len(parts[0]) <= 3:
        return "".join(parts)
    if len(parts) > 1:
        whole, cents = "".join(parts[:-1]), parts[-1].rstrip("0")
        return f"{whole}.{cents}" if cents else whole
    return text.lstrip("0") or "0"


def _names(text: str) -> Iterator[str]:
    """Capitalised words inside sentences; none where a language writes every noun so."""
    inside = re.findall(r"(?<![.!?:\n•\-–“\"(])[ \t]([^\W\d_][\w'’-]+)", text)
    capital = [word for word in inside if word[0].isupper()]
    if len(inside) >= 4 and len(capital) > 0.35 * len(inside) and language(text) in ("de", ""):
        return
    for word in capital:
        bare = re.sub(r"['’]s$", "", word).lower()
        if len(bare) > 2 and bare not in DATES and bare not in sentences.STOP_WORDS:
            yield bare


def language(text: str) -> str:
    """The language of a text of some length, by its small words; empty when they do not tell."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = sorted(((sum(word in small for word in words), name) for name, small in LANGUAGES.items()))
    (second, _), (first, name) = counts[-2:]
    return name if first >= 2 and first > second else ""


def said_by(sentence: str, unit: str, about: str) -> float:
    """The share of the sentence's words that the unit has (what it is about may lend it some), or 0 where
    the two do not agree."""
    wanted, found = claim(sentence), claim(unit)
    context = claim(about)
    if not wanted.exact <= found.exact | context.exact or _disagree(wanted, unit):
        return 0.0
    said, lent = _index(found.words), _index(context.words)
    known = [_has(said, word) or _has(lent, word) for word in wanted.words]
    own = sum(_has(said, word) for word in wanted.words)
    if own == 0 or sum(known) < min(len(known), LEAST_SHARED) or _gap(known) > LONGEST_GAP:
        return 0.0
    if _stands_on_nothing(sentence, said, lent) or not _has_subject(sentence, said, lent):
        return 0.0
    names = {name for name in wanted.names if not _in(name, found.plain | context.plain)}
    return 0.0 if names else sum(known) / len(known)


def _gap(known: list[bool]) -> int:
    """The longest run of words that are not in the source."""
    return max(len(run) for run in "".join("x" if one else "." for one in known).split("x"))


def _has_subject(sentence: str, said: frozenset[str], lent: frozenset[str]) -> bool:
    """Whether the thing that "The landlord may …" speaks of is there: who does it matters most."""
    found = SUBJECT.match(sentence.strip())
    if found is None or found["noun"].lower() in GENERAL:
        return True
    words = _stems(found["noun"])
    return not words or any(_has(said, word) or _has(lent, word) for word in words)


def _disagree(wanted: Claim, unit: str) -> bool:
    """Whether the unit says otherwise, as a whole and in the part of it that has most of the words: what is
    denied behind a semicolon or an "and" may be something else."""
    parts = [claim(part) for part in STATEMENT.split(unit)]
    nearest = max(parts, key=lambda part: sum(_has(_index(part.words), word) for word in wanted.words))
    return _contradict(wanted, nearest) and _contradict(wanted, claim(unit))


def _contradict(wanted: Claim, found: Claim) -> bool:
    if wanted.denied != found.denied and not (found if wanted.denied else wanted).softly_denied:
        return True
    for one, other in OPPOSITES:
        for here, there in ((one, other), (other, one)):
            if (
                wanted.plain & here
                and found.plain & there
                and not (wanted.plain & there or found.plain & here)
            ):
                return True
    return False


def _stands_on_nothing(sentence: str, said: frozenset[str], lent: frozenset[str]) -> bool:
    """A part of the sentence of which not one word is in the source: "… and a driving licence"."""
    parts = CLAUSE.split(sentence)
    if len(parts) == 1:
        return False
    for part in parts:
        words = [word for word in claim(part).words if word]
        if words and not any(_has(said, word) or _has(lent, word) for word in words):
            return True
    return False


@lru_cache(maxsize=REMEMBERED)
def _index(words: tuple[str, ...]) -> frozenset[str]:
    """The words and their beginnings."""
    return frozenset(words) | {f"{word[:PREFIX]}…" for word in words if len(word) >= PREFIX}


def _has(index: frozenset[str], word: str) -> bool:
    return word in index or (len(word) >= PREFIX and not word[0].isdigit() and f"{word[:PREFIX]}…" in index)


def has(text: str, word: str) -> bool:
    return _has(_index(claim(text).words), word)


def _in(name: str, words: frozenset[str]) -> bool:
    return name in words or any(name in word.split("-") or word in name.split("-") for word in words)


def share(sentence: str, unit: str, about: str) -> float:
    """The share of words alone, whether or not the two agree."""
    wanted = claim(sentence).words
    index, lent = _index(claim(unit).words), _index(claim(about).words)
    return sum(_has(index, word) or _has(lent, word) for word in wanted) / max(len(wanted), 1)
