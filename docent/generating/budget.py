"""What fits: passages, history and question within the model's context, decided before sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docent.glossary import Dropped, Passage, Turn

BYTES_PER_TOKEN = 3  # on the safe side: English prose has 4.2 with Mistral's tokenizer, dense tables 2.6
FRAME = 12
"""Tokens around a passage or a message that are not its own text."""
HISTORY_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Budget:
    """What is sent, what is not and why, and how many tokens that should be."""

    passages: tuple[Passage, ...]
    history: tuple[Turn, ...]
    dropped: tuple[Dropped, ...]
    tokens: int


def estimate(text: str) -> int:
    """An upper estimate of a text's tokens."""
    return len(text.encode()) // BYTES_PER_TOKEN + 1


def fit(
    passages: Sequence[Passage],
    history: Sequence[Turn],
    *,
    fixed: str,
    context_tokens: int,
    answer_tokens: int,
    most: int,
) -> Budget:
    """Give history its share, whole turns, newest first; then passages, best first.

    `fixed` is what is sent in any case: the instructions and the question.
    """
    room = context_tokens - answer_tokens - estimate(fixed) - 2 * FRAME
    kept, used = _recent(history, int(max(room, 0) * HISTORY_SHARE))
    sent: list[Passage] = []
    dropped: list[Dropped] = []
    for rank, passage in enumerate(passages):
        cost = estimate(passage.text) + estimate(passage.where) + FRAME
        if rank >= most:
            dropped.append(Dropped(passage.chunk_id, f"only the best {most} are sent"))
        elif used + cost > room:
            dropped.append(Dropped(passage.chunk_id, "no room in the model's context"))
        else:
            sent.append(passage)
            used += cost
    return Budget(tuple(sent), kept, tuple(dropped), context_tokens - answer_tokens - room + used)


def _recent(history: Sequence[Turn], room: int) -> tuple[tuple[Turn, ...], int]:
    kept: list[Turn] = []
    used = 0
    for turn in reversed(history):
        cost = estimate(turn.question) + estimate(turn.answer) + 2 * FRAME
        if used + cost > room:
            break
        kept.insert(0, turn)
        used += cost
    return tuple(kept), used
