"""The part that answers questions over many documents with a table; docent/app/ brings it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Protocol

from docent.types import AnswerRequest, Event

if TYPE_CHECKING:
    from docent.answering.answer_context import Draft


class AnswersFromTables(Protocol):
    """Answers questions over many documents with a table."""

    def answer(self, request: AnswerRequest, draft: Draft) -> AsyncGenerator[Event, None]:
        """Yield the events of a table and its answer; nothing for a question that asks for no table."""
