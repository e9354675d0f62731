"""Answers from the rows of one table, worked out by SQLite: the same with every model and with none."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from docent.answering.answer_context import ScopedDocuments, answering
from docent.answering.output_filter import display_name, without_numbers
from docent.answering.quoted_units import shown_rows, shown_sentence
from docent.answering.tools.read_tables import read_tables
from docent.answering.tools.sheet_tables import KINDS, SheetRow, Value
from docent.answering.tools.table_plans import SheetPlan, column_label
from docent.answering.tools.table_queries import query
from docent.answering.tools.table_questions import names_columns, plan_of
from docent.answering.tools.table_words import pieces
from docent.answering.tools.worked_out import CellCiter, WorkedOut, shown_number, together
from docent.errors import InputError
from docent.messages import Message, joined
from docent.types import Passage, StoredDocument

MOST_DOCUMENTS = 12
"""Spreadsheets that are read for one question; of more, those that it names or that a search finds."""
MOST_TABLES = 3
"""Tables that a question may fit equally; of more, none is meant."""
MOST_ROWS_SHOWN = 30
MOST_PAGES_CITED = 5
MOST_CELLS_CITED = 60
"""Of one page: the marked cells of a citation."""
MOST_READ = 200_000
MOST_PAGES = 1_000
"""Of all spreadsheets that code reads for one question, 50 rows each; a query of the model may read more."""

SENTENCES = {
    "sum": Message("**{value}** is the sum of {column} in {n:,} rows of {table}{conditions}."),
    "avg": Message("**{value}** is the average of {column} in {n:,} rows of {table}{conditions}."),
    "median": Message("**{value}** is the median of {column} in {n:,} rows of {table}{conditions}."),
}


def find_plans(
    question: str, documents: ScopedDocuments, search: Callable[[str], Sequence[Passage]]
) -> list[tuple[StoredDocument, SheetPlan]]:
    """Return the plans of the tables that a question is about; none where code cannot be sure."""
    found = [
        (document, plan)
        for document in _sheets(question, documents, search)
        for lexicon in read_tables(document, documents)
        if (plan := plan_of(question, lexicon)) is not None
    ]
    best = max((plan.score for _, plan in found), default=0)
    chosen = [(document, plan) for document, plan in found if plan.score == best]
    return chosen if len(chosen) <= MOST_TABLES else []


def is_about_a_table(
    question: str, documents: ScopedDocuments, search: Callable[[str], Sequence[Passage]]
) -> bool:
    """Tell whether a question names columns of a table and an operation on them, whatever else it says."""
    return any(
        names_columns(question, lexicon)
        for document in _sheets(question, documents, search)
        for lexicon in read_tables(document, documents)
    )


def _sheets(
    question: str, documents: ScopedDocuments, search: Callable[[str], Sequence[Passage]]
) -> list[StoredDocument]:
    scope = documents.scope
    kinds = tuple(sorted(set(scope.kinds or KINDS) & KINDS))
    if not kinds:
        return []
    listed = answering(documents.store.documents(replace(scope, kinds=kinds)))
    sheets = [document for document in listed if document.kind in kinds and document.pages <= MOST_PAGES]
    if len(sheets) <= MOST_DOCUMENTS and sum(document.pages for document in sheets) <= MOST_PAGES:
        return sheets
    asked = set(pieces(question))
    found = {passage.document_id: at for at, passage in reversed(list(enumerate(search(question))))}

    def rank(document: StoredDocument) -> tuple[int, int, str]:
        return (-len(asked & set(pieces(document.name))), found.get(document.id, len(found)), document.name)

    chosen: list[StoredDocument] = []
    pages = 0
    for document in sorted(sheets, key=rank)[:MOST_DOCUMENTS]:
        pages += document.pages
        if pages > MOST_PAGES:
            break
        chosen.append(document)
    return chosen


def answer_from_tables(
    question: str, documents: ScopedDocuments, search: Callable[[str], Sequence[Passage]]
) -> WorkedOut | None:
    """Answer a question from the tables in scope; None where it is no question on a table."""
    answers: list[WorkedOut] = []
    for document, plan in find_plans(question, documents, search):
        try:
            answers.append(_TableAnswer(document, plan, documents, before=_highest(answers)).worked_out())
        except InputError:
            return None  # SQLite took too long; the question is answered like any other
    return together(answers) if answers else None


def _highest(answers: Sequence[WorkedOut]) -> int:
    return max((citation.n for answer in answers for citation in answer.citations), default=0)


@dataclass(slots=True)
class _TableAnswer:
    """One plan, carried out and written down; its citations are numbered on from `before`."""

    document: StoredDocument
    plan: SheetPlan
    documents: ScopedDocuments
    before: int = 0

    def worked_out(self) -> WorkedOut:
        plan = self.plan
        citer = CellCiter(self.documents, self.document)
        rows = [
            row - 1
            for (row,) in query(plan.rows_sql(), [plan.table], most=MOST_READ).rows
            if isinstance(row, int)
        ]
        number: Decimal | None = None
        date: dt.date | None = None
        if not rows and plan.aggregate not in ("count", "share"):
            text: str = Message(
                "No row of {table} has this: {conditions}.",
                table=self._table,
                conditions=self._shown_conditions,
            )
            sql = plan.rows_sql()
        elif plan.aggregate is None:
            text, sql = self._rows(rows, citer), plan.rows_sql()
            number, date = self._single(rows)
        elif plan.group is not None:
            text, sql = self._groups(rows, citer), plan.value_sql()
        else:
            text, number = self._value(rows, citer)
            sql = plan.value_sql()
        step = Message("Queried {name}: {sql}", name=self.document.name, sql=sql)
        unit = "" if plan.measure is None else plan.table.units[plan.measure]
        return WorkedOut(
            self._with_totals(text), tuple(citer.citations), tuple(citer.passages.values()), (step,),
            number, unit, date,
        )  # fmt: skip

    # --- one value -----------------------------------------------------------------------------

    def _value(self, rows: Sequence[int], citer: CellCiter) -> tuple[str, Decimal | None]:
        plan = self.plan
        value = query(plan.value_sql(), [plan.table]).rows[0][0]
        marks = self._cite_cells(rows, citer)
        common = {"table": self._table, "conditions": self._conditions}
        if plan.aggregate == "count":
            return joined((self._count(int(value or 0)), marks), " "), Decimal(int(value or 0))
        if plan.aggregate == "distinct":
            sentence = Message(
                "**{n:,}** different values of {column} are in {table}{conditions}.",
                n=int(value or 0), column=self._label(plan.measure), **common,
            )  # fmt: skip
            return joined((sentence, marks), " "), Decimal(int(value or 0))
        if plan.aggregate == "share":
            share = shown_number(float(value or 0), 2, "%", trim=True)
            part = "; ".join(self._safe(one.shown(plan.table)) for one in plan.part_filters)
            shared = {"share": share, "n": len(rows), "table": self._table, "part": part}
            sentence = Message("**{share}** of the {n:,} rows of {table}: {part}.", **shared)
            if plan.measure is not None:
                column = self._label(plan.measure)
                sentence = Message(
                    "**{share}** of {column} in the {n:,} rows of {table}: {part}.", column=column, **shared
                )
            return joined((sentence, marks), " "), None
        shown = self._shown_value(value)
        sentence = Message(
            SENTENCES[plan.aggregate or ""],
            value=shown, column=self._label(plan.measure), n=len(rows), **common,
        )  # fmt: skip
        decimals = self._decimals()
        return joined((sentence, marks), " "), Decimal(str(round(float(value or 0), decimals + 4)))

    def _count(self, n: int) -> Message:
        if not self.plan.filters:
            return Message("**{n:,}** rows are in {table}.", n=n, table=self._table)
        if n == 1:
            return Message(
                "**1** row of {table} matches{conditions}.", table=self._table, conditions=self._conditions
            )
        return Message(
            "**{n:,}** rows of {table} match{conditions}.",
            n=n,
            table=self._table,
            conditions=self._conditions,
        )

    def _cite_cells(self, rows: Sequence[int], citer: CellCiter) -> str:
        """Cite the cells that a value was worked out from, a number for each page; return the marks."""
        plan = self.plan
        filtered = [one.column for one in (*plan.filters, *plan.part_filters)]
        columns = [plan.measure] if plan.measure is not None else filtered[:1] or [0]
        wanted = self._part_rows(rows) if plan.aggregate == "share" and plan.measure is None else rows
        pages: dict[int, list[tuple[int, int]]] = {}
        for at in wanted:
            row = plan.table.placed[at]
            cells = pages.setdefault(row.page, [])
            if len(cells) < MOST_CELLS_CITED:
                cells += [row.spans[column] for column in columns if row.cells[column]]
        marks: list[str] = []
        for page, spans in list(pages.items())[:MOST_PAGES_CITED]:
            n = self.before + len(marks) + 1
            citer.cite(n, page, spans)
            marks.append(f"[{n}]")
        return "".join(marks)

    def _part_rows(self, rows: Sequence[int]) -> list[int]:
        part = replace(self.plan, filters=self.plan.part_filters, part_filters=())
        found = query(part.rows_sql(), [self.plan.table], most=MOST_READ).rows
        return [row - 1 for (row,) in found if isinstance(row, int)] or list(rows)

    def _single(self, rows: Sequence[int]) -> tuple[Decimal | None, dt.date | None]:
        """Return the number or the date that is asked for, where one row has it."""
        plan = self.plan
        if len(rows) != 1 or plan.order:
            return None, None
        values = plan.table.placed[rows[0]].values
        if plan.measure is not None and isinstance(number := values[plan.measure], int | float):
            return Decimal(str(number)), None
        dates = [str(values[column]) for column in plan.shown if plan.table.dates[column] and values[column]]
        return None, dt.date.fromisoformat(dates[0]) if len(dates) == 1 else None

    # --- rows and groups -----------------------------------------------------------------------

    def _rows(self, rows: Sequence[int], citer: CellCiter) -> str:
        plan = self.plan
        placed = [plan.table.placed[at] for at in rows]
        if plan.order and plan.measure is not None:
            placed = list(_with_ties(placed, plan.limit, lambda row: row.values[plan.measure or 0]))
        shown = placed[:MOST_ROWS_SHOWN]
        columns = [column for column in plan.shown if any(row.cells[column] for row in placed)]
        marked = []
        for row, mark in zip(shown, self._marks(shown, columns, citer), strict=True):
            marked.append(([row.cells[column] for column in columns], mark))
        labels = [self._label(column) for column in columns]
        if len(marked) == 1:
            cells, mark = marked[0]
            parts = [f"{label}: **{self._safe(cell)}**" for label, cell in zip(labels, cells, strict=True)]
            return f"{' · '.join(parts)} {mark}"
        table = shown_rows([([self._safe(cell) for cell in cells], mark) for cells, mark in marked], labels)
        if plan.order:
            return joined((table, self._more(len(placed))), "\n\n")
        return joined((self._count(len(placed)), table, self._more(len(placed))), "\n\n")

    def _marks(self, rows: Sequence[SheetRow], columns: Sequence[int], citer: CellCiter) -> Iterator[str]:
        for at, row in enumerate(rows):
            n = self.before + at + 1
            citer.cite(n, row.page, [row.spans[column] for column in columns if row.cells[column]])
            yield f"[{n}]"

    def _groups(self, rows: Sequence[int], citer: CellCiter) -> str:
        plan = self.plan
        groups = list(query(plan.value_sql(), [plan.table], most=MOST_READ).rows)
        if plan.order:
            groups = list(_with_ties(groups, plan.limit, lambda group: group[1]))
        shown = []
        for at, (name, value) in enumerate(groups[:MOST_ROWS_SHOWN]):
            n = self.before + at + 1
            members = [row for row in rows if self._group_of(plan.table.placed[row]) == name]
            self._cite_group(n, members, citer)
            shown.append(([self._safe(str(name)), self._group_value(value)], f"[{n}]"))
        labels = [self._label(plan.group), self._measure_label()]
        if len(shown) == 1 and plan.order:
            (name, value), mark = shown[0]
            text: str = joined((f"{labels[0]}: **{name}** · {labels[1]}: **", value, f"** {mark}"), "")
        else:
            text = joined(_table_lines(labels, shown), "\n")
        basis = Message("Worked out from {n:,} rows of {table}{conditions}.", n=len(rows), table=self._table,
                        conditions=self._conditions)  # fmt: skip
        return joined((text, self._more(len(groups)), basis), "\n\n")

    def _cite_group(self, n: int, members: Sequence[int], citer: CellCiter) -> None:
        """Cite the cells of a group on the first page that has some: a number opens one page."""
        column = self.plan.measure if self.plan.measure is not None else self.plan.group
        assert column is not None
        placed = [self.plan.table.placed[row] for row in members]
        first = placed[0].page if placed else 0
        spans = [row.spans[column] for row in placed if row.page == first and row.cells[column]]
        citer.cite(n, first, spans[:MOST_CELLS_CITED])

    def _group_of(self, row: SheetRow) -> Value:
        assert self.plan.group is not None
        value = row.values[self.plan.group]
        if not self.plan.part or value is None:
            return value
        text = str(value)
        quarter = f"{text[:4]}-Q{(int(text[5:7]) + 2) // 3}" if text[5:7].isdigit() else text
        return {"month": text[:7], "year": text[:4], "quarter": quarter}[self.plan.part]

    def _group_value(self, value: Value) -> str:
        if self.plan.aggregate in ("count", "distinct"):
            return shown_number(int(value or 0), 0)
        return self._shown_value(value)

    # --- words ---------------------------------------------------------------------------------

    @property
    def _table(self) -> str:
        name = display_name(self.document.name)
        title = self.plan.table.title
        stem = self.document.name.rpartition(".")[0] or self.document.name
        return without_numbers(name if title == stem else f"{name} ({display_name(title)})")

    @property
    def _shown_conditions(self) -> str:
        return "; ".join(self._safe(one.shown(self.plan.table)) for one in self.plan.filters)

    @property
    def _conditions(self) -> str:
        return f" ({self._shown_conditions})" if self.plan.filters else ""

    def _label(self, column: int | None) -> str:
        assert column is not None
        return self._safe(column_label(self.plan.table, column))

    def _measure_label(self) -> str:
        measures = {
            "sum": Message("Sum of {column}", column=self._name), 
            "avg": Message("Average of {column}", column=self._name),
            "median": Message("Median of {column}", column=self._name), "count": Message("Rows"),
            "distinct": Message("Different values of {column}", column=self._name),
        }  # fmt: skip
        return measures[str(self.plan.aggregate)]

    @property
    def _name(self) -> str:
        return "" if self.plan.measure is None else self._label(self.plan.measure)

    def _safe(self, text: str) -> str:
        return without_numbers(shown_sentence(text))

    def _decimals(self) -> int:
        """Return the decimal places of the column's cells."""
        assert self.plan.measure is not None
        table, measure = self.plan.table, self.plan.measure
        if table.kinds[measure] == "INTEGER":
            return 0
        cells = (re.search(r"[.,](\d+)\D*$", row.cells[measure]) for row in table.placed)
        return max((len(match[1]) for match in cells if match), default=0)

    def _shown_value(self, value: Value) -> Message:
        assert self.plan.measure is not None
        decimals = self._decimals()
        number = float(value or 0)
        unit = self.plan.table.units[self.plan.measure]
        if self.plan.aggregate in ("avg", "median"):
            return shown_number(number, max(decimals, 2), unit, trim=decimals < 2)
        return shown_number(number, decimals, unit)

    def _more(self, total: int) -> str:
        left = total - MOST_ROWS_SHOWN
        return Message("… and {n:,} more rows.", n=left) if left > 0 else ""

    def _with_totals(self, text: str) -> str:
        if not self.plan.table.totals or self.plan.aggregate is None:
            return text
        note = Message("The rows of totals in the table were left out.")
        return joined((text, note), "\n\n")


def _with_ties(rows: Sequence, limit: int, value: Callable) -> Iterator:  # type: ignore[type-arg]
    """Yield the first rows, and those that equal the last of them."""
    for at, row in enumerate(rows):
        if limit and at >= limit and value(row) != value(rows[limit - 1]):
            return
        yield row


def _table_lines(labels: Sequence[str], rows: Sequence[tuple[Sequence[str], str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table whose cells keep their translations."""
    yield joined(("| ", labels[0], " | ", labels[1], " |"), "")
    yield "| --- | ---: |"
    for (name, value), mark in rows:
        yield joined(("| ", name, " ", mark, " | ", value, " |"), "")
