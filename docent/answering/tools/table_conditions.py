"""The conditions of a question on a table: comparisons, dates, values, and the words that name columns."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from docent.answering.tools.sheet_tables import Table
from docent.answering.tools.table_plans import RowFilter
from docent.answering.tools.table_words import BOOLEANS, QuestionWord, bare, named, pieces

COMPARISONS = frozenset({">", ">=", "<", "<=", "between"})
BEFORE_MONTHS = frozenset("in of for during and from en pour de".split())


class UnclearQuestion(Exception):
    """The question has no reading, or more than one."""


def with_dates(words: Sequence[QuestionWord]) -> list[QuestionWord]:
    """Join a day, a month and a year to one word: 15 March 2026, March 2026."""
    joined: list[QuestionWord] = []
    for at, word in enumerate(words):
        if word.text == "may" and not _is_month(words, at):
            return [QuestionWord("unknown", 0, 0)]
        before = joined[-1] if joined else None
        is_year = word.kind == "number" and isinstance(word.value, int) and 1900 <= word.value <= 2100
        if word.kind == "month" and before and before.kind == "number" and before.value in range(1, 32):
            joined[-1] = QuestionWord("day", before.start, word.end, (word.value, before.value), word.text)
        elif is_year and before and before.kind == "day":
            month, day = before.value
            if day > calendar.monthrange(word.value, month)[1]:
                return [QuestionWord("unknown", 0, 0)]
            joined[-1] = QuestionWord(
                "date", before.start, word.end, dt.date(word.value, month, day).isoformat()
            )
        elif is_year and before and before.kind == "month":
            joined[-1] = QuestionWord("month", before.start, word.end, f"{word.value}-{before.value:02d}")
        elif word.kind == "number" and before and before.kind == "month" and word.value in range(1, 32):
            joined[-1] = QuestionWord("day", before.start, word.end, (before.value, word.value), word.text)
        elif word.kind == "month":
            joined.append(replace(word, value=f"{word.value:02d}") if isinstance(word.value, int) else word)
            joined[-1] = replace(joined[-1], value=word.value)
        else:
            joined.append(word)
    return [
        replace(word, value=f"{word.value:02d}")
        if word.kind == "month" and isinstance(word.value, int)
        else word
        for word in joined
    ]


def _is_month(words: Sequence[QuestionWord], at: int) -> bool:
    """Tell "in May" and "3 May" from "may I"."""
    before = words[at - 1] if at else None
    after = words[at + 1] if at + 1 < len(words) else None
    led_in = before is not None and (
        before.text in BEFORE_MONTHS or before.kind in ("number", "or", *COMPARISONS)
    )
    return led_in or (after is not None and after.kind == "number")


@dataclass(slots=True)
class QuestionReader:
    """Reads the words of a question, each once; what it reads first is its conditions."""

    table: Table
    words: list[QuestionWord]
    used: set[int] = field(default_factory=set)
    filters: list[RowFilter] = field(default_factory=list)

    # --- finding words -------------------------------------------------------------------------

    def has(self, *kinds: str) -> bool:
        return any(word.kind in kinds for word in self.words)

    def first(self, *kinds: str) -> int | None:
        return next(
            (at for at, word in enumerate(self.words) if word.kind in kinds and at not in self.used), None
        )

    def columns(self, wanted: Callable[[int], bool] = lambda column: True) -> list[int]:
        """Return the places of the unused words that name a column."""
        return [
            at
            for at, word in enumerate(self.words)
            if word.kind == "column" and at not in self.used and wanted(word.value)
        ]

    def nearest(self, places: Sequence[int], to: int) -> int | None:
        """Return the place nearest to a word; of two as near, the one behind it."""
        return min(places, key=lambda at: (abs(at - to), at < to), default=None)

    def is_number(self, column: int) -> bool:
        return self.table.kinds[column] != "TEXT"

    def is_text(self, column: int) -> bool:
        return self.table.kinds[column] == "TEXT" and not self.table.dates[column]

    def is_unique(self, column: int) -> bool:
        values = [row.values[column] for row in self.table.placed]
        return len(set(values)) == len(values)

    def is_boolean(self, column: int) -> bool:
        cells = {bare(row.cells[column].lower()) for row in self.table.placed if row.cells[column]}
        return bool(cells) and cells <= {bare(word) for word in BOOLEANS}

    def only(self, wanted: Callable[[int], bool]) -> int | None:
        """Return the only column that is wanted; None where there is none or there are several."""
        columns = [column for column in range(len(self.table.columns)) if wanted(column)]
        return columns[0] if len(columns) == 1 else None

    def of_kind(self, *kinds: str, wanted: Callable[[int], bool] | None = None) -> int | None:
        """Return the only column whose name says that it holds prices, salaries, dates …"""
        wanted = wanted or self.is_number

        def is_of_kind(column: int) -> bool:
            return wanted(column) and bool(
                {named(word) for word in pieces(self.table.labels[column])} & set(kinds)
            )

        return self.only(is_of_kind)

    @property
    def key(self) -> int:
        """The column that names the rows: the first one of texts that are all different, else the first."""
        return next(
            (
                column
                for column in range(len(self.table.columns))
                if self.is_text(column) and self.is_unique(column)
            ),
            0,
        )

    # --- conditions ----------------------------------------------------------------------------

    def _comparisons(self) -> None:
        for at, word in enumerate(self.words):
            if word.kind not in COMPARISONS or at in self.used:
                continue
            wanted = 2 if word.kind == "between" else 1
            limits = [
                place
                for place in range(at + 1, len(self.words))
                if self.words[place].kind in ("number", "date", "month") and place not in self.used
            ][:wanted]
            if len(limits) < wanted or limits[0] > at + 3:
                raise UnclearQuestion
            values = [self.words[place] for place in limits]
            column = self._compared(at, limits[-1], values[0])
            self.used |= {at, *limits}
            if self.table.dates[column]:
                self.filters += self._date_limits(column, word.kind, values)
            elif any(value.kind != "number" for value in values):
                raise UnclearQuestion
            elif word.kind == "between":
                low, high = sorted(value.value for value in values)
                self.filters += [RowFilter(column, ">=", (low,)), RowFilter(column, "<=", (high,))]
            else:
                self.filters.append(RowFilter(column, word.kind, (values[0].value,)))  # type: ignore[arg-type]

    def _compared(self, at: int, end: int, value: QuestionWord) -> int:
        """Return the column of a comparison: named behind its number or before it, or known by its unit."""
        is_year = value.kind == "number" and isinstance(value.value, int) and 1900 <= value.value <= 2100
        if value.kind in ("date", "month"):
            return self._date_column(at)
        behind = end + 1
        while behind < len(self.words) and self.words[behind].kind in ("filler", "unit"):
            behind += 1
        if (
            behind < len(self.words)
            and self.words[behind].kind == "column"
            and self.is_number(self.words[behind].value)
        ):
            self.used.add(behind)
            return int(self.words[behind].value)
        before = [place for place in self.columns(lambda column: not self.is_text(column)) if place < at]
        if before and at - before[-1] <= 4:
            self.used.add(before[-1])
            column = int(self.words[before[-1]].value)
            if self.is_number(column) or is_year:
                return column
            raise UnclearQuestion
        if is_year and not any(word.kind == "unit" for word in self.words[end : end + 2]):
            years = self.of_kind("year")
            return years if years is not None else self._date_column(at)
        signs = {"euro": "€", "euros": "€", "eur": "€", "dollar": "$", "dollars": "$", "pounds": "£"}
        units = {signs.get(word.text, word.text) for word in self.words[at:behind] if word.kind == "unit"}
        by_unit = self.only(lambda column: self.is_number(column) and self.table.units[column] in units)
        if by_unit is not None:
            return by_unit
        raise UnclearQuestion

    def _date_column(self, near: int) -> int:
        place = self.nearest(self.columns(lambda column: self.table.dates[column]), near)
        if place is not None:
            self.used.add(place)
            return int(self.words[place].value)
        column = self.only(lambda column: self.table.dates[column])
        if column is None:
            raise UnclearQuestion
        return column

    def _date_limits(self, column: int, sign: str, values: Sequence[QuestionWord]) -> list[RowFilter]:
        """Return the conditions of a comparison with days, months or years."""
        spans = [_span(value) for value in values]
        if sign == "between":
            return [RowFilter(column, ">=", (spans[0][0],)), RowFilter(column, "<=", (spans[1][1],))]
        limit = spans[0][1] if sign in (">", "<=") else spans[0][0]
        return [RowFilter(column, sign, (limit,))]  # type: ignore[arg-type]

    def _dates(self) -> None:
        for at, word in enumerate(self.words):
            if at in self.used or word.kind not in ("date", "month", "day"):
                continue
            if word.kind == "day":
                raise UnclearQuestion
            column = self._date_column(at)
            self.used.add(at)
            self.filters.append(RowFilter(column, "=", (word.value,), month=word.kind == "month"))

    def _join_conditions(self) -> None:
        """Read "January and February" as either: no row has both."""
        equal: dict[tuple[int, bool, int], list[str | int | float]] = {}
        others = []
        for one in self.filters:
            if one.sign == "=":
                key = (one.column, one.month, len(str(one.values[0])) if one.month else 0)
                equal.setdefault(key, []).extend(one.values)
            else:
                others.append(one)
        if len({column for column, _, _ in equal}) < len(equal):
            raise UnclearQuestion
        limits = [(one.column, one.sign[0]) for one in others if one.sign != "!="]
        if len(set(limits)) < len(limits):
            raise UnclearQuestion  # two years, of which each has a beginning and an end
        self.filters = others + [
            RowFilter(column, "=", tuple(dict.fromkeys(values)), month=month)
            for (column, month, _), values in equal.items()
        ]

    def _values(self) -> None:
        either = [at for at, word in enumerate(self.words) if word.kind == "or"]
        wanted: dict[tuple[int, bool], set[str]] = {}
        chosen: dict[int, int] = {}
        for at, word in enumerate(self.words):
            if word.kind != "value":
                continue
            columns: dict[int, set[str]] = word.value
            beside = [
                place
                for place in (at - 1, at + 1, at - 2)
                if 0 <= place < len(self.words)
                and self.words[place].kind == "column"
                and self.words[place].value in columns
            ]
            if beside:
                column = int(self.words[beside[0]].value)
                self.used.add(beside[0])
            elif len(columns) == 1:
                column = next(iter(columns))
            else:
                raise UnclearQuestion
            denial = self._denial(at)
            if denial is not None:
                self.used.add(denial)
            wanted.setdefault((column, denial is not None), set()).update(columns[column])
            chosen[at] = column
            self.used.add(at)
        for place in either:
            around = [
                max((at for at in chosen if at < place), default=-1),
                min((at for at in chosen if at > place), default=-1),
            ]
            if -1 in around or chosen[around[0]] != chosen[around[1]]:
                raise UnclearQuestion
            self.used.add(place)
        for (column, negated), values in wanted.items():
            self.filters.append(RowFilter(column, "!=" if negated else "=", tuple(sorted(values))))

    def _denial(self, at: int) -> int | None:
        """Return the place of the "not" before a value: "not paid", "not from the city of Lyon"."""
        for place in range(at - 1, max(at - 6, -1), -1):
            if self.words[place].kind == "not":
                return place
            if self.words[place].kind not in ("filler", "column", "value", "or"):
                return None
        return None

    def _numbers(self) -> None:
        """Take a number beside its column ("floor 3") and a year as conditions."""
        for at, word in enumerate(self.words):
            if word.kind != "number" or at in self.used:
                continue
            before = at - 1
            if before >= 0 and self.words[before].kind == "column" and before not in self.used:
                column = int(self.words[before].value)
                if self.is_number(column):
                    self.used |= {before, at}
                    self.filters.append(RowFilter(column, "=", (word.value,)))
                    continue
            if isinstance(word.value, int) and 1900 <= word.value <= 2100 and not self._counts_rows(at):
                column_of_years = self.of_kind("year")
                self.used.add(at)
                if column_of_years is not None:
                    self.filters.append(RowFilter(column_of_years, "=", (word.value,)))
                else:
                    column = self._date_column(at)
                    self.filters += [
                        RowFilter(column, ">=", (f"{word.value}-01-01",)),
                        RowFilter(column, "<=", (f"{word.value}-12-31",)),
                    ]

    def _counts_rows(self, at: int) -> bool:
        return at > 0 and self.words[at - 1].kind in ("top", "bottom")


def _span(word: QuestionWord) -> tuple[str, str]:
    """Return the first and the last day of a day, a month or a year."""
    if word.kind == "date":
        return str(word.value), str(word.value)
    if word.kind == "month":
        text = str(word.value)
        if len(text) == 2:
            raise UnclearQuestion
        year, month = int(text[:4]), int(text[5:])
        return f"{text}-01", f"{text}-{calendar.monthrange(year, month)[1]:02d}"
    return f"{word.value}-01-01", f"{word.value}-12-31"
