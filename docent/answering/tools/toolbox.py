"""The tools of a model: search again, open a page, list documents, calculate, count days, query tables.

Everything is read-only and within one scope; what a tool finds is quoted like any passage.
"""

from __future__ import annotations

import ast
import datetime as dt
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docent.answering.answer_context import ScopedDocuments, answering, placed, whole
from docent.answering.answer_limits import OWN_TOOLS
from docent.answering.output_filter import display_name, without_numbers
from docent.answering.prompt import templates
from docent.answering.prompt.templates import quotable
from docent.answering.tools import sheet_tables, table_queries
from docent.answering.tools.written_dates import date_of
from docent.errors import DocentError, InputError
from docent.messages import Message
from docent.types import Passage, StoredDocument, ToolCall

if TYPE_CHECKING:
    from docent.answering.tools.lent_tools import LentTools

MOST_FOUND = 4
MOST_LISTED = 60
MOST_ROWS = 20
"""The most rows of a query shown below the answer."""
LONGEST_CELL = 120
LONGEST_EXPRESSION = 300
LARGEST_POWER = 64
BINARY: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
UNARY: dict[type[ast.AST], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs, "max": max, "min": min, "round": round, "sqrt": math.sqrt, "sum": lambda *all_: sum(all_),
}  # fmt: skip


def _schema(name: str, description: str, **parameters: tuple[str, str]) -> Mapping[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {
                    key: {"type": kind, "description": what} for key, (kind, what) in parameters.items()
                },
                "required": list(parameters),
            },
        },
    }


SCHEMAS = (
    _schema("search", "Search the documents again, in other words.", query=("string", "what to look for")),
    _schema(
        "open_page", "Read a whole page of a document.",
        document=("string", "its file name"), page=("integer", "physical page number, from 1"),
    ),
    _schema("list_documents", "List the documents that can be searched."),
    _schema("calculate", "Calculate exactly.", expression=("string", "arithmetic, like (12.5 + 3) * 4")),
    _schema(
        "count_days", "Count the days between two dates, and name their weekdays.",
        first=("string", "a date, like 2027-03-12, or today"), second=("string", "the other date"),
    ),
)  # fmt: skip
QUERY = _schema(
    "query_table",
    "Count, add up, filter or sort the rows of a CSV or Excel document, with one SQLite SELECT.",
    document=("string", "its file name"),
    sql=("string", "the query; empty to be told the tables and their columns"),
)
"""A tool offered where there is a document with tables."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call: the step as a person is shown it, and the text that the model reads."""

    step: str
    text: str
    passages: tuple[Passage, ...] = ()
    shown: str = ""
    """Shown below the answer, so that a person can check it: a query and its rows."""
    lent: bool = False
    """A tool of another server returned it."""


class Toolbox:
    """The tools on the documents of one scope, and those that other servers lend."""

    def __init__(
        self,
        *,
        search: Callable[[str], Sequence[Passage]],
        documents: ScopedDocuments,
        lent: LentTools | None = None,
        offered: frozenset[str] = OWN_TOOLS,
    ) -> None:
        self._search = search
        self._documents = documents
        self.lent = lent
        self._offered = offered

    def schemas(self) -> tuple[Mapping[str, Any], ...]:
        """Return the tools that have something to work on."""
        kinds = {document.kind for document in answering(self._documents.all())}
        every = (*SCHEMAS, QUERY) if kinds & sheet_tables.KINDS else SCHEMAS
        own = tuple(schema for schema in every if schema["function"]["name"] in self._offered)
        return own if self.lent is None else (*own, *self.lent.schemas)

    def use(self, call: ToolCall, shown: Sequence[Passage]) -> ToolResult:
        """Run a tool call; an error becomes the result, and the model may try otherwise."""
        try:
            match call.name, dict(call.arguments):
                case "search", {"query": str(query)}:
                    known = {passage.chunk_id for passage in shown}
                    unseen = [passage for passage in self._search(query) if passage.chunk_id not in known]
                    return _quoted(Message("Searched: {what}", what=query), unseen[:MOST_FOUND], shown)
                case "open_page", {"document": str(name), "page": page}:
                    unseen = self._page(name, page, shown)
                    return _quoted(Message("Opened: {name}, p. {page}", name=name, page=page), unseen, shown)
                case "list_documents", _:
                    return self._listed()
                case "calculate", {"expression": str(expression)}:
                    value = calculate(expression)
                    return ToolResult(Message("Calculated: {what}", what=f"{expression} = {value}"), value)
                case "count_days", {"first": str(first), "second": str(second)}:
                    counted = count_days(first, second, dt.date.today())
                    return ToolResult(Message("Counted the days: {what}", what=counted), counted)
                case "query_table", {"document": str(name), "sql": str(sql)}:
                    return self._queried(name, sql)
                case name, _:
                    names = ", ".join(str(schema["function"]["name"]) for schema in self.schemas())
                    raise InputError(
                        "There is no tool {name!r} with these arguments. There are: {names}.",
                        name=name,
                        names=names,
                    )
        except DocentError as error:
            return ToolResult(
                Message("{tool}: {why}", tool=call.name, why=error.message), f"Error: {quotable(str(error))}"
            )

    def _page(self, name: str, page: Any, shown: Sequence[Passage]) -> list[Passage]:
        """Return the passages of a page that were not shown."""
        try:
            number = int(page)
        except (TypeError, ValueError) as error:
            raise InputError("{page!r} is no page number.", page=page) from error
        document = self._document(name)
        chunks = [chunk for chunk in self._documents.chunks_of(document.id) if chunk.page == number]
        if not chunks:
            raise InputError(
                "{name} has no text on page {number}; it has {pages} pages.",
                name=name,
                number=number,
                pages=document.pages,
            )
        known = {passage.chunk_id for passage in shown}
        opened = self._documents.page(document.id, number)
        unseen = [chunk for chunk in chunks if chunk.id not in known]
        return [placed(passage, opened) for passage in whole(document, unseen)]

    def _document(self, name: str) -> StoredDocument:
        for document in answering(self._documents.all()):
            if name in (document.name, document.id):
                return document
        raise InputError("There is no document {name!r}.", name=name)

    def _queried(self, name: str, sql: str) -> ToolResult:
        document = self._document(name)
        if document.kind not in sheet_tables.KINDS:
            raise InputError("{name} has no tables to query; open its pages instead.", name=name)
        pages = (self._documents.page(document.id, number) for number in range(1, document.pages + 1))
        tables = sheet_tables.tables_of(name, pages)
        if not sql.strip():
            return ToolResult(
                Message("Looked at the tables of {name}", name=name),
                templates.rows(table_queries.described(tables)),
            )
        result = table_queries.query(sql, tables)
        step = Message("Queried {name}: {sql}", name=name, sql=sql)
        return ToolResult(
            step, templates.rows(table_queries.result_lines(result)), shown=_table(name, sql, result)
        )

    def _listed(self) -> ToolResult:
        documents = answering(self._documents.all())
        lines = [
            f"{document.library}/{document.name}, {document.pages} pages"
            for document in documents[:MOST_LISTED]
        ]
        more = [f"and {len(documents) - MOST_LISTED} more"] if len(documents) > MOST_LISTED else []
        return ToolResult(
            Message("Listed {n} documents", n=len(documents)), quotable("\n".join([*lines, *more]))
        )


def _table(name: str, sql: str, result: table_queries.QueryResult) -> str:
    """Return the query and its rows, as they are shown below the answer: texts of a model and a document."""
    asked = _unfenced(display_name(sql))
    rows = [result.columns, tuple("---" for _ in result.columns), *result.rows[:MOST_ROWS]]
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    more = ["", "… and more rows."] if result.more or len(result.rows) > MOST_ROWS else []
    return "\n".join(
        [
            f"From the tables of {without_numbers(display_name(name))}:",
            "",
            "```sql",
            asked,
            "```",
            "",
            *lines,
            *more,
        ]
    )


def _cell(value: sheet_tables.Value) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else "" if value is None else str(value)
    return without_numbers(_unfenced(display_name(text[:LONGEST_CELL]))).replace("|", "\\|")


def _unfenced(text: str) -> str:
    return text.replace("`", "'")


def _quoted(step: str, unseen: Sequence[Passage], shown: Sequence[Passage]) -> ToolResult:
    if not unseen:
        return ToolResult(step, "Nothing that you have not been shown.")
    text = "\n".join(templates.quoted(n, passage) for n, passage in enumerate(unseen, len(shown) + 1))
    return ToolResult(step, text, tuple(unseen))


def count_days(first: str, second: str, today: dt.date) -> str:
    """Return the days from one date to another. Raises InputError for what is no date."""
    dates = []
    for text in (first, second):
        date = today if text.strip().lower() == "today" else date_of(text)
        if date is None:
            raise InputError("{text!r} is no date; write it like 2027-03-12.", text=text)
        dates.append(date)
    days = (dates[1] - dates[0]).days
    return f"{days} days from {dates[0]:%A} {dates[0]} to {dates[1]:%A} {dates[1]}"


def calculate(expression: str) -> str:
    """Evaluate arithmetic such as `(1196.1 - 980) / 980 * 100`, and nothing that is code.

    Raises InputError with the reason.
    """
    if len(expression) > LONGEST_EXPRESSION:
        raise InputError(
            "The expression is longer than {longest} characters; calculate it in parts.",
            longest=LONGEST_EXPRESSION,
        )
    try:
        value = _value(ast.parse(expression.strip().replace("^", "**"), mode="eval").body)
        return f"{value:.10g}" if math.isfinite(value) else "not a finite number"
    except ZeroDivisionError as error:
        raise InputError("{expression} divides by zero.", expression=expression) from error
    except (SyntaxError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            "{expression!r} is no arithmetic that can be calculated: {error}.",
            expression=expression,
            error=error,
        ) from error


def _value(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("a truth value is no number")
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](_value(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _value(left), _value(right)
            if abs(power) > LARGEST_POWER or abs(base) > 1e12:
                raise ValueError("the power is too large")
            return float(base**power)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return BINARY[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return float(FUNCTIONS[name](*(_value(argument) for argument in arguments)))
        case _:
            raise ValueError("only numbers, + - * / // % **, brackets and " + ", ".join(sorted(FUNCTIONS)))
