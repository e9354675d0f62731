"""The corridor from a question to its answer: condense, retrieve, budget, stream, cite."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from docent.errors import ModelError, ModelOverflow
from docent.generating import prompt
from docent.generating.budget import Budget, fit
from docent.generating.citations import Cited, cite
from docent.generating.client import ModelClient, Piece
from docent.generating.extractive import best_sentences
from docent.glossary import (
    Answer,
    Answered,
    Dropped,
    Event,
    Found,
    Notice,
    Passage,
    Receipt,
    Scope,
    Searching,
    Token,
    Turn,
)

Retrieve = Callable[[str, Scope], Sequence[Passage]]

NOTHING = "Nothing in the documents that were searched speaks of this."
NO_MODEL = "No language model answered; these are the best sentences found."
STILL_TOO_LONG = 4
"""After an overflow the last half of the passages is left out, this many times at most."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is sent and how long the answer may be."""

    context_tokens: int
    answer_tokens: int
    passages: int


async def answer(
    question: str,
    *,
    history: Sequence[Turn],
    scope: Scope,
    retrieve: Retrieve,
    model: ModelClient | None,
    bounds: Bounds,
) -> AsyncGenerator[Event, None]:
    """Everything that happens from the question to its answer; the last event is `Answered`."""
    clock = _Clock()
    searched = await _standing_alone(question, history, model)
    clock.lap("condense")
    yield Searching(searched)
    passages = tuple(await asyncio.to_thread(retrieve, searched, scope))
    clock.lap("retrieve")
    yield Found(passages)
    fixed = prompt.INSTRUCTIONS + question
    budget = fit(
        passages,
        history,
        fixed=fixed,
        context_tokens=bounds.context_tokens,
        answer_tokens=bounds.answer_tokens,
        most=bounds.passages,
    )
    written = _Written()
    notices: list[str] = []
    if model is not None and budget.passages:
        try:
            async with aclosing(_streamed(question, budget, model, written, clock)) as tokens:
                async for token in tokens:
                    yield token
        except ModelError as error:
            notices.append(str(error) if written.text else f"{NO_MODEL} {error}")
    elif model is None and passages:
        notices.append(NO_MODEL)
    clock.lap("generate")
    if written.sent is not None:
        budget = written.sent
    cited = _cited(question, written.text, budget.passages)
    for notice in (*notices, *_warnings(written, cited)):
        yield Notice(notice)
    receipt = Receipt(
        question=question,
        searched=searched,
        model=model.name if model is not None and written.text else "",
        found=len(passages),
        sent=tuple(passage.chunk_id for passage in budget.passages),
        dropped=budget.dropped,
        history_turns=len(budget.history),
        tokens_budgeted=budget.tokens,
        tokens_counted=written.last.prompt_tokens,
        tokens_answered=written.last.answer_tokens,
        unsupported=cited.unsupported,
        doubtful=cited.doubtful,
        removed=cited.removed,
        notices=tuple(notices),
        seconds=clock.seconds(),
    )
    yield Answered(Answer(cited.text, cited.citations, passages, receipt))


class _Written:
    """What a model has written so far."""

    def __init__(self) -> None:
        self.text = ""
        self.last = Piece()
        self.sent: Budget | None = None


async def _streamed(
    question: str, budget: Budget, model: ModelClient, written: _Written, clock: _Clock
) -> AsyncGenerator[Token, None]:
    """Stream the answer; when the server says that the prompt is too long, send half the passages."""
    sent = budget
    for left in reversed(range(STILL_TOO_LONG)):
        written.sent = sent
        messages = prompt.messages(question, sent.passages, sent.history)
        try:
            async with aclosing(model.stream(messages)) as pieces:
                async for piece in pieces:
                    if not written.text:
                        clock.lap("first_token")
                    written.text += piece.text
                    written.last = piece
                    if piece.text:
                        yield Token(piece.text)
            return
        except ModelOverflow:
            if not left or len(sent.passages) < 2:
                raise
            sent = _halved(sent)


def _halved(budget: Budget) -> Budget:
    keep = len(budget.passages) // 2
    cut = tuple(
        Dropped(passage.chunk_id, "the server said that the prompt was too long")
        for passage in budget.passages[keep:]
    )
    return Budget(budget.passages[:keep], (), (*cut, *budget.dropped), budget.tokens)


async def _standing_alone(question: str, history: Sequence[Turn], model: ModelClient | None) -> str:
    """A follow-up rewritten so that it can be searched; with no model, the last question leads it in."""
    if not history:
        return question
    if model is not None:
        try:
            async with aclosing(model.stream(prompt.condensing(question, history[-3:]))) as pieces:
                rewritten = "".join([piece.text async for piece in pieces]).strip()
            line = rewritten.splitlines()[0].strip(' "') if rewritten else ""
            if 0 < len(line) <= 4 * len(question) + 200:
                return line
        except ModelError:
            pass  # the same server is asked again for the answer, and its error is told there
    return f"{history[-1].question} {question}"


def _cited(question: str, text: str, passages: Sequence[Passage]) -> Cited:
    if text.strip():
        return cite(text, passages)
    if passages:
        return best_sentences(question, passages)
    return Cited(NOTHING, (), (), (), ())


def _warnings(written: _Written, cited: Cited) -> list[str]:
    warnings = []
    if written.last.cut_short:
        warnings.append("The answer reached the longest length allowed; DOCENT_ANSWER_TOKENS raises it.")
    if cited.doubtful:
        warnings.append(f"In none of the passages: {', '.join(cited.doubtful)}. Check before you rely on it.")
    if cited.unsupported and written.text:
        first = cited.unsupported[0]
        warnings.append(f"No passage was found to support: “{first}”")
    return warnings


class _Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self._start = self._lap = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self._seconds[step] = round(now - self._lap, 4)
        self._lap = now

    def seconds(self) -> dict[str, float]:
        return {**self._seconds, "total": round(time.perf_counter() - self._start, 4)}
