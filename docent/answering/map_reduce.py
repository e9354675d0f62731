"""A request that needs documents from beginning to end: all at once where they fit, else part by part.

Part by part, the model takes notes on each (map), and answers from its notes (reduce). The answer
is then aligned to the documents' own text, not to the notes: a note is nobody's source.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

from docent.answering.generation import said, write
from docent.answering.models.client import GenerationOptions, ModelClient
from docent.answering.output_filter import Filter, named
from docent.answering.prompt import templates
from docent.answering.receipt import Record
from docent.errors import ModelOverflow
from docent.messages import Message
from docent.types import Event, Passage, StepProgress

NOTE_TOKENS = 384
NOTES = GenerationOptions(answer_tokens=NOTE_TOKENS, temperature=0.0, think=False)
FRAME = 60

Count = Callable[[str], int]


async def write_from_all(
    question: str,
    passages: Sequence[Passage],
    *,
    model: ModelClient,
    count: Count,
    context_tokens: int,
    answer_tokens: int,
    instructions: str,
    options: GenerationOptions,
    known: frozenset[str],
    record: Record,
) -> AsyncGenerator[Event, None]:
    """Read everything with progress, then stream the answer."""
    record.model = model.name
    task = question.replace("\n", " ")
    room = context_tokens - NOTE_TOKENS - count(templates.NOTES) - count(task) - FRAME
    last = context_tokens - answer_tokens - count(instructions) - count(question) - 2 * FRAME
    if room <= NOTE_TOKENS:
        # Notes would be no shorter than what they are taken from.
        raise ModelOverflow(
            "The question leaves no room in the model's context to read a document in parts. Ask a shorter "
            "one, or raise DOCENT_CONTEXT_TOKENS."
        )
    parts = [_text(passage) for passage in passages]
    what = Message(
        "Reading {what}", what=", ".join(dict.fromkeys(named(passage.file) for passage in passages))
    )
    while await asyncio.to_thread(_length, parts, count) > last:
        groups = await asyncio.to_thread(_groups, parts, count, room)
        notes = []
        for done, group in enumerate(groups):
            yield StepProgress(what, done, len(groups))
            notes.append(await said(templates.note_taking(group, task), model=model, options=NOTES))
        yield StepProgress(what, len(groups), len(groups))
        if len(groups) == 1:  # notes on everything at once are short enough by their own limit
            parts = notes
            break
        parts, what = notes, Message("Reading the notes again")
    record.lap("read")
    record.sent = tuple(passage.chunk_id for passage in passages)
    messages = templates.from_notes(question, "\n\n".join(parts), instructions=instructions)
    record.tokens = sum(count(message["content"]) for message in messages)
    output = Filter(passages=0, known=known)
    async with aclosing(
        write(messages, model=model, options=options, output=output, record=record)
    ) as tokens:
        async for token in tokens:
            yield token


def _length(parts: Sequence[str], count: Count) -> int:
    return sum(map(count, parts)) + len(parts)


def _groups(parts: Sequence[str], count: Count, room: int) -> list[str]:
    return list(grouped(parts, count=count, room=room))


def grouped(parts: Sequence[str], *, count: Count, room: int) -> Iterator[str]:
    """As many parts together as fit; a part that is too long alone is cut by lines, then anywhere."""
    group: list[str] = []
    used = 0
    for piece in (piece for part in parts for piece in _pieces(part, count=count, room=room)):
        cost = count(piece) + 2
        if group and used + cost > room:
            yield "\n\n".join(group)
            group, used = [], 0
        group.append(piece)
        used += cost
    if group:
        yield "\n\n".join(group)


def _pieces(part: str, *, count: Count, room: int) -> Iterator[str]:
    if count(part) + 2 <= room or len(part) < 2:
        yield part
        return
    middle = part.rfind("\n", 1, len(part) // 2 + 1)
    middle = middle if middle > 0 else len(part) // 2
    yield from _pieces(part[:middle], count=count, room=room)
    yield from _pieces(part[middle:], count=count, room=room)


def _text(passage: Passage) -> str:
    return f"[{passage.where}] {passage.text}"
