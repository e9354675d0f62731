"""What happened while an answer was made, for its receipt."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from docent.answering.citing.citations import CitedAnswer
from docent.answering.models.client import Piece
from docent.answering.prompt.budget import Budget
from docent.types import Answer, Answered, Dropped, Notice, Passage, Receipt

MARK = re.compile(r"\[(\d{1,3})\]")
"""A number as the filter lets it go: never in pieces, never two in one bracket."""


class Record:
    def __init__(self, question: str) -> None:
        self.question = question
        self.searched = question
        self.model = ""
        self.text = ""
        """What the model has written so far, as it was shown."""
        self.thought = 0
        """Characters that the model thought, and that are not shown."""
        self.last = Piece()
        self.found = 0
        self.sent: tuple[str, ...] = ()
        self.dropped: tuple[Dropped, ...] = ()
        self.history_turns = 0
        self.tokens = 0
        self.removed: list[str] = []
        self.not_ready: tuple[str, ...] = ()
        self.looked_up: tuple[Passage, ...] = ()
        """What the model found with tools, beyond what was found for it."""
        self.steps: list[str] = []
        self.computed: list[str] = []
        """What was asked of tools and what they worked out: figures that no passage has."""
        self.tables: list[str] = []
        """Queries and their rows, shown below the answer."""
        self.not_found = False
        self.failed = ""
        """Why the model server gave up."""
        self.shown = False
        """Some words of the model's answer have been shown."""
        self.refused = ""
        """What the content policy says of the answer, when it was stopped."""
        self._order: dict[str, int] = {}
        """The numbers that the model has written so far, with those shown for them."""
        self._notices: list[str] = []
        self._seconds: dict[str, float] = {}
        self._start = self._lap = time.perf_counter()

    def lap(self, step: str) -> None:
        """The time since the last lap was spent on this step."""
        now = time.perf_counter()
        self._seconds[step] = round(self._seconds.get(step, 0.0) + now - self._lap, 4)
        self._lap = now

    def send(self, budget: Budget) -> None:
        """What the model is shown; a second sending replaces the first."""
        self.sent = tuple(passage.chunk_id for passage in budget.passages)
        self.dropped = budget.dropped
        self.history_turns = len(budget.history)
        self.tokens = budget.tokens

    def take(self, piece: Piece) -> None:
        self.thought += len(piece.thought)
        if not self.text:
            self.lap("first_token")
        if piece.prompt_tokens or piece.answer_tokens or piece.cut_short:
            self.last = piece

    def numbered(self, text: str) -> str:
        """What the model wrote, with its numbers from 1 in the order in which they come. The text that is
        checked in the end keeps its own."""
        return MARK.sub(lambda mark: f"[{self._order.setdefault(mark[1], len(self._order) + 1)}]", text)

    def notice(self, text: str) -> Notice:
        self._notices.append(text)
        return Notice(text)

    def answered(self, cited: CitedAnswer, passages: Sequence[Passage]) -> Answered:
        """The end: the answer in its cited form, and the receipt."""
        total = round(time.perf_counter() - self._start, 4)
        receipt = Receipt(
            question=self.question,
            searched=self.searched,
            model=self.model,
            found=self.found,
            sent=self.sent,
            dropped=self.dropped,
            history_turns=self.history_turns,
            tokens_budgeted=self.tokens,
            tokens_counted=self.last.prompt_tokens,
            tokens_answered=self.last.answer_tokens,
            thought=self.thought,
            cut_short=self.last.cut_short,
            broken_off=self.failed if self.shown else "",
            not_found=self.not_found,
            unsupported=cited.unsupported,
            doubtful=cited.doubtful,
            removed=tuple(dict.fromkeys((*self.removed, *cited.removed))),
            steps=tuple(self.steps),
            not_ready=self.not_ready,
            notices=tuple(self._notices),
            seconds={**self._seconds, "total": total},
        )
        return Answered(Answer(cited.text, cited.citations, tuple(passages), receipt))
