"""What a model may do by itself, where the settings let it: search again, open a page, list, calculate.

Everything is read-only and bound to the reader's scope; what a tool finds is quoted like any passage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docent.errors import DocentError, InputError
from docent.generating import prompt
from docent.generating.calculating import calculate
from docent.generating.client import Call
from docent.generating.guard import tamed
from docent.generating.shelf import Shelf, answering, placed, whole
from docent.glossary import Passage

MOST_FOUND = 4
MOST_LISTED = 60


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


@dataclass(frozen=True, slots=True)
class Used:
    """What came of a tool: the step as a person is told of it, and what the model reads."""

    step: str
    text: str
    passages: tuple[Passage, ...] = ()


class Toolbox:
    def __init__(self, *, search: Callable[[str], Sequence[Passage]], shelf: Shelf) -> None:
        self._search = search
        self._shelf = shelf

    def use(self, call: Call, shown: Sequence[Passage]) -> Used:
        """Do what is asked; what goes wrong is told to the model, which may try otherwise."""
        try:
            match call.name, dict(call.arguments):
                case "search", {"query": str(query)}:
                    found = self._new(self._search(query), shown)
                    return _quoted(f"Searched: {query}", found[:MOST_FOUND], shown)
                case "open_page", {"document": str(name), "page": page}:
                    found = self._new(self._page(name, page), shown)
                    return _quoted(f"Opened: {name}, p. {page}", found, shown)
                case "list_documents", _:
                    return self._listed()
                case "calculate", {"expression": str(expression)}:
                    value = calculate(expression)
                    return Used(f"Calculated: {expression} = {value}", value)
                case name, _:
                    known = ", ".join(str(schema["function"]["name"]) for schema in SCHEMAS)
                    raise InputError(f"There is no tool {name!r} with these arguments. There are: {known}.")
        except DocentError as error:
            return Used(f"{call.name}: {error}", f"Error: {tamed(str(error))}")

    @staticmethod
    def _new(found: Sequence[Passage], shown: Sequence[Passage]) -> list[Passage]:
        known = {passage.chunk_id for passage in shown}
        return [passage for passage in found if passage.chunk_id not in known]

    def _page(self, name: str, page: Any) -> list[Passage]:
        try:
            number = int(page)
        except (TypeError, ValueError) as error:
            raise InputError(f"{page!r} is no page number.") from error
        named = [one for one in answering(self._shelf.documents()) if name in (one.name, one.id)]
        if not named:
            raise InputError(f"There is no document {name!r}.")
        chunks = [one for one in self._shelf.chunks_of(named[0].id) if one.page == number]
        if not chunks:
            raise InputError(f"{name} has no text on page {number}; it has {named[0].pages} pages.")
        kept = self._shelf.page(named[0].id, number)
        return [placed(passage, kept) for passage in whole(named[0], chunks)]

    def _listed(self) -> Used:
        documents = answering(self._shelf.documents())
        lines = [f"{one.library}/{one.name}, {one.pages} pages" for one in documents[:MOST_LISTED]]
        more = [f"and {len(documents) - MOST_LISTED} more"] if len(documents) > MOST_LISTED else []
        return Used(f"Listed {len(documents)} documents", tamed("\n".join([*lines, *more])))


def _quoted(step: str, found: Sequence[Passage], shown: Sequence[Passage]) -> Used:
    if not found:
        return Used(step, "Nothing that you have not been shown.")
    text = "\n".join(prompt.quoted(n, passage) for n, passage in enumerate(found, len(shown) + 1))
    return Used(step, text, tuple(found))
