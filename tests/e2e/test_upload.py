"""Files dropped in the chat: followed, asked, cancelled, shared, and nobody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import again, picture, running_app
from tests.loading.makers import pdf, write

pytestmark = pytest.mark.browser

INPUT = "#upload-button-input"
FERRY = "The ferry Aurora leaves Bergen at half past seven in the evening."
QUESTION = "When does the ferry Aurora leave Bergen?"


@pytest.fixture(scope="module")
def own_storage(storage, tmp_path_factory) -> Path:
    """A copy that this module may change."""
    return shutil.copytree(storage, tmp_path_factory.mktemp("upload") / "storage")


@pytest.fixture(scope="module")
def app(own_storage, ollama_process):
    settings = {"DOCENT_MODEL_URL": ollama_process.url, "DOCENT_MAX_FILE_MB": 120}
    with running_app(own_storage, **settings) as url:
        yield url


@pytest.fixture(autouse=True)
def unscripted(ollama_process) -> None:
    """The stand-in answers from the passages it was sent, with their numbers."""
    ollama_process.reset()


def timetable(path: Path, *, pages: int = 3, of: str = FERRY, **options: object) -> Path:
    """A PDF that says one thing on its second page."""

    def draw(sheet, number):
        write(sheet, [of if number == 2 else f"Page {number} speaks of the weather in the harbour."])

    path.write_bytes(pdf(draw, pages=pages, **options))
    return path


def opened(page: Page, url: str) -> None:
    with page.expect_websocket():
        page.goto(url)
    page.wait_for_selector("#chat-input")
    page.wait_for_timeout(500)  # Chainlit drops what is sent before its session is up


def attach(page: Page, *paths: Path) -> None:
    page.set_input_files(INPUT, list(paths))
    page.wait_for_timeout(300)
    expect(page.locator("#chat-submit")).to_be_enabled(timeout=20_000)


def send(page: Page, text: str = "") -> None:
    if text:
        again(page, text)
    else:
        page.click("#chat-submit")


def line(page: Page, name: str):
    """The line of a file."""
    return page.locator(".ai-message", has_text=name).first


def test_a_file_is_asked_in_the_message_that_brings_it(page, app, tmp_path):
    """The question waits for the file, is answered from it, and the citation opens its page."""
    opened(page, app)
    attach(page, timetable(tmp_path / "ferry times ⛴️ 2026.pdf"))
    send(page, QUESTION)
    expect(page.get_by_text("Asked of: ferry times ⛴️ 2026.pdf")).to_be_visible(timeout=60_000)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    expect(line(page, "ferry times")).to_contain_text("is ready, pages: 3", timeout=60_000)
    picture(page, "upload-asked")
    page.locator("a.element-link").first.click()
    expect(page.locator("#side-view-content")).to_contain_text("p. 2")
    picture(page, "upload-cited")
