"""What a page says over its socket is looked at before Chainlit's handlers see it.

They take it as it comes: a missing field, a wrong type or an event without a session ended in a traceback.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.user_session import user_sessions
from pydantic import UUID4, BaseModel, Field, TypeAdapter, ValidationError
from socketio import packet as kinds
from socketio.exceptions import ConnectionRefusedError as SocketRefused
from socketio.packet import Packet

from docent.messages import Message
from docent.web.i18n import say
from docent.web.security import TOO_LONG_EVENT
from docent.web.well_formed import NO_SESSION, NOT_OUR_PAGE, is_plain

CONNECT_SECONDS = 30.0
"""After which a socket that opened no conversation is closed."""
AT_ONCE, PER_SECOND = 100, 20.0
"""Packets of one socket: a page sends one for each thing that its person does."""
MOST_SESSIONS = 100
"""Of one person. Chainlit keeps the session of a page that was left for an hour."""

Text = Annotated[str, Field(strict=True)]
Settings = dict[Text, bool | int | float | Text | list[Text] | None]


class SentMessage(BaseModel):
    """A question, as far as Chainlit's handlers read it."""

    id: UUID4
    output: Text
    type: Literal["user_message"]
    name: Text
    createdAt: Text | int | float | None = None
    parentId: Text | None = None
    command: Text | None = None
    language: Text | None = None
    modes: dict[Text, Any] | None = None
    metadata: dict[Text, Any] | None = None


class NewMessage(SentMessage):
    createdAt: Text | int | float | None


class SentFile(BaseModel):
    id: Text


class Sent(BaseModel):
    message: NewMessage
    fileReferences: list[SentFile] | None = None


class Edited(BaseModel):
    message: SentMessage


EVENTS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(arguments)
    for name, arguments in {
        "connection_successful": tuple[()],
        "clear_session": tuple[()],
        "stop": tuple[()],
        TOO_LONG_EVENT: tuple[()],  # put in place of what was too long to be read
        "client_message": tuple[Sent],
        "edit_message": tuple[Edited],
        "window_message": tuple[Any],
        "chat_settings_change": tuple[Settings],
        "chat_settings_edit": tuple[Settings],
    }.items()
}
"""What the page sends. Favourites and sound, which Docent does not have, are passed over."""


@dataclass(slots=True)
class Allowance:
    """How many packets a socket may still send at once; it fills with time."""

    left: float = AT_ONCE
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.left = min(AT_ONCE, self.left + (now - self.at) * PER_SECOND)
        self.at = now
        enough = self.left >= 1
        self.left -= enough
        return enough


def check(sio: Any) -> None:
    """Put the checks before the socket server; once per process."""
    if not isinstance(getattr(sio.eio.handlers["message"], "__self__", None), CheckedPackets):
        CheckedPackets(sio)


class CheckedPackets:
    """Stands between a socket and Chainlit: lets through what the page sends, and no faster than it does."""

    def __init__(self, sio: Any) -> None:
        self._sio = sio
        self._allowances: dict[str, Allowance] = {}
        self._closing: set[asyncio.Task[None]] = set()
        engine, chat = sio.eio.handlers, sio.handlers["/"]
        self._open, self._receive, self._close = engine["connect"], engine["message"], engine["disconnect"]
        self._enter = chat["connect"]
        engine.update(connect=self.open, message=self.message, disconnect=self.close)
        chat["connect"] = self.enter

    async def open(self, socket: str, environ: dict[str, Any]) -> Any:
        self._allowances[socket] = Allowance()
        task = asyncio.create_task(self._close_unused(socket))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return await self._open(socket, environ)

    async def close(self, socket: str, reason: str) -> Any:
        self._allowances.pop(socket, None)
        return await self._close(socket, reason)

    async def message(self, socket: str, data: Any) -> None:
        packet = read(data)
        sid = self._sio.manager.sid_from_eio_sid(socket, "/")
        if sid is None:
            if packet is not None and packet.packet_type == kinds.CONNECT:
                await self._receive(socket, data)
            elif packet is None:
                await self._sio.eio.disconnect(socket)
            return
        allowance = self._allowances.get(socket)
        if allowance is None or not allowance.take():
            await self._tell(
                sid,
                Message(
                    "This page sent too much at once, so some of it was not done. Wait a few seconds "
                    "and try again."
                ),
            )
        elif packet is None or packet.packet_type == kinds.CONNECT:
            await self._tell(sid, NOT_OUR_PAGE)
        elif packet.packet_type == kinds.DISCONNECT:
            await self._receive(socket, data)
        elif packet.data[0] not in EVENTS:
            return
        elif WebsocketSession.get(sid) is None:
            await self._tell(sid, NO_SESSION)
        elif not _is_sent_by_the_page(packet.data):
            await self._tell(sid, NOT_OUR_PAGE)
        else:
            await self._receive(socket, data)

    async def enter(self, sid: str, environ: dict[str, Any], auth: Any) -> Any:
        """Connect a page, and let go of pages that its person left, where they are many."""
        entered = await self._enter(sid, environ, auth)
        session = WebsocketSession.get(sid)
        if session is None or session.user is None:
            return entered
        of_one = [
            other
            for other in ws_sessions_id.values()
            if other.user is not None and other.user.identifier == session.user.identifier
        ]
        left = [other for other in of_one if not self._sio.manager.is_connected(other.socket_id, "/")]
        for other in [one for one in left if one is not session][: max(len(of_one) - MOST_SESSIONS, 0)]:
            of_one.remove(other)
            user_sessions.pop(other.id, None)
            await other.delete()
        if len(of_one) > MOST_SESSIONS:
            await session.delete()
            raise SocketRefused(
                say(
                    "{most} pages of yours are open here. Close some and reload this one.",
                    session.language,
                    most=MOST_SESSIONS,
                )
            )
        return entered

    async def _tell(self, sid: str, key: str) -> None:
        language = getattr(WebsocketSession.get(sid), "language", "en")
        await self._sio.emit("toast", {"message": say(key, language), "type": "warning"}, to=sid)

    async def _close_unused(self, socket: str) -> None:
        await asyncio.sleep(CONNECT_SECONDS)
        if socket in self._allowances and self._sio.manager.sid_from_eio_sid(socket, "/") is None:
            await self._sio.eio.disconnect(socket)


def read(data: Any) -> Packet | None:
    """The packet, if it is of a kind that the page sends; it sends neither bytes nor acknowledgements."""
    if not isinstance(data, str):
        return None
    try:
        packet = Packet(encoded_packet=data)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    if packet.namespace not in (None, "/"):
        return None
    match packet.packet_type:
        case kinds.CONNECT | kinds.DISCONNECT:
            return packet
        case kinds.EVENT if isinstance(packet.data, list) and packet.data and isinstance(packet.data[0], str):
            return packet
    return None


def _is_sent_by_the_page(event: list[Any]) -> bool:
    name, *arguments = event
    try:
        EVENTS[name].validate_python(tuple(arguments))
    except ValidationError:
        return False
    return is_plain(arguments)
