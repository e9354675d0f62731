"""A model that answers with the first passage that it is shown."""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from docent.answering.models.client import (
    DEFAULT_OPTIONS,
    ChatMessage,
    GenerationOptions,
    ModelStatus,
    Piece,
    ServedModel,
)
from docent.types import StepProgress

PASSAGE = re.compile(r'<passage n="1"[^>]*>\n(.*?)\n</passage>', re.DOTALL)


def open_model(*, name: str, **options: Any) -> "Echo":
    """Called with name, url, key, context_tokens, answer_tokens, temperature and timeouts."""
    return Echo(name)


class Echo:
    def __init__(self, name: str) -> None:
        self.name = name

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerationOptions = DEFAULT_OPTIONS
    ) -> AsyncGenerator[Piece, None]:
        shown = PASSAGE.search(str(messages[-1]["content"]))
        yield Piece(text=f"{shown[1].strip()} [1]" if shown else "I was shown nothing.")
        yield Piece(prompt_tokens=len(messages), answer_tokens=1)

    async def check(self) -> ModelStatus:
        return ModelStatus(ready=True, sentence=f"{self.name} is here.")

    async def parameters(self) -> int | None:
        return None

    async def models(self) -> tuple[str, ...]:
        return (self.name,)

    async def describe(self) -> tuple[ServedModel, ...]:
        return (ServedModel(self.name),)  # its size and window are unknown

    async def pull(self) -> AsyncGenerator[StepProgress, None]:
        return
        yield

    async def warm(self) -> None:
        return None
