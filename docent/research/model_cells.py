"""Ask a language model for the cells that rules leave empty, one document at a time; keep what is supported.

A value counts only with its citation: the claims check has to find it in the document, beside the words of
its column. Everything else stays "not stated".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from docent.answering.answer_schema import NoJson, read_json
from docent.answering.citing.json_values import cite_values
from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.output_filter import clean
from docent.answering.prompt import templates
from docent.research.cell_values import read_value
from docent.research.known_fields import field_of
from docent.research.labelled_fields import shown_value
from docent.types import JsonFormat, Passage, TableCell, TableColumn, TableRow

QUESTION = (
    "For this one document, give each of these as the document states it, in its own words, or null where it "
    "does not state it: {names}. Answer with one JSON object of these keys."
)
ANSWER_TOKENS_PER_COLUMN = 80
LONGEST_ANSWER = 800

FindPassages = Callable[[str, str], Sequence[Passage]]
"""Returns the passages of one document, by its id, that may state what a text names."""


@dataclass(frozen=True, slots=True)
class CellAsker:
    """Asks a model for cells."""

    model: ModelClient
    find: FindPassages
    count: Callable[[str], int]
    """Tokens of a text."""
    context_tokens: int

    async def fill(self, row: TableRow, columns: Sequence[TableColumn]) -> TableRow:
        """Return the row with those empty cells filled that the model finds and the document supports."""
        missing = self.missing(row, columns)
        if not missing:
            return row
        names = [columns[at].name for at in missing]
        passages = self._fitting(self.find(row.document_id, ", ".join(names)))
        if not passages:
            return row
        values = await self._ask(names, passages)
        cells = list(row.cells)
        for at in missing:
            cell = checked_cell(columns[at], values.get(columns[at].name), passages)
            cells[at] = cells[at] if cell is None else cell
        return replace(row, cells=tuple(cells))

    def missing(self, row: TableRow, columns: Sequence[TableColumn]) -> list[int]:
        """Return the numbers of the cells that rules left empty, and that a model may fill."""
        if row.failed:
            return []
        return [
            at
            for at, (cell, column) in enumerate(zip(row.cells, columns, strict=True))
            if cell.state == "not_stated" and column.kind != "count" and not _is_figure(column)
        ]

    def _fitting(self, passages: Sequence[Passage]) -> list[Passage]:
        """Return as many passages, best first, as leave room for the question and the answer."""
        space = self.context_tokens - LONGEST_ANSWER - self.count(templates.EXTRACT + QUESTION) - 200
        fitting: list[Passage] = []
        for passage in passages:
            space -= self.count(f"{passage.header}\n{passage.text}") + 40
            if space < 0:
                break
            fitting.append(passage)
        return fitting

    async def _ask(self, names: Sequence[str], passages: Sequence[Passage]) -> Mapping[str, Any]:
        """Return the model's JSON object; an empty one where it writes none."""
        nullable = {"type": ["string", "null"]}
        schema = {
            "type": "object",
            "properties": {name: nullable for name in names},
            "required": list(names),
            "additionalProperties": False,
        }
        messages = templates.messages(
            QUESTION.format(names=json.dumps(list(names), ensure_ascii=False)),
            passages,
            (),
            instructions=templates.EXTRACT,
        )
        options = GenerationOptions(
            answer_tokens=min(LONGEST_ANSWER, ANSWER_TOKENS_PER_COLUMN * len(names) + 40),
            temperature=0.0,
            think=False,
            json_format=JsonFormat(schema, name="cells"),
        )
        written = ""
        async with aclosing(self.model.stream(messages, options)) as pieces:
            async for piece in pieces:
                written += piece.text
        try:
            value = read_json(written)
        except NoJson:
            return {}
        return value if isinstance(value, dict) else {}


def checked_cell(column: TableColumn, value: Any, passages: Sequence[Passage]) -> TableCell | None:
    """Return the cell of a value that the model gave; None unless a passage supports it for this column."""
    if not isinstance(value, str) or not value.strip():
        return None
    text = shown_value(clean(value, passages=0, known=frozenset()))
    read = read_value(text, column.kind, field_of(column.field))
    if read is None:
        return None
    citation = cite_values({column.name: text}, passages).fields[f"/{_pointer(column.name)}"]
    if citation is None:
        return None
    return TableCell(read.state, text, read.value, (replace(citation, n=0),), by_model=True, note=read.note)


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _is_figure(column: TableColumn) -> bool:
    known = field_of(column.field)
    return known is not None and known.figure
