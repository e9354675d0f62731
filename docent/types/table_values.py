"""The values of a research table: many documents compared, one a row, each cell with its citation.

TableRequest → TablePlan (columns, order) → TableRow (one document) → TableCell → ResearchTable
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from docent.types.document_values import Scope

if TYPE_CHECKING:  # answers may hold a table
    from docent.types.answer_values import Citation

ColumnKind = Literal["text", "number", "date", "yes_no", "count"]
"""count: the number of items that a document lists and describes so, such as vegan dishes."""
CellState = Literal["stated", "not_stated", "unclear"]
"""unclear: the document says something of it that is no single value, such as two rates; it is quoted."""
TableState = Literal["running", "done", "cancelled", "stopped"]
"""stopped: the program ended, or an error came, before every document was read; it can be resumed."""
Operation = Literal["is", "at_least", "at_most", "stated"]
Calculation = Literal["count", "sum", "mean"]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One thing that every document is asked for."""

    name: str
    """As the table's head shows it: "Pay", "Revenue 2021"."""
    kind: ColumnKind
    terms: tuple[str, ...]
    """The words that documents may state it with, the asked one first: pay, salary, wage …"""
    year: str = ""
    """Of a figure in an annual report: the year whose column is read; empty: the first, the latest one."""
    field: str = ""
    """A key of known fields ("pay", "place", "deadline"); empty for any other words."""


@dataclass(frozen=True, slots=True)
class TableOrder:
    """The column that rows are sorted by. Rows whose units differ are sorted in groups."""

    column: int
    descending: bool = True


@dataclass(frozen=True, slots=True)
class TableFilter:
    """A condition that a row must meet to be shown."""

    column: int
    operation: Operation
    value: str = ""
    """A figure, an ISO date, "yes", "no", or words."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """The columns, and what is done with the rows once all are filled."""

    columns: tuple[TableColumn, ...]
    order: TableOrder | None = None
    top: int = 0
    """The number of rows that are asked for; 0: all."""
    filters: tuple[TableFilter, ...] = ()
    calculation: Calculation | None = None
    """With "count", the rows that meet the filters are counted; the others are of `calculated`."""
    calculated: int = 0
    """The column that is summed, or whose mean is taken."""
    subject: str = ""
    """The documents as the question names them: "internships"; empty where it does not."""
    explicit: bool = False
    """Asked for in so many words; only then are rows shown whose every cell is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRequest:
    """A question over many documents, with everything that its asker decides."""

    question: str
    scope: Scope
    columns: tuple[str, ...] = ()
    """Names of the columns; empty: the question names them."""
    persona: str = ""
    model: str = ""
    """Another model of the same server; empty: that of the settings."""
    use_model: bool = True
    """False: cells that rules cannot fill stay "not stated"."""


@dataclass(frozen=True, slots=True)
class CellValue:
    """A cell's value in a form that can be sorted, compared and summed."""

    number: Decimal | None = None
    unit: str = ""
    """A currency by its code, or a unit: EUR, %, week."""
    period: str = ""
    """hour, day, week, month or year: the value is "per" that."""
    date: str = ""
    """ISO: a day, "2027-05-09", or a month, "2027-05"."""
    yes: bool | None = None

    @property
    def group(self) -> str:
        """The unit and the period that a number shares with those that it may be compared with."""
        return f"{self.unit}/{self.period}" if self.period else self.unit


NO_VALUE = CellValue()


@dataclass(frozen=True, slots=True)
class TableCell:
    """A value as its document states it, and the characters that say so."""

    state: CellState
    text: str = ""
    """The value as it is shown, in the document's own words; empty when it is not stated."""
    value: CellValue = NO_VALUE
    citations: tuple[Citation, ...] = ()
    """Of a stated cell one at least: checked, and numbered from 1 through all shown rows."""
    by_model: bool = False
    """A model found it, and the claims check supports it."""
    note: str = ""
    """A remark on the value: what was converted, or what else the document says."""


NOT_STATED = TableCell("not_stated")


@dataclass(frozen=True, slots=True)
class TableRow:
    """A document and one cell for each column."""

    document_id: str
    file: str
    library: str
    title: str
    """The document's own name for itself, else its file."""
    cells: tuple[TableCell, ...]
    origin: str = ""
    failed: str = ""
    """The reason why the document could not be read; its cells are then empty."""

    @property
    def is_empty(self) -> bool:
        return all(cell.state == "not_stated" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class TableGroup:
    """Rows whose values may be compared, with what was calculated of them."""

    name: str
    """"EUR per month"; empty for values without a unit."""
    rows: int
    result: str = ""
    """The sum or the mean with its unit."""


@dataclass(frozen=True, slots=True)
class ResearchTable:
    """A table as it is shown: the first rows in their order, and what is said of all of them."""

    id: str
    question: str
    plan: TablePlan
    state: TableState
    rows: tuple[TableRow, ...]
    """The first `MOST_SHOWN` of those that the filters let pass, sorted; all are in the store."""
    matching: int
    """The number of all rows that the filters let pass."""
    documents: int
    """In scope."""
    read: int
    """Documents read so far."""
    empty: int = 0
    """Documents that state nothing of what was asked."""
    groups: tuple[TableGroup, ...] = ()
    conclusion: str = ""
    """The answer to the question in a sentence or two; the rows give the citations."""
    notes: tuple[str, ...] = ()
    """How values were grouped, converted, left out: sentences for people."""
    model: str = ""
    seconds: float = 0.0

    @property
    def is_resumable(self) -> bool:
        return self.state in ("cancelled", "stopped")


@dataclass(frozen=True, slots=True)
class LeadingRows:
    """The documents that come first by one column; several, where values are equal or not comparable."""

    rows: tuple[TableRow, ...]
    column: int
    conclusion: str
    """The same in a sentence."""


MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class TablePlanned:
    """The first event of a table: what will be read, and how long that will take."""

    table_id: str
    plan: TablePlan
    documents: int
    seconds: float
    """Estimated, from the time that the first documents took."""
    text: str
    """A sentence that says so."""


@dataclass(frozen=True, slots=True)
class TableProgress:
    """A document was read; the row is in the store."""

    table_id: str
    done: int
    total: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class TableFilled:
    """The last event of a table, also of one that was cancelled."""

    table: ResearchTable


TableEvent = TablePlanned | TableProgress | TableFilled
