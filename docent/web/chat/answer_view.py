"""An answer on the page: streamed as it is written, saved as it grows, then shown with its citations.

An unfinished answer is saved once a second, so a restart loses a second of it at most.
"""

from __future__ import annotations

import asyncio
import json
import textwrap
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from contextvars import copy_context
from typing import Any

import chainlit as cl
from chainlit.data import get_data_layer
from chainlit.utils import utc_now

from docent.app import Docent
from docent.conversations import quoted
from docent.errors import DocentError
from docent.types import (
    Answer,
    Answered,
    Event,
    Notice,
    Passage,
    PassagesFound,
    Receipt,
    Scope,
    Searching,
    StepProgress,
    Token,
)
from docent.web.chat import model_download
from docent.web.chat.cited_sources import citation_elements
from docent.web.chat.context_chart import context_chart
from docent.web.chat.page_session import escape_markdown, language, reader
from docent.web.chat.saved_answer import answer_metadata
from docent.web.i18n import answer_text, say
from docent.web.thread_pool import run_in_small_pool

ASK_AGAIN, ANSWER_ANYWAY = "ask_again", "answer_anyway"
"""Names of buttons; the payload of each is the question."""
UNFINISHED = "docent_unfinished"
"""Key, in a message's metadata, of the question until its answer is complete."""
DRAW_INTERVAL = 0.03  # seconds; faster than anybody reads, and fewer updates for a fast model's page
DRAW_INTERVAL_PER_ANSWER = 0.0014  # more for each answer being written: 50 are drawn ten times a second
SAVE_INTERVAL = 1.0  # seconds
MAX_SEARCH_SHOWN = 300
"""Characters that are shown of a search."""

_streams: dict[str, AnswerStream] = {}
"""By message id: the answers that are being written in this process."""
_saves: set[asyncio.Task[None]] = set()


class AnswerStream:
    """The text of one message while it is written: draw it in batches, and save it every second."""

    def __init__(self, message: cl.Message, question: str) -> None:
        self._message = message
        self._pending = ""
        self._drawing: asyncio.Task[None] | None = None
        self.interrupted = False
        """Set when Docent is shut down; the text that was saved is what remains."""
        self.context = copy_context()
        """Tells Chainlit whose message this is, also at a shutdown, which runs in no conversation."""
        message.metadata = {UNFINISHED: question}
        _streams[message.id] = self
        self._save()

    @property
    def text(self) -> str:
        return self._message.content

    async def push(self, text: str) -> None:
        """Draw the first word at once, and those that follow together a moment later."""
        if not self._message.streaming:
            await self._message.stream_token(text)
            return
        self._pending += text
        if self._drawing is None:
            self._drawing = asyncio.create_task(self._draw_later())

    async def finish(self) -> None:
        """Draw what is pending; the message is complete as far as its text came."""
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None
        _streams.pop(self._message.id, None)
        await self._draw()

    async def interrupt(self) -> None:
        """Save the unfinished text for the next start."""
        self.interrupted = True
        await self.finish()
        self._save()

    async def _draw_later(self) -> None:
        await asyncio.sleep(DRAW_INTERVAL + DRAW_INTERVAL_PER_ANSWER * len(_streams))
        self._drawing = None
        await self._draw()
        if time.monotonic() - self._saved_at > SAVE_INTERVAL:
            self._save()

    async def _draw(self) -> None:
        pending, self._pending = self._pending, ""
        if pending:
            await self._message.stream_token(pending)

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        layer = get_data_layer()
        if layer is not None:
            step = self._message.to_dict()
            step["streaming"] = False
            step["createdAt"] = step["createdAt"] or utc_now()
            task = asyncio.create_task(layer.create_step(step))
            _saves.add(task)  # the event loop itself references tasks weakly
            task.add_done_callback(_saves.discard)


async def interrupt_all() -> None:
    """Save every unfinished answer before Docent ends."""
    streams = list(_streams.values())
    await asyncio.gather(
        *(asyncio.create_task(stream.interrupt(), context=stream.context) for stream in streams)
    )
    await asyncio.gather(*_saves)


def unfinished_question(metadata: Mapping[str, Any] | None) -> str:
    """Return the question of an answer that was never finished; "" for any other message."""
    question = (metadata or {}).get(UNFINISHED)
    return question if isinstance(question, str) else ""


def text_so_far(message_id: str) -> str | None:
    """Return the text of an answer that is being written; None for any other message."""
    stream = _streams.get(message_id)
    return None if stream is None else stream.text


def is_being_written(message_id: str) -> bool:
    """Tell whether an answer is being written now, perhaps in another tab."""
    return message_id in _streams


def ask_again_action(question: str) -> cl.Action:
    """Return a button that asks a question again."""
    label = say("Ask again", language())
    return cl.Action(name=ASK_AGAIN, payload={"question": question}, label=label, icon="refresh-cw")


class AnswerView:
    """One answer on the page."""

    def __init__(self, question: str, docent: Docent, *, show_receipt: bool) -> None:
        self._question = question
        self._docent = docent
        self._show_receipt = show_receipt
        self._message = cl.Message(content="")
        self._stream = AnswerStream(self._message, question)
        self._passages: dict[str, Passage] = {}
        self._notices: list[str] = []
        self._shows_progress = False
        """Whether the message shows the progress of a long step instead of text."""
        self._complete = False

    async def show(self, events: AsyncGenerator[Event, None]) -> None:
        """Show each event, until the answer is complete, has failed or was stopped."""
        try:
            async with aclosing(events):  # a stop between two events closes the model's stream, too
                async for event in events:
                    await self._handle(event)
        except DocentError as error:
            await self._fail(error)
        except asyncio.CancelledError:
            await self._stop()
            raise
        finally:
            await self._stream.finish()

    async def _handle(self, event: Event) -> None:
        match event:
            case Searching(searched) if searched != self._question:
                name = say("Searched for: {searched}", language(), searched=shorten_search(searched))
                async with cl.Step(name=name, type="retrieval"):
                    pass
            case StepProgress(what, done, total):
                self._message.content = say(
                    "{what}: {done} of {total}",
                    language(),
                    what=say(what, language()),
                    done=done,
                    total=total,
                )
                await (self._message.update() if self._shows_progress else self._message.send())
                self._shows_progress = True
            case PassagesFound(passages):
                self._passages |= {passage.chunk_id: passage for passage in passages}
            case Token(text):
                await self._clear_progress()
                await self._stream.push(text)
            case Notice(text):
                self._notices.append(say(text, language()))
            case Answered(answer):
                await self._finish(answer)

    async def _finish(self, answer: Answer) -> None:
        await self._stream.finish()
        message = self._message
        notices = (f"ℹ️ {notice}" for notice in self._notices)
        message.content = "\n\n".join((answer_text(answer, language()), *notices))
        message.metadata = answer_metadata(self._question, answer)
        message.elements = citation_elements(answer, message.id)
        self._passages |= {passage.chunk_id: passage for passage in answer.passages}
        await self._blank_deleted()
        self._complete = True
        receipt = answer.receipt
        if answer.passages and not receipt.model:
            message.actions = await model_download.download_actions(self._docent, language(), self._question)
        if receipt.not_found and not message.actions:
            payload = {"question": self._question}
            label = say("Answer anyway, from the model alone", language())
            message.actions = [cl.Action(name=ANSWER_ANYWAY, payload=payload, label=label, icon="brain")]
        await self._draw()
        if self._show_receipt and (receipt.found or receipt.model):
            name = say("How this was answered", language())
            async with cl.Step(name=name, type="tool", show_input=False) as step:
                context_tokens = self._docent.settings.context_tokens
                step.output = receipt_text(receipt, context_tokens=context_tokens, language=language())

    async def _fail(self, error: DocentError) -> None:
        await self._end_incomplete()
        if not self._message.content:
            self._message.type = "system_message"  # nothing to rate
        await self._append(f"⚠️ {say(error.message, language())}")

    async def _stop(self) -> None:
        """Keep what there is, and mark it as stopped; after a shutdown, the next start marks it."""
        if self._stream.interrupted:
            return
        if self._complete:  # what followed the answer was stopped; the answer keeps its citations
            await self._draw()
            return
        await self._end_incomplete()
        await self._clear_progress()
        self._message.content = self._message.content.rstrip()
        await self._append(say("*Stopped.*", language()))

    async def _end_incomplete(self) -> None:
        await self._stream.finish()
        self._message.metadata = {}
        await self._blank_deleted()

    async def _append(self, text: str) -> None:
        self._message.content = "\n\n".join(filter(None, (self._message.content, text)))
        await self._draw()

    async def _clear_progress(self) -> None:
        if self._shows_progress:
            self._message.content, self._shows_progress = "", False
            await self._message.update()

    async def _blank_deleted(self) -> None:
        """Remove what was copied from documents that were deleted while the answer was written."""
        documents = await run_in_small_pool(self._docent.store.documents, Scope(reader=reader()))
        ids = {document.id for document in documents}
        names = {document.name for document in documents}  # of a document that was changed or shared
        deleted = [
            passage
            for passage in self._passages.values()
            if passage.document_id not in ids and passage.file not in names
        ]
        if deleted:
            message = self._message
            deleted_ids = {passage.document_id for passage in deleted}
            answers = quoted(deleted_ids, (), (passage.text for passage in deleted))
            metadata = json.loads(json.dumps(message.metadata))
            texts, message.metadata = answers.blanked({"content": message.content}, metadata)
            message.content = texts["content"]

    async def _draw(self) -> None:
        """Send the message, or update it: Chainlit saves a message at its first `send` only."""
        await (self._message.update() if self._message.persisted else self._message.send())


def shorten_search(searched: str) -> str:
    """Return the beginning of a long search."""
    return textwrap.shorten(searched, MAX_SEARCH_SHOWN, placeholder=" …")


def receipt_text(receipt: Receipt, *, context_tokens: int, language: str | None) -> str:
    """Return how an answer was made as a list, with a chart of the tokens used."""

    def escaped(text: str) -> str:
        return escape_markdown(say(text, language))

    lines: list[str] = []
    if receipt.searched:
        searched = escape_markdown(shorten_search(receipt.searched))
        lines.append(say("Searched for “{searched}”", language, searched=searched))
    if receipt.found:
        lines.append(
            say(
                "Found {found} passages, showed the model {sent}",
                language,
                found=receipt.found,
                sent=len(receipt.sent),
            )
        )
    for why, count in Counter(dropped.why for dropped in receipt.dropped).most_common(3):
        lines.append(say("Left out {count}: {why}", language, count=count, why=escaped(why)))
    if receipt.not_ready:
        files = "; ".join(map(escaped, receipt.not_ready[:5]))
        lines.append(say("Not fully searchable yet: {files}", language, files=files))
    lines += _model_lines(receipt, language)
    if receipt.unsupported:
        count = len(receipt.unsupported)
        lines.append(say("Sentences that no passage supports: {count}", language, count=count))
    if receipt.doubtful:
        doubtful = escape_markdown(", ".join(receipt.doubtful[:10]))
        lines.append(say("In none of the passages: {what}", language, what=doubtful))
    if receipt.removed:
        removed = escape_markdown(", ".join(receipt.removed[:5]))
        lines.append(say("Removed from the answer: {what}", language, what=removed))
    text = "\n".join(f"- {line}" for line in lines)
    chart = context_chart(receipt, context_tokens=context_tokens, language=language)
    return f"{text}\n\n{chart}" if chart else text


def _model_lines(receipt: Receipt, language: str | None) -> list[str]:
    if not receipt.model:
        return [
            say(
                "No language model wrote this: the text comes unchanged from the documents or from "
                "Docent itself",
                language,
            )
        ]
    lines = [say("Written by {model}", language, model=escape_markdown(receipt.model))]
    if receipt.history_turns:
        turns = receipt.history_turns
        lines.append(say("Earlier questions taken into account: {turns}", language, turns=turns))
    seconds = receipt.seconds
    if "total" in seconds:
        searching = seconds.get("condense", 0.0) + seconds.get("retrieve", 0.0)
        lines.append(
            say(
                "{total:.1f} s in all: {searching:.1f} s searching, {first:.1f} s until the first word",
                language,
                total=seconds["total"],
                searching=searching,
                first=seconds.get("first_token", 0.0),
            )
        )
    return lines
