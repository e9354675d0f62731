"""Fitting passages, history and question into the model's context, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from docent.answering.prompt import templates
from docent.messages import Message
from docent.types import Dropped, Passage, Turn

FRAME = 12
"""Tokens that a chat template puts around a message; the longest of the common ones takes nine."""
HISTORY_SHARE = 0.25
SPARE = 1  # current servers refuse a prompt that fills the window to its last token

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Budget:
    """The passages and turns to send, those left out and why, and the tokens that this takes."""

    passages: tuple[Passage, ...]
    history: tuple[Turn, ...]
    dropped: tuple[Dropped, ...]
    tokens: int
    fixed: int
    """Tokens of instructions and question alone."""
    costs: tuple[int, ...]
    """Tokens of each passage, as it is quoted."""
    fits: bool
    """False: the question alone is longer than the context."""

    def halved(self) -> Budget:
        """Return the better half of the passages and no history, for a server that counts more."""
        keep = len(self.passages) // 2
        cut = tuple(
            Dropped(passage.chunk_id, Message("the server said that the prompt was too long"))
            for passage in self.passages[keep:]
        )
        return replace(
            self,
            passages=self.passages[:keep],
            history=(),
            dropped=(*cut, *self.dropped),
            tokens=self.fixed + sum(self.costs[:keep]),
            costs=self.costs[:keep],
        )


def fit(
    question: str,
    passages: Sequence[Passage],
    history: Sequence[Turn],
    *,
    count: Count,
    instructions: str,
    context_tokens: int,
    answer_tokens: int,
    most: int,
) -> Budget:
    """Give history its share, whole turns, newest first; then passages, best first.

    Everything is counted in the form in which it is sent.
    """
    window = context_tokens - answer_tokens - SPARE
    fixed = count(instructions) + count(templates.asked(question)) + 2 * FRAME
    turns = recent(history, count=count, space=min(int(window * HISTORY_SHARE), window - fixed))
    used = fixed + sum(_cost(turn, count) for turn in turns)
    sent: list[Passage] = []
    costs: list[int] = []
    dropped: list[Dropped] = []
    for passage in passages:
        if len(sent) == most:
            dropped.append(Dropped(passage.chunk_id, Message("only the best {most} are sent", most=most)))
            continue
        cost = count(templates.quoted(len(sent) + 1, passage)) + 1
        if used + cost > window:
            dropped.append(Dropped(passage.chunk_id, Message("no room in the model's context")))
        else:
            sent.append(passage)
            costs.append(cost)
            used += cost
    return Budget(tuple(sent), turns, tuple(dropped), used, fixed, tuple(costs), fits=fixed <= window)


def recent(history: Sequence[Turn], *, count: Count, space: int) -> tuple[Turn, ...]:
    """Return the end of a conversation that fits, by whole turns.

    When a turn no longer fits, half of the space is cleared at once: the beginning of the prompt then
    stays the same for several turns, and the server need not read it again.
    """
    first = used = 0
    costs = [_cost(turn, count) for turn in history]
    for last, cost in enumerate(costs):
        used += cost
        if used > space:
            while first <= last and used > space // 2 and not (first == last and used <= space):
                used -= costs[first]
                first += 1
    return tuple(history[first:])


def _cost(turn: Turn, count: Count) -> int:
    return sum(count(message["content"]) + FRAME for message in templates.turns([turn]))
