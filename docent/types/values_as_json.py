"""Answers, passages and tables as JSON for scripts and the API; their fields stay."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from docent.types.answer_values import Answer, Citation, Hop, Passage
from docent.types.table_values import ResearchTable, TableCell, TableRow


def ask_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON for scripts, as `ask --json` prints it; its fields stay."""
    fields = {
        pointer: citation and citation_json(citation) for pointer, citation in (answer.fields or {}).items()
    }
    return {
        "answer": answer.text,
        "citations": [citation_json(citation) for citation in answer.citations],
        **({} if answer.table is None else {"table": table_json(answer.table)}),
        **({} if answer.fields is None else {"fields": fields}),
        "passages": [passage_json(rank, passage) for rank, passage in enumerate(answer.passages, 1)],
        "receipt": asdict(answer.receipt),
    }


def hop_json(hop: Hop) -> dict[str, Any]:
    """Return a fact found on the way to an answer, as streams of the API send it."""
    return {"looked_for": hop.looked_for, "fact": hop.fact, "citation": citation_json(hop.citation)}


def citation_json(citation: Citation) -> dict[str, Any]:
    return {
        "n": citation.n,
        "file": citation.file,
        "library": citation.library,
        "page": citation.page,
        "page_label": citation.page_label,
        "place": citation.place,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        **({"origin": citation.origin} if citation.origin else {}),
    }


def passage_json(rank: int, passage: Passage) -> dict[str, Any]:
    """Return a passage as in `search --json` and `ask --json`; its fields stay."""
    return {
        "rank": rank,
        "file": passage.file,
        "library": passage.library,
        "page": passage.page,
        "page_label": passage.page_label,
        "place": passage.place,
        "heading": passage.heading,
        "text": passage.text,
        "score": round(passage.score, 6),
        "relevance": round(passage.relevance, 4),
        "chunk_id": passage.chunk_id,
        "document_id": passage.document_id,
        **({"origin": passage.origin} if passage.origin else {}),
    }


def table_json(table: ResearchTable) -> dict[str, Any]:
    """Return a table as JSON for scripts, as `table --json` prints it; its fields stay."""
    return {
        "id": table.id,
        "question": table.question,
        "state": table.state,
        "columns": [{"name": column.name, "kind": column.kind} for column in table.plan.columns],
        "rows": [row_json(row) for row in table.rows],
        "matching": table.matching,
        "documents": table.documents,
        "read": table.read,
        "empty": table.empty,
        "groups": [
            {"name": group.name, "rows": group.rows, "result": group.result} for group in table.groups
        ],
        "conclusion": str(table.conclusion),
        "notes": [str(note) for note in table.notes],
        "model": table.model,
        "seconds": table.seconds,
    }


def row_json(row: TableRow) -> dict[str, Any]:
    return {
        "document_id": row.document_id,
        "file": row.file,
        "library": row.library,
        "title": row.title,
        **({"origin": row.origin} if row.origin else {}),
        **({"failed": str(row.failed)} if row.failed else {}),
        "cells": [cell_json(cell) for cell in row.cells],
    }


def cell_json(cell: TableCell) -> dict[str, Any]:
    value = cell.value
    return {
        "state": cell.state,
        "text": str(cell.text),
        "number": None if value.number is None else str(value.number),
        "unit": value.unit,
        "period": value.period,
        "date": value.date,
        "yes": value.yes,
        "by_model": cell.by_model,
        "note": str(cell.note),
        "citations": [citation_json(citation) for citation in cell.citations],
    }
