"""What the line of a file says, and how it is known again when the conversation is opened anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docent.ingesting import Ticket, UploadStatus
from docent.messages import Message
from docent.types import State
from docent.web.accounts.users import LOCAL
from docent.web.chat.side_panel import escaped
from docent.web.i18n import say

KEY = "file"
"""Under this key of a message's metadata."""
ENDED = "file_ended"
"""The line has said its last word: it was cancelled, shared or deleted."""


def words(ticket: Ticket, standing: UploadStatus, language: str | None) -> str:
    """How far a file is, in a sentence."""
    name = escaped(ticket.name)
    if standing.gone:
        return say(
            "**{name}** has been deleted since. Hand it in again to ask about it.", language, name=name
        )
    if standing.locked:
        return say(
            "**{name}** is locked. [Enter its password]({link}); it is used once and not kept.",
            language,
            name=name,
            link=unlock_link(ticket.document_id),
        )
    match standing.state:
        case State.QUEUED:
            return say("**{name}** waits to be read", language, name=name)
        case State.LOADING if standing.expected:
            return say(
                "**{name}**: reading {done}/{total} pages",
                language,
                name=name,
                done=standing.pages,
                total=standing.expected,
            )
        case State.LOADING:
            return say("**{name}**: reading, {done} pages so far", language, name=name, done=standing.pages)
        case State.SEARCHABLE:
            return say(
                "**{name}** can be asked about; searched by its words, by meaning {done}/{total} passages",
                language,
                name=name,
                done=standing.embedded,
                total=standing.chunks,
            )
        case State.FAILED:
            return f"⚠️ {escaped(say(standing.reason, language))}"
    if not standing.chunks:
        return f"⚠️ **{name}** · {escaped(say(standing.reason, language))}"
    whose = (
        Message("It is asked in this conversation only.")
        if ticket.owner == LOCAL
        else Message("Only you can ask about it.")
    )
    ready = say(
        "✓ **{name}** is ready, pages: {pages}. {whose}",
        language,
        name=name,
        pages=standing.pages,
        whose=whose,
    )
    return f"{ready} ⚠️ {escaped(say(standing.reason, language))}" if standing.reason else ready


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
