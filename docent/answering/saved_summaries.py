"""Summaries that a model wrote, as JSON, and read again with their citations.

A citation is saved by its place on the page, and is true as long as the page says there what was quoted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from docent.types import Answer, Citation, Passage, StoredDocument

FIELDS = ("n", "page", "page_label", "place", "start", "end", "quote")


@dataclass(frozen=True, slots=True)
class SavedSummary:
    """A summary, with the model that wrote it."""

    text: str
    citations: tuple[Citation, ...]
    model: str


class SavedSummaries(Protocol):
    """A place for the summaries of one model; nobody waits for the same summary twice."""

    def get(self, document: StoredDocument, passages: Sequence[Passage]) -> SavedSummary | None:
        """Return the summary of a document, given all of its passages; None where there is none."""

    def save(self, document: StoredDocument, answer: Answer) -> None:
        """Save the summary of a document for as long as that is stored."""


def is_worth_saving(answer: Answer) -> bool:
    """Tell whether a model wrote all of an answer, and the document supports it."""
    receipt = answer.receipt
    flawed = (
        receipt.broken_off or receipt.looped or receipt.cut_short or receipt.unsupported or receipt.doubtful
    )
    return bool(receipt.model and answer.citations and not flawed)


def summary_bytes(answer: Answer) -> bytes:
    """Return an answer as it is saved."""
    citations = [{name: getattr(citation, name) for name in FIELDS} for citation in answer.citations]
    saved = {"text": answer.text, "model": answer.receipt.model, "citations": citations}
    return json.dumps(saved, ensure_ascii=False).encode()


def load_summary(data: bytes, passages: Sequence[Passage]) -> SavedSummary | None:
    """Return a saved summary; None if it is damaged, or quotes what the document does not say any more."""
    try:
        saved: dict[str, Any] = json.loads(data)
        citations = [_placed(place, passages) for place in saved["citations"]]
        text, model = str(saved["text"]), str(saved["model"])
    except (KeyError, TypeError, ValueError):
        return None
    known = tuple(citation for citation in citations if citation is not None)
    return SavedSummary(text, known, model) if len(known) == len(citations) else None


def _placed(place: dict[str, Any], passages: Sequence[Passage]) -> Citation | None:
    """Return a citation of these passages, whichever document with the same bytes it was saved for."""
    for passage in passages:
        at = place["start"] - passage.start
        within = passage.page == place["page"] and 0 <= at
        if within and passage.text[at : at + len(place["quote"])] == place["quote"]:
            return Citation(
                chunk_id=passage.chunk_id,
                document_id=passage.document_id,
                file=passage.file,
                library=passage.library,
                **place,
            )
    return None


def cited_of(citations: Sequence[Citation], passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the passages that are cited, in their order."""
    cited = {citation.chunk_id for citation in citations}
    return tuple(passage for passage in passages if passage.chunk_id in cited)
