"""Filter, sort, count and sum the rows of a table, and say the result; different units stay apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from docent.messages import Message, joined
from docent.types import (
    CellValue,
    TableCell,
    TableColumn,
    TableFilter,
    TableGroup,
    TablePlan,
    TableRow,
)

MONTHS_OF_A_YEAR = 12
MOST_NAMED = 12
"""Rows or groups that a conclusion names."""
LONGEST_NAMED = 60
"""Characters of a value that a conclusion repeats."""


@dataclass(frozen=True, slots=True)
class RowKey:
    """A row as it is sorted, without its citations and other cells."""

    position: int
    title: str
    text: str
    """Of the cell that is sorted by or calculated."""
    value: CellValue
    state: str


@dataclass(frozen=True, slots=True)
class Arranged:
    """The positions of the rows in their order, and what is said of them."""

    positions: tuple[int, ...]
    """Of all rows that the filters let pass."""
    shown: tuple[int, ...]
    """Of those that were asked for: of the best three, three of each group."""
    empty: int
    groups: tuple[TableGroup, ...]
    conclusion: Message
    notes: tuple[Message, ...]


def arrange(plan: TablePlan, rows: Iterable[tuple[int, TableRow]]) -> Arranged:
    """Arrange the rows of a table as its plan asks."""
    column = plan.order.column if plan.order is not None else plan.calculated
    keys: list[RowKey] = []
    empty, in_part, total, incomparable = 0, 0, 0, Counter[str]()
    most_common = _common_periods(plan, rows := list(_light(rows)))
    for position, row in rows:
        total += 1
        if row.is_empty:
            empty += 1
            if not plan.explicit:
                continue
        verdicts = [_meets(row.cells[one.column], one, most_common) for one in plan.filters]
        in_part += "in part" in verdicts
        incomparable.update(verdict for verdict in verdicts if verdict.startswith("unit "))
        if any(verdict != "yes" for verdict in verdicts):
            continue
        cell = row.cells[column]
        keys.append(RowKey(position, row.title, cell.text, cell.value, cell.state))
    notes = [_not_compared(incomparable)] if incomparable else []
    if plan.calculation in ("sum", "mean"):
        return _calculated(plan, keys, empty, total, notes)
    if plan.order is not None:
        return _sorted(plan, keys, empty, total, notes)
    positions = tuple(key.position for key in keys)
    said = _said_of_list(plan, keys, empty, in_part, total)
    return Arranged(positions, positions, empty, (), said, tuple(notes))


def _light(rows: Iterable[tuple[int, TableRow]]) -> Iterable[tuple[int, TableRow]]:
    """Yield the rows without their citations."""
    for position, row in rows:
        cells = tuple(TableCell(cell.state, cell.text[: 2 * LONGEST_NAMED], cell.value) for cell in row.cells)
        yield position, TableRow(row.document_id, row.file, row.library, row.title, cells)


# --- filters ----------------------------------------------------------------------------------


def _common_periods(plan: TablePlan, rows: Sequence[tuple[int, TableRow]]) -> dict[str, str]:
    """Return the commonest period of each unit, which a limit without a period is meant of."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for condition in plan.filters:
        for _, row in rows:
            value = row.cells[condition.column].value
            if value.number is not None:
                counts[value.unit][value.period] += 1
    return {unit: periods.most_common(1)[0][0] for unit, periods in counts.items()}


def _meets(cell: TableCell, condition: TableFilter, periods: dict[str, str]) -> str:
    """Return "yes", "no", "in part", or "unit …" for a value that cannot be compared with the limit."""
    value = cell.value
    match condition.operation:
        case "stated":
            return "yes" if cell.state != "not_stated" else "no"
        case "is":
            if cell.state == "unclear":
                return "in part"
            return "yes" if value.yes is (condition.value == "yes") else "no"
    at_least = condition.operation == "at_least"
    if value.date:
        limit = condition.value[: len(value.date)]
        return "yes" if (value.date >= limit if at_least else value.date <= limit) else "no"
    if value.number is None:
        return "no"
    unit, _, period = condition.unit.partition("/")
    limit_number = Decimal(condition.value)
    if unit and unit != value.unit:
        return f"unit {unit_name(value)}"
    period = period or periods.get(value.unit, "")
    number = value.number
    if unit and period != value.period:
        exact = {("month", "year"): limit_number * 12, ("year", "month"): limit_number}
        if (period, value.period) not in exact:
            return f"unit {unit_name(value)}"
        limit_number = exact[(period, value.period)]
        number = number if value.period == "year" else number * MONTHS_OF_A_YEAR
    return "yes" if (number >= limit_number if at_least else number <= limit_number) else "no"


def _not_compared(units: Counter[str]) -> Message:
    listed = ", ".join(f"{unit.removeprefix('unit ')} ({count})" for unit, count in units.most_common())
    return Message("Not compared with the limit, because they have another unit: {units}.", units=listed)


# --- sorting ----------------------------------------------------------------------------------


def _sorted(
    plan: TablePlan, keys: Sequence[RowKey], empty: int, total: int, notes: list[Message]
) -> Arranged:
    """Sort rows by one column, each unit by itself; those without a value come last."""
    order = plan.order
    assert order is not None
    column = plan.columns[order.column]
    comparable, converted = _grouped(keys, column)
    without = [key for key in keys if not _has_value(key, column)]
    positions: list[int] = []
    shown: list[int] = []
    groups: list[TableGroup] = []
    leaders: list[tuple[str, list[RowKey]]] = []
    for name, members in comparable:
        ranked = sorted(members, key=lambda member: member[0], reverse=order.descending)
        positions += [key.position for _, key in ranked]
        first = ranked[: plan.top or len(ranked)]
        first += [one for one in ranked[len(first) :] if one[0] == first[-1][0]]  # as good as the last
        shown += [key.position for _, key in first]
        leaders.append((name, [key for _, key in first]))
        groups.append(TableGroup(name, len(ranked), _named(first[0][1])))
    positions += [key.position for key in without]
    if not plan.top:
        shown += [key.position for key in without]
    if converted:
        notes.append(converted)
    conclusion = _said_of_best(plan, column, leaders, descending=order.descending)
    if without and comparable:
        notes.append(Message("{n} documents give no value for {column}.", n=len(without), column=column.name))
    return Arranged(tuple(positions), tuple(shown), empty, tuple(groups), conclusion, tuple(notes))


def _has_value(key: RowKey, column: TableColumn) -> bool:
    return bool(key.value.date) if column.kind == "date" else key.value.number is not None


def _grouped(
    keys: Sequence[RowKey], column: TableColumn
) -> tuple[list[tuple[str, list[tuple[Decimal | str, RowKey]]]], Message | None]:
    """Return the values by what they may be compared within, the largest group first.

    Amounts a month and a year in one currency are compared as amounts a year: twelve times is exact.
    """
    if column.kind == "date":
        dated = [(key.value.date, key) for key in keys if key.value.date]
        return ([("", list(dated))] if dated else []), None
    groups: dict[tuple[str, str], list[tuple[Decimal | str, RowKey]]] = defaultdict(list)
    for key in keys:
        if key.value.number is not None:
            groups[key.value.unit, key.value.period].append((key.value.number, key))
    converted = None
    for unit, period in list(groups):
        if period == "month" and (unit, "year") in groups:
            monthly = groups.pop((unit, "month"))
            groups[unit, "year"] += [(Decimal(number) * MONTHS_OF_A_YEAR, key) for number, key in monthly]
            converted = Message(
                "{unit}: amounts a month were compared as twelve times as much a year.", unit=unit
            )
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [
        (unit_name(CellValue(unit=unit, period=period)), found) for (unit, period), found in ordered
    ], converted


def unit_name(value: CellValue) -> str:
    """Return a unit with its period in words: "EUR per month"."""
    return " per ".join(filter(None, (value.unit, value.period)))


def _named(key: RowKey) -> str:
    text = key.text if len(key.text) <= LONGEST_NAMED else f"{key.text[:LONGEST_NAMED].rsplit(' ', 1)[0]} …"
    return f"{key.title} ({text})"


def _said_of_best(
    plan: TablePlan, column: TableColumn, leaders: Sequence[tuple[str, list[RowKey]]], *, descending: bool
) -> Message:
    name = column.name
    if not leaders:
        return Message("No document states a value for {column}.", column=name)
    if len(leaders) == 1 or column.kind == "count":
        best = "; ".join(_named(key) for key in leaders[0][1][:MOST_NAMED])
        if column.kind == "date":
            return (
                Message("{column}, latest first: {best}.", column=name, best=best)
                if descending
                else Message("{column}, earliest first: {best}.", column=name, best=best)
            )
        return (
            Message("{column}, highest first: {best}.", column=name, best=best)
            if descending
            else Message("{column}, lowest first: {best}.", column=name, best=best)
        )
    listed = "; ".join(
        f"{group}: {', '.join(_named(key) for key in found[:3])}" for group, found in leaders[:MOST_NAMED]
    )
    said = (
        Message(
            "{column} is stated in {n} units that cannot be compared with each other. "
            "The highest in each: {listed}.",
            column=name, n=len(leaders), listed=listed,
        )
        if descending
        else Message(
            "{column} is stated in {n} units that cannot be compared with each other. "
            "The lowest in each: {listed}.",
            column=name, n=len(leaders), listed=listed,
        )
    )  # fmt: skip
    return said


# --- sums and counts --------------------------------------------------------------------------


def _calculated(
    plan: TablePlan, keys: Sequence[RowKey], empty: int, total: int, notes: list[Message]
) -> Arranged:
    column = plan.columns[plan.calculated]
    comparable, converted = _grouped(keys, column)
    groups = []
    for name, members in comparable:
        numbers = [Decimal(number) for number, _ in members]
        result = sum(numbers, Decimal())
        if plan.calculation == "mean":
            result = (result / len(numbers)).quantize(Decimal("0.01"))
        groups.append(TableGroup(name, len(members), f"{_shown(result)} {name}".strip()))
    if converted:
        notes.append(converted)
    positions = tuple(key.position for key in keys)
    if not groups:
        said = Message("No document states a value for {column}.", column=column.name)
    else:
        listed = "; ".join(f"{group.result} ({group.rows})" for group in groups)
        said = (
            Message(
                "Mean of {column}, with the number of documents: {listed}.", column=column.name, listed=listed
            )
            if plan.calculation == "mean"
            else Message(
                "Sum of {column}, with the number of documents: {listed}.", column=column.name, listed=listed
            )
        )
    if len(groups) > 1:
        notes.append(Message("Different units are not added to each other."))
    return Arranged(positions, positions, empty, tuple(groups), said, tuple(notes))


def _shown(number: Decimal) -> str:
    return f"{number.normalize():,f}"


def _said_of_list(plan: TablePlan, keys: Sequence[RowKey], empty: int, in_part: int, total: int) -> Message:
    if plan.filters:
        names = "; ".join(key.title for key in keys[:MOST_NAMED]) + (" …" if len(keys) > MOST_NAMED else "")
        said = Message("{n} of {total} meet this.", n=len(keys), total=total)
        if keys:
            said = Message("{n} of {total} meet this: {names}.", n=len(keys), total=total, names=names)
        parts = [said]
        if in_part:
            parts.append(Message("{n} more meet it in part.", n=in_part))
        if empty:
            parts.append(Message("{n} state nothing about it.", n=empty))
        return joined(parts, " ")
    if empty:
        return Message("{total} documents were read; {n} state nothing of this.", total=total, n=empty)
    return Message("{total} documents were read.", total=total)
