"""What the line of a file says, and how it is known again when the conversation is opened anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docent.ingesting import Standing, Ticket
from docent.types import State
from docent.web.accounts.users import LOCAL
from docent.web.chat.side_panel import escaped
from docent.web.i18n.french import spoken
from docent.web.i18n.texts import say

KEY = "file"
"""Under this key of a message's metadata."""
ENDED = "file_ended"
"""The line has said its last word: it was cancelled, shared or deleted."""


def words(ticket: Ticket, standing: Standing, language: str | None) -> str:
    """How far a file is, in a sentence."""
    name = escaped(ticket.name)
    if standing.gone:
        return say("file_gone", language, name=name)
    if standing.locked:
        return say("file_locked", language, name=name, link=unlock_link(ticket.document_id))
    match standing.state:
        case State.QUEUED:
            return say("file_queued", language, name=name)
        case State.LOADING if standing.expected:
            return say("file_reading_of", language, name=name, done=standing.pages, total=standing.expected)
        case State.LOADING:
            return say("file_reading", language, name=name, done=standing.pages)
        case State.SEARCHABLE:
            return say("file_searchable", language, name=name, done=standing.embedded, total=standing.chunks)
        case State.FAILED:
            return f"⚠️ {escaped(spoken(standing.reason, language))}"
    if not standing.chunks:
        return f"⚠️ **{name}** · {escaped(spoken(standing.reason, language))}"
    whose = "file_yours_here" if ticket.owner == LOCAL else "file_yours"
    ready = say("file_ready", language, name=name, pages=standing.pages, whose=say(whose, language))
    return f"{ready} ⚠️ {escaped(spoken(standing.reason, language))}" if standing.reason else ready


def unlock_link(document_id: str) -> str:
    return f"/unlock/{document_id}"


def recalled(metadata: Mapping[str, Any] | None, *, reader: str) -> Ticket | None:
    """The file that a message is the line of. Metadata may come from a browser: only one's own files."""
    there: Any = (metadata or {}).get(KEY)
    if (metadata or {}).get(ENDED):
        return None
    try:
        ticket = Ticket(**{name: str(there[name]) for name in ("document_id", "name", "library", "owner")})
    except (KeyError, TypeError):
        return None
    return ticket if ticket.owner == reader else None
