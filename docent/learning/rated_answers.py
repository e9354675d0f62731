"""Answers in the saved conversations, each with the thumb that its reader gave it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from docent.conversations import ANSWER_KEY, open_conversations
from docent.types import Answer, Citation, Receipt

ANSWERS = """
SELECT t."userIdentifier" AS user, s."metadata" AS metadata, (
    SELECT f."value" FROM feedbacks f WHERE f."forId" IN (s."id", s."parentId") LIMIT 1
) AS value
FROM steps s JOIN threads t ON t."id" = s."threadId"
WHERE s."type" = 'assistant_message' ORDER BY s."createdAt"
"""
"""Chainlit gives a thumb to the run that holds an answer, or to the answer."""
Rating = Literal["good", "bad", ""]


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """An answer of a conversation, without its passages, which are not saved."""

    user: str
    rating: Rating
    answer: Answer
    extents: Mapping[str, tuple[int, int]]
    """By chunk id: start and end of a cited passage in its page."""


def read_answers(storage: Path, *, database_url: str = "", user: str | None = None) -> list[RatedAnswer]:
    """Return the answers of a user's conversations, or of all, the oldest first. Raises StoreError."""
    rows = []
    with open_conversations(database_url or storage) as conversations:
        if conversations is not None:
            with conversations.read() as db:
                rows = db.execute(ANSWERS).fetchall()
    found = []
    for row in rows:
        if user is not None and row["user"] != user:
            continue
        read = _read(json.loads(row["metadata"] or "{}"))
        if read is not None:
            rating: Rating = "" if row["value"] is None else "good" if row["value"] else "bad"
            found.append(RatedAnswer(str(row["user"] or ""), rating, *read))
    return found


def _read(metadata: Any) -> tuple[Answer, dict[str, tuple[int, int]]] | None:
    """Return the answer in a message's metadata; None for what is none: it may come from a browser."""
    try:
        saved, receipt = metadata[ANSWER_KEY], metadata[ANSWER_KEY]["receipt"]
        answer = Answer(
            text=str(saved["text"]),
            citations=tuple(Citation(**citation) for citation in saved["citations"]),
            passages=(),
            receipt=Receipt(
                question=str(saved["question"]),
                searched=str(receipt["searched"] or saved["question"]),
                model=str(receipt["model"]),
                sent=tuple(map(str, receipt["sent"])),
                cut_short=bool(receipt["cut_short"]),
                broken_off=str(receipt["broken_off"]),
                looped=bool(receipt["looped"]),
                not_found=bool(receipt["not_found"]),
                unsupported=tuple(receipt["unsupported"]),
                doubtful=tuple(receipt["doubtful"]),
            ),
        )
        extents = {str(chunk): (int(place[0]), int(place[1])) for chunk, place in saved["extracts"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None
    return answer, extents
