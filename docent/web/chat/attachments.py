"""Files in the chat: each has a line that says how far it is, and buttons for what can be done with it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import chainlit as cl
from chainlit.session import BaseSession, WebsocketSession
from chainlit.types import ThreadDict

from docent.app import Docent
from docent.errors import DocentError, StoreError, UnknownDocument
from docent.ingesting import Standing, Ticket
from docent.messages import Message
from docent.types import ANSWERING, Scope, State
from docent.web.chat.conversation import language, note, reader
from docent.web.chat.file_scope import UPLOADS, here, shared_libraries
from docent.web.chat.side_panel import escaped
from docent.web.chat.upload_status import ENDED, KEY, recalled, words
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

CANCEL, SHARE, SHARE_IN, KEEP = "file_cancel", "file_share", "file_share_in", "file_keep"
PACE = 0.4  # seconds between two looks at a file; a line that changes faster is not read
MOST_LIBRARIES = 8
RESUMED = 1.0  # seconds until the page has drawn a conversation that is opened again

_lines: WeakKeyDictionary[BaseSession, dict[str, Line]] = WeakKeyDictionary()
"""By session and message id; buttons come from browsers and name only what their own session has."""


class Line:
    """One file on the page, until it is wholly searchable and after."""

    def __init__(self, ticket: Ticket, docent: Docent, message: cl.Message) -> None:
        self.ticket = ticket
        self._docent = docent
        self._message = message
        self._language = language()
        self._shown = ""
        self._buttons: tuple[str, ...] = ()
        self._over = False
        self._answers = asyncio.Event()
        self.searchable = False
        """Whether it can be asked about now."""
        self.ended = False
        message.metadata = {**(message.metadata or {}), KEY: asdict(ticket)}
        _lines.setdefault(cl.context.session, {})[message.id] = self

    async def asked_for(self) -> bool:
        """Wait until it can be asked about; False when that will never be."""
        await self._answers.wait()
        return self.searchable

    async def follow(self, *, after: float = 0.0) -> None:
        """Say how far it is, each time there is news, until it is over, or nobody is left to unlock it."""
        await asyncio.sleep(after)
        while not self._over:
            standing = await run_in_small_pool(self._docent.standing, self.ticket)
            if not self._over:  # cancelled meanwhile
                await self.show(standing)
            if standing.locked and WebsocketSession.get_by_id(cl.context.session.id) is None:
                self._over = True  # the conversation asks for the password when it is opened again
                self._answers.set()
            await asyncio.sleep(PACE)

    async def show(self, standing: Standing) -> None:
        text = words(self.ticket, standing, self._language)
        self.searchable = standing.state in ANSWERING
        final = standing.over and not standing.locked
        if self.searchable or final:
            self._answers.set()
        self._over = final
        # What is gone was ended by another page, which kept its last word.
        await self._draw(text, buttons_of(standing, self.ticket), keep=standing.over and not standing.gone)

    async def end(self, text: str) -> None:
        """The last word on a file that was cancelled or shared."""
        self._over = True
        self._answers.set()
        self.ended = True
        self._message.metadata = {**(self._message.metadata or {}), ENDED: True}
        await self._draw(text, (), keep=True)

    async def cancel(self) -> None:
        if await asyncio.to_thread(self._docent.cancel, self.ticket):
            self.searchable = False
            await self.end(
                say(
                    "**{name}** was cancelled; nothing of it was kept.",
                    self._language,
                    name=escaped(self.ticket.name),
                )
            )

    async def delete(self) -> bool:
        """Whether there was something to delete."""
        try:
            await asyncio.to_thread(
                self._docent.store.delete, self.ticket.document_id, Scope(reader=self.ticket.owner)
            )
            there = True
        except UnknownDocument:
            there = await asyncio.to_thread(self._docent.cancel, self.ticket)
        await self.end(
            say(
                "**{name}** is deleted; nothing of it was kept.",
                self._language,
                name=escaped(self.ticket.name),
            )
        )
        return there

    async def offer_libraries(self) -> None:
        """Instead of one button to share, one for each library it can be shared in."""
        names = (await run_in_small_pool(shared_libraries, self._docent))[:MOST_LIBRARIES]
        offered = [_button(SHARE_IN, self._language, library=name) for name in names]
        await self._put([*offered, _button(KEEP, self._language)])

    async def keep(self) -> None:
        """It stays its owner's; the button to share it is back."""
        await self._put([_button(SHARE, self._language)])

    async def share(self, library: str) -> None:
        if library not in await run_in_small_pool(shared_libraries, self._docent):
            return  # it comes from a browser, and may name another's
        try:
            new = await asyncio.to_thread(
                self._docent.share, self.ticket.document_id, reader=reader(), library=library
            )
        except DocentError as error:
            await note(f"⚠️ {say(error.message, language())}").send()
            return
        name = escaped(self.ticket.name)
        link = f"/documents/{new}"
        await self.end(
            say(
                "**{name}** is shared: everybody here can ask about it, in the library {library}. "
                "[Take it back]({link})",
                self._language,
                name=name,
                library=escaped(library),
                link=link,
            )
        )

    async def _draw(self, text: str, buttons: tuple[str, ...], *, keep: bool) -> None:
        message = self._message
        if text != self._shown:
            self._shown = message.content = text
            if not message.created_at:
                await message.send()
            elif keep:
                await message.update()
            else:  # only what it came to is kept in the history
                await cl.context.emitter.update_step(message.to_dict())
        if buttons != self._buttons:
            self._buttons = buttons
            await self._put([_button(name, self._language) for name in buttons])

    async def _put(self, buttons: Sequence[cl.Action]) -> None:
        for old in self._message.actions:
            await old.remove()
        self._message.actions = list(buttons)
        for button in buttons:
            await button.send(for_id=self._message.id)


def buttons_of(standing: Standing, ticket: Ticket) -> tuple[str, ...]:
    """What can be done with a file that stands like this."""
    if not standing.over or standing.locked:
        return (CANCEL,)
    if standing.state is State.FAILED or ticket.owner is None:
        return ()
    return (SHARE,)


BUTTONS = {
    CANCEL: (Message("Cancel"), "x"),
    SHARE: (Message("Share with the library"), "share-2"),
    SHARE_IN: ("Share with everybody in “{library}”", "folder-input"),
    KEEP: (Message("Keep it private"), "lock"),
}


def _button(name: str, language: str, **values: str) -> cl.Action:
    label, icon = BUTTONS[name]
    return cl.Action(name=name, payload=dict(values), label=say(label, language, **values), icon=icon)


async def take_in(message: cl.Message, *, docent: Docent) -> list[Line]:
    """A line for each file of a message; what cannot be kept is said, and the others go on."""
    files: Any = cl.context.session.files
    sent = [files[str(one.id)] for one in message.elements if str(one.id) in files]
    most = docent.settings.max_files
    lines: dict[str, Line] = {}
    for file in sent[:most]:
        try:
            ticket: Ticket = file.get("document") or await asyncio.to_thread(_kept, file, here(), docent)
        except (DocentError, OSError) as error:
            await note(f"⚠️ {_sentence(error, str(file['name']))}").send()
            continue
        file["document"] = ticket
        if ticket.document_id in lines:
            first, name = lines[ticket.document_id].ticket.name, escaped(str(file["name"]))
            await note(
                say(
                    "**{name}** is the same file as {first}; it is read once.",
                    language(),
                    name=name,
                    first=escaped(first),
                )
            ).send()
            continue
        lines[ticket.document_id] = line = Line(ticket, docent, note(""))
        await line.show(await run_in_small_pool(docent.standing, ticket))
        _in_background(line.follow())
    if len(sent) > most:
        left = ", ".join(escaped(str(file["name"])) for file in sent[most:])
        await note(
            say(
                "⚠️ At most {most} files go with one message. Send these with the next one: {names}",
                language(),
                most=most,
                names=left,
            )
        ).send()
    return list(lines.values())


def _kept(file: Mapping[str, Any], to: tuple[str, str], docent: Docent) -> Ticket:
    path = Path(file["path"])
    try:
        return docent.take_in(path, name=str(file["name"]), library=to[1], owner=to[0])
    finally:
        path.unlink(missing_ok=True)


def _sentence(error: Exception, name: str) -> str:
    if isinstance(error, DocentError):
        said = escaped(say(error.message, language()))
        return f"{escaped(name)}: {said}" if isinstance(error, StoreError) else said
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{escaped(name)}: " + say(
        Message("the disk is full. Free some space and send it again.")
        if full
        else Message(
            "it could not be written to the disk. Check that the folder may be written, and send it again."
        ),
        language(),
    )


async def searchable(lines: Sequence[Line]) -> list[Ticket]:
    """Wait until each file can be asked about, or never will; those that can."""
    waited = await asyncio.gather(*(line.asked_for() for line in lines))
    return [line.ticket for line, answers in zip(lines, waited, strict=True) if answers]


async def cancel(action: cl.Action) -> None:
    if (line := _line(action)) is not None:
        await line.cancel()


async def share(action: cl.Action) -> None:
    if (line := _line(action)) is not None:
        await line.offer_libraries()


async def keep(action: cl.Action) -> None:
    if (line := _line(action)) is not None:
        await line.keep()


async def share_in(action: cl.Action) -> None:
    if (line := _line(action)) is not None:
        await line.share(str(action.payload.get("library") or UPLOADS))


async def forget() -> None:
    """Delete every file of this conversation that is still its reader's own."""
    lines = [line for line in _lines.get(cl.context.session, {}).values() if not line.ended]
    deleted = [await line.delete() for line in lines]
    await note(say("Files deleted: {count}.", language(), count=sum(deleted))).send()


def _line(action: cl.Action) -> Line | None:
    return _lines.get(cl.context.session, {}).get(action.forId or "")


async def resume(thread: ThreadDict, *, docent: Docent) -> None:
    """The lines of a conversation that is opened again say how far their files are now."""
    for step in thread["steps"]:
        ticket = recalled(step.get("metadata"), reader=reader())
        if ticket is None or step["type"] == "user_message":
            continue
        message = cl.Message.from_dict(step)
        line = Line(ticket, docent, message)
        standing = await run_in_small_pool(docent.standing, ticket)
        step["output"] = words(ticket, standing, language())
        await line.show(standing)
        _in_background(line.follow(after=RESUMED))


_running: set[asyncio.Task[None]] = set()


def _in_background(work: Any) -> None:
    task = asyncio.create_task(work)
    _running.add(task)  # the loop itself holds tasks weakly
    task.add_done_callback(_running.discard)
