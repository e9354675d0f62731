"""Questions that code can answer from a table: a plan of exactly what is asked, or none.

Nothing is guessed: a question with a word that neither the table nor the grammar knows, or with two readings,
has no plan, and is answered like any other question.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from docent.answering.tools.sheet_tables import Table
from docent.answering.tools.table_conditions import (
    COMPARISONS,
    QuestionReader,
    UnclearQuestion,
    with_dates,
)
from docent.answering.tools.table_plans import Aggregate, Part, RowFilter, SheetPlan
from docent.answering.tools.table_words import (
    TRUE,
    QuestionWord,
    TableLexicon,
    bare,
    is_additive,
    pieces,
    words_of,
)

AGGREGATES: tuple[Aggregate, ...] = ("avg", "median", "sum")
SUPERLATIVES = frozenset(
    {"max", "min", *(f"{which} {what}" for which in ("max", "min") for what in ("price", "date", "pay"))}
)
ASKS = SUPERLATIVES | {*AGGREGATES, "count", "how much", "share", "list", "when", "group", "top", "bottom"}
OPERATIONS_ON_ROWS = SUPERLATIVES | COMPARISONS | {*AGGREGATES, "count", "share", "top", "bottom"}
MOST_LISTED = 200
MOST_COLUMNS = 10


def plan_of(question: str, lexicon: TableLexicon) -> SheetPlan | None:
    """Return the plan of a question on a table; None where code cannot be sure of it."""
    table = lexicon.table
    words = with_dates(words_of(question, lexicon))
    if any(word.kind == "unknown" for word in words):
        return None
    if not any(word.kind in ("column", "value", "table") for word in words):
        return None
    try:
        plan = _Reading(table, words).plan()
    except UnclearQuestion:
        return None
    return replace(plan, score=sum(_weight(word, table) for word in words))


def names_columns(question: str, lexicon: TableLexicon) -> bool:
    """Tell whether a question names an operation and a column or a value, with other words beside them."""
    words = words_of(question, lexicon)
    kinds = {word.kind for word in words}
    named_parts = sum(word.kind in ("column", "value") for word in words)
    return (
        bool(kinds & OPERATIONS_ON_ROWS) and named_parts >= 1 and (named_parts > 1 or "unknown" not in kinds)
    )


def _weight(word: QuestionWord, table: Table) -> int:
    """Return how much a word says that this table is meant: its own words more than others of their kind."""
    if word.kind == "column":
        own = {bare(piece) for piece in pieces(table.labels[word.value])}
        return 6 if {bare(piece) for piece in word.text.split()} <= own else 4
    return {"value": 5, "table": 2, "filler": 0}.get(word.kind, 1)


class _Reading(QuestionReader):
    """One reading of the words of a question."""

    def plan(self) -> SheetPlan:
        self._comparisons()
        self._dates()
        self._values()
        self._numbers()
        self._join_conditions()
        if not self.has(*ASKS) and not self.columns(self.is_number):
            raise UnclearQuestion
        plan = self._asked()
        self._all_used(plan)
        return replace(plan, filters=tuple(self.filters))

    # --- what is asked -------------------------------------------------------------------------

    def _asked(self) -> SheetPlan:
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
                raise UnclearQuestion
            return SheetPlan(self.table, "sum", measure, group=group, part=part)
        return self._rows()

    def _group(self) -> tuple[int | None, Part]:
        """Return the column by which rows are grouped, and the part of its dates."""
        at = self.first("group")
        if at is None:
            return None, ""
        self.used.add(at)
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
                    raise UnclearQuestion
                return column, ""
            if word.kind == "part":
                return self._part_of_dates(place)
            if word.kind == "table":
                return None, ""
        raise UnclearQuestion

    def _part_of_dates(self, place: int) -> tuple[int, Part]:
        column = self.only(lambda column: self.table.dates[column])
        if column is None:
            raise UnclearQuestion
        self.used.add(place)
        part: Part = self.words[place].value
        return column, part

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

    def _share(self) -> SheetPlan:
        if not self.filters:
            raise UnclearQuestion
        measure = self._measure()
        parts, self.filters = tuple(self.filters), []
        if measure is not None and not is_additive(self.table, measure):
            raise UnclearQuestion
        return SheetPlan(self.table, "share", measure, part_filters=parts)

    def _extreme(self, group: int | None, part: Part) -> SheetPlan:
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
        elif (named_part := self.first("part")) is not None and not any(place < at for place in subjects):
            subject, part = self._part_of_dates(named_part)
        elif subjects:
            subject = int(self.words[subjects[0]].value)
            self.used.add(subjects[0])
        if measure is None:
            return self._most_frequent(subject, part, order, limit, at)
        if subject is not None and (part or not self.is_unique(subject)):
            if aggregate is None and is_additive(self.table, measure):
                aggregate = "sum"
            if aggregate is not None:
                return SheetPlan(
                    self.table, aggregate, measure, group=subject, part=part, order=order, limit=limit
                )
        if aggregate is not None:
            raise UnclearQuestion
        shown = tuple(dict.fromkeys((self.key if subject is None else subject, self.key, measure)))
        return SheetPlan(self.table, None, measure, order=order, limit=limit, shown=shown)

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
            raise UnclearQuestion
        return chosen, order

    def _most_frequent(
        self, subject: int | None, part: Part, order: Literal["asc", "desc"], limit: int, at: int
    ) -> SheetPlan:
        """Plan "which customer has the most orders", and "… ordered the most croissants"."""
        if subject is None:
            raise UnclearQuestion
        more = [place for place in self.columns() if place > at]
        self.used |= set(more)
        values_behind = any(word.kind == "value" for word in self.words[at:])
        if values_behind and (quantity := self._quantity()) is not None and not more:
            return SheetPlan(self.table, "sum", quantity, group=subject, part=part, order=order, limit=limit)
        if not values_behind and not more and not any(word.kind == "table" for word in self.words[at:]):
            raise UnclearQuestion
        if any(not self.is_text(int(self.words[place].value)) for place in more) or (
            not part and self.is_unique(subject)
        ):
            raise UnclearQuestion
        if more and not self.is_unique(int(self.words[more[0]].value)):
            raise UnclearQuestion
        return SheetPlan(self.table, "count", None, group=subject, part=part, order=order, limit=limit)

    def _limit(self) -> int:
        """Return how many are asked for: the number that is no condition."""
        numbers = [
            place
            for place, word in enumerate(self.words)
            if word.kind == "number" and place not in self.used and isinstance(word.value, int)
        ]
        if len(numbers) > 1:
            raise UnclearQuestion
        if not numbers:
            return 1
        self.used.add(numbers[0])
        limit = int(self.words[numbers[0]].value)
        if not 1 <= limit <= MOST_LISTED:
            raise UnclearQuestion
        return limit

    def _aggregated(self, aggregate: Aggregate, group: int | None, part: Part) -> SheetPlan:
        at = self.first(aggregate)
        counted = self.first("count")
        measure = self._measure(counted if counted is not None else at)
        if measure is None and aggregate == "sum" and counted is not None:
            if any(word.kind == "value" for word in self.words[counted : counted + 2]):
                measure = self._quantity()
            if measure is None:
                return self._counted(group, part)
        if measure is None:  # "the average price of wines under 20 euros"
            measure = self._compared_column()
        return SheetPlan(self.table, aggregate, measure, group=group, part=part)

    def _compared_column(self) -> int:
        """Return the only column of numbers that a condition is about, and that the question names."""
        said = {word.value for word in self.words if word.kind == "column"}
        columns = {one.column for one in self.filters if self.is_number(one.column)} & said
        if len(columns) != 1:
            raise UnclearQuestion
        return columns.pop()

    def _counted(self, group: int | None, part: Part) -> SheetPlan:
        at = self.first("count")
        assert at is not None
        behind = next(
            (
                place
                for place in range(at + 1, len(self.words))
                if self.words[place].kind in ("column", "value", "table")
            ),
            None,
        )
        different = self.has("different")
        if behind is not None and self.words[behind].kind == "value" and not different:
            quantity = self._quantity()
            column = next(iter(self.words[behind].value))
            if (
                quantity is not None
                and self.is_unique(self.key) is not None
                and column != self.key
                and group is None
            ):
                if any(
                    bare(word.text) in ("order", "commande") for word in self.words if word.kind == "table"
                ):
                    return SheetPlan(self.table, "count", None)
                raise UnclearQuestion  # "how many croissants": the orders of them, or the pieces
            return SheetPlan(self.table, "count", None, group=group, part=part)
        if behind is None or self.words[behind].kind == "table" or behind in self.used:
            return SheetPlan(self.table, "count", None, group=group, part=part)
        column = int(self.words[behind].value)
        self.used.add(behind)
        if self.is_number(column):
            if not is_additive(self.table, column):
                raise UnclearQuestion
            return SheetPlan(self.table, "sum", column, group=group, part=part)
        booleans = [place for place in self.columns(self.is_boolean)]
        for place in booleans:
            self._require(place)
        if self.is_unique(column):
            return SheetPlan(self.table, "count", None, group=group, part=part)
        return SheetPlan(self.table, "distinct", column, group=group, part=part)

    def _require(self, place: int) -> None:
        """Take a column of yes and no as a condition: "rooms that have a projector"."""
        column = int(self.words[place].value)
        denial = self._denial(place)
        cells = {str(row.values[column]) for row in self.table.placed if row.values[column]}
        yes = tuple(sorted(cell for cell in cells if cell.lower() in TRUE))
        self.used.add(place)
        self.used |= set() if denial is None else {denial}
        if not yes:
            raise UnclearQuestion
        self.filters.append(RowFilter(column, "=" if denial is None else "!=", yes))

    def _rows(self) -> SheetPlan:
        """Plan a look-up ("the price of Barolo") or a list ("which orders are open")."""
        for place in self.columns(self.is_boolean):
            if self.has("list") and len(self.columns()) > 1:
                self._require(place)
        if not self.filters:
            raise UnclearQuestion
        asked = self.columns()
        self.used |= set(asked)
        columns = [int(self.words[place].value) for place in asked]
        if self.has("when") and not any(self.table.dates[column] for column in columns):
            columns.append(self._date_column(0))
        price = self.of_kind("price")
        if not columns and self.has("how much") and price is not None:
            columns.append(price)
        if not columns and not self.has("list"):
            raise UnclearQuestion
        filtered = {one.column for one in self.filters}
        shown = tuple(dict.fromkeys((self.key, *columns, *sorted(filtered))))
        if set(columns) <= {self.key}:  # a list shows the rows, as far as they are not wide
            shown = tuple(dict.fromkeys((*shown, *range(len(self.table.columns)))))[:MOST_COLUMNS]
        measure = next((column for column in columns if column not in filtered and column != self.key), None)
        if measure is not None and len(columns) == 1:
            return SheetPlan(self.table, None, measure, shown=tuple(dict.fromkeys((self.key, measure))))
        return SheetPlan(self.table, None, None, shown=shown)

    def _all_used(self, plan: SheetPlan) -> None:
        """Refuse a reading that leaves a column, a number, a condition or an operation unread."""
        kinds = {word.kind for word in self.words}
        if len(kinds & SUPERLATIVES) > 1 or len(kinds & {"avg", "median"}) > 1 or {"top", "bottom"} <= kinds:
            raise UnclearQuestion
        if {"avg", "sum"} <= kinds or {"median", "sum"} <= kinds:
            raise UnclearQuestion
        if (plan.aggregate == "median" and plan.group is not None) or (
            "group" in kinds and self.first("group") is not None
        ):
            raise UnclearQuestion
        if kinds & {"avg", "median", "share"} and plan.aggregate not in kinds:
            raise UnclearQuestion
        if kinds & (SUPERLATIVES | {"top", "bottom"}) and not plan.order:
            raise UnclearQuestion
        for at, word in enumerate(self.words):
            if at in self.used:
                continue
            if word.kind in ("number", "date", "month", "day", "not", "or", "part", *COMPARISONS):
                raise UnclearQuestion
            if word.kind == "column":
                column = int(word.value)
                told = {plan.group, plan.measure, *plan.shown, *(one.column for one in self.filters)}
                if column not in told and column != self.key:
                    raise UnclearQuestion
