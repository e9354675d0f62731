"""Verify sentences that anybody wrote: find what supports each, or what the nearest text says instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from docent.answering.citing.citations import MARK, cite
from docent.answering.citing.claims import claim_of, has_word, word_share
from docent.answering.citing.quantities import (
    MONTHS,
    PERIODS,
    SCALES,
    UNITS,
    Quantity,
    agree,
    normal_figure,
    quantities_of,
)
from docent.answering.citing.sources import citation_at
from docent.answering.citing.text_units import FIGURE, sentence_spans, text_units
from docent.answering.citing.vocabulary import DATES, OPPOSITES, PLAIN_VERBS
from docent.types import Citation, Passage

LEAST_NEAREST = 0.4
"""Share of a sentence's words that a text must have to be shown as the nearest one."""
MOST_FOUND = 5
"""The most figures, units or names that are shown of the nearest text."""
ZEROS = {"3": "thousand", "6": "million", "9": "billion", "12": "trillion"}
BOUNDS = {"least": "at least", "most": "at most"}
WORD = re.compile(r"[^\W\d_][\w'’-]*")

DifferenceKind = Literal["figure", "unit", "date", "name", "negation", "words"]
Verdict = Literal["supported", "reworded", "unsupported"]
"""reworded: the sources have its figures, units, dates and names, but not all of its words."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a sentence that the nearest text does not say."""

    kind: DifferenceKind
    stated: str
    """As the sentence has it."""
    found: tuple[str, ...] = ()
    """What the nearest text has of that kind; empty where it has nothing."""


@dataclass(frozen=True, slots=True)
class VerifiedSentence:
    """A sentence, and the characters that support it."""

    text: str
    sources: tuple[Citation, ...] = ()
    unsupported: tuple[str, ...] = ()
    """The sentence, or those of its halves that no text supports."""
    nearest: Citation | None = None
    """Of an unsupported sentence: the text with most of its words; None where no text is about it."""
    differences: tuple[Difference, ...] = ()

    @property
    def verdict(self) -> Verdict:
        if self.unsupported:
            return "unsupported"
        return "reworded" if self.differences else "supported"


def verify(text: str, passages: Sequence[Passage]) -> list[VerifiedSentence]:
    """Return each sentence of a text with its support in the passages; marks such as [1] are left out."""
    text = MARK.sub("", text)
    return [_verify_sentence(text[start:end], passages) for start, end in sentence_spans(text)]


def _verify_sentence(sentence: str, passages: Sequence[Passage]) -> VerifiedSentence:
    cited = cite(sentence, passages)
    if cited.citations and not cited.unsupported:
        quotes = "\n".join(citation.quote for citation in cited.citations)
        about = "\n".join(_about(citation, passages[citation.n - 1]) for citation in cited.citations)
        return VerifiedSentence(
            sentence, cited.citations, differences=tuple(_other_words(sentence, quotes, about))
        )
    unsupported = cited.unsupported or (sentence,)
    nearest = _nearest(unsupported[0], passages)
    if nearest is None:
        return VerifiedSentence(sentence, cited.citations, unsupported)
    about = _about(nearest, passages[nearest.n - 1])
    return VerifiedSentence(
        sentence,
        cited.citations,
        unsupported,
        nearest,
        tuple(differences(unsupported[0], nearest.quote, about)),
    )


def _about(citation: Citation, passage: Passage) -> str:
    """Return what a quote is about: the header of its passage, and the columns of its table."""
    start, end = citation.start - passage.start, citation.end - passage.start
    units = text_units(passage.text)
    columns = {unit.columns for unit in units if unit.start < end and unit.end > start}
    return "\n".join((passage.library, passage.header, *sorted(columns)))


def _nearest(statement: str, passages: Sequence[Passage]) -> Citation | None:
    """Return the text unit that has, with what it is about, most of a statement's words; first of equals."""
    best_shares, best = (LEAST_NEAREST, 0.0), None
    for n, passage in enumerate(passages, 1):
        for unit in text_units(passage.text):
            unit_text = passage.text[unit.start : unit.end]
            own = word_share(statement, unit_text, "")
            shares = (word_share(statement, unit_text, f"{passage.header}\n{unit.columns}"), own)
            if own and shares > best_shares:
                best_shares, best = shares, citation_at(n, passage, unit.start, unit.end)
    return best


def differences(statement: str, source: str, about: str) -> Iterator[Difference]:
    """Yield what a statement says otherwise than its nearest source; `about` says what that is about."""
    yield from _other_dates(statement, source)
    yield from _other_figures(statement, source, about)
    yield from _other_units(statement, source, about)
    yield from _other_names(statement, source, about)
    yield from _denials(statement, source)
    yield from _other_words(statement, source, about)


def _other_dates(statement: str, source: str) -> Iterator[Difference]:
    given = quantities_of(source).dates
    for day, month, year in sorted(quantities_of(statement).dates):
        if not any(day == d and month == m and (not year or not y or year == y) for d, m, y in given):
            found = [_date(*date) for date in sorted(given)]
            yield Difference("date", _date(day, month, year), tuple(found[:MOST_FOUND]))


def _date(day: int, month: int, year: int) -> str:
    name = next(word for word, number in MONTHS.items() if number == month)
    return f"{day} {name.capitalize()}" + (f" {year}" if year else "")


def _other_figures(statement: str, source: str, about: str) -> Iterator[Difference]:
    claim, known = claim_of(statement), claim_of(source).exact | claim_of(about).exact
    read = quantities_of(statement)
    missing = {figure for figure in claim.exact - known if figure[0].isdigit()}
    missing -= {str(part) for date in read.dates for part in date}
    others = [one for one in quantities_of(source).quantities if not {one.value, one.written} & claim.exact]
    shown = set()
    for quantity in read.quantities:
        if quantity.value in missing and not (quantity.scale and quantity.written in known):
            shown.add(quantity.value)
            same_unit = [one for one in others if one.unit == quantity.unit] or others
            yield Difference("figure", _shown(quantity), _all_shown(same_unit))
    for figure in dict.fromkeys(FIGURE.findall(statement)):
        if normal_figure(figure) in missing - shown:
            yield Difference("figure", figure, _all_shown(others))


def _other_units(statement: str, source: str, about: str) -> Iterator[Difference]:
    """Yield figures that the source has as well, but of another unit, scale, period or bound."""
    if agree(statement, source, about):
        return
    given = quantities_of(source).quantities
    for quantity in quantities_of(statement).quantities:
        same = [one for one in given if {quantity.value, quantity.written} & {one.value, one.written}]
        if same and _shown(quantity) not in (shown := _all_shown(same)):
            yield Difference("unit", _shown(quantity), shown)


def _all_shown(quantities: Sequence[Quantity]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_shown, quantities)))[:MOST_FOUND]


def _shown(quantity: Quantity) -> str:
    """Return a quantity in words: "at least 2.1 million EUR per year"."""
    period = f"per {quantity.period}" if quantity.period else ""
    bound = BOUNDS.get(quantity.bound, "")
    parts = (bound, quantity.written, ZEROS.get(quantity.scale, ""), quantity.unit, period)
    return " ".join(filter(None, parts))


def _other_names(statement: str, source: str, about: str) -> Iterator[Difference]:
    known = claim_of(source).all_words | claim_of(about).all_words
    names = claim_of(statement).names
    found = _as_written(claim_of(source).names - names, source)
    for name in _as_written({name for name in names if not _is_part(name, known)}, statement):
        yield Difference("name", name, found[:MOST_FOUND])


def _is_part(name: str, words: frozenset[str]) -> bool:
    parts = {part for word in words for part in word.split("-")}
    return name in words or parts.issuperset(name.split("-"))


def _as_written(names: set[str] | frozenset[str], text: str) -> tuple[str, ...]:
    """Return names in the order and letters of a text."""
    words = (re.sub(r"['’]s$", "", word) for word in WORD.findall(text))
    return tuple(dict.fromkeys(word for word in words if word.lower() in names))


def _denials(statement: str, source: str) -> Iterator[Difference]:
    claim, given = claim_of(statement), claim_of(source)
    if claim.denied != given.denied:
        forms = ("denied", "affirmed")
        yield Difference("negation", *((forms[0], forms[1:]) if claim.denied else (forms[1], forms[:1])))
    for pair in OPPOSITES:
        for words, opposites in (pair, pair[::-1]):
            stated, found = claim.all_words & words, given.all_words & opposites
            if stated and found and not (given.all_words & words or claim.all_words & opposites):
                yield Difference("negation", ", ".join(sorted(stated)), tuple(sorted(found)))


def _other_words(statement: str, source: str, about: str) -> Iterator[Difference]:
    """Yield, as one difference, the other words that stand neither in the source nor in what it is about."""
    reported = claim_of(statement).names | DATES | PLAIN_VERBS
    reported |= UNITS.keys() | SCALES.keys() | PERIODS.keys()
    reported |= {word for pair in OPPOSITES for words in pair for word in words}
    known = f"{source}\n{about}"
    missing = [
        word
        for word in dict.fromkeys(WORD.findall(statement))
        if re.sub(r"['’]s?$", "", word).lower() not in reported
        and (compared := [part for part in claim_of(word).words if not part[0].isdigit()])
        and not any(has_word(known, form) for part in compared for form in (part, part.removesuffix("s")))
    ]
    if missing:
        yield Difference("words", ", ".join(missing))
