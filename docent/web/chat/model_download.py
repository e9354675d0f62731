"""Download a missing model: once for everybody who asks for it, with its progress in each page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from weakref import WeakSet

import chainlit as cl
from chainlit.session import BaseSession

from docent.app import Docent
from docent.errors import DocentError
from docent.types import Event, StepProgress
from docent.web.accounts.address_redaction import redact_addresses
from docent.web.chat.page_session import is_operator, note
from docent.web.i18n import say

DOWNLOAD = "fetch_model"
"""Name of the button."""
DRAW_INTERVAL = 0.5  # seconds

_watchers: set[asyncio.Task[None]] = set()
_following: WeakSet[BaseSession] = WeakSet()
"""Pages that show the progress as a message."""


@dataclass(slots=True)
class ModelDownload:
    """The download of one model, under way or ended."""

    name: str
    progress: StepProgress = field(default_factory=lambda: StepProgress("", 0, 0))
    error: DocentError | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def percent(self) -> int:
        return round(100 * self.progress.done / self.progress.total) if self.progress.total else 0


class ModelDownloads:
    """The downloads of a running Docent, by the name of the model."""

    def __init__(self, pull: Callable[[str], AsyncGenerator[Event, None]]) -> None:
        self._pull = pull
        self._downloads: dict[str, ModelDownload] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str) -> ModelDownload:
        """Begin a download, or join the one that is under way."""
        download = self._downloads.get(name)
        if download is None or download.ended.is_set():
            download = self._downloads[name] = ModelDownload(name)
            task = asyncio.create_task(self._run(download))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return download

    def latest(self) -> ModelDownload | None:
        """Return the download that was begun last and is under way, or else has failed."""
        under_way = [each for each in self._downloads.values() if not each.ended.is_set()]
        failed = [each for each in self._downloads.values() if each.error is not None]
        return next(reversed(under_way or failed), None)

    async def _run(self, download: ModelDownload) -> None:
        try:
            async for event in self._pull(download.name):
                if isinstance(event, StepProgress) and (event.total or not download.progress.total):
                    download.progress = event
        except DocentError as error:
            download.error = error
        finally:
            download.ended.set()


async def download_actions(docent: Docent, language: str, question: str) -> list[cl.Action]:
    """Return the button, for those who may press it, where the server lacks a model that it can download."""
    if docent.settings.pull_url or not is_operator() or not await _model_missing(docent):
        return []  # with a pull_url another process downloads it, and the page shows that by itself
    label = say("Download the model {model}", language, model=docent.settings.model_name)
    return [cl.Action(name=DOWNLOAD, payload={"question": question}, label=label, icon="download")]


async def _model_missing(docent: Docent) -> bool:
    status = await docent.check_model()
    return not status.ready and status.can_pull


def watch_download(docent: Docent, downloads: ModelDownloads, language: str) -> None:
    """Show the progress of a model that another process downloads; the chat does not wait for it."""

    async def watch() -> None:
        try:
            if await _model_missing(docent):
                await follow_download(docent, downloads, language)
        except DocentError:
            return  # the first answer says what is wrong with the server

    if docent.settings.pull_url:
        task = asyncio.create_task(watch())
        _watchers.add(task)
        task.add_done_callback(_watchers.discard)


async def follow_download(
    docent: Docent,
    downloads: ModelDownloads,
    language: str,
    *,
    then: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Let the server download the model, show its progress once in a page, and then go on."""
    session = cl.context.session
    if session in _following:
        return
    _following.add(session)
    try:
        download = downloads.start(docent.settings.model_name)
        await _show_progress(download, docent, language)
    finally:
        _following.discard(session)
    if download.error is None and then is not None:
        await then()


async def _show_progress(download: ModelDownload, docent: Docent, language: str) -> None:
    model = download.name
    message = note(say("The server downloads {model}, several gigabytes.", language, model=model))
    await message.send()
    while not download.ended.is_set():
        try:
            await asyncio.wait_for(download.ended.wait(), DRAW_INTERVAL)
        except TimeoutError:
            message.content = progress_text(download.progress, language)
            await message.update()
    if download.error is None:
        message.content = say("{model} is ready.", language, model=model)
    else:
        error = download.error.message
        message.content = say(error if is_operator() else redact_addresses(error, docent.settings), language)
    await message.update()


def progress_text(event: StepProgress, language: str) -> str:
    """Return how far a download is, in percent and gigabytes."""
    share = event.done / event.total if event.total else 0.0
    return f"{say(event.what, language)}: " + say(
        "{percent} % ({done:.1f} of {total:.1f} GB)",
        language,
        percent=round(100 * share),
        done=event.done / 1e9,
        total=event.total / 1e9,
    )
