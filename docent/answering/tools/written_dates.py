"""Dates as documents and questions write them: 2027-03-12, 12 March 2027, March 12, 2027, 12.03.2027."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from docent.answering.citing.quantities import MONTHS
from docent.answering.citing.vocabulary import fold

_MONTH = "|".join(sorted({fold(word) for word in MONTHS} - {"mar", "may", "mai"}, key=len, reverse=True))
_MONTH = rf"(?:{_MONTH}|mar|may|mai)\b\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th|er|\.)?"
ISO = re.compile(
    r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2})?)?(?![\d-])"
)
DAY_FIRST = re.compile(rf"\b(?P<day>{_DAY}) (?:of )?(?P<month>{_MONTH}),?(?: (?P<year>\d{{4}})\b)?")
MONTH_FIRST = re.compile(rf"\b(?P<month>{_MONTH}) (?P<day>{_DAY})(?!\d|[.:]\d),?(?: (?P<year>\d{{4}})\b)?")
NUMERIC = re.compile(
    r"(?<![\d./-])(?P<first>\d{1,2})(?P<sign>[/.-])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{4})(?![\d/-])"
)
PLAIN_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST = 40
Found = TypeVar("Found")
MONTH_NUMBERS = {fold(word): number for word, number in MONTHS.items()}


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date at characters `start:end` of a text."""

    start: int
    end: int
    date: dt.date
    has_year: bool = True


def find_dates(text: str, *, year: int | None = None) -> list[WrittenDate]:
    """Return the dates of a text, in order; those without a year are of `year`, or left out.

    04/05/2027 is left out: it is a day in April or in May.
    """
    folded = fold(text)
    found = [date for date in _candidates(folded, year) if date is not None]
    found.sort(key=lambda date: (date.start, -date.end))
    kept: list[WrittenDate] = []
    for date in found:
        if not kept or date.start >= kept[-1].end:
            kept.append(date)
    return kept


def _candidates(text: str, year: int | None) -> Iterator[WrittenDate | None]:
    for match in ISO.finditer(text):
        yield _written(match, int(match["year"]), int(match["month"]), int(match["day"]))
    for pattern in (DAY_FIRST, MONTH_FIRST):
        for match in pattern.finditer(text):
            month = MONTH_NUMBERS[match["month"].rstrip(".")]
            day = int(re.sub(r"\D", "", match["day"]))
            if match["year"] or year is not None:
                yield _written(match, int(match["year"] or year or 0), month, day, bool(match["year"]))
    for match in NUMERIC.finditer(text):
        first, second = int(match["first"]), int(match["second"])
        if match["sign"] == "." or first > 12:
            yield _written(match, int(match["year"]), second, first)
        elif second > 12 or first == second:
            yield _written(match, int(match["year"]), first, second)


def _written(
    match: re.Match[str], year: int, month: int, day: int, has_year: bool = True
) -> WrittenDate | None:
    try:
        return WrittenDate(match.start(), match.end(), dt.date(year, month, day), has_year)
    except ValueError:
        return None


def date_of(text: str) -> dt.date | None:
    """Return the date that a text is, and nothing else."""
    text = text.strip()
    dates = find_dates(text)
    whole = len(dates) == 1 and (dates[0].start, dates[0].end) == (0, len(text))
    return dates[0].date if whole else None


def _while_found(read: Callable[[str], Found | None], cells: Sequence[str]) -> Iterator[Found]:
    """Yield what is read from each cell, up to the first that holds none: most columns are no dates."""
    for cell in cells:
        found = read(cell)
        if found is None:
            return
        yield found


def _whole_date(cell: str) -> dt.date | None:
    if PLAIN_ISO.fullmatch(cell):
        try:
            return dt.date.fromisoformat(cell)
        except ValueError:
            return None
    return date_of(cell) if len(cell) < LONGEST and any(map(str.isdigit, cell)) else None


def iso_dates(cells: Sequence[str]) -> list[str]:
    """Return the cells of a column as ISO dates; nothing where one is no date, or days and months mix."""
    numeric = list(_while_found(NUMERIC.fullmatch, cells))
    if len(numeric) < len(cells):
        dates = list(_while_found(_whole_date, cells))
        return [date.isoformat() for date in dates] if len(dates) == len(cells) else []
    day_first = all(int(match["second"]) <= 12 for match in numeric)
    month_first = all(int(match["first"]) <= 12 and match["sign"] != "." for match in numeric)
    if day_first == month_first:
        return []
    read = []
    for match in numeric:
        first, second = int(match["first"]), int(match["second"])
        day, month = (first, second) if day_first else (second, first)
        written = _written(match, int(match["year"]), month, day)
        read.append("" if written is None else written.date.isoformat())
    return read if all(read) else []
