"""Where in a passage the support of a sentence stands: a unit, two neighbours, or several rows of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docent.answering.citing import claims, fields, multi_line
from docent.answering.citing.units import FIGURE, Unit, cells, key, units

JOINED = 0.2
"""What a second neighbouring unit must add to the share of the first, to be cited along with it."""
LEAST_COPIED = 4
MOST_ROWS = 12
"""Rows that one sentence may speak of."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Support:
    share: float
    spans: tuple[Span, ...]


def best(sentence: str, text: str, about: str) -> Support:
    """How much of the sentence the best place says, and where that is."""
    found = units(text)
    about = fields.subject(text, about)
    single = _one_or_two(sentence, text, about, found)
    if single.share >= claims.SUPPORT:
        return single
    if copied := _copied(sentence, text, found):
        return copied
    if rows := _rows_together(sentence, text, about, [one for one in found if one.row]):
        return rows
    if lines := multi_line.together(sentence, text, about):
        return Support(claims.SUPPORT, tuple((one.start, one.end) for one in lines))
    return single


def _copied(sentence: str, text: str, found: Sequence[Unit]) -> Support | None:
    """Several whole units word for word, as a model that copies a page runs them together."""
    words = re.findall(r"\w+", sentence)
    if len(words) < LEAST_COPIED:
        return None
    place = re.search(r"\b" + r"\W+".join(map(re.escape, words)) + r"\b", text, re.I)
    if place is None:
        return None
    starts, ends = {one.start for one in found}, {one.end for one in found}
    before, after = re.search(r"\W*\Z", text[: place.start()]), re.match(r"\W*", text[place.end() :])
    assert before is not None and after is not None
    start = next((at for at in range(before.start(), place.start() + 1) if at in starts), None)
    end = next((at for at in range(place.end(), place.end() + after.end() + 1) if at in ends), None)
    return None if start is None or end is None else Support(1.0, ((start, end),))


def _one_or_two(sentence: str, text: str, about: str, found: Sequence[Unit]) -> Support:
    """One unit, or two neighbours that both add to it."""
    score, span, own = 0.0, (0, 0), 0.0
    for one in found:
        unit = text[one.start : one.end]
        said = claims.said_by(sentence, unit, _around(one, about))
        if not said or said < score or _in_another_column(sentence, unit, one):
            continue
        if fields.mistaken(sentence, text, one.start, one.end):
            continue
        alone = claims.share(sentence, unit, "")
        if said > score or alone > own:  # of two, the one that leans less on its columns
            score, span, own = said, (one.start, one.end), alone
    for one, other in zip(found, found[1:], strict=False):
        if one.row or other.row:
            continue  # rows of a table do not speak of each other
        joined = claims.said_by(sentence, text[one.start : other.end], about)
        if joined <= score + JOINED / 2:
            continue
        parts = (text[one.start : one.end], text[one.end : other.end])
        if joined >= max(claims.share(sentence, part, about) for part in parts) + JOINED:
            score, span = joined, (one.start, other.end)
    return Support(score, (span,))


def _around(one: Unit, about: str) -> str:
    return f"{about} {one.columns}" if one.columns else about


def _in_another_column(sentence: str, row: str, one: Unit) -> bool:
    """Whether the sentence gives a column ("2 days") a figure that is another one's."""
    names, values = cells(one.columns), cells(row)
    if len(names) < 2 or len(names) != len(values):
        return False
    for name, value in zip(names, values, strict=True):
        said = re.search(rf"({FIGURE.pattern})\s+{re.escape(name)}\b", sentence, re.I)
        if said and claims.figure(said[1]) not in claims.claim(value).exact:
            return True
    return False


def _rows_together(sentence: str, text: str, about: str, rows: Sequence[Unit]) -> Support | None:
    """A sentence that goes through several rows: what it says of each must stand in that row."""
    places = _named(sentence, text, rows)
    if not 2 <= len(places) <= MOST_ROWS:
        return None
    whole = [text[row.start : row.end] for _, _, row in places]
    shares = []
    for (_, _, row), unit, statement in zip(places, whole, _statements(sentence, places), strict=True):
        context = _around(row, about)
        others = [one for one in whole if one != unit]
        if any(
            claims.has(other, word) and not claims.has(f"{unit} {context}", word)
            for word in claims.claim(statement).words
            for other in others
        ):
            return None  # it says of this row what another one has
        shares.append(claims.said_by(statement, unit, context))
    if min(shares) < claims.SUPPORT:
        return None
    return Support(min(shares), tuple((row.start, row.end) for _, _, row in places))


def _named(sentence: str, text: str, rows: Sequence[Unit]) -> list[tuple[int, int, Unit]]:
    """The rows whose first cells the sentence names, in its order; none twice."""
    found: dict[int, tuple[int, int, Unit]] = {}
    for row in rows:
        name = key(text[row.start : row.end])
        words = re.findall(r"\w+", name)
        if not words or name.isdigit():
            continue
        place = re.search(r"\b" + r"\W+".join(map(re.escape, words)) + r"(?:e?s|n)?\b", sentence, re.I)
        if place:
            known = found.get(place.start())
            if known is None or place.end() > known[1]:
                found[place.start()] = (place.start(), place.end(), row)
    return [found[at] for at in sorted(found)]


def _statements(sentence: str, places: Sequence[tuple[int, int, Unit]]) -> list[str]:
    """What is said of each row: all that leads in, its name, and what follows; of a bare name in a list
    ("soup and bread cost 5") the same is said as of the next."""
    lead = sentence[: places[0][0]]
    following = ""
    found = []
    for at in range(len(places) - 1, -1, -1):
        start, end, _ = places[at]
        until = places[at + 1][0] if at + 1 < len(places) else len(sentence)
        after = sentence[end:until]
        if claims.claim(after).words:
            following = after
        found.append(f"{lead}{sentence[start:end]} {following}")
    return found[::-1]
