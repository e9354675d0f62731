"""Meanings of the labels of a list, in English and French: "Apply by" is a deadline, "Début" a start.

A sentence may name a field in other words ("Applications are due by 28 February" of "Apply by: 28 February"),
and must not give its value to a field of another meaning ("The deadline is 1 June" of "Start: 1 June").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from docent.answering.citing.quantities import CURRENCIES, quantities_of
from docent.answering.citing.vocabulary import content_words


@dataclass(frozen=True, slots=True)
class FieldMeaning:
    """A meaning that labels have, with the words that state it and those that only hint at it."""

    words: frozenset[str]
    """Any of them in a label or sentence says that this is meant."""
    hints: frozenset[str] = frozenset()
    """With a value of such a field these are enough: "from 1 June" is when it starts."""


def _meaning(words: str, hints: str = "") -> FieldMeaning:
    return FieldMeaning(frozenset(words.split()), frozenset(hints.split()))


MEANINGS = {
    "start": _meaning(
        "start starts started starting begin begins began beginning commence commences commencing "
        "début débute débutent débuter commencer commencera",
        "from since as dès partir du le on",
    ),
    "end": _meaning(
        "end ends ended ending finish finishes finishing fin finit terminer termine", "to until till au"
    ),
    "deadline": _meaning(
        "deadline due closing closes limite échéance clôture",
        "by before until till avant jusqu au latest",
    ),
    "period": _meaning("period run runs running dates période", "from to until for du au"),
    "length": _meaning("length duration last lasts lasting long durée dure durer durera", "for pendant"),
    "pay": _meaning(
        "pay pays paid salary wage wages stipend allowance remuneration compensation earn earns receive "
        "receives salaire rémunération rémunéré rémunérée paie payé payée gratification indemnité gagne",
        "get gets makes",
    ),
    "price": _meaning(
        "price priced prices cost costs fee charge charges prix coûte coûtent coût tarif", "for is à"
    ),
    "weight": _meaning("weight weigh weighs poids pèse"),
    "opening": _meaning("open opens opening hours ouvert ouverte ouvre ouverture horaires", "from to"),
    "place": _meaning("place location located address based lieu adresse situé située", "in at where à en"),
    "application": _meaning(
        "apply applies applying applied application applications applicant applicants candidature "
        "candidatures candidat candidats postuler postulez postule"
    ),
}
MOMENTS = frozenset(("start", "end", "deadline"))
"""Meanings of which none stands for another."""
TIMES_STATED = MOMENTS | {"length"}
"""A sentence that states one of these may not take it from a field that it does not name: "Leave: 7 days"."""
LAST_DAY = re.compile(r"\b(?:by|before|until|avant(?: le)?|jusqu['’]au)\W*\Z", re.I)
"""What ends a label that states a deadline: "Apply by", "Motions before"."""
GENERAL_LABELS = frozenset(
    "date dates day when time hour hours jour quand heure heures horaire horaires datum wann total".split()
)
"""Labels for the thing itself: "Date: 12 March" of a meeting is when the meeting is."""
LABEL_OF_UNIT = re.compile(
    r"[\s|*·•-]*([^\W\d_][^:|*\n\d]{0,40}?)\*{0,2}(?::|\s*\||\n|[^\S\n]{2,}|,\s|\.{3,})"
)
MOST_LABEL_WORDS = 5
WORD = re.compile(r"[^\W\d_]+")
CURRENCY_UNITS = frozenset(CURRENCIES.values())
CLOCK_TIME = re.compile(r"\b\d{1,2}:\d\d\b")


def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower()))


@lru_cache(maxsize=2048)
def label_of(unit: str) -> str:
    """Return the label at the beginning of a text unit; empty for a text without one."""
    label = LABEL_OF_UNIT.match(unit)
    return label[1].strip() if label and len(label[1].split()) <= MOST_LABEL_WORDS else ""


@lru_cache(maxsize=2048)
def meanings_of(text: str) -> frozenset[str]:
    """Return the meanings that the words of a label or sentence state."""
    words = _words(text)
    found = {name for name, meaning in MEANINGS.items() if words & meaning.words}
    return frozenset(found | ({"deadline"} if LAST_DAY.search(text) else set()))


@lru_cache(maxsize=2048)
def other_words(unit: str) -> tuple[str, ...]:
    """Return the words by which a sentence may name the field that a unit is; none for another unit."""
    meanings = [MEANINGS[name] for name in sorted(meanings_of(label_of(unit)))]
    return tuple(sorted({word for meaning in meanings for word in meaning.words | meaning.hints}))


@lru_cache(maxsize=2048)
def other_stems(unit: str) -> tuple[str, ...]:
    """Return the same words, shortened as those of claims are."""
    return tuple(sorted({stem for word in other_words(unit) for stem in content_words(word)}))


def is_of_another_moment(sentence: str, unit: str) -> bool:
    """Tell whether a sentence makes a start, an end or a deadline of a field that states another of these."""
    stated = meanings_of(label_of(unit)) & MOMENTS
    return bool(stated and (meanings_of(sentence) & MOMENTS) - meanings_of(unit) - stated)


def states_a_time(sentence: str) -> bool:
    """Tell whether a sentence says when something starts, ends or is due, or how long it lasts."""
    return bool(meanings_of(sentence) & TIMES_STATED)


def names_label(sentence: str, label: str) -> bool:
    """Tell whether a sentence says which field it speaks of: by a word of its label, or of its meaning."""
    words, label_words = _words(sentence), _words(label)
    if not label_words - GENERAL_LABELS:
        return True
    stems = {stem[:5] for word in label_words - GENERAL_LABELS for stem in content_words(word)}
    if any(stem[:5] in stems for word in words for stem in content_words(word)):
        return True
    return any(words & (MEANINGS[name].words | MEANINGS[name].hints) for name in meanings_of(label))


@lru_cache(maxsize=2048)
def kinds_of_values(text: str, *, alone: bool = False) -> frozenset[str]:
    """Return the kinds of values in a text: dates, times of day, and units with their periods.

    A value with a period is also one without, unless `alone`: "€980 a month" is money, and money a month.
    """
    read = quantities_of(text)
    kinds = set()
    for quantity in read.quantities:
        unit = "money" if quantity.unit in CURRENCY_UNITS else quantity.unit
        kinds |= (
            {unit, f"{unit}/{quantity.period}"}
            if not alone
            else {f"{unit}/{quantity.period}" if quantity.period else unit}
        )
    if read.dates:
        kinds.add("date")
    if CLOCK_TIME.search(text):
        kinds.add("time")
    return frozenset(kinds - {"", "/"})
