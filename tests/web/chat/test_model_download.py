"""A missing model is downloaded at the press of a button, and the page shows the progress."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from docent.settings import Settings
from docent.types import StepProgress
from docent.web.chat.model_download import download, progress_text
from tests.web.chat.open_page import OpenPage


async def test_a_model_is_downloaded_once_however_often_the_button_is_pressed():
    """A second press joins the first download; after that has ended, a press begins another."""
    ready, downloads = asyncio.Event(), []
    started = asyncio.Event()

    async def pull_model() -> Any:
        downloads.append(1)
        started.set()
        await ready.wait()
        yield StepProgress("Pulling gemma", 1, 2)

    docent: Any = SimpleNamespace(settings=Settings(), pull_model=pull_model)
    page = OpenPage()
    first = asyncio.create_task(download(docent, "en"))
    await asyncio.wait_for(started.wait(), 20)
    await asyncio.wait_for(download(docent, "en"), 20)
    ready.set()
    await asyncio.wait_for(first, 20)
    assert len(page.messages) == len(downloads) == 1
    await asyncio.wait_for(download(docent, "en"), 20)
    assert len(downloads) == 2
    await page.session.delete()


def test_progress_is_shown_in_percent_and_gigabytes():
    """The size is in gigabytes, with the language's separator, also before the server reports it."""
    assert "50 % (2.2 of 4.4 GB)" in progress_text(
        StepProgress("mistral", 2_200_000_000, 4_400_000_000), "en"
    )
    assert "(2,2 sur 4,4 Go)" in progress_text(StepProgress("mistral", 2_200_000_000, 4_400_000_000), "fr")
    assert "0 %" in progress_text(StepProgress("mistral", 0, 0), "en")
