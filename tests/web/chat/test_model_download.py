"""A missing model is downloaded at the press of a button, and the page shows the progress."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from docent.errors import ModelFailed
from docent.settings import Settings
from docent.types import StepProgress
from docent.web.chat.model_download import ModelDownloads, follow_download, progress_text
from tests.web.chat.open_page import OpenPage


class Server:
    """A model server whose downloads wait until the test lets them end."""

    def __init__(self, error: ModelFailed | None = None) -> None:
        self.asked: list[str] = []
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self._error = error

    async def pull(self, name: str) -> Any:
        self.asked.append(name)
        yield StepProgress(f"Pulling {name}", 1, 4)
        self.begun.set()
        await self.may_end.wait()
        if self._error is not None:
            raise self._error


async def test_a_model_is_downloaded_once_however_often_it_is_asked_for():
    """A second request joins the first download; after that has ended, a request begins another."""
    server = Server()
    downloads = ModelDownloads(server.pull)
    first = downloads.start("gemma")
    await asyncio.wait_for(server.begun.wait(), 20)
    assert downloads.start("gemma") is first
    assert downloads.latest() is first
    assert first.percent == 25
    server.may_end.set()
    await asyncio.wait_for(first.ended.wait(), 20)
    assert (server.asked, first.error, downloads.latest()) == (["gemma"], None, None)
    assert downloads.start("gemma") is not first


async def test_a_failed_download_is_remembered_until_the_next():
    """Its error can be shown to whoever looks, and another request tries again."""
    server = Server(ModelFailed("There is no such model."))
    server.may_end.set()
    downloads = ModelDownloads(server.pull)
    failed = downloads.start("gemmo")
    await asyncio.wait_for(failed.ended.wait(), 20)
    assert downloads.latest() is failed
    assert str(failed.error) == "There is no such model."
    again = downloads.start("gemmo")
    assert again is not failed and downloads.latest() is again


@pytest.mark.parametrize("error", [None, ModelFailed("There is no such model.")], ids=["ready", "failed"])
async def test_a_page_shows_the_download_once_and_then_goes_on(error):
    """A second press adds nothing; what was to follow happens only if the model is there."""
    server = Server(error)
    docent: Any = SimpleNamespace(settings=Settings(model="gemma"))
    downloads = ModelDownloads(server.pull)
    page, after = OpenPage(), []

    async def then() -> None:
        after.append("asked again")

    first = asyncio.create_task(follow_download(docent, downloads, "en", then=then))
    await asyncio.wait_for(server.begun.wait(), 20)
    await asyncio.wait_for(follow_download(docent, downloads, "en", then=then), 20)
    server.may_end.set()
    await asyncio.wait_for(first, 20)
    assert len(page.messages) == len(server.asked) == 1
    assert after == ([] if error else ["asked again"])
    last = [data for event, data in page.events if event == "update_message"][-1]
    assert last["output"] == ("There is no such model." if error else "gemma is ready.")
    await page.session.delete()


def test_progress_is_shown_in_percent_and_gigabytes():
    """The size is in gigabytes, with the language's separator, also before the server reports it."""
    assert "50 % (2.2 of 4.4 GB)" in progress_text(
        StepProgress("mistral", 2_200_000_000, 4_400_000_000), "en"
    )
    assert "(2,2 sur 4,4 Go)" in progress_text(StepProgress("mistral", 2_200_000_000, 4_400_000_000), "fr")
    assert "0 %" in progress_text(StepProgress("mistral", 0, 0), "en")
