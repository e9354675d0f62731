"""Where only the model is missing, a button fetches it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from weakref import WeakSet

import chainlit as cl
from chainlit.session import BaseSession

from docent.app import Docent
from docent.errors import DocentError
from docent.types import StepProgress
from docent.web.accounts.address_redaction import without_addresses
from docent.web.chat.conversation import note, runs_docent
from docent.web.i18n import say

FETCH = "fetch_model"
EVERY = 0.5
"""Seconds between two pictures of the progress."""

_following: set[asyncio.Task[None]] = set()
_fetching: WeakSet[BaseSession] = WeakSet()
"""Pages on which a line says how far it is. Each asks the server, which fetches a model once for all."""


async def offer(docent: Docent, language: str) -> list[cl.Action]:
    """The button, if the server is there and lacks the model."""
    if docent.settings.pull_url or not await _lacking(docent):
        return []  # where another process fetches it, the page says so by itself
    label = say("Fetch the model {model}", language, model=docent.settings.model)
    return [cl.Action(name=FETCH, payload={}, label=label, icon="download")]


async def _lacking(docent: Docent) -> bool:
    status = await docent.check_model()
    return not status.ready and status.can_pull


def follow(docent: Docent, language: str) -> None:
    """Show how far a model is that somebody else fetches; the chat does not wait for it."""
    if docent.settings.pull_url:
        task = asyncio.create_task(_follow(docent, language))
        _following.add(task)
        task.add_done_callback(_following.discard)


async def _follow(docent: Docent, language: str) -> None:
    try:
        if await _lacking(docent):
            await fetch(docent, language)
    except DocentError:
        return  # what is wrong with the server is said below the first answer


async def fetch(docent: Docent, language: str, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Let the server fetch the model of the settings, and show how far it is; once, however often asked."""
    session = cl.context.session
    if session in _fetching:
        return
    _fetching.add(session)
    try:
        await _shown(docent, language, clock)
    finally:
        _fetching.discard(session)


async def _shown(docent: Docent, language: str, clock: Callable[[], float]) -> None:
    message = note(
        say("The server fetches {model}. This is several gigabytes.", language, model=docent.settings.model)
    )
    await message.send()
    shown = clock()
    try:
        async for event in docent.pull_model():
            if isinstance(event, StepProgress) and clock() - shown >= EVERY:
                shown = clock()
                message.content = progress(event, language)
                await message.update()
        message.content = say(
            "✓ {model} is there. Ask your question again.", language, model=docent.settings.model
        )
    except DocentError as error:
        said = error.message if runs_docent() else without_addresses(error.message, docent.settings)
        message.content = f"⚠️ {say(said, language)}"
    await message.update()


def progress(event: StepProgress, language: str) -> str:
    share = event.done / event.total if event.total else 0.0
    full = round(20 * share)
    done, total = (f"{size / 1e9:.1f}" for size in (event.done, event.total))
    return f"{say(event.what, language)}\n\n`{'█' * full}{'░' * (20 - full)}` " + say(
        "{percent} % ({done} of {total} GB)", language, percent=round(100 * share), done=done, total=total
    )
