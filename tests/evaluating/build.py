"""Builders of the values that the tests of evaluation use."""

from __future__ import annotations

from dataclasses import replace

from docent.evaluating import Outcome, Question
from docent.types import Passage, State, StoredDocument

OUTCOME = Outcome(Question("?", "a.pdf", (1,)), None, None, evidence=False, relevance=0.0, seconds=0.1)
PASSAGE = Passage(
    chunk_id="c", document_id="a", file="a.pdf", library="l", page=1, page_label="", place="p. 1",
    heading="", header="", text="word", start=0, end=4, score=1.0,
)  # fmt: skip
DOCUMENT = StoredDocument(
    id="a", library="l", name="a.pdf", title="", kind="pdf", sha256="", paths=("reports/a.pdf",),
    state=State.READY, reason="", pages=3, unread_pages=0, chunks=3, embedded=3, bytes=1, language="",
    date="", added="",
)  # fmt: skip


def passages(*places: str, words: int = 1) -> list[Passage]:
    """Of "a1 b2": page 1 of document a, then page 2 of document b."""
    return [
        replace(
            PASSAGE, document_id=place[0], file=f"{place[0]}.pdf", page=int(place[1:]), text="word " * words
        )
        for place in places
    ]


def outcome(
    rank: int | None, *, words: str = "?", document: int | None = None, relevance: float = 0.0
) -> Outcome:
    return replace(
        OUTCOME,
        question=Question(words, "a.pdf", (1,)),
        page_rank=rank,
        document_rank=document,
        evidence=rank is not None,
        relevance=relevance,
    )


def unanswerable(*, words: str = "?", relevance: float = 0.0) -> Outcome:
    return replace(OUTCOME, question=Question(words, "", (), answerable=False), relevance=relevance)
