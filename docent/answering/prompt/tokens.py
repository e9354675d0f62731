"""Counting tokens: exactly for the Mistral family, on the safe side for every other model."""

from __future__ import annotations

import math
import re
from collections import deque
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

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


class TokenCounter(Protocol):
    """Counts the tokens of a text."""

    name: str
    exact: bool

    def count(self, text: str) -> int:
        """Count the tokens of a text on its own, without what a chat template puts around it."""


class EstimatedTokens:
    """An estimate on the safe side for any common vocabulary; a third too many for English prose."""

    name = "estimate"
    exact = False

    def count(self, text: str) -> int:
        return sum(map(_cost, PIECE.finditer(text)))


def _cost(piece: re.Match[str]) -> int:
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
def counter_for(model: str) -> TokenCounter:
    """Return the exact counter for a model of this name where there is one, else an estimate."""
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
        self.exact = counter.exact
        self._counted = lru_cache(maxsize=TEXTS)(counter.count)
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)

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
