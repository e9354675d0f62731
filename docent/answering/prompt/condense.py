"""A follow-up rewritten so that it can be searched on its own."""

from __future__ import annotations

from collections.abc import Sequence

from docent.answering.citing import sentences
from docent.answering.generation import said
from docent.answering.intents import leans_on_history
from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.output_filter import named
from docent.answering.prompt import templates
from docent.errors import ModelError
from docent.types import Turn

SHORT = GenerationOptions(answer_tokens=96, temperature=0.0, think=False)


async def standing_alone(
    question: str, history: Sequence[Turn], *, model: ModelClient | None, instructions: str
) -> str:
    """The question itself when it needs no help; with no model, the last question leads it in."""
    if not history or not leans_on_history(question):
        return question
    led_in = named(f"{history[-1].question} {question}")
    if model is None:
        return led_in
    try:
        written = await said(
            templates.condensing(question, history, instructions=instructions), model=model, options=SHORT
        )
    except ModelError:
        return led_in  # the same server is asked again for the answer, and its error is told there
    line = templates.MARK.sub("", written.splitlines()[0]).strip(' "') if written else ""
    return named(line) if _is_rewrite(line, question, history) else led_in


def _is_rewrite(line: str, question: str, history: Sequence[Turn]) -> bool:
    """A small model may answer, chat or obey a document instead; then its line is not searched."""
    if not 0 < len(line) <= 4 * len(question) + 200:
        return False
    known = sentences.words(" ".join([question, *(f"{turn.question} {turn.answer}" for turn in history)]))
    written = sentences.words(line)
    return bool(written) and len(written & known) >= len(written) / 2
