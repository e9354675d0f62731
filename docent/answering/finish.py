"""The end of every answer that a model writes: what went wrong is said, and what was written is cited."""

from __future__ import annotations

import asyncio
import textwrap
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from docent.answering import canned_replies
from docent.answering.citing.citations import CitedAnswer, cite, link_cited_addresses, renumber
from docent.answering.extractive import best_sentences
from docent.answering.generation import within
from docent.answering.receipt import Record
from docent.answering.request import Asking
from docent.errors import ModelError
from docent.messages import Message, joined
from docent.retrieving.query import shorten_question
from docent.types import Event, Passage

LONGEST_QUOTED = 200
CITING_SECONDS = 10.0
"""Of a processor, for one answer: 75,000 characters against ten passages took 1.3 (2 cores)."""

NO_MODEL = Message("No language model answered; these are the best sentences found.")
TOO_LONG = Message(
    "The question is longer than the model's context; no language model answered. Ask a shorter one, "
    "or raise DOCENT_CONTEXT_TOKENS."
)
ONLY_THOUGHT = Message(
    "The model was still thinking when its answer reached the longest length allowed; these are the best "
    "sentences found. DOCENT_ANSWER_TOKENS raises it."
)
UNFINISHED = Message("The last sentence is unfinished, so no source is named for it.")
UNCHECKED = Message(
    "The answer is too long to be checked whole; no source is named for its last {n} sentences. Ask for a "
    "shorter one."
)
SILENT = Message(
    "The model gave no answer; these are the best sentences found. Ask again, perhaps in other words."
)


async def streamed(
    writing: AsyncGenerator[Event, None], asking: Asking, record: Record, *, instead: str
) -> AsyncGenerator[Event, None]:
    """The model's words as they come. Where it fails, what came is kept and the reason is said; where
    nothing came, so is what there is `instead`."""
    try:
        async with aclosing(within(writing, policy=asking.policy, record=record)) as events:
            async for event in events:
                yield event
    except ModelError as error:
        record.failed = error.message
        yield record.notice(error.message if record.text.strip() else joined((instead, error.message), " "))
    record.lap("generate")


async def finished(
    question: str,
    sent: Sequence[Passage],
    found: Sequence[Passage],
    record: Record,
    *,
    only_cited_shown: bool = False,
) -> AsyncGenerator[Event, None]:
    """What was written, with its citations; where nothing was, the best sentences."""
    if record.refused:
        yield record.answered(canned_replies.plain(record.refused), ())
        return
    if not record.text.strip():
        record.model = ""
        yield record.answered(best_sentences(shorten_question(question), sent), found)
        return
    cited, used = await _cited(sent, record)
    for warning in _warnings(cited, record):
        yield record.notice(warning)
    record.lap("cite")
    yield record.answered(
        replace(cited, text="\n\n".join((cited.text, *record.tables))), used if only_cited_shown else found
    )


async def _cited(sent: Sequence[Passage], record: Record) -> tuple[CitedAnswer, tuple[Passage, ...]]:
    """What was written, with its citations; the work ends with whoever waits for it."""
    left = threading.Event()

    def work() -> tuple[CitedAnswer, tuple[Passage, ...]]:
        cited = cite(
            record.text,
            sent,
            computed="\n".join(record.computed),
            finished=not (record.failed or record.last.cut_short),
            stopped=left.is_set,
            seconds=CITING_SECONDS,
        )
        return renumber(link_cited_addresses(cited, sent), sent)

    try:
        return await asyncio.to_thread(work)
    finally:
        left.set()


def _warnings(cited: CitedAnswer, record: Record) -> list[str]:
    warnings: list[str] = []
    if record.last.cut_short:
        warnings.append(
            Message("The answer reached the longest length allowed; DOCENT_ANSWER_TOKENS raises it.")
        )
    if cited.unfinished:
        warnings.append(UNFINISHED)
    if cited.unchecked:
        warnings.append(Message(UNCHECKED, n=cited.unchecked))
    if cited.doubtful:
        warnings.append(
            Message(
                "In none of the passages: {what}. Check before you rely on it.",
                what=", ".join(cited.doubtful),
            )
        )
    if cited.unsupported:
        first, others = _shortened(cited.unsupported[0]), len(cited.unsupported) - 1
        warnings.append(
            Message("No passage was found to support: “{what}” (and {n} more)", what=first, n=others)
            if others
            else Message("No passage was found to support: “{what}”", what=first)
        )
    return warnings


def _shortened(sentence: str) -> str:
    """A model may copy half a page as one sentence."""
    return textwrap.shorten(sentence, LONGEST_QUOTED, placeholder=" …")
