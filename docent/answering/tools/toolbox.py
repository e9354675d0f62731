"""What a model may do by itself, where the settings let it: search again, open a page, list, calculate,
and query the tables of CSV and Excel files.

Everything is read-only and bound to the reader's scope; what a tool finds is quoted like any passage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docent.answering.models.client import ToolCall
from docent.answering.output_filter import named, unnumbered
from docent.answering.prompt import templates
from docent.answering.prompt.fence import tamed
from docent.answering.scoped_documents import Shelf, answering, placed, whole
from docent.answering.tools import sql as querying
from docent.answering.tools import tables
from docent.answering.tools.calculator import calculate
from docent.errors import DocentError, InputError
from docent.messages import Message
from docent.types import Passage, StoredDocument

MOST_FOUND = 4
MOST_LISTED = 60
MOST_ROWS = 20
"""Of a query, shown below the answer."""
LONGEST_CELL = 120


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
)  # fmt: skip
QUERY = _schema(
    "query_table",
    "Count, add up, filter or sort the rows of a CSV or Excel document, with one SQLite SELECT.",
    document=("string", "its file name"),
    sql=("string", "the query; empty to be told the tables and their columns"),
)
"""Offered where there is a document with tables."""


@dataclass(frozen=True, slots=True)
class Used:
    """What came of a tool: the step as a person is told of it, and what the model reads."""

    step: str
    text: str
    passages: tuple[Passage, ...] = ()
    shown: str = ""
    """What a person must see to check the answer: a query and its rows."""


class Toolbox:
    def __init__(self, *, search: Callable[[str], Sequence[Passage]], shelf: Shelf) -> None:
        self._search = search
        self._shelf = shelf

    def schemas(self) -> tuple[Mapping[str, Any], ...]:
        """The tools that there is something to use on."""
        has_tables = any(one.kind in tables.KINDS for one in answering(self._shelf.documents()))
        return (*SCHEMAS, QUERY) if has_tables else SCHEMAS

    def use(self, call: ToolCall, shown: Sequence[Passage]) -> Used:
        """Do what is asked; what goes wrong is told to the model, which may try otherwise."""
        try:
            match call.name, dict(call.arguments):
                case "search", {"query": str(query)}:
                    known = {passage.chunk_id for passage in shown}
                    found = [one for one in self._search(query) if one.chunk_id not in known]
                    return _quoted(Message("Searched: {what}", what=query), found[:MOST_FOUND], shown)
                case "open_page", {"document": str(name), "page": page}:
                    found = self._page(name, page, shown)
                    return _quoted(Message("Opened: {name}, p. {page}", name=name, page=page), found, shown)
                case "list_documents", _:
                    return self._listed()
                case "calculate", {"expression": str(expression)}:
                    value = calculate(expression)
                    return Used(Message("Calculated: {what}", what=f"{expression} = {value}"), value)
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
            return Used(
                Message("{tool}: {why}", tool=call.name, why=error.message), f"Error: {tamed(str(error))}"
            )

    def _page(self, name: str, page: Any, shown: Sequence[Passage]) -> list[Passage]:
        """What the page says beyond what was shown of it."""
        try:
            number = int(page)
        except (TypeError, ValueError) as error:
            raise InputError("{page!r} is no page number.", page=page) from error
        document = self._document(name)
        chunks = [one for one in self._shelf.chunks_of(document.id) if one.page == number]
        if not chunks:
            raise InputError(
                "{name} has no text on page {number}; it has {pages} pages.",
                name=name,
                number=number,
                pages=document.pages,
            )
        known = {passage.chunk_id for passage in shown}
        kept = self._shelf.page(document.id, number)
        unseen = [one for one in chunks if one.id not in known]
        return [placed(passage, kept) for passage in whole(document, unseen)]

    def _document(self, name: str) -> StoredDocument:
        for one in answering(self._shelf.documents()):
            if name in (one.name, one.id):
                return one
        raise InputError("There is no document {name!r}.", name=name)

    def _queried(self, name: str, sql: str) -> Used:
        document = self._document(name)
        if document.kind not in tables.KINDS:
            raise InputError("{name} has no tables to query; open its pages instead.", name=name)
        pages = (self._shelf.page(document.id, number) for number in range(1, document.pages + 1))
        found = tables.tables_of(name, pages)
        if not sql.strip():
            return Used(
                Message("Looked at the tables of {name}", name=name),
                templates.rows(querying.described(found)),
            )
        result = querying.query(sql, found)
        step = Message("Queried {name}: {sql}", name=name, sql=sql)
        return Used(step, templates.rows(querying.as_lines(result)), shown=_table(name, sql, result))

    def _listed(self) -> Used:
        documents = answering(self._shelf.documents())
        lines = [f"{one.library}/{one.name}, {one.pages} pages" for one in documents[:MOST_LISTED]]
        more = [f"and {len(documents) - MOST_LISTED} more"] if len(documents) > MOST_LISTED else []
        return Used(Message("Listed {n} documents", n=len(documents)), tamed("\n".join([*lines, *more])))


def _table(name: str, sql: str, result: querying.Result) -> str:
    """The query and its rows, as they stand below the answer. The texts are a model's and a document's."""
    asked = _unfenced(named(sql))
    rows = [result.columns, tuple("---" for _ in result.columns), *result.rows[:MOST_ROWS]]
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    more = ["", "… and more rows."] if result.more or len(result.rows) > MOST_ROWS else []
    return "\n".join(
        [f"From the tables of {unnumbered(named(name))}:", "", "```sql", asked, "```", "", *lines, *more]
    )


def _cell(value: tables.Value) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else "" if value is None else str(value)
    return unnumbered(_unfenced(named(text[:LONGEST_CELL]))).replace("|", "\\|")


def _unfenced(text: str) -> str:
    return text.replace("`", "'")


def _quoted(step: str, found: Sequence[Passage], shown: Sequence[Passage]) -> Used:
    if not found:
        return Used(step, "Nothing that you have not been shown.")
    text = "\n".join(templates.quoted(n, passage) for n, passage in enumerate(found, len(shown) + 1))
    return Used(step, text, tuple(found))
