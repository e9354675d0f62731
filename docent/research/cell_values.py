"""Read a stated text as a value that can be compared: money with its period, a date, a time, yes or no."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from docent.answering.citing.quantities import (
    CURRENCIES,
    MONTHS,
    normal_figure,
    quantities_of,
)
from docent.answering.citing.vocabulary import NUMBERS, fold
from docent.messages import Message
from docent.research.known_fields import KnownField
from docent.types import CellState, CellValue

MONEY = frozenset(CURRENCIES.values())
MONTH = rf"(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})"
DATE = re.compile(
    r"\b(?P<iso>\d{4})-(?P<iso_month>\d\d)-(?P<iso_day>\d\d)\b"
    r"|\b(?P<dotted_day>\d{1,2})[./](?P<dotted_month>\d{1,2})[./](?P<dotted_year>\d{4})\b"
    rf"|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.)?\s+(?:of\s+)?(?P<month>{MONTH})\b\.?(?:,?\s+(?P<year>\d{{4}}))?"
    rf"|\b(?P<us_month>{MONTH})\.?\s+(?P<us_day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d|:)(?:,?\s+(?P<us_year>\d{{4}}))?"
    rf"|\b(?P<only_month>{MONTH})\s+(?P<only_year>\d{{4}})\b",
    re.IGNORECASE,
)
COUNTED_TIME = re.compile(r"(?P<count>\d+(?:[.,]\d+)?|[^\W\d_]+(?:-[^\W\d_]+)?)[\s-]+(?P<unit>[^\W\d_]+)")
TIMES = {
    "day": "day days jour jours",
    "week": "week weeks semaine semaines",
    "month": "month months mois",
    "year": "year years an ans année années",
}
TIME_UNITS = {form: unit for unit, forms in TIMES.items() for form in forms.split()}
YES = re.compile(
    r"^\W*(?:yes|oui|ja|fully|entirely|full|available|offered|provided|included|allowed|possible|inclus|incluse|"
    r"possible|entierement|true|x|✓|✔)\b"
)
NO = re.compile(r"^\W*(?:no|non|nein|none|not|never|aucun|aucune|false|unavailable|impossible)\b")
PARTLY = re.compile(r"\b(?:except|sauf|partly|partially|partial|some|up to|hybrid|hybride|en partie)\b")
RANGE = Message("a range; it is sorted by its lower end")
BOUNDS = {"most": Message("at most"), "least": Message("at least")}
RANGE_OF = r"{first}\s?[€£$]?\s?(?:–|-|—|to|à|bis)\s?[€£$]?\s?(?P<upper>\d+(?:\.\d+)?)"


@dataclass(frozen=True, slots=True)
class ReadValue:
    """A value with the state and the remark of its cell."""

    value: CellValue
    state: CellState = "stated"
    note: str = ""


def read_value(text: str, kind: str, known: KnownField | None = None) -> ReadValue | None:
    """Return the value of a stated text; None where the text has none of that kind."""
    match kind:
        case "number":
            return read_number(text, known)
        case "date":
            date = next(dates_of(text), "")
            return ReadValue(CellValue(date=date)) if date else None
        case "yes_no":
            return read_yes_no(text)
    return ReadValue(CellValue()) if re.search(r"\w", text) else None


def read_number(text: str, known: KnownField | None = None) -> ReadValue | None:
    """Return the first number that can be of the field: of a currency, or in one of its units."""
    if known is not None and known.units and not known.money:
        for number, unit in times_of(text):
            if unit in known.units:
                return ReadValue(CellValue(number, unit))
    quantities = [one for one in quantities_of(text).quantities if decimal_of(one.value) is not None]
    if known is not None and known.money:
        quantities = [one for one in quantities if one.unit in MONEY]
    elif known is not None and known.units:
        only = len(known.units) == 1  # "37 a week" below "Hours"
        quantities = [
            one for one in quantities if one.unit in known.units or (only and one.period and not one.unit)
        ]
        weekly = [one for one in quantities if one.period == "week"]
        quantities = weekly or quantities
    if not quantities:
        return None
    first = quantities[0]
    unit, period, note = first.unit, first.period, BOUNDS.get(first.bound, "")
    if known is not None and len(known.units) == 1:
        unit = next(iter(known.units))
    if upper := re.match(rf".*?{RANGE_OF.format(first=digits(first.written))}", text.replace(",", "")):
        rest = [one for one in quantities_of(text).quantities if one.written == normal_figure(upper["upper"])]
        period, note = period or next((one.period for one in rest), ""), RANGE
    return ReadValue(CellValue(decimal_of(first.value), unit, period), note=note)


def digits(written: str) -> str:
    """Return a pattern for a figure in its normal form, however many zeros follow its decimals."""
    return rf"(?<![\d.]){re.escape(written)}0*" if "." in written else rf"(?<![\d.]){written}(?:\.0+)?"


def decimal_of(figure: str) -> Decimal | None:
    try:
        return Decimal(figure)
    except InvalidOperation:
        return None  # a time of day, 10:00


def times_of(text: str) -> Iterator[tuple[Decimal, str]]:
    """Yield lengths of time with their units, also in words: "ten weeks"."""
    for found in COUNTED_TIME.finditer(text):
        unit = TIME_UNITS.get(found["unit"].lower())
        word = found["count"].lower()
        figure = normal_figure(word) if word[0].isdigit() else NUMBERS.get(word, "")
        if unit and figure and (number := decimal_of(figure)) is not None:
            yield number, unit


def read_yes_no(text: str) -> ReadValue | None:
    """Return yes or no as a text begins with it; with an exception it is unclear, and the text is shown."""
    folded = fold(text)
    if NO.search(folded):
        return ReadValue(CellValue(yes=False))
    if YES.search(folded):
        partly = PARTLY.search(folded)
        return ReadValue(CellValue(), "unclear") if partly else ReadValue(CellValue(yes=True))
    return ReadValue(CellValue(), "unclear") if re.search(r"\w", text) else None


def dates_of(text: str) -> Iterator[str]:
    """Yield each date as ISO writes it, in order: a day, or a month of a year.

    The first of two dates that share a year is given it: "15 March to 30 July 2027".
    """
    found = [(match, parts) for match in DATE.finditer(text) if (parts := _parts(match)) is not None]
    for at, (match, (day, month, year)) in enumerate(found):
        if not year and at + 1 < len(found):
            following, (_, _, later) = found[at + 1]
            if following.start() - match.end() < 8:
                year = later
        if year:
            yield f"{year:04}-{month:02}-{day:02}" if day else f"{year:04}-{month:02}"


def has_date(text: str) -> bool:
    return next(dates_of(text), "") != ""


def _parts(match: re.Match[str]) -> tuple[int, int, int] | None:
    """Return day, month and year of a match, 0 for a part that is not given; None for no date."""
    if match["iso"]:
        day, month, year = int(match["iso_day"]), int(match["iso_month"]), int(match["iso"])
    elif match["dotted_day"]:
        day, month, year = (int(match[f"dotted_{part}"]) for part in ("day", "month", "year"))
        if "/" in match[0] and day <= 12 and month <= 12 and day != month:
            return None  # 03/04/2027 is a day in April or in March
        if month > 12:
            day, month = month, day
    elif match["day"]:
        day, month, year = int(match["day"]), _month(match["month"]), int(match["year"] or 0)
    elif match["us_day"]:
        day, month, year = int(match["us_day"]), _month(match["us_month"]), int(match["us_year"] or 0)
    else:
        day, month, year = 0, _month(match["only_month"]), int(match["only_year"])
    return (day, month, year) if 1 <= month <= 12 and day <= 31 else None


def _month(word: str) -> int:
    """Return the number of a month; in small letters, some are other words."""
    return 0 if word in ("may", "march", "mar", "sep", "oct", "dec") else MONTHS.get(word.lower(), 0)
