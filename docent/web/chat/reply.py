"""Turns what happens while an answer is made into what the reader sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import chainlit as cl
from chainlit.chat_context import chat_context

from docent.app import Docent
from docent.errors import DocentError
from docent.ingesting import Ticket
from docent.store import quoted
from docent.types import (
    Answer,
    Answered,
    AnswerRequest,
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
from docent.web.accounts.address_redaction import for_others
from docent.web.chat import conversation, model_download, receipt_text
from docent.web.chat.chat_settings import Chosen
from docent.web.chat.citation_panel import panels
from docent.web.chat.conversation import language, note, reader
from docent.web.chat.file_scope import asked_here
from docent.web.chat.profiles import persona_of
from docent.web.chat.saved_answer import keep, turns
from docent.web.chat.streaming import Stream
from docent.web.i18n import say
from docent.web.metrics import Metrics
from docent.web.thread_pool import lightly


async def reply(
    question: str,
    *,
    docent: Docent,
    metrics: Metrics,
    tickets: Sequence[Ticket] = (),
    anyway: bool = False,
) -> None:
    """Answer in the chat as the answer comes, then show it with its citations.

    A question that came with files is asked of them only; `anyway` asks the model without documents.
    """
    choice = conversation.chosen(docent)
    persona = persona_of(cl.context.session.chat_profile)
    try:
        scope = await asyncio.to_thread(
            asked_here, docent, chosen=choice.libraries, persona=persona, tickets=tickets
        )
    except DocentError as error:  # an old conversation's persona may be gone
        await note(f"⚠️ {say(error.message, language())}").send()
        return
    if tickets:
        files = ", ".join(ticket.name for ticket in tickets)
        async with cl.Step(name=say("Asked of: {files}", language(), files=files), type="retrieval"):
            pass
    showing = _Showing(question, docent, choice)
    answering = docent.answer(
        AnswerRequest(
            question=question,
            history=turns(chat_context.get()),
            scope=scope,
            persona=persona,
            preferences=choice.preferences,
            anyway=anyway,
        )
    )
    if not conversation.runs_docent():
        answering = for_others(answering, docent.settings)
    await _shown(metrics.observed(answering, "chat"), showing)


async def _shown(events: AsyncGenerator[Event, None], showing: _Showing) -> None:
    """What happens, on the page, until the answer is whole, has failed or was stopped."""
    try:
        async with aclosing(events):  # a stop that comes between two events closes the model's stream too
            async for event in events:
                await showing.happened(event)
    except DocentError as error:
        await showing.failed(error)
    except asyncio.CancelledError:
        await showing.stopped()
        raise
    finally:
        await showing.over()


class _Showing:
    """One answer on the page, while it is made."""

    def __init__(self, question: str, docent: Docent, choice: Chosen) -> None:
        self._question = question
        self._docent = docent
        self._choice = choice
        self._message = cl.Message(content="")
        self._stream = Stream(self._message, question)
        self._passages: dict[str, Passage] = {}
        self._notices: list[str] = []
        self._waiting = False
        """Whether the message shows how far a long step is, instead of text."""
        self._whole = False

    async def happened(self, event: Event) -> None:
        match event:
            case Searching(searched) if searched != self._question:
                async with cl.Step(
                    name=say(
                        "Searched for: {searched}", language(), searched=receipt_text.shortened(searched)
                    ),
                    type="retrieval",
                ):
                    pass
            case StepProgress(what, done, total):
                said = say(what, language())
                self._message.content = say(
                    "{what}: {done} of {total}", language(), what=said, done=done, total=total
                )
                await (self._message.update() if self._waiting else self._message.send())
                self._waiting = True
            case PassagesFound(passages):
                self._passages |= {passage.chunk_id: passage for passage in passages}
            case Token(text):
                await self._make_room()
                await self._stream.push(text)
            case Notice(text):
                self._notices.append(say(text, language()))
            case Answered(answer):
                await self._finished(answer)

    async def over(self) -> None:
        await self._stream.settle()

    async def failed(self, error: DocentError) -> None:
        await self._settled()
        if not self._message.content:
            self._message.type = "system_message"  # nothing to like or dislike
        self._message.content = "\n\n".join(
            filter(None, (self._message.content, f"⚠️ {say(error.message, language())}"))
        )
        await self._show()

    async def stopped(self) -> None:
        """What there is stays, and says that it is not all; where Docent ends, it will say so later."""
        if self._stream.broken_off:
            return
        if self._whole:  # what is said below it is stopped, the answer keeps its citations
            await self._show()
            return
        await self._settled()
        await self._make_room()
        mark = say("*Stopped.*", language())
        self._message.content = "\n\n".join(filter(None, (self._message.content.rstrip(), mark)))
        await self._show()

    async def _settled(self) -> None:
        """It is not all, but there will be no more of it."""
        await self._stream.settle()
        self._message.metadata = {}
        await self._blank_deleted()

    async def _make_room(self) -> None:
        if self._waiting:
            self._message.content, self._waiting = "", False
            await self._message.update()

    async def _finished(self, answer: Answer) -> None:
        await self._stream.settle()
        message = self._message
        message.content = "\n\n".join(
            (say(answer.text, language()), *(f"ℹ️ {notice}" for notice in self._notices))
        )
        message.metadata = keep(self._question, answer)
        message.elements = panels(answer, message.id)
        self._passages |= {passage.chunk_id: passage for passage in answer.passages}
        await self._blank_deleted()
        self._whole = True
        if answer.passages and not answer.receipt.model:
            message.actions = await model_download.offer(self._docent, language())
        if answer.receipt.not_found and not message.actions:
            asked = {"question": self._question}
            label = say("Answer anyway, from the model alone", language())
            message.actions = [cl.Action(name=conversation.ANYWAY, payload=asked, label=label, icon="brain")]
        await self._show()
        if self._choice.show_receipt and (answer.receipt.found or answer.receipt.model):
            await self._explained(answer.receipt)

    async def _explained(self, receipt: Receipt) -> None:
        async with cl.Step(
            name=say("How this was answered", language()), type="tool", show_input=False
        ) as step:
            room = self._docent.settings.context_tokens
            step.output = receipt_text.words(receipt, context_tokens=room, language=language())

    async def _blank_deleted(self) -> None:
        """Leave out what was copied from documents that were deleted while the answer was made."""
        there = await lightly(self._docent.store.documents, Scope(reader=reader()))
        ids, names = {one.id for one in there}, {one.name for one in there}
        gone = [
            passage
            for passage in self._passages.values()
            if passage.document_id not in ids and passage.file not in names  # else it was changed or shared
        ]
        if gone:
            message = self._message
            documents = {passage.document_id for passage in gone}
            answers = quoted(documents, (), (passage.text for passage in gone))
            metadata = json.loads(json.dumps(message.metadata))
            texts, message.metadata = answers.blanked({"content": message.content}, metadata)
            message.content = texts["content"]

    async def _show(self) -> None:
        """Chainlit keeps a message at its first `send` only; what it became later needs `update`."""
        await (self._message.update() if self._message.persisted else self._message.send())


async def ask_again(question: str, *, docent: Docent, metrics: Metrics, anyway: bool = False) -> None:
    """Put an earlier question once more, as if it were typed; the button does not wait for the answer."""
    message = await cl.Message(content=question, type="user_message", author=reader()).send()

    again = later(question, to=message.id, docent=docent, metrics=metrics, anyway=anyway)
    cl.context.session.current_task = asyncio.create_task(again)


async def later(
    question: str,
    *,
    to: str,
    docent: Docent,
    metrics: Metrics,
    tickets: Sequence[Ticket] = (),
    anyway: bool = False,
) -> None:
    """Reply to a message that was not sent just now; the page shows that it is answered, and can stop it."""
    await cl.context.emitter.task_start()
    try:
        async with cl.Step(name="on_message", type="run", parent_id=to):  # what a thumb is for
            await reply(question, docent=docent, metrics=metrics, tickets=tickets, anyway=anyway)
    except asyncio.CancelledError:
        pass
    finally:
        await cl.context.emitter.task_end()
