"""Download a missing model at the press of a button, and show the progress."""

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
from docent.web.accounts.address_redaction import redact_addresses
from docent.web.chat.page_session import is_operator, note
from docent.web.i18n import say

DOWNLOAD = "fetch_model"
"""Name of the button."""
DRAW_INTERVAL = 0.5  # seconds

_watchers: set[asyncio.Task[None]] = set()
_downloading: WeakSet[BaseSession] = WeakSet()
"""Pages that show the progress. Each asks the server, which downloads a model once for all of them."""


async def download_actions(docent: Docent, language: str) -> list[cl.Action]:
    """Return the button, where the server answers and lacks the model that it can download."""
    if docent.settings.pull_url or not await _model_missing(docent):
        return []  # with a pull_url another process downloads it, and the page shows that by itself
    label = say("Download the model {model}", language, model=docent.settings.model)
    return [cl.Action(name=DOWNLOAD, payload={}, label=label, icon="download")]


async def _model_missing(docent: Docent) -> bool:
    status = await docent.check_model()
    return not status.ready and status.can_pull


def watch_download(docent: Docent, language: str) -> None:
    """Show the progress of a model that another process downloads; the chat does not wait for it."""

    async def watch() -> None:
        try:
            if await _model_missing(docent):
                await download(docent, language)
        except DocentError:
            return  # the first answer says what is wrong with the server

    if docent.settings.pull_url:
        task = asyncio.create_task(watch())
        _watchers.add(task)
        task.add_done_callback(_watchers.discard)


async def download(docent: Docent, language: str, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Let the server download the model, and show its progress once in a page."""
    session = cl.context.session
    if session in _downloading:
        return
    _downloading.add(session)
    try:
        await _show_download(docent, language, clock)
    finally:
        _downloading.discard(session)


async def _show_download(docent: Docent, language: str, clock: Callable[[], float]) -> None:
    model = docent.settings.model
    message = note(say("The server downloads {model}, several gigabytes.", language, model=model))
    await message.send()
    drawn_at = clock()
    try:
        async for event in docent.pull_model():
            if isinstance(event, StepProgress) and clock() - drawn_at >= DRAW_INTERVAL:
                drawn_at = clock()
                message.content = progress_text(event, language)
                await message.update()
        message.content = say("✓ {model} is ready. Ask your question again.", language, model=model)
    except DocentError as error:
        reason = error.message if is_operator() else redact_addresses(error.message, docent.settings)
        message.content = f"⚠️ {say(reason, language)}"
    await message.update()


def progress_text(event: StepProgress, language: str) -> str:
    """Return a progress bar, with percent and gigabytes."""
    share = event.done / event.total if event.total else 0.0
    full = round(20 * share)
    return f"{say(event.what, language)}\n\n`{'█' * full}{'░' * (20 - full)}` " + say(
        "{percent} % ({done:.1f} of {total:.1f} GB)",
        language,
        percent=round(100 * share),
        done=event.done / 1e9,
        total=event.total / 1e9,
    )
