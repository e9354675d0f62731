"""A table as the text of an answer: what it comes to, then its first rows, each cell with its citations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from docent.answering.output_filter import clean, display_name
from docent.messages import Message, joined
from docent.types import Citation, ResearchTable, TableCell, TableRow

MOST_IN_TEXT = 50
"""Rows that the text of an answer shows; the others are in the table itself."""
NOT_STATED = Message("not stated")
DOCUMENT = Message("Document")
YES, NO, IN_PART = Message("yes"), Message("no"), Message("in part")


def table_text(table: ResearchTable) -> Message:
    """Return the table in Markdown, with what it comes to above it and remarks below."""
    parts: list[str] = [table.conclusion]
    if table.rows:
        head = joined((DOCUMENT, *(plain_cell(column.name) for column in table.plan.columns)), " | ")
        rule = " | ".join(["---"] * (1 + len(table.plan.columns)))
        lines = [_line(head), f"| {rule} |", *(_row(row) for row in islice(table.rows, MOST_IN_TEXT))]
        parts.append(joined(lines, "\n"))
    left = table.matching - min(len(table.rows), MOST_IN_TEXT)
    if left > 0 and not table.plan.top:
        parts.append(Message("{n} more rows are in the table itself.", n=left))
    parts += list(table.notes)
    return joined(parts, "\n\n")


def table_citations(table: ResearchTable) -> tuple[Citation, ...]:
    """Return the citations of the rows in the text."""
    return tuple(
        citation
        for row in islice(table.rows, MOST_IN_TEXT)
        for cell in row.cells
        for citation in cell.citations
    )


def _row(row: TableRow) -> Message:
    return _line(joined((plain_cell(display_name(row.title)), *map(_cell, row.cells)), " | "))


def _line(text: str) -> Message:
    return Message("| {cells} |", cells=text)


def _cell(cell: TableCell) -> Message:
    if cell.state == "not_stated":
        return NOT_STATED
    parts: list[str] = list(_said(cell))
    if cell.note:
        parts.append(Message("({note})", note=cell.note))
    marks = "".join(f"[{n}]" for n in dict.fromkeys(citation.n for citation in cell.citations))
    return joined((*parts, marks), " ")


def _said(cell: TableCell) -> Iterator[str]:
    """Yield the value of a cell; of a yes or no, the word before the document's own."""
    if cell.value.yes is not None:
        yield joined((YES if cell.value.yes else NO, plain_cell(cell.text)), ": ")
    elif cell.state == "unclear" and not cell.note:
        yield joined((IN_PART, plain_cell(cell.text)), ": ")
    else:
        yield plain_cell(cell.text)


def plain_cell(text: str) -> str:
    """Return a document's text so that it breaks no table, and opens no link and no image."""
    return clean(" ".join(text.split()), passages=0, known=frozenset()).replace("|", "¦")
