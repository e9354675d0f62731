"""A question on a table as a plan: what is worked out, of which rows; and the SELECTs that do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from docent.answering.tools.sheet_tables import Table, Value

Aggregate = Literal["sum", "avg", "median", "count", "distinct", "share", "max", "min"]
Part = Literal["", "month", "year", "quarter"]
"""The part of a date by which rows are grouped; empty for the whole value."""
PARTS: dict[str, str] = {
    "month": "substr({column}, 1, 7)",
    "year": "substr({column}, 1, 4)",
    "quarter": "substr({column}, 1, 4) || '-Q' || ((substr({column}, 6, 2) + 2) / 3)",
}
SIGNS = {"=": "=", "!=": "≠", ">": ">", ">=": "≥", "<": "<", "<=": "≤"}


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A condition on a column: a comparison with a value, or with one of several."""

    column: int
    sign: Literal["=", "!=", ">", ">=", "<", "<="]
    values: tuple[str | int | float, ...]
    month: bool = False
    """The value is a month, or a month of a year, in which the date lies: 03 or 2026-03."""

    def sql(self, table: Table) -> str:
        column = table.columns[self.column]
        if self.month:
            whole = len(str(self.values[0])) > 2
            column = f"substr({column}, 1, 7)" if whole else f"substr({column}, 6, 2)"
        if len(self.values) == 1:
            return f"{column} {self.sign} {_literal(self.values[0])}"
        values = ", ".join(map(_literal, self.values))
        return f"{column} {'IN' if self.sign == '=' else 'NOT IN'} ({values})"

    def shown(self, table: Table) -> str:
        values = " / ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in self.values)
        part = " (MM)" if self.month and len(str(self.values[0])) == 2 else ""
        return f"{column_label(table, self.column)}{part} {SIGNS[self.sign]} {values}"


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """The reading of a question on a table."""

    table: Table
    aggregate: Aggregate | None = None
    """None: the rows themselves."""
    measure: int | None = None
    """The column that is added up, averaged, or that orders the rows."""
    filters: tuple[RowFilter, ...] = ()
    part_filters: tuple[RowFilter, ...] = ()
    """Of a share: the rows that are the part."""
    group: int | None = None
    part: Part = ""
    order: Literal["", "asc", "desc"] = ""
    limit: int = 0
    shown: tuple[int, ...] = ()
    """The columns of rows that are shown."""
    score: int = 0
    """How many words of the question name columns, values or the table."""

    @property
    def where(self) -> str:
        return _where([one.sql(self.table) for one in self.filters])

    @property
    def group_sql(self) -> str:
        assert self.group is not None
        column = self.table.columns[self.group]
        return PARTS[self.part].format(column=column) if self.part else column

    def value_sql(self) -> str:
        """Return the SELECT of one value, or of a value for each group."""
        name = self.table.name
        worked_out = self._worked_out()
        if self.aggregate == "median":
            column = self.measure_column
            where = _where([*(one.sql(self.table) for one in self.filters), f"{column} IS NOT NULL"])
            counted = f"(SELECT count(*) FROM {name}{where})"
            return (
                f"SELECT avg({column}) FROM (SELECT {column} FROM {name}{where} ORDER BY {column} "
                f"LIMIT 2 - {counted} % 2 OFFSET ({counted} - 1) / 2)"
            )
        if self.group is None:
            return f"SELECT {worked_out} FROM {name}{self.where}"
        order = f" ORDER BY 2 {self.order.upper()}, 1" if self.order else " ORDER BY 1" * bool(self.part)
        present = [*(one.sql(self.table) for one in self.filters), f"{self.group_sql} IS NOT NULL"]
        order = order or f" ORDER BY min({name}.rowid)"
        return f"SELECT {self.group_sql}, {worked_out} FROM {name}{_where(present)} GROUP BY 1{order}"

    def rows_sql(self) -> str:
        """Return the SELECT of the numbers of the rows that the plan is about."""
        wanted = [one.sql(self.table) for one in self.filters]
        if self.measure is not None:
            wanted.append(f"{self.measure_column} IS NOT NULL")
        ordered = self.order and self.measure is not None and self.aggregate is None
        order = f"{self.measure_column} {self.order.upper()}, rowid" if ordered else "rowid"
        return f"SELECT rowid FROM {self.table.name}{_where(wanted)} ORDER BY {order}"

    @property
    def measure_column(self) -> str:
        assert self.measure is not None
        return self.table.columns[self.measure]

    def _worked_out(self) -> str:
        match self.aggregate:
            case "count":
                return "count(*)"
            case "distinct":
                return f"count(DISTINCT {self.measure_column})"
            case "share":
                part = " AND ".join(one.sql(self.table) for one in self.part_filters)
                counted = "1" if self.measure is None else self.measure_column
                return f"100.0 * sum(CASE WHEN {part} THEN {counted} ELSE 0 END) / sum({counted})"
            case _:
                return f"{self.aggregate}({self.measure_column})"


def column_label(table: Table, column: int) -> str:
    """Return a column's name as it is written."""
    return table.labels[column] or table.columns[column]


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
