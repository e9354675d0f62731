"""The services that one answer uses: the search, the store, the model and its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, ParamSpec, TypeVar

from docent.answering.content_policy import ContentPolicy
from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.prompt.personas import Persona
from docent.answering.prompt.tokens import LearningCounter
from docent.errors import InputError
from docent.messages import Message
from docent.retrieving.query import is_long
from docent.store.protocols import Reader
from docent.types import Passage, Preferences, Scope

Retrieve = Callable[[str, Scope], Sequence[Passage]]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

MOST_PASSAGES = 50
TOO_MANY_INSTRUCTIONS = Message(
    "The further instructions (the system message) are longer than {most:,} characters and were not followed."
)

_long_questions = ThreadPoolExecutor(1, "long questions")


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """The size of the prompt and of the answer, and the relevance from which passages answer."""

    context_tokens: int
    answer_tokens: int
    passages: int
    relevant_from: float = 0.0
    """Below this relevance of the best passage, the documents do not answer."""
    tool_steps: int = 0
    """The most steps with tools for one answer; 0 switches tools off."""
    small_model: Literal["auto", "on", "off"] = "off"
    """Give the model an easier task: always, never, or if it has few parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerServices:
    """Everything that answering works with beside the request."""

    retrieve: Retrieve
    store: Reader
    model: ModelClient | None
    """None: the best sentences of the passages are the answer."""
    persona: Persona
    limits: AnswerLimits
    counter: LearningCounter
    """Carries what the server's token counts have taught from one answer to the next."""
    policy: ContentPolicy
    sizes: dict[str, int | None] = field(default_factory=dict)
    """The number of parameters of each model that was asked for it."""

    @property
    def options(self) -> GenerationOptions:
        return GenerationOptions(self.limits.answer_tokens, self.persona.temperature)

    def preferring(self, preferences: Preferences) -> AnswerServices:
        """Return the services with a person's preferences, which precede the persona and the settings.

        Raises InputError for a value that no control offers.
        """
        allowed = {
            "temperature": (0, 2),
            "answer_tokens": (16, self.limits.context_tokens // 2),
            "passages": (1, MOST_PASSAGES),
        }
        for name, (least, most) in allowed.items():
            value = getattr(preferences, name)
            if value is not None and not least <= value <= most:
                raise InputError(
                    "{name} is {value}; it must be from {least} to {most}. Choose another.",
                    name=name,
                    value=value,
                    least=least,
                    most=most,
                )
        temperature = preferences.temperature
        return replace(
            self,
            limits=replace(
                self.limits,
                answer_tokens=preferences.answer_tokens or self.limits.answer_tokens,
                passages=preferences.passages or self.limits.passages,
            ),
            persona=replace(
                self.persona,
                temperature=self.persona.temperature if temperature is None else temperature,
                further="" if self.ignored_instructions(preferences) else preferences.instructions,
            ),
        )

    def ignored_instructions(self, preferences: Preferences) -> str:
        """Return the sentence that says that further instructions are too long to follow; empty if they fit.

        They may take about an eighth of the window: editors that send tens of thousands of characters
        would leave no room for passages.
        """
        most = self.limits.context_tokens // 2  # characters, about four to a token
        return Message(TOO_MANY_INSTRUCTIONS, most=most) if len(preferences.instructions) > most else ""


async def search_in_thread(
    question: str, search: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run a search for this question in a thread.

    All long questions share one thread, so that those which wait leave the other threads free.
    """
    if not is_long(question):
        return await asyncio.to_thread(search, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_long_questions, partial(search, *args, **kwargs))
