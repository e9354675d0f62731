"""The texts and buttons of a file that was sent in the chat: its status, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from docent.ingesting import Ticket, UploadStatus
from docent.messages import Message
from docent.questions.upload_card import CardLine, Overview, read_overview
from docent.types import State
from docent.web.accounts.users import LOCAL
from docent.web.chat.page_session import escape_markdown
from docent.web.i18n import say

CANCEL, SHARE, SHARE_IN, KEEP_PRIVATE = "file_cancel", "file_share", "file_share_in", "file_keep"
"""Names of the buttons."""
BUTTONS = {
    CANCEL: (Message("Cancel"), "x"),
    SHARE: (Message("Share with the library"), "share-2"),
    SHARE_IN: (Message("Share with everybody in “{library}”"), "folder-input"),
    KEEP_PRIVATE: (Message("Keep it private"), "lock"),
}
OVERVIEW_KEY = "file_overview"
"""Key in the metadata of a file that is ready, of what it is about."""


def available_buttons(status: UploadStatus, ticket: Ticket) -> tuple[str, ...]:
    """Return the names of the buttons for a file in this state."""
    if not status.over or status.locked:
        return (CANCEL,)
    if status.state is State.FAILED or ticket.owner is None:
        return ()
    return (SHARE,)


def status_text(ticket: Ticket, status: UploadStatus, language: str | None) -> str:
    """Return the status of a file in a sentence, as Markdown."""
    name = escape_markdown(ticket.name)
    if status.gone:
        return say("**{name}** was deleted. Send it again to ask about it.", language, name=name)
    if status.locked:
        return say(
            "**{name}** is locked. [Enter its password]({link}); it is used once and not stored.",
            language,
            name=name,
            link=unlock_link(ticket.document_id),
        )
    match status.state:
        case State.QUEUED if status.unattended:
            return say(
                "**{name}** waits for a worker, and none is running. It is stored; whoever runs this "
                "Docent can start one with `docent worker`.",
                language,
                name=name,
            )
        case State.QUEUED:
            return say("**{name}** waits to be read", language, name=name)
        case State.LOADING if status.expected:
            return say(
                "**{name}**: reading {done}/{total} pages",
                language,
                name=name,
                done=status.pages,
                total=status.expected,
            )
        case State.LOADING:
            return say("**{name}**: reading, {done} pages so far", language, name=name, done=status.pages)
        case State.SEARCHABLE:
            return say(
                "**{name}** can be asked about: found by its words now, by meaning soon "
                "({done}/{total} passages)",
                language,
                name=name,
                done=status.embedded,
                total=status.chunks,
            )
        case State.FAILED:
            return f"⚠️ {escape_markdown(say(status.reason, language))}"
    reason = escape_markdown(say(status.reason, language))
    if not status.chunks:
        return f"⚠️ **{name}** · {reason}"
    visibility = (
        Message("It answers in this conversation only.")
        if ticket.owner == LOCAL
        else Message("Only you can ask about it.")
    )
    ready = say(
        "✓ **{name}** is ready, pages: {pages}. {visibility}",
        language,
        name=name,
        pages=status.pages,
        visibility=visibility,
    )
    return f"{ready} ⚠️ {reason}" if status.reason else ready


def overview_text(overview: Overview, document_id: str, language: str | None) -> str:
    """Return what a document is about: lines, key dates and figures, each with a link to its page."""
    blocks = ["\n".join(_linked(line, document_id) for line in overview.sentences)]
    if overview.model:
        blocks.insert(0, say("In short, by {model}:", language, model=escape_markdown(overview.model)))
    if overview.facts:
        facts = "\n".join(_linked(line, document_id) for line in overview.facts)
        blocks.append(f"**{say('Key dates and figures', language)}**\n\n{facts}")
    return "\n\n".join(filter(None, blocks))


def _linked(line: CardLine, document_id: str) -> str:
    address = f"/documents/{quote(document_id, safe='')}/pages/{line.page}?{urlencode({'find': line.quote})}"
    return f"- {line.text} ([{escape_markdown(line.place)}]({address}))"


def load_overview(metadata: Mapping[str, Any] | None) -> Overview | None:
    """Return the overview in a message's metadata, which may come from a browser."""
    try:
        return read_overview((metadata or {}).get(OVERVIEW_KEY))
    except ValueError:
        return None


def unlock_link(document_id: str) -> str:
    """Return the address of the page that asks for a locked file's password."""
    return f"/unlock/{document_id}"
