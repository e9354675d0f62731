"""Questions that code can answer from a table: a plan of exactly what is asked, or none.

Nothing is guessed: a question with a word that neither the table nor the grammar knows, or with two readings,
has no plan, and is answered like any other question.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from docent.answering.tools.sheet_tables import Table
from docent.answering.tools.table_plans import Aggregate, Part, RowFilter, TablePlan
from docent.answering.tools.table_words import (
    BOOLEANS,
    TRUE,
    TableLexicon,
    Word,
    bare,
    is_additive,
    named,
    pieces,
    words_of,
)

AGGREGATES: tuple[Aggregate, ...] = ("avg", "median", "sum")
SUPERLATIVES = frozenset({"max", "min", *(f"{which} {what}" for which in ("max", "min") for what in ("price", "date", "pay"))})
COMPARISONS = frozenset({">", ">=", "<", "<=", "between"})
ASKS = SUPERLATIVES | {*AGGREGATES, "count", "how much", "share", "list", "when", "group", "top", "bottom"}
MOST_LISTED = 200


def plan_of(question: str, table: Table, file: str) -> TablePlan | None:
    """Return the plan of a question on a table; None where code cannot be sure of it."""
    if not table.placed or len(table.columns) < 2:
        return None
    lexicon = TableLexicon(table, file)
    words = _with_dates(words_of(question, lexicon))
    if any(word.kind == "unknown" for word in words):
        return None
    if not any(word.kind in ("column", "value", "table") for word in words):
        return None
    try:
        plan = _Reading(table, words).plan()
    except _Unclear:
        return None
    return replace(plan, score=sum(_weight(word, table) for word in words))


def _weight(word: Word, table: Table) -> int:
    """Return how much a word says that this table is meant: its own words more than others of their kind."""
    if word.kind == "column":
        own = {bare(piece) for piece in pieces(table.labels[word.value])}
        return 6 if {bare(piece) for piece in word.text.split()} <= own else 4
    return {"value": 5, "table": 2, "filler": 0}.get(word.kind, 1)


class _Unclear(Exception):
    """The question has no reading, or more than one."""


def _with_dates(words: Sequence[Word]) -> list[Word]:
    """Join a day, a month and a year to one word: 15 March 2026, March 2026."""
    joined: list[Word] = []
    for word in words:
        before = joined[-1] if joined else None
        is_year = word.kind == "number" and isinstance(word.value, int) and 1900 <= word.value <= 2100
        if word.kind == "month" and before and before.kind == "number" and before.value in range(1, 32):
            joined[-1] = Word("day", before.start, word.end, (word.value, before.value), word.text)
        elif is_year and before and before.kind == "day":
            month, day = before.value
            if day > calendar.monthrange(word.value, month)[1]:
                return [Word("unknown", 0, 0)]
            joined[-1] = Word("date", before.start, word.end, dt.date(word.value, month, day).isoformat())
        elif is_year and before and before.kind == "month":
            joined[-1] = Word("month", before.start, word.end, f"{word.value}-{before.value:02d}")
        elif word.kind == "number" and before and before.kind == "month" and word.value in range(1, 32):
            joined[-1] = Word("day", before.start, word.end, (before.value, word.value), word.text)
        elif word.kind == "month":
            joined.append(replace(word, value=f"{word.value:02d}") if isinstance(word.value, int) else word)
            joined[-1] = replace(joined[-1], value=word.value)
        else:
            joined.append(word)
    return [
        replace(word, value=f"{word.value:02d}") if word.kind == "month" and isinstance(word.value, int) else word
        for word in joined
    ]


@dataclass(slots=True)
class _Reading:
    """One reading of the words of a question; each is used once."""

    table: Table
    words: list[Word]
    used: set[int] = field(default_factory=set)
    filters: list[RowFilter] = field(default_factory=list)

    # --- finding words -------------------------------------------------------------------------

    def has(self, *kinds: str) -> bool:
        return any(word.kind in kinds for word in self.words)

    def first(self, *kinds: str) -> int | None:
        return next((at for at, word in enumerate(self.words) if word.kind in kinds and at not in self.used), None)

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
            return wanted(column) and bool({named(word) for word in pieces(self.table.labels[column])} & set(kinds))

        return self.only(is_of_kind)

    @property
    def key(self) -> int:
        """The column that names the rows: the first one of texts that are all different, else the first."""
        return next(
            (column for column in range(len(self.table.columns)) if self.is_text(column) and self.is_unique(column)),
            0,
        )

    # --- conditions ----------------------------------------------------------------------------

    def plan(self) -> TablePlan:
        self._comparisons()
        self._dates()
        self._values()
        self._numbers()
        if not self.has(*ASKS) and not self.columns(self.is_number):
            raise _Unclear
        plan = self._asked()
        self._all_used(plan)
        return replace(plan, filters=tuple(self.filters))

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
                raise _Unclear
            values = [self.words[place] for place in limits]
            column = self._compared(at, limits[-1], values[0])
            self.used |= {at, *limits}
            if self.table.dates[column]:
                self.filters += self._date_limits(column, word.kind, values)
            elif any(value.kind != "number" for value in values):
                raise _Unclear
            elif word.kind == "between":
                low, high = sorted(value.value for value in values)
                self.filters += [RowFilter(column, ">=", (low,)), RowFilter(column, "<=", (high,))]
            else:
                self.filters.append(RowFilter(column, word.kind, (values[0].value,)))  # type: ignore[arg-type]

    def _compared(self, at: int, end: int, value: Word) -> int:
        """Return the column that a comparison is about: named behind its number, before it, or by its unit."""
        is_year = value.kind == "number" and isinstance(value.value, int) and 1900 <= value.value <= 2100
        if value.kind in ("date", "month"):
            return self._date_column(at)
        behind = end + 1
        while behind < len(self.words) and self.words[behind].kind in ("filler", "unit"):
            behind += 1
        if behind < len(self.words) and self.words[behind].kind == "column" and self.is_number(self.words[behind].value):
            self.used.add(behind)
            return int(self.words[behind].value)
        before = [place for place in self.columns(lambda column: not self.is_text(column)) if place < at]
        if before and at - before[-1] <= 4:
            self.used.add(before[-1])
            column = int(self.words[before[-1]].value)
            if self.is_number(column) or is_year:
                return column
            raise _Unclear
        if is_year and not any(word.kind == "unit" for word in self.words[end : end + 2]):
            years = self.of_kind("year")
            return years if years is not None else self._date_column(at)
        signs = {"euro": "€", "euros": "€", "eur": "€", "dollar": "$", "dollars": "$", "pounds": "£"}
        units = {signs.get(word.text, word.text) for word in self.words[at:behind] if word.kind == "unit"}
        by_unit = self.only(lambda column: self.is_number(column) and self.table.units[column] in units)
        if by_unit is not None:
            return by_unit
        raise _Unclear

    def _date_column(self, near: int) -> int:
        place = self.nearest(self.columns(lambda column: self.table.dates[column]), near)
        if place is not None:
            self.used.add(place)
            return int(self.words[place].value)
        column = self.only(lambda column: self.table.dates[column])
        if column is None:
            raise _Unclear
        return column

    def _date_limits(self, column: int, sign: str, values: Sequence[Word]) -> list[RowFilter]:
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
                raise _Unclear
            column = self._date_column(at)
            self.used.add(at)
            self.filters.append(RowFilter(column, "=", (word.value,), month=word.kind == "month"))

    def _values(self) -> None:
        wanted: dict[tuple[int, bool], set[str]] = {}
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
                raise _Unclear
            negated = any(self.words[place].kind == "not" for place in range(max(at - 2, 0), at))
            wanted.setdefault((column, negated), set()).update(columns[column])
            self.used.add(at)
        self.used |= {at for at, word in enumerate(self.words) if word.kind == "not" and wanted}
        for (column, negated), values in wanted.items():
            self.filters.append(RowFilter(column, "!=" if negated else "=", tuple(sorted(values))))

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

    # --- what is asked -------------------------------------------------------------------------

    def _asked(self) -> TablePlan:
        group, part = self._group()
        if self.has("share"):
            return self._share()
        if self.has(*SUPERLATIVES, "top", "bottom"):
            return self._extreme(group, part)
        aggregate = next((kind for kind in AGGREGATES if self.has(kind)), None)
        if aggregate is not None:
            return self._aggregated(aggregate, group, part)
        if self.has("count"):
            return self._counted(group, part)
        if group is not None:
            measure = self._measure()
            if measure is None or not is_additive(self.table, measure):
                raise _Unclear
            return TablePlan(self.table, "sum", measure, group=group, part=part)
        return self._rows()

    def _group(self) -> tuple[int | None, Part]:
        """Return the column by which rows are grouped, and the part of its dates."""
        at = self.first("group")
        if at is None:
            return None, ""
        self.used.add(at)
        parts: dict[str, Part] = {"month": "month", "mois": "month", "year": "year", "an": "year", "annee": "year",
                                  "quarter": "quarter", "trimestre": "quarter"}  # fmt: skip
        for place in range(at + 1, min(at + 4, len(self.words))):
            word = self.words[place]
            if word.kind == "column" and place not in self.used:
                column = int(word.value)
                if self.has("top", "bottom", *SUPERLATIVES) and self.is_number(column):
                    return None, ""  # "top 3 products by quantity" orders by it
                self.used.add(place)
                if self.is_unique(column):
                    if self.has("avg", "median"):
                        return None, ""  # "average amount per order": the rows are what is averaged
                    raise _Unclear
                return column, ""
            if part := parts.get(bare(word.text)) or parts.get(word.text):
                column_of_dates = self.only(lambda column: self.table.dates[column])
                if column_of_dates is None:
                    raise _Unclear
                self.used.add(place)
                return column_of_dates, part
            if word.kind == "table":
                return None, ""
        raise _Unclear

    def _measure(self, near: int | None = None) -> int | None:
        """Return the column of numbers that is asked about, and use its word."""
        places = self.columns(self.is_number)
        if not places:
            return None
        behind = [place for place in places if near is not None and place > near]
        place = behind[0] if behind else places[0]
        self.used.add(place)
        return int(self.words[place].value)

    def _quantity(self) -> int | None:
        return self.of_kind("quantity")

    def _share(self) -> TablePlan:
        if not self.filters:
            raise _Unclear
        measure = self._measure()
        parts, self.filters = tuple(self.filters), []
        if measure is not None and not is_additive(self.table, measure):
            raise _Unclear
        return TablePlan(self.table, "share", measure, part_filters=parts)

    def _extreme(self, group: int | None, part: Part) -> TablePlan:
        at = self.first(*SUPERLATIVES) if self.has(*SUPERLATIVES) else self.first("top", "bottom")
        assert at is not None
        kind = self.words[at].kind
        self.used |= {place for place, word in enumerate(self.words) if word.kind in ("top", "bottom")} | {at}
        order: Literal["asc", "desc"] = "asc" if kind.startswith(("min", "bottom")) else "desc"
        limit = self._limit()
        aggregate = next((name for name in AGGREGATES if self.has(name)), None)
        hint = kind.partition(" ")[2]
        measure: int | None
        if hint:
            measure, order = self._hinted(hint, order)
        else:
            measure = self._measure(at)
        subjects = self.columns(lambda column: self.is_text(column))
        subject: int | None = None
        if group is not None:
            subject = group
        elif subjects:
            subject = int(self.words[subjects[0]].value)
            self.used.add(subjects[0])
        if measure is None:
            return self._most_frequent(subject, part, order, limit, at)
        if subject is not None and not self.is_unique(subject):
            if aggregate is None and is_additive(self.table, measure):
                aggregate = "sum"
            if aggregate is not None:
                return TablePlan(self.table, aggregate, measure, group=subject, part=part, order=order, limit=limit)
        if aggregate is not None:
            raise _Unclear
        shown = tuple(dict.fromkeys((self.key if subject is None else subject, self.key, measure)))
        return TablePlan(self.table, None, measure, order=order, limit=limit, shown=shown)

    def _hinted(self, hint: str, order: Literal["asc", "desc"]) -> tuple[int, Literal["asc", "desc"]]:
        """Return the column that an adjective is about: the cheapest has the lowest price."""
        named_measure = None
        if hint == "date":
            column = self.of_kind("year")
            column = self.only(lambda one: self.table.dates[one]) if column is None else column
            place = self.nearest(self.columns(lambda one: self.table.dates[one]), 0)
            named_measure = None if place is None else int(self.words[place].value)
            if place is not None:
                self.used.add(place)
        elif hint == "pay":
            column = self.of_kind("salary")
        else:
            column = self.of_kind("price")
            named_measure = self._measure()
        chosen = column if named_measure is None else named_measure
        if chosen is None:
            raise _Unclear
        return chosen, order

    def _most_frequent(
        self, subject: int | None, part: Part, order: Literal["asc", "desc"], limit: int, at: int
    ) -> TablePlan:
        """Plan "which customer has the most orders", and "… ordered the most croissants"."""
        if subject is None:
            raise _Unclear
        more = [place for place in self.columns() if place > at]
        self.used |= set(more)
        values_behind = any(word.kind == "value" for word in self.words[at:])
        if values_behind and (quantity := self._quantity()) is not None and not more:
            return TablePlan(self.table, "sum", quantity, group=subject, part=part, order=order, limit=limit)
        if not values_behind and not more and not any(word.kind == "table" for word in self.words[at:]):
            raise _Unclear
        if any(not self.is_text(int(self.words[place].value)) for place in more) or self.is_unique(subject):
            raise _Unclear
        if more and not self.is_unique(int(self.words[more[0]].value)):
            raise _Unclear
        return TablePlan(self.table, "count", None, group=subject, part=part, order=order, limit=limit)

    def _limit(self) -> int:
        """Return how many are asked for: the number that is no condition."""
        numbers = [
            place
            for place, word in enumerate(self.words)
            if word.kind == "number" and place not in self.used and isinstance(word.value, int)
        ]
        if len(numbers) > 1:
            raise _Unclear
        if not numbers:
            return 1
        self.used.add(numbers[0])
        limit = int(self.words[numbers[0]].value)
        if not 1 <= limit <= MOST_LISTED:
            raise _Unclear
        return limit

    def _aggregated(self, aggregate: Aggregate, group: int | None, part: Part) -> TablePlan:
        at = self.first(aggregate)
        counted = self.first("count")
        measure = self._measure(counted if counted is not None else at)
        if measure is None and aggregate == "sum" and counted is not None:
            if any(word.kind == "value" for word in self.words[counted : counted + 2]):
                measure = self._quantity()
            if measure is None:
                return self._counted(group, part)
        if measure is None:
            raise _Unclear
        return TablePlan(self.table, aggregate, measure, group=group, part=part)

    def _counted(self, group: int | None, part: Part) -> TablePlan:
        at = self.first("count")
        assert at is not None
        behind = next(
            (place for place in range(at + 1, len(self.words)) if self.words[place].kind in ("column", "value", "table")),
            None,
        )
        different = self.has("different")
        if behind is not None and self.words[behind].kind == "value" and not different:
            quantity = self._quantity()
            column = next(iter(self.words[behind].value))
            if quantity is not None and not self.is_unique(self.key) is None and column != self.key and group is None:
                if any(bare(word.text) in ("order", "commande") for word in self.words if word.kind == "table"):
                    return TablePlan(self.table, "count", None)
                raise _Unclear  # "how many croissants": the orders of them, or the pieces
            return TablePlan(self.table, "count", None, group=group, part=part)
        if behind is None or self.words[behind].kind == "table" or behind in self.used:
            return TablePlan(self.table, "count", None, group=group, part=part)
        column = int(self.words[behind].value)
        self.used.add(behind)
        if self.is_number(column):
            if not is_additive(self.table, column):
                raise _Unclear
            return TablePlan(self.table, "sum", column, group=group, part=part)
        booleans = [place for place in self.columns(self.is_boolean)]
        for place in booleans:
            self._require(place)
        if self.is_unique(column):
            return TablePlan(self.table, "count", None, group=group, part=part)
        return TablePlan(self.table, "distinct", column, group=group, part=part)

    def _require(self, place: int) -> None:
        """Take a column of yes and no as a condition: "rooms that have a projector"."""
        column = int(self.words[place].value)
        without = any(word.kind == "not" for word in self.words[max(place - 3, 0) : place])
        cells = {str(row.values[column]) for row in self.table.placed if row.values[column]}
        yes = tuple(sorted(cell for cell in cells if cell.lower() in TRUE))
        self.used.add(place)
        self.used |= {at for at, word in enumerate(self.words) if word.kind == "not"}
        if not yes:
            raise _Unclear
        self.filters.append(RowFilter(column, "!=" if without else "=", yes))

    def _rows(self) -> TablePlan:
        """Plan a look-up ("the price of Barolo") or a list ("which orders are open")."""
        for place in self.columns(self.is_boolean):
            if self.has("list") and len(self.columns()) > 1:
                self._require(place)
        if not self.filters:
            raise _Unclear
        asked = self.columns()
        self.used |= set(asked)
        columns = [int(self.words[place].value) for place in asked]
        if self.has("when") and not any(self.table.dates[column] for column in columns):
            columns.append(self._date_column(0))
        if not columns and not self.has("list"):
            raise _Unclear
        filtered = {one.column for one in self.filters}
        shown = tuple(dict.fromkeys((self.key, *columns, *sorted(filtered))))
        measure = next((column for column in columns if column not in filtered and column != self.key), None)
        if measure is not None and len(columns) == 1:
            return TablePlan(self.table, None, measure, shown=(self.key, measure))
        return TablePlan(self.table, None, None, shown=shown)

    def _all_used(self, plan: TablePlan) -> None:
        """Refuse a reading that leaves a column, a number or a condition unread."""
        for at, word in enumerate(self.words):
            if at in self.used:
                continue
            if word.kind in ("number", "date", "month", "day", "different", *COMPARISONS) and word.kind != "different":
                raise _Unclear
            if word.kind == "column":
                column = int(word.value)
                told = {plan.group, plan.measure, *plan.shown, *(one.column for one in self.filters)}
                if column not in told and column != self.key:
                    raise _Unclear


def _span(word: Word) -> tuple[str, str]:
    """Return the first and the last day of a day, a month or a year."""
    if word.kind == "date":
        return str(word.value), str(word.value)
    if word.kind == "month":
        text = str(word.value)
        if len(text) == 2:
            raise _Unclear
        year, month = int(text[:4]), int(text[5:])
        return f"{text}-01", f"{text}-{calendar.monthrange(year, month)[1]:02d}"
    return f"{word.value}-01-01", f"{word.value}-12-31"

