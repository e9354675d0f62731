"""The page at hand: its reader and language, the notes it shows, and text made safe for its Markdown."""

from __future__ import annotations

import logging
import re
from typing import Any
from weakref import WeakSet

import chainlit as cl
from chainlit.context import ChainlitContextException, context
from chainlit.session import BaseSession, WebsocketSession
from chainlit.utils import utc_now
from starlette.requests import Request

from docent.errors import StoreError
from docent.web.accounts.users import LOCAL
from docent.web.i18n import say

LOGGER = logging.getLogger(__name__)
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$])")

_warned: WeakSet[BaseSession] = WeakSet()
"""Pages that were warned that nothing is saved; each is warned once, until saving works again."""


def reader() -> str:
    """Return the name of the user of this page; without a login, that of the one local user."""
    user = cl.context.session.user
    assert user is not None
    return str(user.identifier)


def is_operator() -> bool:
    """Tell whether the user runs this Docent: an administrator, or anybody where there is no login."""
    user = cl.context.session.user
    return user is not None and (user.identifier == LOCAL or user.metadata.get("role") == "admin")


def language() -> str:
    """Return the language of this page."""
    return str(getattr(cl.context.session, "language", "en"))


def language_of(request: Request) -> str:
    """Return the first language that a browser asks for."""
    return request.headers.get("accept-language", "en").partition(",")[0].partition(";")[0].strip()


def session_of(session_id: str, reader: str) -> WebsocketSession | None:
    """Return an open page of the reader's own; None where there is none of this id."""
    session: WebsocketSession | None = WebsocketSession.get_by_id(session_id)
    if session is None or session.user is None or session.user.identifier != reader:
        return None
    return session


def note(content: str, **more: Any) -> cl.Message:
    """Return a message beside the answers, which cannot be rated."""
    return cl.Message(content=content, type="system_message", **more)


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows to the letter: nothing in a document becomes markup."""
    return MARKDOWN.sub(r"\\\1", text)


async def warn_unsaved(error: StoreError) -> bool:
    """Warn the page at hand that its conversation is not saved; return False where there is no page."""
    LOGGER.warning("Not saved: %s", error)
    try:
        session = context.session
    except ChainlitContextException:
        return False
    if not isinstance(session, WebsocketSession):
        return False
    if session not in _warned:
        _warned.add(session)
        warning = note(
            say(
                "⚠️ This conversation cannot be saved and is lost when you close this page. {why}",
                session.language,
                why=say(error.message, session.language),
            )
        )
        # Sent past the history, which could not save it either.
        await context.emitter.send_step({**warning.to_dict(), "createdAt": utc_now()})
    return True


def saving_works() -> None:
    """Let the next failure to save be reported on this page again."""
    _warned.discard(context.session)
