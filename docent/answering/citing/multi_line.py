"""A sentence that puts together what lines of a list say: "It starts on 1 June and lasts 14 weeks"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docent.answering.citing import claims, sentences
from docent.answering.citing.fields import Field, fields, of_another
from docent.answering.citing.vocabulary import DATES, NUMBERS

MOST = 12
"""Lines that one sentence may put together."""
PART = re.compile(r"[,;]\s")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    """In the form in which it is compared."""
    start: int
    end: int


@dataclass(slots=True)
class _Place:
    """Some words of the sentence that stand in a line just so."""

    line: Field
    first: int
    last: int
    verbs: int = 1
    """How many values of it the sentence has: each may come with a word that a list does not need."""


def together(sentence: str, text: str, about: str) -> list[Field]:
    """The lines that say the sentence between them, in its order; none, unless each says its own part.

    Every figure, day and name of the sentence must stand in one of them, or in what the text is about. What
    leads up to it is held against that line alone, and may not be what another line is called.
    """
    tokens = _tokens(sentence)
    for telling in (frozenset[str](), _telling(text)):
        places = _places(sentence, tokens, text, about, telling)
        lines = list(dict.fromkeys(place.line for place in places))
        if not 2 <= len(lines) <= MOST or not _told_apart(sentence, tokens, places):
            continue
        if all(_said(statement, place, text, about) for statement, place in _parts(sentence, tokens, places)):
            return lines
    return []


def _parts(sentence: str, tokens: Sequence[_Token], places: Sequence[_Place]) -> Iterator[tuple[str, _Place]]:
    """The sentence, cut behind what stands in each line."""
    at = 0
    for n, place in enumerate(places):
        end = tokens[place.last].end if n + 1 < len(places) else len(sentence)
        yield sentence[at:end], place
        at = end


def _said(statement: str, place: _Place, text: str, about: str) -> bool:
    line = _part(statement, text[place.line.start : place.line.end], place.line.label)
    others = [one.label for one in fields(text) if one.label and one != place.line]
    return (
        not of_another(statement, line, others)
        and _unknown(statement, line, about) <= place.verbs
        and claims.said_by(statement, line, about) >= claims.SUPPORT
    )


def _part(statement: str, line: str, label: str) -> str:
    """What a line calls its value, and the parts of the value that the statement speaks of: "heating not
    included" denies nothing of the rent before it."""
    words = claims.claim(statement).words
    parts = [part for part in PART.split(line) if any(claims.has(part, word) for word in words)]
    return ", ".join([label, *parts])


def _unknown(statement: str, line: str, about: str) -> int:
    """Words that the line does not have: a verb for each value, since a list has none."""
    known = f"{line} {about}"
    return sum(not claims.has(known, word) for word in claims.claim(statement).words)


def _tokens(text: str) -> list[_Token]:
    return [_Token(_compared(found[0]), found.start(), found.end()) for found in claims.TOKEN.finditer(text)]


def _compared(token: str) -> str:
    lower = token.lower()
    return claims.figure(token) if token[0].isdigit() else NUMBERS.get(lower, lower)


def _places(
    sentence: str, tokens: Sequence[_Token], text: str, about: str, telling: frozenset[str]
) -> list[_Place]:
    """Where each figure and name of the sentence stands, and each telling word; none, if one is nowhere."""
    wanted, known = claims.claim(sentence), claims.claim(about)
    lines = [(one, _tokens(text[one.start : one.end])) for one in fields(text)]
    must = wanted.exact | wanted.names
    places: list[_Place] = []
    for at, token in enumerate(tokens):
        if places and at <= places[-1].last or token.text in known.exact | known.plain:
            continue
        if token.text not in must and token.text not in telling:
            continue
        (first, last), line, words = max(
            ((_run(tokens, at, words), line, words) for line, words in lines),
            key=lambda found: (found[0][1] - found[0][0], _beside(tokens, at, found[2])),
            default=((at, at - 1), Field(0, 0, ""), []),
        )
        if last < at or _torn(tokens, last, words):
            return []
        last = _carried(sentence, tokens, last, words)
        if places and places[-1].line == line:
            places[-1].last = last
            places[-1].verbs += 1
        else:
            places.append(_Place(line, first, last))
    return places


def _telling(text: str) -> frozenset[str]:
    """Words that stand in the value of one line only."""
    values = [
        {token.text for token in _tokens(text[one.start : one.end]) if _stem(token.text)}
        - {token.text for token in _tokens(one.label)}
        for one in fields(text)
        if one.label
    ]
    counts = Counter(word for words in values for word in words)
    return frozenset(word for word, count in counts.items() if count == 1)


def _beside(tokens: Sequence[_Token], at: int, words: Sequence[_Token]) -> int:
    """How many of the words around a figure the line has, too."""
    stems = {_stem(word.text) for word in words} - {""}
    return sum(_stem(token.text) in stems for token in tokens[max(at - 3, 0) : at + 4])


def _torn(tokens: Sequence[_Token], last: int, words: Sequence[_Token]) -> bool:
    """Whether the line has the figure and the word behind it, but not together: "37 weeks" of "37 a week"."""
    figure, after = tokens[last].text, tokens[last + 1].text if last + 1 < len(tokens) else ""
    stem = _stem(after)
    if not figure[0].isdigit() or not after or after[0].isdigit() or after in DATES or not stem:
        return False
    stems = [_stem(word.text) for word in words]
    beside = {
        stems[at + step]
        for at, word in enumerate(words)
        if word.text == figure
        for step in (-1, 1)
        if 0 <= at + step < len(words)
    }
    return stem in stems and stem not in beside


def _carried(sentence: str, tokens: Sequence[_Token], last: int, words: Sequence[_Token]) -> int:
    """The run, with what follows of the same line in other words: "37 hours a week" of "Hours: 37 a week"."""
    stems = {_stem(word.text) for word in words} - {""}
    at = last
    counted = tokens[at].text[0].isdigit()  # "20 hours": what is counted is said of the same line
    while at + 1 < len(tokens) and sentence[tokens[at].end : tokens[at + 1].start].isspace():
        at += 1
        stem = _stem(tokens[at].text)
        if stem in stems or (stem and counted):
            last = at
        elif stem:
            break
        counted = False
    return last


def _stem(word: str) -> str:
    return next(iter(sentences.words(word)), "")


def _run(tokens: Sequence[_Token], at: int, words: Sequence[_Token]) -> tuple[int, int]:
    """The longest run of the sentence's words around `at` that stands among these; empty, if none does."""
    best = (at, at - 1)
    for there, word in enumerate(words):
        if word.text != tokens[at].text:
            continue
        back = 0
        while min(at, there) > back and tokens[at - back - 1].text == words[there - back - 1].text:
            back += 1
        on = 0
        while at + on + 1 < len(tokens) and there + on + 1 < len(words):
            if tokens[at + on + 1].text != words[there + on + 1].text:
                break
            on += 1
        if back + on > best[1] - best[0]:
            best = (at - back, at + on)
    return best


def _told_apart(sentence: str, tokens: Sequence[_Token], places: Sequence[_Place]) -> bool:
    """Two values of one kind (two prices, two days) may be mixed up, unless it is said which is which."""
    kinds: dict[str, Field] = {}
    for place in places:
        kind = " ".join(_kind(token.text) for token in tokens[place.first : place.last + 1])
        other = kinds.setdefault(kind, place.line)
        if other != place.line and not all(
            any(claims.has(sentence, word) for word in claims.claim(line.label).words)
            for line in (other, place.line)
        ):
            return False
    return True


def _kind(token: str) -> str:
    if token in DATES:
        return "date"
    return re.sub(r"\d+", "#", token)
