"""Files sent in the chat: each has a message with its status, and buttons for what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import chainlit as cl
from chainlit.session import BaseSession, WebsocketSession
from chainlit.types import ThreadDict

from docent.app import Docent
from docent.app.document_aids import document_overview, summarise_later, with_summary
from docent.errors import DocentError, StoreError, UnknownDocument
from docent.ingesting import Ticket, UploadStatus
from docent.messages import Message
from docent.questions.upload_card import Overview
from docent.types import ANSWERING, Scope, StoredDocument
from docent.web.chat.answer_view import ask_action
from docent.web.chat.attachment_status import (
    BUTTONS,
    CANCEL,
    KEEP_PRIVATE,
    OVERVIEW_KEY,
    SHARE,
    SHARE_IN,
    available_buttons,
    load_overview,
    overview_text,
    status_text,
)
from docent.web.chat.conversation_sources import (
    ConversationSource,
    add_sources,
    forget_document,
    sources,
)
from docent.web.chat.file_scope import UPLOADS, shared_libraries, upload_target
from docent.web.chat.page_session import escape_markdown, language, note, reader
from docent.web.chat.write_failures import write_failure
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

POLL_INTERVAL = 0.4  # seconds between two looks at a file; nobody reads a status that changes faster
RESUME_DELAY = 1.0  # seconds until the page has drawn a conversation that is opened again
MAX_LIBRARIES = 8
SUMMARY_INTERVAL = 3.0  # seconds between two looks whether the model's summary is written
SUMMARY_SECONDS = 900.0
"""A page that is open so long after a file was ready shows the model's summary when it is asked for."""

TICKET_KEY = "file"
"""Key, in a message's metadata, of the ticket of the file that the message shows."""
ENDED_KEY = "file_ended"
"""Key in the metadata of a file that was cancelled, shared or deleted, so its status is final."""

_attachments: WeakKeyDictionary[BaseSession, dict[str, Attachment]] = WeakKeyDictionary()
"""By page and message id; a button comes from a browser, and reaches only the files of its own page."""
_running: set[asyncio.Task[None]] = set()
_overviews = asyncio.Semaphore(1)
"""Twenty files that are ready together would take every processor from the questions about them."""


class Attachment:
    """One file in the chat, with the message that shows its status."""

    def __init__(self, ticket: Ticket, docent: Docent, message: cl.Message) -> None:
        self.ticket = ticket
        self._docent = docent
        self._message = message
        self._language = language()
        self._text = ""
        self._buttons: tuple[str, ...] = ()
        self._overview = load_overview(message.metadata)
        self._final = False
        self._decided = asyncio.Event()
        """Set once it is searchable, or never will be."""
        self.searchable = False
        self._offers_questions = False
        self._asks_where = False
        """Whether the buttons are the libraries to share the file in."""
        self.ended = False
        """Whether it was cancelled, shared or deleted."""
        message.metadata = {**(message.metadata or {}), TICKET_KEY: asdict(ticket)}
        _attachments.setdefault(cl.context.session, {})[message.id] = self

    async def wait_until_searchable(self) -> bool:
        """Wait until the file is searchable; return False if it never will be."""
        await self._decided.wait()
        return self.searchable

    @property
    def is_decided(self) -> bool:
        """True once the file is searchable, or never will be."""
        return self._decided.is_set()

    async def follow(self, *, after: float = 0.0) -> None:
        """Show the status until it is final, or until the page is gone while the file is locked."""
        await asyncio.sleep(after)
        while not self._final:
            status = await run_in_small_pool(self._docent.upload_status, self.ticket)
            if not self._final:  # cancelled meanwhile
                await self.show(status)
            if status.locked and WebsocketSession.get_by_id(cl.context.session.id) is None:
                self._final = True  # the conversation asks for the password when it is opened again
                self._decided.set()
            await asyncio.sleep(POLL_INTERVAL)
        if self.searchable and not self.ended:
            await self._add_overview()

    async def show(self, status: UploadStatus) -> None:
        """Show the file's present status."""
        text = self.text(status)
        self.searchable = status.state in ANSWERING
        self._final = status.over and not status.locked
        if self._final and not self.searchable:
            await forget_document(self.ticket.document_id)
        if self.searchable or self._final:
            self._decided.set()
        buttons = available_buttons(status, self.ticket)
        # The end of a file that is gone was saved by the page that ended it.
        await self._draw(text, buttons, save=status.over and not status.gone)

    def text(self, status: UploadStatus) -> str:
        """Return the status, with what the file is about once that is known."""
        text = status_text(self.ticket, status, self._language)
        overview = self._overview if status.state in ANSWERING and not status.gone else None
        if overview is None or not overview.sentences:
            return text
        return f"{text}\n\n{overview_text(overview, self.ticket.document_id, self._language)}"

    async def _add_overview(self) -> None:
        """Show what the file is about and questions that it answers, and let the model summarise it."""
        owner = self.ticket.owner or reader()
        try:
            document = await run_in_small_pool(
                self._docent.store.document, self.ticket.document_id, Scope(reader=owner)
            )
            if self._overview is None:
                async with _overviews:
                    self._overview = await asyncio.to_thread(
                        document_overview, self._docent, document, owner, lambda: not self.ended
                    )
            if self.ended:
                return
            await self._show_overview(self._overview)
            summarise_later(self._docent, document, owner)
            await self._add_summary(document, owner)
        except DocentError:
            return  # it was deleted meanwhile

    async def _show_overview(self, overview: Overview) -> None:
        self._overview = overview
        self._message.metadata = {**(self._message.metadata or {}), OVERVIEW_KEY: asdict(overview)}
        await self.show(await run_in_small_pool(self._docent.upload_status, self.ticket))

    async def _add_summary(self, document: StoredDocument, owner: str) -> None:
        """Show the first lines of the model's summary once it is written, if the page is still open then."""
        given_up = asyncio.get_running_loop().time() + SUMMARY_SECONDS
        while (
            self._overview is not None and not self._overview.model and self._docent.settings.summaries_ahead
        ):
            made = await asyncio.to_thread(with_summary, self._docent, document, owner, self._overview)
            if self.ended:
                return
            if made is not None:
                await self._show_overview(made)
                return
            is_open = WebsocketSession.get_by_id(cl.context.session.id) is not None
            if not is_open or asyncio.get_running_loop().time() > given_up:
                return
            await asyncio.sleep(SUMMARY_INTERVAL)

    async def cancel(self) -> None:
        """Stop reading the file, and delete what was stored of it."""
        self._docent.summary_writer.cancel(self.ticket.document_id)
        if await asyncio.to_thread(self._docent.cancel, self.ticket):
            self.searchable = False
            await forget_document(self.ticket.document_id)
            await self._end(Message("**{name}** was cancelled; nothing of it is stored."))

    async def delete(self) -> bool:
        """Delete the file; return False if it was gone already."""
        self._docent.summary_writer.cancel(self.ticket.document_id)
        try:
            await asyncio.to_thread(
                self._docent.store.delete, self.ticket.document_id, Scope(reader=self.ticket.owner)
            )
            deleted = True
        except UnknownDocument:
            deleted = await asyncio.to_thread(self._docent.cancel, self.ticket)
        await forget_document(self.ticket.document_id)
        await self._end(Message("**{name}** was deleted; nothing of it is stored."))
        return deleted

    async def offer_libraries(self) -> None:
        """Replace the button to share by one for each library that the file can be shared in."""
        self._asks_where = True
        names = (await run_in_small_pool(shared_libraries, self._docent, reader()))[:MAX_LIBRARIES]
        buttons = [_button(SHARE_IN, self._language, library=name) for name in names]
        await self._set_buttons([*buttons, _button(KEEP_PRIVATE, self._language)])

    async def keep_private(self) -> None:
        """Show the button to share again."""
        self._asks_where = False
        await self._set_buttons([_button(SHARE, self._language)])

    async def share(self, library: str) -> None:
        """Move the file to a shared library."""
        if library not in await run_in_small_pool(shared_libraries, self._docent, reader()):
            return  # the name comes from a browser, and may be that of a private library
        try:
            document_id = await asyncio.to_thread(
                self._docent.share, self.ticket.document_id, reader=reader(), library=library
            )
        except DocentError as error:
            await note(f"⚠️ {say(error.message, language())}").send()
            return
        await forget_document(self.ticket.document_id)
        await add_sources([ConversationSource("document", document_id, self.ticket.name, library)])
        await self._end(
            Message(
                "**{name}** is shared: everybody here can ask about it, in the library {library}. "
                "[Take it back]({link})"
            ),
            library=escape_markdown(library),
            link=f"/documents/{document_id}",
        )

    async def _end(self, message: Message, **values: str) -> None:
        """Show the final status of a file that was cancelled, shared or deleted."""
        self._final = self.ended = True
        self._decided.set()
        self._message.metadata = {**(self._message.metadata or {}), ENDED_KEY: True}
        text = say(message, self._language, name=escape_markdown(self.ticket.name), **values)
        await self._draw(text, (), save=True)

    async def _draw(self, text: str, buttons: tuple[str, ...], *, save: bool) -> None:
        message = self._message
        if text != self._text:
            self._text = message.content = text
            if not message.created_at:
                await message.send()
            elif save:
                await message.update()
            else:  # only the final status is saved in the history
                await cl.context.emitter.update_step(message.to_dict())
        if buttons != self._buttons:
            self._buttons = buttons
            await self._set_buttons([_button(name, self._language) for name in buttons])
        elif self._overview is not None and buttons and not (self._offers_questions or self._asks_where):
            await self._set_buttons([_button(name, self._language) for name in buttons])

    async def _set_buttons(self, buttons: Sequence[cl.Action]) -> None:
        for old in self._message.actions:
            await old.remove()
        self._offers_questions = self._overview is not None and not self.ended
        self._message.actions = [*(self._questions() if self._offers_questions else ()), *buttons]
        for button in self._message.actions:
            await button.send(for_id=self._message.id)

    def _questions(self) -> list[cl.Action]:
        """Return the buttons that ask about the file."""
        assert self._overview is not None
        summarise = say("Summarise {name}", self._language, name=self.ticket.name)
        label = say("Summarise", self._language)
        return [
            ask_action(summarise, label, "align-left"),
            *(ask_action(question) for question in self._overview.questions),
        ]


def load_ticket(metadata: Mapping[str, Any] | None, *, reader: str) -> Ticket | None:
    """Return the ticket in a message's metadata, which may come from a browser, if it is the reader's own."""
    saved: Any = (metadata or {}).get(TICKET_KEY)
    if (metadata or {}).get(ENDED_KEY):
        return None
    try:
        ticket = Ticket(**{name: str(saved[name]) for name in ("document_id", "name", "library", "owner")})
    except (KeyError, TypeError):
        return None
    return ticket if ticket.owner == reader else None


def _button(name: str, language: str, **values: str) -> cl.Action:
    label, icon = BUTTONS[name]
    return cl.Action(name=name, payload=dict(values), label=say(label, language, **values), icon=icon)


async def receive_files(message: cl.Message, *, docent: Docent) -> list[Attachment]:
    """Store each file of a message and follow it; a file that cannot be stored is reported, not the rest."""
    files: Any = cl.context.session.files
    sent = [files[str(element.id)] for element in message.elements if str(element.id) in files]
    most = docent.settings.max_files
    attachments: dict[str, Attachment] = {}
    for file in sent[:most]:
        name = str(file["name"])
        try:
            ticket: Ticket = file.get("document") or await asyncio.to_thread(
                _store_file, file, upload_target(), docent
            )
        except (DocentError, OSError) as error:
            await note(f"⚠️ {_failure_text(error, name)}").send()
            continue
        file["document"] = ticket
        if ticket.document_id in attachments:
            first = attachments[ticket.document_id].ticket.name
            text = say(
                "**{name}** is the same file as {first}; it is read once.",
                language(),
                name=escape_markdown(name),
                first=escape_markdown(first),
            )
            await note(text).send()
            continue
        attachments[ticket.document_id] = attachment = Attachment(ticket, docent, note(""))
        await attachment.show(await run_in_small_pool(docent.upload_status, ticket))
        _in_background(attachment.follow())
    if len(sent) > most:
        text = say(
            "⚠️ At most {most} files go with one message. Send these with the next one: {names}",
            language(),
            most=most,
            names=", ".join(escape_markdown(str(file["name"])) for file in sent[most:]),
        )
        await note(text).send()
    return list(attachments.values())


def _store_file(file: Mapping[str, Any], target: tuple[str, str], docent: Docent) -> Ticket:
    path = Path(file["path"])
    owner, library = target
    try:
        return docent.add_upload(path, name=str(file["name"]), library=library, owner=owner)
    finally:
        path.unlink(missing_ok=True)


def _failure_text(error: Exception, name: str) -> str:
    if isinstance(error, DocentError):
        reason = escape_markdown(say(error.message, language()))
        return f"{escape_markdown(name)}: {reason}" if isinstance(error, StoreError) else reason
    reason = say(write_failure(error), language())
    return f"{escape_markdown(name)}: {reason}"


async def wait_until_searchable(attachments: Sequence[Attachment]) -> list[Ticket]:
    """Wait until each file is searchable or never will be; return the tickets of the searchable ones."""
    decided = await asyncio.gather(*(attachment.wait_until_searchable() for attachment in attachments))
    return [
        attachment.ticket for attachment, searchable in zip(attachments, decided, strict=True) if searchable
    ]


def undecided() -> list[Attachment]:
    """Return the files of this page that are sources of the conversation and are still being read."""
    chosen = {source.id for source in sources()}
    attachments = _attachments.get(cl.context.session, {}).values()
    return [one for one in attachments if not one.is_decided and one.ticket.document_id in chosen]


def uploaded_source(ticket: Ticket) -> ConversationSource:
    """Return a file that was sent as a source of the conversation."""
    return ConversationSource("document", ticket.document_id, ticket.name, ticket.library)


async def press(action: cl.Action) -> None:
    """Do what a button of a file says."""
    attachment = _attachments.get(cl.context.session, {}).get(action.forId or "")
    if attachment is None:
        return
    if action.name == CANCEL:
        await attachment.cancel()
    elif action.name == SHARE:
        await attachment.offer_libraries()
    elif action.name == SHARE_IN:
        await attachment.share(str(action.payload.get("library") or UPLOADS))
    else:
        await attachment.keep_private()


async def delete_files() -> None:
    """Delete every file of this conversation that is still its reader's own."""
    attachments = [a for a in _attachments.get(cl.context.session, {}).values() if not a.ended]
    deleted = [await attachment.delete() for attachment in attachments]
    await note(say("Files deleted: {count}.", language(), count=sum(deleted))).send()


async def resume_files(thread: ThreadDict, *, docent: Docent) -> None:
    """Show the present status of each file of a conversation that is opened again."""
    for step in thread["steps"]:
        ticket = load_ticket(step.get("metadata"), reader=reader())
        if ticket is None or step["type"] == "user_message":
            continue
        attachment = Attachment(ticket, docent, cl.Message.from_dict(step))
        status = await run_in_small_pool(docent.upload_status, ticket)
        step["output"] = attachment.text(status)
        await attachment.show(status)
        _in_background(attachment.follow(after=RESUME_DELAY))


def _in_background(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    _running.add(task)  # the event loop itself references tasks weakly
    task.add_done_callback(_running.discard)
