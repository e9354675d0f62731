"""Everything that the model is asked to write: a follow-up's rewrite, notes on long documents, the answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

from docent.answering.answer_context import AnswerServices, Draft
from docent.answering.citing.vocabulary import content_words
from docent.answering.content_policy import ContentPolicy
from docent.answering.intents import leans_on_history
from docent.answering.models.client import ChatMessage, GenerationOptions, ModelClient
from docent.answering.output_filter import OutputFilter, addresses, display_name
from docent.answering.prompt import templates
from docent.answering.prompt.token_budget import Budget
from docent.answering.repetition import RepetitionDetector
from docent.errors import ModelError, ModelOverflow
from docent.messages import Message, joined
from docent.types import Event, Passage, StepProgress, Token, ToolCall, Turn

THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
OVERFLOWS = 4
"""The most prompts that are sent, each with half of the passages of the one before."""
REWRITE = GenerationOptions(answer_tokens=96, temperature=0.0, think=False)
LEAST_WORDS_ALONE = 2
"""A question of no more words than these does not stand alone."""
NOTE_TOKENS = 384
NOTES = GenerationOptions(answer_tokens=NOTE_TOKENS, temperature=0.0, think=False)
LOOPED = Message(
    "The model began to repeat itself and was stopped; what it repeated is left out. Ask again, perhaps in "
    "other words."
)
NOTE_FRAME = 60
"""Tokens around a note-taking request, on the safe side."""

Count = Callable[[str], int]


async def condense(question: str, history: Sequence[Turn], services: AnswerServices) -> str:
    """Rewrite a follow-up so that it can be searched alone; another question is returned unchanged.

    Without a model, or with a rewrite that is none, the question before it leads it in.
    """
    if not history or not leans_on_history(question):
        return question
    led_in = display_name(f"{history[-1].question} {question}")
    if services.model is None:
        return led_in
    request = templates.condensing(question, history, instructions=services.persona.instructions)
    try:
        written = await complete(request, services.model, REWRITE)
    except ModelError:
        return led_in  # the same server is asked for the answer next, and its error is reported there
    line = templates.MARK.sub("", written.splitlines()[0]).strip(' "') if written else ""
    return display_name(line) if _is_rewrite(line, question, history) else led_in


def _is_rewrite(line: str, question: str, history: Sequence[Turn]) -> bool:
    """Tell a rewrite from an answer, from chat, from an echo and from obedience to a document.

    Small models give all of these. A question of a word or two that comes back unchanged is an echo.
    """
    if not 0 < len(line) <= 4 * len(question) + 200:
        return False
    known = content_words(" ".join([question, *(f"{turn.question} {turn.answer}" for turn in history)]))
    written, asked = content_words(line), content_words(question)
    is_echo = written <= asked and len(asked) <= LEAST_WORDS_ALONE
    return bool(written) and not is_echo and len(written & known) >= len(written) / 2


async def complete(messages: Sequence[ChatMessage], model: ModelClient, options: GenerationOptions) -> str:
    """Return the model's whole reply, without its thoughts and without what it repeats."""
    text = ""
    repetition = RepetitionDetector()
    async with aclosing(model.stream(messages, options)) as pieces:
        async for piece in pieces:
            text += piece.text
            if repetition.push(piece.text):
                break
    return THOUGHTS.sub("", text[: repetition.cut]).strip()


async def stream_checked(
    tokens: AsyncGenerator[Event, None], policy: ContentPolicy, draft: Draft, *, instead: str
) -> AsyncGenerator[Event, None]:
    """Pass tokens on while the content policy allows them: the one that breaches it is not shown.

    When the model server fails, what came stays and a notice gives the reason, after the sentence
    `instead` if nothing came.
    """
    warned = False
    try:
        async with aclosing(tokens):
            async for event in tokens:
                breach = None if warned else policy.breach(draft.text, of="answer")
                if breach and policy.refuses:
                    draft.refused = breach.says
                    break
                if breach:
                    warned = True
                    yield draft.notice(breach.says)
                yield event
    except ModelError as error:
        draft.failed = error.message
        yield draft.notice(error.message if draft.text.strip() else joined((instead, error.message), " "))
    draft.lap("generate")


async def write(
    messages: Sequence[ChatMessage],
    *,
    model: ModelClient,
    options: GenerationOptions,
    output: OutputFilter,
    draft: Draft,
    calls: list[ToolCall] | None = None,
) -> AsyncGenerator[Event, None]:
    """Stream tokens through the filter, also those that came before an error, which is then raised.

    A model that repeats itself, in its answer or in its thoughts, is stopped. Tool calls of the model are
    added to `calls`, where a list is given.
    """
    answer, thoughts = RepetitionDetector(), RepetitionDetector()
    try:
        async with aclosing(model.stream(messages, options)) as pieces:
            async for piece in pieces:
                draft.take(piece)
                if calls is not None:
                    calls += piece.calls
                if text := output.push(piece.text):
                    yield Token(draft.add(text))
                if answer.push(text) or thoughts.push(piece.thought):
                    break  # closes the stream, which stops the server
    except ModelError:
        if text := output.close():
            yield Token(draft.add(text))
        raise
    else:
        if answer.cut is None and thoughts.cut is None and (text := output.close()):
            yield Token(draft.add(text))
            answer.push(text, final=True)
        if answer.cut is not None or thoughts.cut is not None:
            draft.stop_repeating(answer.cut, whole=answer.whole)
            yield draft.notice(LOOPED)
    finally:
        draft.removed += output.removed
        draft.thought += output.thought


async def write_from_passages(
    question: str, budget: Budget, model: ModelClient, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Write from the passages that fit; when the server says that they do not, from half of them."""
    draft.model = model.name
    known = addresses(passage.text for passage in budget.passages)
    for left in reversed(range(OVERFLOWS)):
        draft.send(budget)
        messages = templates.messages(
            question, budget.passages, budget.history, instructions=services.persona.instructions
        )
        output = OutputFilter(passages=len(budget.passages), known=known)
        tokens = write(messages, model=model, options=services.options, output=output, draft=draft)
        try:
            async with aclosing(tokens):
                async for token in tokens:
                    yield token
            return
        except ModelOverflow:
            if draft.text or not left or len(budget.passages) < 2:
                raise
            budget = budget.halved()


async def write_from_notes(
    question: str, passages: Sequence[Passage], model: ModelClient, services: AnswerServices, draft: Draft
) -> AsyncGenerator[Event, None]:
    """Take notes on long documents part by part (map), and write the answer from the notes (reduce).

    The answer is aligned to the documents' own text later, not to the notes: a note is nobody's source.
    """
    draft.model = model.name
    count, limits, instructions = services.counter.count, services.limits, services.persona.instructions
    task = question.replace("\n", " ")
    space = limits.context_tokens - NOTE_TOKENS - count(templates.NOTES) - count(task) - NOTE_FRAME
    space_for_notes = (
        limits.context_tokens - limits.answer_tokens - count(instructions) - count(question) - 2 * NOTE_FRAME
    )
    if space <= NOTE_TOKENS:
        # Notes would be no shorter than what they are taken from.
        raise ModelOverflow(
            "The question leaves no room in the model's context to read a document in parts. Ask a shorter "
            "one, or raise DOCENT_CONTEXT_TOKENS."
        )
    parts = [f"[{passage.where}] {passage.text}" for passage in passages]
    what = Message(
        "Reading {what}", what=", ".join(dict.fromkeys(display_name(passage.file) for passage in passages))
    )
    while await asyncio.to_thread(lambda texts: sum(map(count, texts)) + len(texts), parts) > space_for_notes:
        groups = await asyncio.to_thread(lambda texts: list(grouped(texts, count=count, space=space)), parts)
        notes = []
        for done, group in enumerate(groups):
            yield StepProgress(what, done, len(groups))
            notes.append(await complete(templates.note_taking(group, task), model, NOTES))
        yield StepProgress(what, len(groups), len(groups))
        parts, what = notes, Message("Reading the notes again")
        if len(groups) == 1:  # notes on everything at once are short enough by their own limit
            break
    draft.lap("read")
    draft.sent = tuple(passage.chunk_id for passage in passages)
    messages = templates.from_notes(question, "\n\n".join(parts), instructions=instructions)
    draft.tokens = sum(count(message["content"]) for message in messages)
    output = OutputFilter(passages=0, known=addresses(passage.text for passage in passages))
    tokens = write(messages, model=model, options=services.options, output=output, draft=draft)
    async with aclosing(tokens):
        async for token in tokens:
            yield token


def grouped(parts: Sequence[str], *, count: Count, space: int) -> Iterator[str]:
    """Join as many parts as fit; a part that is too long alone is cut by lines, then anywhere."""
    group: list[str] = []
    used = 0
    for piece in (piece for part in parts for piece in _cut(part, count=count, space=space)):
        cost = count(piece) + 2
        if group and used + cost > space:
            yield "\n\n".join(group)
            group, used = [], 0
        group.append(piece)
        used += cost
    if group:
        yield "\n\n".join(group)


def _cut(part: str, *, count: Count, space: int) -> Iterator[str]:
    if count(part) + 2 <= space or len(part) < 2:
        yield part
        return
    middle = part.rfind("\n", 1, len(part) // 2 + 1)
    middle = middle if middle > 0 else len(part) // 2
    yield from _cut(part[:middle], count=count, space=space)
    yield from _cut(part[middle:], count=count, space=space)
