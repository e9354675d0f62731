"""An answer on the page: what is being done, its text as it is written, then its citations and sources."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import chainlit as cl
from chainlit.utils import utc_now

from docent.app import Docent
from docent.app.document_aids import follow_up_questions
from docent.conversations import TABLE_KEY, quoted
from docent.errors import DocentError
from docent.messages import Message
from docent.types import (
    Answer,
    Answered,
    AnswerRequest,
    Citation,
    Event,
    Hop,
    Notice,
    Passage,
    PassagesFound,
    Preview,
    Scope,
    Searching,
    StepProgress,
    TablePlanned,
    TableProgress,
    Token,
)
from docent.web.chat import model_download, table_runs
from docent.web.chat.answer_stream import AnswerStream
from docent.web.chat.cited_sources import citation_elements
from docent.web.chat.page_session import escape_markdown, language, reader
from docent.web.chat.receipt_view import (
    passages_table,
    receipt_text,
    shorten_search,
    shown_notices,
    steps_text,
)
from docent.web.chat.saved_answer import answer_metadata, load_answer
from docent.web.i18n import answer_text, say
from docent.web.thread_pool import run_in_small_pool

ASK, ASK_AGAIN, ANSWER_ANYWAY = "ask", "ask_again", "answer_anyway"
"""Names of buttons; the payload of each is the question."""
MAX_FILES_SHOWN = 5
"""Files in the row of sources below an answer."""

_offering: set[asyncio.Task[None]] = set()


def ask_again_action(question: str) -> cl.Action:
    """Return a button that asks a question again."""
    label = say("Ask again", language())
    return cl.Action(name=ASK_AGAIN, payload={"question": question}, label=label, icon="refresh-cw")


def ask_action(question: str, label: str = "", icon: str = "corner-down-right") -> cl.Action:
    """Return a button that asks a question."""
    return cl.Action(name=ASK, payload={"question": question}, label=label or question, icon=icon)


class AnswerView:
    """One answer on the page: what is being done, then the text, its sources and what may follow."""

    def __init__(
        self,
        request: AnswerRequest,
        docent: Docent,
        *,
        show_receipt: bool,
        asked_of: Sequence[str] = (),
    ) -> None:
        """`asked_of` names the sources of the conversation; none: everything is searched."""
        self._request = request
        self._question = question = request.question
        self._asked_of = ", ".join(asked_of)
        self._docent = docent
        self._show_receipt = show_receipt
        self._message = cl.Message(content="")
        self._stream = AnswerStream(self._message, question)
        self._passages: dict[str, Passage] = {}
        self._notices: list[str] = []
        self._preview = ""
        """A text that is shown until the answer's own begins."""
        self._shows_status = False
        """Whether the message shows what is being done instead of, or below, its text."""
        self._complete = False
        self._table_id = self._plan = ""
        """The table of the answer, and the sentence that says what will be read for it."""

    async def show(self, events: AsyncGenerator[Event, None]) -> None:
        """Show each event, until the answer is complete, has failed or was stopped."""
        await self._show_status(
            say("Searching {sources}", language(), sources=escape_markdown(self._asked_of))
            if self._asked_of
            else say("Searching the documents", language())
        )
        try:
            async with aclosing(events):  # a stop between two events closes the model's stream, too
                async for event in events:
                    await self._handle(event)
                    if isinstance(event, TablePlanned) and event.seconds > table_runs.CONSENT_SECONDS:
                        break  # the table has a button that begins it, now or on another day
        except DocentError as error:
            await self._fail(error)
        except asyncio.CancelledError:
            await self._stop()
            raise
        finally:
            await self._stream.finish()
            table_runs.forget(self._table_id)

    async def _handle(self, event: Event) -> None:
        match event:
            case Searching(searched) if searched != self._question:
                searched = escape_markdown(shorten_search(say(searched, language())))
                await self._show_status(say("Searching for: {searched}", language(), searched=searched))
            case StepProgress(what, done, total) if not self._table_id:  # a table shows its own
                await self._show_status(
                    say(
                        "{what}: {done} of {total}",
                        language(),
                        what=escape_markdown(say(what, language())),
                        done=done,
                        total=total,
                    )
                )
            case PassagesFound(passages):
                self._passages |= {passage.chunk_id: passage for passage in passages}
                await self._show_status(say("Reading {count} passages", language(), count=len(passages)))
            case TablePlanned():
                await self._show_table(event)
            case TableProgress():
                table_runs.note_progress(event)
            case Hop(looked_for, fact):
                found = say("Found {looked_for}: {fact}", language(), looked_for=looked_for, fact=fact)
                await self._show_status(escape_markdown(found))
            case Preview(text):
                self._preview = text
            case Token(text):
                await self._clear_status()
                await self._stream.push(say(text, language()) if isinstance(text, Message) else text)
            case Notice(text) if text != self._plan:
                self._notices.append(say(text, language()))
            case Answered(answer):
                await self._finish(answer)

    async def _show_table(self, planned: TablePlanned) -> None:
        """Show a table from its first row on; its message is saved, so that it can be resumed."""
        self._shows_status = False
        self._table_id, self._plan = planned.table_id, planned.text
        table_runs.follow(planned.table_id)
        self._message.content = table_runs.table_link(planned.table_id, say(planned.text, language()))
        self._message.metadata = {TABLE_KEY: planned.table_id}
        await self._draw()

    async def _finish(self, answer: Answer) -> None:
        await self._stream.complete()
        message = self._message
        notices = (f"ℹ️ {notice}" for notice in self._notices[: shown_notices(answer.receipt)])
        text = answer_text(answer, language())
        if answer.table is None:
            message.metadata = answer_metadata(self._question, answer)
            message.elements = citation_elements(answer, message.id)
        else:
            text = table_runs.table_text(answer.table, language())
            message.metadata = table_runs.table_metadata(self._question, answer)
        message.content = "\n\n".join((text, *notices))
        self._passages |= {passage.chunk_id: passage for passage in answer.passages}
        await self._blank_deleted()
        if (saved := load_answer(message.metadata)) is not None:
            cited = () if answer.table is not None else saved.citations  # a table has them in its cells
            row = sources_row(cited, asked_of=self._asked_of, language=language())
            message.content = "\n\n".join(filter(None, (message.content, row)))
        self._complete = True
        receipt = answer.receipt
        if answer.passages and not receipt.model:
            message.actions = await model_download.download_actions(self._docent, language(), self._question)
        if receipt.not_found and not message.actions:
            payload = {"question": self._question}
            label = say("Answer anyway, from the model alone", language())
            message.actions = [cl.Action(name=ANSWER_ANYWAY, payload=payload, label=label, icon="brain")]
        if receipt.found or receipt.model:
            message.actions.append(ask_again_action(self._question))
        await self._draw()
        await self._stream.finish()
        if receipt.steps:
            async with cl.Step(name=say("Tools used", language()), type="tool", show_input=False) as step:
                step.output = steps_text(receipt, language())
        if self._show_receipt and (receipt.found or receipt.model):
            name = say("How this was answered", language())
            async with cl.Step(name=name, type="tool", show_input=False) as step:
                context_tokens = self._docent.settings.context_tokens
                made = receipt_text(receipt, context_tokens=context_tokens, language=language())
                found = passages_table(answer, language())
                step.output = "\n\n".join(filter(None, (made, found)))
        if receipt.found and answer.citations and not receipt.not_found and answer.table is None:
            task = asyncio.create_task(self._offer_questions(answer))
            _offering.add(task)  # the event loop itself references tasks weakly
            task.add_done_callback(_offering.discard)

    async def _offer_questions(self, answer: Answer) -> None:
        """Show questions that may follow as buttons, later than the answer: each is checked first."""
        asked = [self._question, *(turn.question for turn in self._request.history)]
        try:
            questions = await asyncio.to_thread(
                follow_up_questions, self._docent, answer, self._request.scope, asked
            )
        except DocentError:
            return  # the next question says what is wrong
        for question in questions:
            await ask_action(question).send(for_id=self._message.id)

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
        if self._table_id:  # the table itself says how far it is, and goes on from there
            await self._save_so_far()
            return
        self._message.content = self._message.content.rstrip()
        await self._append(say("*Stopped.*", language()))

    async def _save_so_far(self) -> None:
        """Save what is in the table so far as the answer."""
        answer = await asyncio.to_thread(self._docent.table_answer, self._table_id, reader=reader())
        assert answer.table is not None
        self._message.content = table_runs.table_text(answer.table, language())
        self._message.metadata = table_runs.table_metadata(self._question, answer)
        await self._draw()

    async def _end_incomplete(self) -> None:
        await self._stream.finish()
        self._message.metadata = {TABLE_KEY: self._table_id} if self._table_id else {}
        await self._blank_deleted()

    async def _append(self, text: str) -> None:
        self._message.content = "\n\n".join(filter(None, (self._message.content, text)))
        await self._draw()

    async def _show_status(self, status: str) -> None:
        """Show on the page what is being done; the history saves the answer only."""
        await self._stream.flush()
        text = self._message.content or self._preview
        self._shows_status = True
        await self._emit_text("\n\n".join(filter(None, (text, f"*{status}…*"))))

    async def _clear_status(self) -> None:
        if self._shows_status:
            self._shows_status = False
            if self._message.streaming:
                await self._emit_text(self._message.content)

    async def _emit_text(self, text: str) -> None:
        step = self._message.to_dict()
        await cl.context.emitter.stream_start(
            {**step, "output": text, "createdAt": step["createdAt"] or utc_now()}
        )

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


def sources_row(citations: Sequence[Citation], *, asked_of: str, language: str | None) -> str:
    """Return the files that an answer cites with their places, and the sources that were asked."""
    files: dict[str, dict[int, str]] = {}
    for citation in citations:
        if citation.quote:  # blanked where the document was deleted
            files.setdefault(citation.file, {}).setdefault(citation.n, citation.place)
    shown = [
        f"{escape_markdown(file)} " + " · ".join(f"[{n}] {escape_markdown(at)}" for n, at in places.items())
        for file, places in list(files.items())[:MAX_FILES_SHOWN]
    ]
    if len(files) > MAX_FILES_SHOWN:
        shown.append(say("and {n} more files", language, n=len(files) - MAX_FILES_SHOWN))
    rows = [say("**Sources:** {files}", language, files="; ".join(shown))] if shown else []
    if asked_of:
        rows.append(say("*Searched in: {files}*", language, files=escape_markdown(asked_of)))
    return "  \n".join(rows)
