"""Answers and passages as JSON for scripts and other programs; its fields stay."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from docent.types import Answer, Passage


def ask_json(answer: Answer) -> dict[str, Any]:
    """Return the output of `ask --json`."""
    return {
        "answer": answer.text,
        "citations": [
            {
                "n": citation.n,
                "file": citation.file,
                "library": citation.library,
                "page": citation.page,
                "page_label": citation.page_label,
                "place": citation.place,
                "start": citation.start,
                "end": citation.end,
                "quote": citation.quote,
            }
            for citation in answer.citations
        ],
        "passages": [passage_json(rank, passage) for rank, passage in enumerate(answer.passages, 1)],
        "receipt": asdict(answer.receipt),
    }


def passage_json(rank: int, passage: Passage) -> dict[str, Any]:
    """Return a passage as in `search --json` and `ask --json`."""
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
    }
