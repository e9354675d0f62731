"""What a language model's server must be able to do for us."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Message = Mapping[str, str]
"""A role (system, user, assistant) and a content."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the model's answer; the last one has the server's own counts."""

    text: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cut_short: bool = False
    """The answer ended because it reached the longest length allowed."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Whether the model can answer now; if not, why, and the command that mends it."""

    ready: bool
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for a connection, for the first token, and between two tokens."""

    connect: float
    first_token: float
    token: float


class ModelClient(Protocol):
    """A language model behind a server. Errors are the ModelError family, each with its remedy."""

    name: str

    def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Piece, None]:
        """The answer as it comes. Closing the iterator closes the connection at once."""

    async def check(self) -> ModelStatus:
        """Ask the server whether it is there and has the model."""
