"""Lines of a list that each state one thing: "Start: 1 June", "Length | 14 weeks", a label over its value.

A sentence may put several of them together, and must not take the value of one for another's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from docent.answering.citing import claims
from docent.answering.citing.units import CELLS, FIGURE, cells, units

LONGEST = 160
"""Characters of a line that states one thing; what is longer is prose."""
LABEL = re.compile(r"[\s|*·•-]*([^\W\d_][^:|*]{0,40})\*{0,2}:\*{0,2}\s+(?=\S)")
"""What stands before the value in "Pay: €1,180 a month"."""
LABEL_WORDS = 3
TITLES = 4
"""Lines on top of a list that say what it is about."""
LEAST = 2
"""Lines with a label, which make a list."""
PAIRS = 3
"""Labels that stand above their values, which make a list of them."""


@dataclass(frozen=True, slots=True)
class Field:
    start: int
    end: int
    label: str
    """What the line calls its value; empty where it calls it nothing."""


@lru_cache(maxsize=512)
def fields(text: str) -> tuple[Field, ...]:
    """Every line that may state one thing."""
    lines = [(one.start, one.end) for one in units(text) if one.end - one.start <= LONGEST]
    lines = [line for line in lines if text[line[1] - 1] not in ".!?"]
    above = _above(text, lines)
    found: list[Field] = []
    for start, end in lines:
        if (start, end) in above:
            found.append(Field(above[start, end], end, text[above[start, end] : start].strip()))
        elif all(other != start for other in above.values()):
            found += _in_line(text, start, end)
    called = Counter(one.label for one in found)
    found = [one for one in found if not one.label or called[one.label] == 1]  # else it is of several things
    return tuple(found) if sum(bool(one.label) for one in found) >= LEAST else ()


def _in_line(text: str, start: int, end: int) -> Iterator[Field]:
    line = text[start:end]
    parts = [part for part in _split(line) if LABEL.match(line, *part)]
    if len(parts) > 1:  # two columns of a list on one line
        for at, until in parts:
            named = LABEL.match(line, at, until)
            assert named is not None
            yield Field(start + at, start + until, named[1])
        return
    first, *more = cells(line) or [""]
    named = LABEL.match(first)
    if not more:
        yield Field(start, end, named[1] if named else "")
    elif len(more) == 1 and not FIGURE.search(first):
        yield Field(start, end, named[1] if named else first)


def _split(line: str) -> Iterator[tuple[int, int]]:
    at = 0
    for gap in CELLS.finditer(line):
        if gap.start() > at:
            yield at, gap.start()
        at = gap.end()
    if at < len(line):
        yield at, len(line)


def _above(text: str, lines: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Values with a figure whose label is the line above, where that is how the list is written."""
    found = {}
    for (start, end), (at, until) in zip(lines, lines[1:], strict=False):
        called, value = text[start:end], text[at:until]
        if (
            len(called.split()) <= LABEL_WORDS
            and not FIGURE.search(called)
            and not called.endswith((",", ";", ":"))
            and not text[end:at].strip("\n")
            and FIGURE.search(value)
            and len(cells(value)) == 1
            and not LABEL.match(value)
        ):
            found[at, until] = start
    return found if len(found) >= PAIRS else {}


@lru_cache(maxsize=512)
def subject(text: str, about: str) -> str:
    """What a list is about: what is known of it, and the lines on top of it that state nothing of their own.

    Less the values of its lines: a heading that repeats the first of them would lend a day to another line.
    """
    found = fields(text)
    on_top = [text[one.start : one.end] for one in takewhile(lambda one: not one.label, found)]
    about = " - ".join([about, *(line for line in on_top if not FIGURE.search(line))][: 1 + TITLES])
    for one in found:
        value = text[one.start : one.end].strip("| ").removeprefix(one.label).strip(":| \n")
        if one.label and FIGURE.search(value):
            about = about.replace(value, " ")
    return about


def mistaken(sentence: str, text: str, start: int, end: int) -> bool:
    """Whether these characters are the value of one thing, and the sentence speaks of another by its name."""
    known = fields(text)
    line = text[start:end]
    if not any(one.label and one.start < end and one.end > start for one in known):
        return False
    others = [one.label for one in known if one.label and not (one.start < end and one.end > start)]
    return of_another(sentence, line, others)


def of_another(statement: str, line: str, others: Sequence[str]) -> bool:
    return any(
        claims.has(other, word) and not claims.has(line, word)
        for word in claims.claim(statement).words
        for other in others
    )
