"""Check that ids, JSON and socket packets have a shape that Docent's own page would send.

Chainlit's handlers take packets as they come: a missing field, a wrong type or an event without a session
ended in a traceback.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.user_session import user_sessions
from engineio.payload import Payload
from pydantic import UUID4, BaseModel, Field, TypeAdapter, ValidationError
from socketio import packet as packet_types
from socketio.exceptions import ConnectionRefusedError as SocketRefused
from socketio.packet import Packet

from docent.messages import Message
from docent.web.i18n import say

DEEPEST = 20
LARGEST_INTEGER = 2**63 - 1
"""SQLite's; a larger one cannot be stored or compared."""
HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
ENGINE_PACKETS = re.compile(r"(4\d[^\x1e]*|[0-356][^\x1e]*)(\x1e|$)", re.DOTALL)
"""engine.io's, of the types that a page sends; others ended its handler with a traceback."""

CONNECT_SECONDS = 30.0
"""After which a socket that opened no conversation is closed."""
AT_ONCE, PER_SECOND = 100, 20.0
"""Packets of one socket: a page sends one for each thing that its person does."""
MOST_SESSIONS = 100
"""Of one person. Chainlit keeps the session of a page that was left for an hour."""

TOO_LONG_EVENT = "message_too_long"
NOT_OUR_PAGE = Message("This was not sent by Docent's own page. Go back to it and try again.")
NO_SESSION = Message("This page is no longer connected. Reload it and try again.")

Text = Annotated[str, Field(strict=True)]


# --- ids and values ------------------------------------------------------------------------


def is_uuid(value: object) -> bool:
    """Return True for an id as our page makes them."""
    if not isinstance(value, str):
        return False
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def is_plain_json(body: bytes) -> bool:
    """Return True for JSON of values that can be stored and written again."""
    try:
        return is_plain(json.loads(body))
    except (ValueError, RecursionError):
        return False


def is_plain(value: Any) -> bool:
    """Return False for a value that is nested deeply, or holds what no database, text or JSON can hold."""
    level = [value]
    for _ in range(DEEPEST):
        if not all(map(_is_plain_by_itself, level)):
            return False
        level = [inner for outer in level for inner in _members(outer)]
        if not level:
            return True
    return False


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _is_plain_by_itself(value: Any) -> bool:
    match value:
        case str():
            return HALF_A_CHARACTER.search(value) is None
        case float():
            return math.isfinite(value)
        case int():
            return abs(value) <= LARGEST_INTEGER
        case None | dict() | list():
            return True
    return False


# --- packets of a socket -------------------------------------------------------------------


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


class FileReference(BaseModel):
    id: Text


class ClientMessage(BaseModel):
    message: NewMessage
    fileReferences: list[FileReference] | None = None


class EditedMessage(BaseModel):
    message: SentMessage


ChatSettings = dict[Text, bool | int | float | Text | list[Text] | None]

EVENTS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(arguments)
    for name, arguments in {
        "connection_successful": tuple[()],
        "clear_session": tuple[()],
        "stop": tuple[()],
        TOO_LONG_EVENT: tuple[()],  # put in place of a message that was too long to be read
        "client_message": tuple[ClientMessage],
        "edit_message": tuple[EditedMessage],
        "window_message": tuple[Any],
        "chat_settings_change": tuple[ChatSettings],
        "chat_settings_edit": tuple[ChatSettings],
    }.items()
}
"""The events of our page. Those for favourites and sound, which Docent does not have, are ignored."""


def are_packets(text: str) -> bool:
    """Return True for a message or body of a socket that consists of packets that engine.io can take."""
    if text.count("\x1e") >= Payload.max_decode_packets:
        return False
    at = 0
    while at < len(text) and (packet := ENGINE_PACKETS.match(text, at)):
        at = packet.end()
    return 0 < at == len(text)


def parse_packet(data: Any) -> Packet | None:
    """Return the packet if our page sends its type; it sends neither bytes nor acknowledgements."""
    if not isinstance(data, str):
        return None
    try:
        packet = Packet(encoded_packet=data)
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    if packet.namespace not in (None, "/"):
        return None
    match packet.packet_type:
        case packet_types.CONNECT | packet_types.DISCONNECT:
            return packet
        case packet_types.EVENT if (
            isinstance(packet.data, list) and packet.data and isinstance(packet.data[0], str)
        ):
            return packet
    return None


@dataclass(slots=True)
class PacketAllowance:
    """The number of packets that a socket may still send at once; it grows with time."""

    left: float = AT_ONCE
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.left = min(AT_ONCE, self.left + (now - self.at) * PER_SECOND)
        self.at = now
        allowed = self.left >= 1
        self.left -= allowed
        return allowed


def install_packet_checks(sio: Any) -> None:
    """Put the checks before the handlers of the socket server, once per process."""
    if not isinstance(getattr(sio.eio.handlers["message"], "__self__", None), PacketChecks):
        PacketChecks(sio)


class PacketChecks:
    """Pass on to Chainlit only the packets that our page sends, and no faster than it does."""

    def __init__(self, sio: Any) -> None:
        self._sio = sio
        self._allowances: dict[str, PacketAllowance] = {}
        self._closing: set[asyncio.Task[None]] = set()
        engine, chat = sio.eio.handlers, sio.handlers["/"]
        self._open, self._receive, self._close = engine["connect"], engine["message"], engine["disconnect"]
        self._connect = chat["connect"]
        engine.update(connect=self.open, message=self.message, disconnect=self.close)
        chat["connect"] = self.connect

    async def open(self, socket: str, environ: dict[str, Any]) -> Any:
        self._allowances[socket] = PacketAllowance()
        task = asyncio.create_task(self._close_unused(socket))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return await self._open(socket, environ)

    async def close(self, socket: str, reason: str) -> Any:
        self._allowances.pop(socket, None)
        return await self._close(socket, reason)

    async def message(self, socket: str, data: Any) -> None:
        packet = parse_packet(data)
        sid = self._sio.manager.sid_from_eio_sid(socket, "/")
        if sid is None:
            if packet is not None and packet.packet_type == packet_types.CONNECT:
                await self._receive(socket, data)
            elif packet is None:
                await self._sio.eio.disconnect(socket)
            return
        allowance = self._allowances.get(socket)
        if allowance is None or not allowance.take():
            await self._warn(
                sid,
                Message(
                    "This page sent too much at once, so some of it was not done. Wait a few seconds "
                    "and try again."
                ),
            )
        elif packet is None or packet.packet_type == packet_types.CONNECT:
            await self._warn(sid, NOT_OUR_PAGE)
        elif packet.packet_type == packet_types.DISCONNECT:
            await self._receive(socket, data)
        elif packet.data[0] not in EVENTS:
            return
        elif WebsocketSession.get(sid) is None:
            await self._warn(sid, NO_SESSION)
        elif not _is_event_of_our_page(packet.data):
            await self._warn(sid, NOT_OUR_PAGE)
        else:
            await self._receive(socket, data)

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> Any:
        """Connect a page. Where its person has many, delete the sessions of pages that were left."""
        connected = await self._connect(sid, environ, auth)
        session = WebsocketSession.get(sid)
        if session is None or session.user is None:
            return connected
        sessions = [
            other
            for other in ws_sessions_id.values()
            if other.user is not None and other.user.identifier == session.user.identifier
        ]
        left = [
            other
            for other in sessions
            if other is not session and not self._sio.manager.is_connected(other.socket_id, "/")
        ]
        for other in left[: max(len(sessions) - MOST_SESSIONS, 0)]:
            sessions.remove(other)
            user_sessions.pop(other.id, None)
            await other.delete()
        if len(sessions) > MOST_SESSIONS:
            await session.delete()
            raise SocketRefused(
                say(
                    "{most} pages of yours are open here. Close some and reload this one.",
                    session.language,
                    most=MOST_SESSIONS,
                )
            )
        return connected

    async def _warn(self, sid: str, message: str) -> None:
        language = getattr(WebsocketSession.get(sid), "language", "en")
        await self._sio.emit("toast", {"message": say(message, language), "type": "warning"}, to=sid)

    async def _close_unused(self, socket: str) -> None:
        await asyncio.sleep(CONNECT_SECONDS)
        if socket in self._allowances and self._sio.manager.sid_from_eio_sid(socket, "/") is None:
            await self._sio.eio.disconnect(socket)


def _is_event_of_our_page(event: list[Any]) -> bool:
    name, *arguments = event
    try:
        EVENTS[name].validate_python(tuple(arguments))
    except ValidationError:
        return False
    return is_plain(arguments)
