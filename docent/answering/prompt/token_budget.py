"""Counting tokens, and fitting passages, history and question into the model's context before they are sent.

Tokens are counted exactly for the Mistral family and for model files, and estimated for every other model.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from docent.answering.prompt import templates
from docent.messages import Message
from docent.retrieving.query import MAX_QUESTION
from docent.types import Dropped, Passage, Turn

PIECE = re.compile(
    r"(?P<word>(?: |(?<![A-Za-z\d]))(?:[A-Z]?[a-z]+|[A-Z]+)(?![A-Za-z\d]))"
    r"|(?P<code>[A-Z]?[a-z]+|[A-Z]+)"  # a part of an identifier, a key, an encoded block
    r"|(?P<blank>[ \t]+)"
    r"|(?P<sign>[\x00-\x7f])"
    r"|(?P<letter>[\u0080-\u024f\u0400-\u052f\u2010-\u2027])"  # accented Latin, Cyrillic, quotation marks
    r"|(?P<other>[\s\S])"
)
# Measured in docs/performance.md, "Counting tokens"; see docs/decisions/0011-count-tokens.md.
SHORT_WORD = 4
LETTERS_IN_REST = 3
TOKENS_IN_CODE = 0.7  # a letter
TOKENS_IN_CAPITALS = 0.4
REMEMBERED = 8
TEXTS = 512
"""Counts that are kept: instructions and earlier turns are counted again with every question."""

VOCABULARIES = (
    (re.compile(r"(mistral-nemo|ministral|pixtral)\b"), "tekken_240718.json"),
    (re.compile(r"(mistral-small3|mistral-small(:latest|:24b|$)|magistral|devstral)"), "tekken_240911.json"),
    (re.compile(r"mistral(:(latest|7b|instruct|v0\.3).*)?$"), "mistral_instruct_tokenizer_240323.model.v3"),
    (re.compile(r"mixtral(:(latest|8x7b).*)?$"), "tokenizer.model.v1"),
)
"""Model names as Ollama has them, and the vocabulary in the mistral-common package that they use."""

FRAME = 12
"""Tokens that a chat template puts around a message; the longest of the common ones takes nine."""
HISTORY_SHARE = 0.25
SPARE = 1  # current servers refuse a prompt that fills the window to its last token
Count = Callable[[str], int]


class TokenCounter(Protocol):
    """Counts the tokens of a text."""

    name: str

    @property
    def exact(self) -> bool:
        """Tell whether the counts are those of the model."""

    def count(self, text: str) -> int:
        """Count the tokens of a text on its own, without what a chat template puts around it."""


class EstimatedTokens:
    """An estimate on the safe side for any common vocabulary; a third too many for English prose."""

    name = "estimate"
    exact = False

    def count(self, text: str) -> int:
        return sum(map(_piece_cost, PIECE.finditer(text)))


def _piece_cost(piece: re.Match[str]) -> int:
    match piece.lastgroup:
        case "word":
            letters = len(piece[0].lstrip())
            if piece[0].isupper():
                return math.ceil(letters * TOKENS_IN_CAPITALS)
            return 1 + max(0, -(-(letters - SHORT_WORD) // LETTERS_IN_REST))
        case "code":
            return math.ceil(len(piece[0]) * TOKENS_IN_CODE)
        case "blank" | "sign" | "letter":
            return 1
        case _:
            return 4 if piece[0] > "\uffff" else 2


class SentencePiece:
    """The vocabulary of Mistral 7B and its relatives."""

    exact = True

    def __init__(self, file: Path) -> None:
        import sentencepiece

        self.name = file.name
        self._processor = sentencepiece.SentencePieceProcessor(model_file=str(file))

    def count(self, text: str) -> int:
        return len(self._processor.encode(text))


class Tekken:
    """The vocabulary of Mistral's models since Nemo."""

    exact = True

    def __init__(self, file: Path) -> None:
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer

        self.name = file.name
        self._tokenizer = Tekkenizer.from_file(file)

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, bos=False, eos=False))


@cache
def counter_for(model: str, file: Path | None = None) -> TokenCounter:
    """Return the exact counter for a model file or a name where there is one, else an estimate."""
    if file is not None:
        from docent.answering.models.gguf_tokens import ModelFileTokens  # it estimates by this module

        return ModelFileTokens(file)
    for pattern, vocabulary in VOCABULARIES:
        if pattern.match(model.lower().rpartition("/")[2]):
            # The package is asked only for the folder it lies in: importing it costs 0.4 s.
            spec = find_spec("mistral_common")
            assert spec is not None and spec.origin is not None
            file = Path(spec.origin).parent / "data" / vocabulary
            return Tekken(file) if file.suffix == ".json" else SentencePiece(file)
    return EstimatedTokens()


class LearningCounter:
    """Another counter, corrected by the model server's own counts."""

    def __init__(self, counter: TokenCounter) -> None:
        self.name = counter.name
        self._counter = counter
        self._counted = lru_cache(maxsize=TEXTS)(counter.count)
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def exact(self) -> bool:
        return self._counter.exact

    @property
    def factor(self) -> float:
        """The worst of the last few ratios.

        A server that reuses its cache may count too few, so an exact count is never lowered, and an
        estimate never below 0.6.
        """
        if not self._ratios:
            return 1.0
        return max(max(self._ratios), 1.0 if self.exact else 0.6)

    def count(self, text: str) -> int:
        return math.ceil(self._counted(text) * self.factor)

    def learn(self, *, budgeted: int, counted: int) -> None:
        """Compare a prompt's budgeted tokens with the server's count of them (0: it gave none)."""
        if budgeted > 0 and counted > 0:
            self._ratios.append(min(self.factor * counted / budgeted, 4.0))


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
    used = fixed + sum(_turn_cost(turn, count) for turn in turns)
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


def newest(history: Sequence[Turn]) -> Sequence[Turn]:
    """Return the newest turns that together are no longer than a question may be.

    No window holds more, and every turn is counted with each question.
    """
    lengths = accumulate(len(turn.question) + len(turn.answer) for turn in reversed(history))
    count = sum(1 for length in lengths if length <= MAX_QUESTION)
    return history[len(history) - count :]


def recent(history: Sequence[Turn], *, count: Count, space: int) -> tuple[Turn, ...]:
    """Return the end of a conversation that fits, by whole turns.

    When a turn no longer fits, half of the space is cleared at once: the beginning of the prompt then
    stays the same for several turns, and the server need not read it again.
    """
    first = used = 0
    costs = [_turn_cost(turn, count) for turn in history]
    for last, cost in enumerate(costs):
        used += cost
        if used > space:
            while first <= last and used > space // 2 and not (first == last and used <= space):
                used -= costs[first]
                first += 1
    return tuple(history[first:])


def _turn_cost(turn: Turn, count: Count) -> int:
    return sum(count(message["content"]) + FRAME for message in templates.turns([turn]))
