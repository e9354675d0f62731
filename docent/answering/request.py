"""What every step of one answer works with: who asks, where, with which model and within which bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.policy import Policy
from docent.answering.prompt.personas import Persona
from docent.answering.prompt.tokens import LearningCounter, counter_for
from docent.answering.scoped_documents import Shelf
from docent.errors import InputError
from docent.messages import Message
from docent.retrieving.question_limits import LONGEST
from docent.store.protocols import Reader
from docent.types import Chunk, Page, Passage, Preferences, Scope, StoredDocument, Turn

Retrieve = Callable[[str, Scope], Sequence[Passage]]

MOST_PASSAGES = 50
TOO_MANY_INSTRUCTIONS = (
    "The further instructions (the system message) are longer than {most:,} characters and were not followed."
)


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How much is sent, how long the answer may be, and what counts as found."""

    context_tokens: int
    answer_tokens: int
    passages: int
    relevant_from: float = 0.0
    """Below this relevance of the best passage, the documents do not answer."""
    tool_steps: int = 0
    """How often the model may use tools for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    history: Sequence[Turn]
    scope: Scope
    retrieve: Retrieve
    model: ModelClient | None
    bounds: AnswerLimits
    shelf: Shelf | None
    persona: Persona
    counter: LearningCounter
    policy: Policy
    options: GenerationOptions


def asked(
    *,
    history: Sequence[Turn],
    scope: Scope,
    retrieve: Retrieve,
    model: ModelClient | None,
    bounds: AnswerLimits,
    reader: Reader | None,
    persona: Persona,
    preferences: Preferences,
    counter: LearningCounter | None,
    policy: Policy,
) -> Asking:
    """What the person prefers goes before the persona, and that before the bounds."""
    _check(preferences, bounds)
    temperature = persona.temperature if preferences.temperature is None else preferences.temperature
    return Asking(
        history=_newest(history),
        scope=scope,
        retrieve=retrieve,
        model=model,
        bounds=replace(
            bounds,
            answer_tokens=preferences.answer_tokens or bounds.answer_tokens,
            passages=preferences.passages or bounds.passages,
        ),
        shelf=None if reader is None else ScopedShelf(reader, scope),
        persona=persona
        if unfollowed(preferences, bounds)
        else replace(persona, further=preferences.instructions),
        counter=counter or LearningCounter(counter_for(model.name if model is not None else "")),
        policy=policy,
        options=GenerationOptions(preferences.answer_tokens, temperature),
    )


def _newest(history: Sequence[Turn]) -> Sequence[Turn]:
    """The newest turns, as many as are no longer together than a question may be: no window holds more,
    and everything is counted with each question."""
    together = accumulate(len(turn.question) + len(turn.answer) for turn in reversed(history))
    kept = sum(1 for length in together if length <= LONGEST)
    return history[len(history) - kept :]


def unfollowed(preferences: Preferences, bounds: AnswerLimits) -> str:
    """What is said of further instructions that leave no room for passages: an eighth of the window or so
    is theirs, since the editors that send tens of thousands of characters mean another kind of model."""
    most = bounds.context_tokens // 2  # characters, about four to a token
    return Message(TOO_MANY_INSTRUCTIONS, most=most) if len(preferences.instructions) > most else ""


def _check(preferences: Preferences, bounds: AnswerLimits) -> None:
    """Refuse what no control of ours offers."""
    allowed = {
        "temperature": (0, 2),
        "answer_tokens": (16, bounds.context_tokens // 2),
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


@dataclass(frozen=True, slots=True)
class ScopedShelf:
    """The reader's documents, with their scope applied."""

    reader: Reader
    scope: Scope

    def documents(self) -> list[StoredDocument]:
        return self.reader.documents(self.scope)

    def chunks_of(self, document_id: str) -> list[Chunk]:
        return self.reader.chunks_of(document_id, self.scope)

    def page(self, document_id: str, number: int) -> Page:
        return self.reader.page(document_id, number, self.scope)
