"""Tell an open page that what is said in it could not be stored."""

from __future__ import annotations

import logging
from weakref import WeakSet

import chainlit as cl
from chainlit.context import ChainlitContextException, context
from chainlit.session import BaseSession, WebsocketSession
from chainlit.utils import utc_now

from docent.errors import StoreError
from docent.web.i18n import say

LOGGER = logging.getLogger(__name__)

_told: WeakSet[BaseSession] = WeakSet()
"""Each page is told once, until storing works again."""


async def tell_not_stored(error: StoreError) -> bool:
    """Show one sentence in the page whose conversation this is; False where there is no page."""
    LOGGER.warning("Not stored: %s", error)
    try:
        session = context.session
    except ChainlitContextException:
        return False
    if not isinstance(session, WebsocketSession):
        return False
    if session not in _told:
        _told.add(session)
        why = say(error.message, session.language)
        message = cl.Message(
            content=say(
                "⚠️ What is said here could not be stored, and is gone when this page is closed. {why}",
                session.language,
                why=why,
            ),
            type="system_message",
        )
        # Sent past the history, which would not take it either.
        await context.emitter.send_step({**message.to_dict(), "createdAt": utc_now()})
    return True


def stored_again() -> None:
    """Storing works: what cannot be stored from now on is told anew."""
    _told.discard(context.session)
