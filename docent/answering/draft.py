"""An answer in the making: its text so far, and what its receipt will tell."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from docent.answering.citing.citations import CitedAnswer
from docent.answering.models.client import Piece
from docent.answering.prompt.budget import Budget
from docent.types import Answer, Answered, Dropped, Notice, Passage, Receipt

MARK = re.compile(r"\[(\d{1,3})\]")
"""A number as the filter passes it: never in pieces, never two in one bracket."""


class Draft:
    """The answer so far; `answered` makes the answer and the receipt of it."""

    def __init__(self, question: str) -> None:
        self.question = question
        self.searched = question
        self.model = ""
        self.text = ""
        """As it was shown, with the model's own numbers."""
        self.thought = 0
        """Characters of the model's thoughts, which are not shown."""
        self.last = Piece()
        """The last piece that had counts."""
        self.found = 0
        self.sent: tuple[str, ...] = ()
        self.dropped: tuple[Dropped, ...] = ()
        self.history_turns = 0
        self.tokens = 0
        self.removed: list[str] = []
        self.not_ready: tuple[str, ...] = ()
        self.looked_up: tuple[Passage, ...] = ()
        """Passages that the model found with tools."""
        self.steps: list[str] = []
        self.computed: list[str] = []
        """Calls of tools and their results: figures that no passage has."""
        self.tables: list[str] = []
        """Queries and their rows, shown below the answer."""
        self.not_found = False
        self.failed = ""
        """The error of the model server."""
        self.looped = False
        """The model repeated itself and was stopped."""
        self.finished = True
        """The text ends with a whole sentence, as far as the model's end tells."""
        self.small = False
        """The model is small, and was given an easier task."""
        self.replaced = False
        """The best sentences are shown instead of what the model wrote."""
        self.shown = False
        """Some words of the model's answer have been shown."""
        self.refused = ""
        """The sentence of the content policy that stopped the answer."""
        self._order: dict[str, int] = {}
        """The model's numbers so far, with those shown for them."""
        self._notices: list[str] = []
        self._seconds: dict[str, float] = {}
        self._start = self._lap = time.perf_counter()

    def lap(self, step: str) -> None:
        """Count the time since the last lap to this step."""
        now = time.perf_counter()
        self._seconds[step] = round(self._seconds.get(step, 0.0) + now - self._lap, 4)
        self._lap = now

    def send(self, budget: Budget) -> None:
        """Note what the model is sent; a second prompt replaces the first."""
        self.sent = tuple(passage.chunk_id for passage in budget.passages)
        self.dropped = budget.dropped
        self.history_turns = len(budget.history)
        self.tokens = budget.tokens

    def take(self, piece: Piece) -> None:
        """Note the time and the counts of a piece; its text is added when the filter has passed it."""
        self.thought += len(piece.thought)
        if not self.text:
            self.lap("first_token")
        if piece.prompt_tokens or piece.answer_tokens or piece.cut_short:
            self.last = piece

    def add(self, text: str) -> str:
        """Add filtered text, and return it as it is shown: numbered from 1 in the order of appearance.

        The draft's text keeps the model's numbers, which are the passages'.
        """
        self.text += text
        self.shown = self.shown or bool(text)
        return MARK.sub(lambda mark: f"[{self._order.setdefault(mark[1], len(self._order) + 1)}]", text)

    def stop_repeating(self, cut: int | None, *, whole: bool) -> None:
        """Leave out what the model repeated: the text after `cut`; None where only its thoughts repeat."""
        self.looped = True
        self.finished = whole
        self.text = self.text[:cut]

    def notice(self, text: str) -> Notice:
        """Add a notice, and return its event."""
        self._notices.append(text)
        return Notice(text)

    def answered(self, cited: CitedAnswer, passages: Sequence[Passage]) -> Answered:
        """Return the last event: the answer in its cited form, with its receipt."""
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
            looped=self.looped,
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
